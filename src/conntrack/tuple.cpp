#include "conntrack/tuple.hpp"

#include <array>

#include "wire/headers.hpp"

namespace wayout::conntrack {
namespace {

namespace protocol = wire::protocol;

/// Requests and what answers them; each pair is read in both directions.
struct QueryPair {
  std::uint8_t request, reply;
};
constexpr std::array icmp_queries{QueryPair{8, 0}, QueryPair{13, 14}, QueryPair{15, 16},
                                  QueryPair{17, 18}};
constexpr std::array icmpv6_queries{QueryPair{128, 129}, QueryPair{139, 140}};

template <std::size_t N>
std::optional<std::uint8_t> counterpart(const std::array<QueryPair, N>& pairs, std::uint8_t type) {
  for (const QueryPair pair : pairs) {
    if (type == pair.request) return pair.reply;
    if (type == pair.reply) return pair.request;
  }
  return std::nullopt;
}

struct PortsHeader {
  wire::be16 source, destination;
};

/// GRE version 1 (PPTP, RFC 2637) as far as the call id.
struct PptpHeader {
  static constexpr std::uint16_t version_mask = 0x0007, version_1 = 1, ppp = 0x880b;
  wire::be16 flags, protocol, payload_length, call_id;
};

/// Keys are told apart in version 1 only. The source key would come from a PPTP helper's keymap;
/// without a helper it is 0. A header cut before the call id counts as "no keys", not as an error.
bool read_gre(std::span<const std::uint8_t> bytes, Tuple& tuple) {
  struct Base {
    wire::be16 flags, protocol;
  };
  const auto* base = wire::header_at<Base>(bytes);
  if (base == nullptr) return true;
  if ((base->flags & PptpHeader::version_mask) != PptpHeader::version_1) return true;
  const auto* pptp = wire::header_at<PptpHeader>(bytes);
  if (pptp == nullptr) return true;
  if (pptp->protocol != PptpHeader::ppp) return false;
  tuple.destination_port = pptp->call_id;
  return true;
}

bool read_icmp(std::span<const std::uint8_t> bytes, Tuple& tuple) {
  const auto* icmp = wire::header_at<wire::IcmpHeader>(bytes);
  if (icmp == nullptr) return false;
  tuple.source_port = icmp->id;
  tuple.destination_port = static_cast<std::uint16_t>(icmp->type << 8 | icmp->code);
  return true;
}

bool read_ports(std::span<const std::uint8_t> bytes, Tuple& tuple) {
  const auto* ports = wire::header_at<PortsHeader>(bytes);
  if (ports == nullptr) return false;
  tuple.source_port = ports->source;
  tuple.destination_port = ports->destination;
  return true;
}

}  // namespace

bool has_ports(std::uint8_t protocol) {
  return protocol == protocol::tcp || protocol == protocol::udp || protocol == protocol::udplite ||
         protocol == protocol::sctp;
}

bool is_icmp(std::uint8_t protocol) {
  return protocol == protocol::icmp || protocol == protocol::icmpv6;
}

std::optional<Tuple> inverse(const Tuple& tuple) {
  Tuple answer = tuple;
  std::swap(answer.source, answer.destination);
  if (!is_icmp(tuple.protocol)) {
    std::swap(answer.source_port, answer.destination_port);
    return answer;
  }
  const auto type = tuple.protocol == protocol::icmp
                        ? counterpart(icmp_queries, tuple.icmp_type())
                        : counterpart(icmpv6_queries, tuple.icmp_type());
  if (!type) return std::nullopt;
  answer.destination_port = static_cast<std::uint16_t>(*type << 8 | tuple.icmp_code());
  return answer;
}

std::optional<Segment> segment_of(std::span<const std::uint8_t> ip) {
  const auto* header = wire::header_at<wire::Ipv4Header>(ip);
  if (header == nullptr || header->version() != 4) return std::nullopt;
  if (header->fragment_offset_bytes() != 0) return std::nullopt;
  const std::size_t header_bytes = header->header_bytes();
  if (header_bytes < sizeof(wire::Ipv4Header) || header_bytes > ip.size()) return std::nullopt;
  return Segment{header->source_address(), header->destination_address(), header->protocol,
                 ip.subspan(header_bytes)};
}

std::optional<Tuple> tuple_of(const Segment& segment) {
  Tuple tuple{
      .source = segment.source, .destination = segment.destination, .protocol = segment.protocol};
  bool readable = true;
  if (has_ports(segment.protocol)) {
    readable = read_ports(segment.bytes, tuple);
  } else if (is_icmp(segment.protocol)) {
    readable = read_icmp(segment.bytes, tuple);
  } else if (segment.protocol == protocol::gre) {
    readable = read_gre(segment.bytes, tuple);
  }
  if (!readable) return std::nullopt;
  return tuple;
}

}  // namespace wayout::conntrack
