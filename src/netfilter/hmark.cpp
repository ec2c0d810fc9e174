#include <algorithm>
#include <array>
#include <utility>

#include "nat/lookup3.hpp"
#include "netfilter/target.hpp"

namespace wayout::netfilter {
namespace {

/// What is hashed.
struct Ends {
  std::uint32_t source = 0, destination = 0;
  std::uint16_t source_port = 0, destination_port = 0;
  std::uint8_t protocol = 0;
};

/// Where the four bytes stand that count as ports; none: the protocol has none.
/// Linux: include/linux/skbuff.h, net/core/utils.c proto_ports_offset.
std::optional<std::size_t> ports_offset(std::uint8_t protocol) {
  namespace p = wire::protocol;
  switch (protocol) {
    case p::tcp:
    case p::udp:
    case p::udplite:
    case p::sctp:
    case p::esp:
    case p::dccp: return 0;
    case p::ah: return 4;
    default: return std::nullopt;
  }
}

/// Of an ICMP error, the ends of what it quotes.
/// Linux: net/netfilter/xt_HMARK.c hmark_pkt_set_htuple_ipv4.
Ends ends_of_packet(const HmarkChange& to, const Situation& at) {
  const auto whole = std::as_const(at.packet).network();
  std::size_t begin = 0;
  const auto* ip = &at.ip();
  if (ip->protocol == wire::protocol::icmp && !at.is_later_fragment()) {
    const auto* icmp = wire::header_at<wire::IcmpHeader>(at.transport());
    const std::size_t quoted = ip->header_bytes() + sizeof(wire::IcmpHeader);
    const auto* inner = icmp != nullptr && icmp->is_error()
                            ? wire::header_at<wire::Ipv4Header>(whole, quoted)
                            : nullptr;
    if (inner != nullptr) {
      ip = inner;
      begin = quoted;
    }
  }
  Ends ends{.source = ip->source & to.source_mask,
            .destination = ip->destination & to.destination_mask};
  if (!to.ports && to.protocol_mask == 0) return ends;
  ends.protocol = ip->protocol;
  const auto offset = ports_offset(ip->protocol);
  if (!offset || ip->is_fragment()) return ends;
  const std::size_t at_ports = begin + ip->header_bytes() + *offset;
  const auto* source = wire::header_at<wire::be16>(whole, at_ports);
  const auto* destination = wire::header_at<wire::be16>(whole, at_ports + 2);
  if (source == nullptr || destination == nullptr) return ends;
  ends.source_port = (*source & to.source_port_mask) | to.source_port_set;
  ends.destination_port = (*destination & to.destination_port_mask) | to.destination_port_set;
  return ends;
}

/// Linux: xt_HMARK.c hmark_ct_set_htuple.
Ends ends_of_connection(const HmarkChange& to, const conntrack::Connection& connection) {
  const conntrack::Tuple& original = connection.tuple(conntrack::Direction::original);
  const conntrack::Tuple& reply = connection.tuple(conntrack::Direction::reply);
  Ends ends{.source = original.source.v4() & to.source_mask,
            .destination = reply.source.v4() & to.destination_mask};
  if (!to.ports && to.protocol_mask == 0) return ends;
  ends.protocol = original.protocol;
  if (original.protocol == wire::protocol::icmp) return ends;
  ends.source_port = (original.source_port & to.source_port_mask) | to.source_port_set;
  ends.destination_port = (reply.source_port & to.destination_port_mask) | to.destination_port_set;
  return ends;
}

/// The same both ways: the smaller of each pair comes first, of ports the larger.
/// Linux: xt_HMARK.c hmark_hash, hmark_swap_ports.
std::uint32_t mark_of(const HmarkChange& to, const Ends& ends) {
  const auto [low, high] = std::minmax(ends.source, ends.destination);
  const auto [small, large] = std::minmax(ends.source_port, ends.destination_port);
  const std::uint32_t ports = std::uint32_t{large} << 16 | small;
  std::uint32_t hash = nat::lookup3(std::array{low, high, ports}, to.seed);
  hash ^= ends.protocol & to.protocol_mask;
  return static_cast<std::uint32_t>(std::uint64_t{hash} * to.modulus >> 32) + to.offset;
}

}  // namespace

Verdict change(const HmarkChange& to, const Situation& at) {
  if (to.of_connection && at.connection() == nullptr) return {};
  at.packet.mark =
      mark_of(to, to.of_connection ? ends_of_connection(to, *at.connection()) : ends_of_packet(to, at));
  return {.rewritten = at.packet.mark};
}

}  // namespace wayout::netfilter
