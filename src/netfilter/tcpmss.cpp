#include <algorithm>
#include <limits>

#include "netfilter/target.hpp"
#include "packet/pull.hpp"
#include "route/decide.hpp"
#include "wire/checksum.hpp"

namespace wayout::netfilter {
namespace {

constexpr std::uint8_t mss_kind = 2, mss_bytes = 4;
constexpr std::size_t headers_bytes = sizeof(wire::Ipv4Header) + sizeof(wire::TcpHeader);

/// What a host must take to be the peer's MSS when it does not tell one (RFC 1122, 4.2.2.6).
constexpr std::uint16_t default_mss = 536;
constexpr std::size_t longest_tcp_header = 60;
constexpr std::uint32_t longest_packet = 0xffff;

std::uint32_t mtu_of(const Routing& routing, const link::Devices& devices) {
  const std::uint32_t mtu =
      routing.mtu_bytes != 0 ? routing.mtu_bytes : devices[routing.egress].mtu_bytes;
  return std::min(mtu, longest_packet);
}

/// MTU of the way this packet takes; a bridged one is routed nowhere and has the bridge's.
std::uint32_t way_mtu(const Situation& at) {
  if (at.packet.routing.decided) return mtu_of(at.packet.routing, at.around.devices);
  return std::min(at.around.devices[at.devices.out].mtu_bytes, longest_packet);
}

/// MTU of the way back to the source, as this host would send there; no limit without a way.
/// Linux: xt_TCPMSS.c tcpmss_reverse_mtu.
std::uint32_t way_back_mtu(const Situation& at) {
  route::Flow flow;
  flow.destination = at.ip().source_address();
  Packet probe;
  NoTrace quiet;
  const Stop stop = route::output(flow, probe, at.around.fib, at.around.interfaces,
                                  at.changes.chance, quiet);
  return stop ? std::numeric_limits<std::uint32_t>::max() : mtu_of(probe.routing, at.around.devices);
}

/// Position of the MSS option's value in the TCP header; 0: none.
std::size_t find_mss(std::span<const std::uint8_t> tcp_header) {
  constexpr std::uint8_t last_without_length = 1;
  for (std::size_t i = sizeof(wire::TcpHeader); i + mss_bytes <= tcp_header.size();) {
    if (tcp_header[i] == mss_kind && tcp_header[i + 1] == mss_bytes) return i + 2;
    const bool has_length = tcp_header[i] > last_without_length && tcp_header[i + 1] != 0;
    i += has_length ? tcp_header[i + 1] : 1;
  }
  return 0;
}

std::span<std::uint8_t> tcp_of(Packet& packet, std::size_t ip_bytes) {
  return packet.network().subspan(ip_bytes);
}

/// Put an MSS option in front of the others. The checksum sums words wherever they stand, so only
/// what is new in the header counts.
void insert_mss(Packet& packet, std::uint16_t mss) {
  auto* ip = wire::header_at<wire::Ipv4Header>(packet.network());
  const std::size_t ip_bytes = ip->header_bytes();
  const std::uint16_t old_total = ip->total_length;
  const auto new_total = static_cast<std::uint16_t>(old_total + mss_bytes);
  ip->checksum = wire::checksum_update16(ip->checksum, old_total, new_total);
  ip->total_length = new_total;

  const auto old_length = static_cast<std::uint16_t>(packet.network().size() - ip_bytes);
  packet.extend_network(packet.network().size() + mss_bytes);
  const std::span<std::uint8_t> tcp = tcp_of(packet, ip_bytes);
  const auto options = tcp.begin() + sizeof(wire::TcpHeader);
  std::move_backward(options, tcp.end() - mss_bytes, tcp.end());
  const std::uint32_t option = std::uint32_t{mss_kind} << 24 | std::uint32_t{mss_bytes} << 16 | mss;
  *wire::header_at<wire::be32>(tcp, sizeof(wire::TcpHeader)) = option;

  auto* header = wire::header_at<wire::TcpHeader>(tcp);
  auto* offset_and_flags = wire::header_at<wire::be16>(tcp, 12);
  const std::uint16_t old_word = *offset_and_flags;
  header->offset_reserved = static_cast<std::uint8_t>(header->offset_reserved + (1 << 4));
  std::uint16_t sum = header->checksum;
  sum = wire::checksum_update16(sum, old_length, static_cast<std::uint16_t>(old_length + mss_bytes));
  sum = wire::checksum_update32(sum, 0, option);
  header->checksum = wire::checksum_update16(sum, old_word, *offset_and_flags);
}

}  // namespace

Verdict act(const TcpmssTarget& target, const Situation& at) {
  if (at.is_later_fragment()) return {};
  pull_fragments(at.packet, at.packet.network().size());  // the kernel asks for all of it
  const Verdict refused = Verdict::end(at.drop(Cause::rule(at.rule)));
  const std::size_t ip_bytes = at.ip().header_bytes();
  const auto* tcp = wire::header_at<wire::TcpHeader>(at.transport());
  if (tcp == nullptr || tcp->header_bytes() < sizeof(wire::TcpHeader) ||
      tcp->header_bytes() > at.transport().size())
    return refused;

  std::uint16_t mss = target.mss;
  if (target.clamp_to_pmtu) {
    const std::uint32_t mtu = std::min(way_mtu(at), way_back_mtu(at));
    if (mtu <= headers_bytes) return refused;
    mss = static_cast<std::uint16_t>(mtu - headers_bytes);
  }

  const std::size_t header_bytes = tcp->header_bytes();
  const std::span<std::uint8_t> segment = tcp_of(at.packet, ip_bytes);
  if (const std::size_t place = find_mss(segment.first(header_bytes)); place != 0) {
    auto* value = wire::header_at<wire::be16>(segment, place);
    const std::uint16_t old = *value;
    if (old <= mss) return {};
    auto* header = wire::header_at<wire::TcpHeader>(segment);
    header->checksum = wire::checksum_update16(header->checksum, old, mss);
    *value = mss;
    return {.rewritten = mss};
  }
  // With data behind the header, or no room in it, the packet stays as it is.
  if (segment.size() > header_bytes || header_bytes >= longest_tcp_header) return {};
  mss = std::min(mss, default_mss);
  insert_mss(at.packet, mss);
  return {.rewritten = mss};
}

}  // namespace wayout::netfilter
