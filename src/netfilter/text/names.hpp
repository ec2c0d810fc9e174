// Names that rules use for numbers: protocols, services, ICMP types, log levels.
//
// The tables are our own, with the names Debian has, so that a rule reads and prints the same on
// every machine. Only a service that our table lacks is looked up in the machine's /etc/services.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace wayout::netfilter::text {

/// A name or number of a protocol; `all` is 0.
[[nodiscard]] std::optional<std::uint8_t> parse_protocol(std::string_view text);
/// `tcp`; the number as text when it has no name.
[[nodiscard]] std::string protocol_text(std::uint8_t protocol);

/// The port of a service, whatever the protocol.
[[nodiscard]] std::optional<std::uint16_t> service_port(const std::string& name);

struct IcmpName {
  std::string_view name;
  std::uint8_t type;
  std::uint8_t code_low, code_high;
};
/// Names of `--icmp-type`, in the order in which an abbreviation finds them.
[[nodiscard]] std::span<const IcmpName> icmp_names();
/// Names of `--icmpv6-type`.
[[nodiscard]] std::span<const IcmpName> icmp6_names();

/// `debug`, `error`, … of `--log-level`.
[[nodiscard]] std::optional<std::uint8_t> log_level(std::string_view name);

/// Lower case of ASCII letters.
[[nodiscard]] std::string lower(std::string_view text);
/// Equal when the case of ASCII letters is ignored.
[[nodiscard]] bool same_ignoring_case(std::string_view a, std::string_view b);
/// `prefix` begins `text`, ignoring the case of ASCII letters.
[[nodiscard]] bool begins_ignoring_case(std::string_view text, std::string_view prefix);

}  // namespace wayout::netfilter::text
