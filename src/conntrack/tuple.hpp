// The key of a connection: who talks to whom, as one direction sees it (nf_conntrack_tuple).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "wire/address.hpp"

namespace wayout::conntrack {

enum class Direction : std::uint8_t { original = 0, reply = 1 };
constexpr Direction opposite(Direction d) {
  return d == Direction::original ? Direction::reply : Direction::original;
}

/// All numbers in host order. Ports: TCP, UDP, UDP-Lite, SCTP. ICMP: `source_port` is the id, and
/// `destination_port` is type << 8 | code. GRE version 1: keys. Other protocols: both 0.
struct Tuple {
  wire::IpAddress source, destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t protocol = 0;

  [[nodiscard]] std::uint8_t icmp_type() const {
    return static_cast<std::uint8_t>(destination_port >> 8);
  }
  [[nodiscard]] std::uint8_t icmp_code() const {
    return static_cast<std::uint8_t>(destination_port);
  }
  constexpr auto operator<=>(const Tuple&) const = default;
};

/// True for the protocols whose tuple holds ports: TCP, UDP, UDP-Lite, SCTP.
[[nodiscard]] bool has_ports(std::uint8_t protocol);
/// True for ICMP and ICMPv6.
[[nodiscard]] bool is_icmp(std::uint8_t protocol);

/// The tuple an answer has; none for protocols without one (ICMP types that are no query).
/// Linux: nf_conntrack_core.c nf_ct_invert_tuple.
[[nodiscard]] std::optional<Tuple> inverse(const Tuple& tuple);

/// What stands behind the network header of a packet, whichever family that is of.
struct Segment {
  wire::IpAddress source, destination;
  std::uint8_t protocol = 0;
  std::span<const std::uint8_t> bytes;  ///< from the transport header to the end
};

/// The transport part of an IP packet, or of as much of one as an ICMP error quotes. None for a
/// later fragment and for a header that does not fit. The network header itself is not verified.
/// Linux: nf_conntrack_core.c get_l4proto.
[[nodiscard]] std::optional<Segment> segment_of(std::span<const std::uint8_t> ip);

/// The tuple of a packet; none when too few bytes are there to tell (TCP, UDP: 4, ICMP: 8), or for
/// GRE version 1 that carries anything but PPP.
/// Linux: nf_conntrack_core.c nf_ct_get_tuple.
[[nodiscard]] std::optional<Tuple> tuple_of(const Segment& segment);

}  // namespace wayout::conntrack

template <>
struct std::hash<wayout::conntrack::Tuple> {
  std::size_t operator()(const wayout::conntrack::Tuple& t) const noexcept {
    const std::hash<wayout::wire::IpAddress> h;
    const std::uint64_t ports = std::uint64_t{t.source_port} << 24 |
                                std::uint64_t{t.destination_port} << 8 | t.protocol;
    std::uint64_t x = h(t.source) * 3 + h(t.destination) + ports * 0x9e3779b97f4a7c15ULL;
    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9ULL;
    return x ^ (x >> 32);
  }
};
