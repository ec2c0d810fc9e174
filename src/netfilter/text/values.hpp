// Values as rules write them: numbers, ports, marks, addresses, masks.
//
// Every function takes the whole text of a value and gives nothing when it is not one.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "netfilter/rule.hpp"
#include "wire/address.hpp"

namespace wayout::netfilter::text {

/// Decimal, `0x…` or octal `0…`, at most `highest`.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text,
                                                        std::uint64_t highest);

/// A number or the name of a service.
[[nodiscard]] std::optional<std::uint16_t> parse_port(std::string_view text);
/// `80`, `80:90`, `:90`, `80:`.
[[nodiscard]] std::optional<PortRange> parse_port_range(std::string_view text);

/// Two numbers of a range.
struct NumberRange {
  std::uint64_t low = 0, high = 0;
};
/// `5`, `5:6`, `:6`, `5:`; what is left out is 0 or `highest`.
[[nodiscard]] std::optional<NumberRange> parse_range(std::string_view text, std::uint64_t highest);

struct MarkAndMask {
  std::uint32_t value = 0, mask = 0xffffffff;
};
/// `0x1` or `0x1/0xff`.
[[nodiscard]] std::optional<MarkAndMask> parse_mark(std::string_view text);

/// An address of this family. IPv4 may be short: `10.1` is 10.1.0.0.
[[nodiscard]] std::optional<wire::IpAddress> parse_address(std::string_view text,
                                                           wire::Family family);

/// An address and its mask, not yet applied; `length` is set when the mask is contiguous.
struct MaskedAddress {
  wire::IpAddress address, mask;
  std::optional<std::uint8_t> length;
};
/// `10/8`, `10.0.0.1`, `10.0.0.0/255.0.255.0`, `2001:db8::/32`.
[[nodiscard]] std::optional<MaskedAddress> parse_masked_address(std::string_view text,
                                                                wire::Family family);
/// The same with a contiguous mask; host bits are kept.
[[nodiscard]] std::optional<wire::Prefix> parse_prefix(std::string_view text, wire::Family family);

/// The mask of so many leading ones.
[[nodiscard]] wire::IpAddress mask_of(std::uint8_t length, wire::Family family);
/// `address` with the bits outside `mask` cleared.
[[nodiscard]] wire::IpAddress apply_mask(const wire::IpAddress& address,
                                         const wire::IpAddress& mask);

/// `0:1:2:3:4:5`, either case, one or two digits each.
[[nodiscard]] std::optional<wire::MacAddress> parse_mac(std::string_view text);

/// Cuts off what stands before `separator` and returns it; `rest` keeps what stands behind, or
/// becomes empty when there is no separator.
[[nodiscard]] std::string_view cut(std::string_view& rest, char separator);

}  // namespace wayout::netfilter::text
