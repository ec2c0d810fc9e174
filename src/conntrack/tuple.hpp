// The key of a connection: who talks to whom, as one direction sees it (nf_conntrack_tuple).
#pragma once

#include <cstdint>
#include <optional>

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

/// The tuple an answer has; none for protocols without one (ICMP types that are no query).
/// Linux: nf_conntrack_core.c nf_ct_invert_tuple.
[[nodiscard]] std::optional<Tuple> inverse(const Tuple& tuple);

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
