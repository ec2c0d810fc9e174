// Addresses as the path compares them: IP of either family, prefixes, MAC.
//
// An IpAddress carries its family, so that tuples, routes and rules have one form for IPv4 and
// IPv6. IPv4 values are given and taken in host order; bytes() is always network order.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace wayout::wire {

enum class Family : std::uint8_t { none = 0, ipv4 = 4, ipv6 = 6 };

/// Bits of an address of this family: 32, 128, or 0 for none.
constexpr std::uint8_t address_bits(Family family) {
  return family == Family::ipv4 ? 32 : family == Family::ipv6 ? 128 : 0;
}

/// One IPv4 or IPv6 address, or none (the default), which compares below all others.
class IpAddress {
 public:
  constexpr IpAddress() = default;

  /// `value` in host order: 10.0.0.1 is 0x0a000001.
  static constexpr IpAddress v4(std::uint32_t value) {
    IpAddress a;
    a.family_ = Family::ipv4;
    for (unsigned i = 0; i < 4; ++i) a.bytes_[i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
    return a;
  }
  static constexpr IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    return v4(std::uint32_t{a} << 24 | std::uint32_t{b} << 16 | std::uint32_t{c} << 8 | d);
  }
  /// `bytes` in network order.
  static constexpr IpAddress v6(const std::array<std::uint8_t, 16>& bytes) {
    IpAddress a;
    a.family_ = Family::ipv6;
    a.bytes_ = bytes;
    return a;
  }
  /// The all-zero address of a family (`0.0.0.0`, `::`).
  static constexpr IpAddress any(Family family) {
    IpAddress a;
    a.family_ = family;
    return a;
  }
  /// Dotted quad or RFC 4291 text; nothing else (no name, no port, no prefix).
  static std::optional<IpAddress> parse(std::string_view text);

  [[nodiscard]] constexpr Family family() const { return family_; }
  [[nodiscard]] constexpr bool is_set() const { return family_ != Family::none; }
  [[nodiscard]] constexpr bool is_v4() const { return family_ == Family::ipv4; }
  /// Host order; 0 unless IPv4.
  [[nodiscard]] constexpr std::uint32_t v4() const {
    return std::uint32_t{bytes_[0]} << 24 | std::uint32_t{bytes_[1]} << 16 |
           std::uint32_t{bytes_[2]} << 8 | bytes_[3];
  }
  /// Network order; an IPv4 address is the first four bytes, the rest zero (as nf_inet_addr).
  [[nodiscard]] constexpr const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }

  [[nodiscard]] bool is_unspecified() const;        ///< 0.0.0.0 or ::
  [[nodiscard]] bool is_loopback() const;           ///< 127/8 or ::1
  [[nodiscard]] bool is_multicast() const;          ///< 224/4 or ff00::/8
  [[nodiscard]] bool is_limited_broadcast() const;  ///< 255.255.255.255
  [[nodiscard]] bool is_link_local() const;         ///< 169.254/16 or fe80::/10
  [[nodiscard]] bool is_private() const;            ///< RFC 1918, RFC 6598 (100.64/10), or ULA

  /// As `ip` prints it; "" for none. IPv6 per RFC 5952.
  [[nodiscard]] std::string text() const;

  constexpr auto operator<=>(const IpAddress&) const = default;

 private:
  Family family_ = Family::none;
  std::array<std::uint8_t, 16> bytes_{};
};

/// An address block. `address` is as written: it may have host bits (masked() clears them).
struct Prefix {
  IpAddress address;
  std::uint8_t length = 0;  ///< bits

  /// `10.0.0.0/8`, `10.0.0.1` (full length), or netmask form `10.0.0.0/255.0.0.0` (contiguous).
  static std::optional<Prefix> parse(std::string_view text);
  static Prefix host(const IpAddress& address) { return {address, address_bits(address.family())}; }

  /// False when the families differ.
  [[nodiscard]] bool contains(const IpAddress& other) const;
  [[nodiscard]] Prefix masked() const;
  /// `10.0.0.0/8`; with `short_host` a full-length prefix prints without its length.
  [[nodiscard]] std::string text(bool short_host = false) const;

  constexpr auto operator<=>(const Prefix&) const = default;
};

/// One EUI-48.
struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};

  /// `02:00:00:00:00:01`, either case.
  static std::optional<MacAddress> parse(std::string_view text);
  static constexpr MacAddress broadcast() { return {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}; }

  [[nodiscard]] constexpr bool is_broadcast() const { return *this == broadcast(); }
  [[nodiscard]] constexpr bool is_multicast() const { return (bytes[0] & 1) != 0; }
  [[nodiscard]] constexpr bool is_zero() const { return *this == MacAddress{}; }
  [[nodiscard]] std::string text() const;  ///< lower case

  constexpr auto operator<=>(const MacAddress&) const = default;
};

}  // namespace wayout::wire

template <>
struct std::hash<wayout::wire::IpAddress> {
  std::size_t operator()(const wayout::wire::IpAddress& a) const noexcept {
    std::uint64_t high = 0, low = 0;
    std::memcpy(&high, a.bytes().data(), 8);
    std::memcpy(&low, a.bytes().data() + 8, 8);
    std::uint64_t h = (high ^ (low * 0x9e3779b97f4a7c15ULL)) * 0xbf58476d1ce4e5b9ULL;
    return h ^ (h >> 31);
  }
};

template <>
struct std::hash<wayout::wire::MacAddress> {
  std::size_t operator()(const wayout::wire::MacAddress& m) const noexcept {
    std::uint64_t v = 0;
    std::memcpy(&v, m.bytes.data(), 6);
    return v * 0x9e3779b97f4a7c15ULL ^ v >> 23;
  }
};
