#include "netfilter/text/values.hpp"

#include <array>
#include <charconv>
#include <string>

#include "netfilter/text/names.hpp"

namespace wayout::netfilter::text {
namespace {

using wire::Family;
using wire::IpAddress;

/// `10.1.2.3`, or less of it: what is left out is zero.
std::optional<IpAddress> parse_v4(std::string_view text) {
  std::array<std::uint8_t, 4> bytes{};
  std::size_t parts = 0;
  while (true) {
    const bool last = text.find('.') == std::string_view::npos;
    const auto number = parse_number(cut(text, '.'), 255);
    if (!number || parts == bytes.size()) return std::nullopt;
    bytes[parts++] = static_cast<std::uint8_t>(*number);
    if (last) break;
  }
  return IpAddress::v4(bytes[0], bytes[1], bytes[2], bytes[3]);
}

IpAddress from_bytes(const std::array<std::uint8_t, 16>& bytes, Family family) {
  return family == Family::ipv4 ? IpAddress::v4(bytes[0], bytes[1], bytes[2], bytes[3])
                                : IpAddress::v6(bytes);
}

std::optional<std::uint8_t> contiguous_length(const IpAddress& mask) {
  for (std::uint8_t length = 0; length <= wire::address_bits(mask.family()); ++length) {
    if (mask_of(length, mask.family()) == mask) return length;
  }
  return std::nullopt;
}

}  // namespace

std::string_view cut(std::string_view& rest, char separator) {
  const std::size_t at = rest.find(separator);
  const std::string_view first = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
  return first;
}

std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t highest) {
  int base = 10;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text[0] == '0') {
    base = 8;
  }
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value, base);
  if (text.empty() || error != std::errc{} || rest != end || value > highest) return std::nullopt;
  return value;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  if (const auto number = parse_number(text, 65535)) return static_cast<std::uint16_t>(*number);
  if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return std::nullopt;
  return service_port(std::string(text));
}

std::optional<PortRange> parse_port_range(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    const auto port = parse_port(text);
    if (!port) return std::nullopt;
    return PortRange{*port, *port};
  }
  const std::string_view low = text.substr(0, colon), high = text.substr(colon + 1);
  const auto first = low.empty() ? 0 : parse_port(low);
  const auto last = high.empty() ? 65535 : parse_port(high);
  if (!first || !last) return std::nullopt;
  return PortRange{*first, *last};
}

std::optional<NumberRange> parse_range(std::string_view text, std::uint64_t highest) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    const auto number = parse_number(text, highest);
    if (!number) return std::nullopt;
    return NumberRange{*number, *number};
  }
  const std::string_view low = text.substr(0, colon), high = text.substr(colon + 1);
  const auto first = low.empty() ? std::optional<std::uint64_t>(0) : parse_number(low, highest);
  const auto last = high.empty() ? std::optional(highest) : parse_number(high, highest);
  if (!first || !last) return std::nullopt;
  return NumberRange{*first, *last};
}

std::optional<MarkAndMask> parse_mark(std::string_view text) {
  const bool has_mask = text.find('/') != std::string_view::npos;
  const auto value = parse_number(cut(text, '/'), 0xffffffff);
  const auto mask = has_mask ? parse_number(text, 0xffffffff) : 0xffffffff;
  if (!value || !mask) return std::nullopt;
  return MarkAndMask{static_cast<std::uint32_t>(*value), static_cast<std::uint32_t>(*mask)};
}

std::optional<IpAddress> parse_address(std::string_view text, Family family) {
  if (family == Family::ipv4) return parse_v4(text);
  const auto address = IpAddress::parse(text);
  if (!address || address->family() != family) return std::nullopt;
  return address;
}

std::optional<MaskedAddress> parse_masked_address(std::string_view text, Family family) {
  const bool has_mask = text.find('/') != std::string_view::npos;
  const auto address = parse_address(cut(text, '/'), family);
  if (!address) return std::nullopt;
  const std::uint8_t bits = wire::address_bits(family);
  if (!has_mask) return MaskedAddress{*address, mask_of(bits, family), bits};

  if (const auto length = parse_number(text, bits)) {
    const auto narrow = static_cast<std::uint8_t>(*length);
    return MaskedAddress{*address, mask_of(narrow, family), narrow};
  }
  const auto mask = IpAddress::parse(text);
  if (!mask || mask->family() != family) return std::nullopt;
  return MaskedAddress{*address, *mask, contiguous_length(*mask)};
}

std::optional<wire::Prefix> parse_prefix(std::string_view text, Family family) {
  const auto masked = parse_masked_address(text, family);
  if (!masked || !masked->length) return std::nullopt;
  return wire::Prefix{masked->address, *masked->length};
}

IpAddress mask_of(std::uint8_t length, Family family) {
  std::array<std::uint8_t, 16> bytes{};
  for (unsigned i = 0; i < length; ++i)
    bytes[i / 8] |= static_cast<std::uint8_t>(0x80 >> i % 8);
  return from_bytes(bytes, family);
}

IpAddress apply_mask(const IpAddress& address, const IpAddress& mask) {
  auto bytes = address.bytes();
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] &= mask.bytes()[i];
  return from_bytes(bytes, address.family());
}

std::optional<wire::MacAddress> parse_mac(std::string_view text) {
  wire::MacAddress mac;
  for (std::size_t i = 0; i < mac.bytes.size(); ++i) {
    const bool last = text.find(':') == std::string_view::npos;
    const std::string_view digits = cut(text, ':');
    if (last != (i + 1 == mac.bytes.size()) || digits.empty() || digits.size() > 2) {
      return std::nullopt;
    }
    const auto [rest, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), mac.bytes[i], 16);
    if (error != std::errc{} || rest != digits.data() + digits.size()) return std::nullopt;
  }
  return mac;
}

}  // namespace wayout::netfilter::text
