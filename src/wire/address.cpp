#include "wire/address.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace wayout::wire {
namespace {

/// libc's own reader and printer of addresses, which is what `ip` and `iptables` use: strict, and
/// it never looks a name up.
constexpr int libc_family(Family family) {
  return family == Family::ipv4 ? AF_INET : AF_INET6;
}

/// Whole `text` as a decimal number of at most `limit`.
std::optional<std::uint8_t> parse_length(std::string_view text, std::uint8_t limit) {
  unsigned value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || rest != end || value > limit) return std::nullopt;
  return static_cast<std::uint8_t>(value);
}

/// The prefix length that this netmask means; none when a one follows a zero.
std::optional<std::uint8_t> mask_length(const IpAddress& mask) {
  std::uint8_t length = 0;
  bool ended = false;
  for (unsigned bit = 0; bit < address_bits(mask.family()); ++bit) {
    const bool one = (mask.bytes()[bit / 8] >> (7 - bit % 8) & 1) != 0;
    if (one && ended) return std::nullopt;
    if (one) ++length;
    ended = ended || !one;
  }
  return length;
}

constexpr bool in_v4(std::uint32_t value, std::uint32_t network, unsigned length) {
  return (value ^ network) >> (32 - length) == 0;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  std::copy(text.begin(), text.end(), terminated.begin());

  IpAddress address;
  address.family_ = text.find(':') == std::string_view::npos ? Family::ipv4 : Family::ipv6;
  if (inet_pton(libc_family(address.family_), terminated.data(), address.bytes_.data()) != 1) {
    return std::nullopt;
  }
  return address;
}

bool IpAddress::is_unspecified() const {
  return is_set() && *this == any(family_);
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[0] == 127;
  constexpr std::array<std::uint8_t, 16> one = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return family_ == Family::ipv6 && bytes_ == one;
}

bool IpAddress::is_multicast() const {
  if (is_v4()) return in_v4(v4(), 0xe0000000, 4);
  return family_ == Family::ipv6 && bytes_[0] == 0xff;
}

bool IpAddress::is_limited_broadcast() const {
  return is_v4() && v4() == 0xffffffff;
}

bool IpAddress::is_link_local() const {
  if (is_v4()) return in_v4(v4(), 0xa9fe0000, 16);
  return family_ == Family::ipv6 && bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

bool IpAddress::is_private() const {
  if (is_v4()) {
    return in_v4(v4(), 0x0a000000, 8) || in_v4(v4(), 0xac100000, 12) ||
           in_v4(v4(), 0xc0a80000, 16) || in_v4(v4(), 0x64400000, 10);
  }
  return family_ == Family::ipv6 && (bytes_[0] & 0xfe) == 0xfc;
}

std::string IpAddress::text() const {
  if (!is_set()) return {};
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  inet_ntop(libc_family(family_), bytes_.data(), buffer.data(), buffer.size());
  return buffer.data();
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return host(*address);

  const std::string_view length_text = text.substr(slash + 1);
  std::optional<std::uint8_t> length;
  if (const auto mask = IpAddress::parse(length_text)) {
    if (mask->family() == address->family()) length = mask_length(*mask);
  } else {
    length = parse_length(length_text, address_bits(address->family()));
  }
  if (!length) return std::nullopt;
  return Prefix{*address, *length};
}

bool Prefix::contains(const IpAddress& other) const {
  if (other.family() != address.family()) return false;
  const auto& a = address.bytes();
  const auto& b = other.bytes();
  const unsigned whole = length / 8;
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  const unsigned rest = length % 8;
  return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

Prefix Prefix::masked() const {
  if (!address.is_set()) return *this;
  auto bytes = address.bytes();
  for (unsigned i = 0; i < bytes.size(); ++i) {
    const unsigned kept_bits = length > 8 * i ? std::min(8U, length - 8 * i) : 0U;
    bytes[i] &= static_cast<std::uint8_t>(0xff00U >> kept_bits);
  }
  const IpAddress network = address.is_v4() ? IpAddress::v4(bytes[0], bytes[1], bytes[2], bytes[3])
                                            : IpAddress::v6(bytes);
  return {network, length};
}

std::string Prefix::text(bool short_host) const {
  if (!address.is_set()) return {};
  if (short_host && length == address_bits(address.family())) return address.text();
  return fmt::format("{}/{}", address.text(), length);
}

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
  MacAddress mac;
  if (text.size() != 17) return std::nullopt;
  for (unsigned i = 0; i < 6; ++i) {
    const char* digits = text.data() + 3 * i;
    if (i != 0 && digits[-1] != ':') return std::nullopt;
    const auto [rest, error] = std::from_chars(digits, digits + 2, mac.bytes[i], 16);
    if (error != std::errc{} || rest != digits + 2) return std::nullopt;
  }
  return mac;
}

std::string MacAddress::text() const {
  return fmt::format("{:02x}", fmt::join(bytes, ":"));
}

}  // namespace wayout::wire
