// The names that `ip` and `bridge` print for numbers of the kernel, and numbers themselves.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

#include "link/device.hpp"
#include "link/neighbour.hpp"
#include "packet/packet.hpp"
#include "route/interface.hpp"

namespace wayout::host {

/// The whole of `text` as a number; `0x` in front means hexadecimal.
template <class T>
std::optional<T> number(std::string_view text) {
  const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  if (hexadecimal) text.remove_prefix(2);
  T value{};
  const auto [end, status] =
      std::from_chars(text.data(), text.data() + text.size(), value, hexadecimal ? 16 : 10);
  if (status != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<RouteType> route_type(std::string_view name);         ///< `blackhole`
std::optional<route::Scope> scope(std::string_view name);           ///< `link`, or a number
std::optional<std::uint8_t> route_protocol(std::string_view name);  ///< `kernel`, or a number
std::optional<std::uint8_t> ip_protocol(std::string_view name);    ///< `tcp`, `ipv6-icmp`, a number
std::optional<std::uint8_t> tos(std::string_view name);            ///< `0x10`, `CS6`, `AF11`, `EF`
std::optional<link::NudState> nud_state(std::string_view name);    ///< `REACHABLE`
std::optional<link::PortState> port_state(std::string_view name);  ///< `forwarding`, or a number
std::optional<link::MacvlanMode> macvlan_mode(std::string_view name);
std::optional<std::uint32_t> device_group(std::string_view name);  ///< `default`, or a number
std::optional<link::TunnelDf> tunnel_df(std::string_view name);    ///< `unset`, `set`, `inherit`

}  // namespace wayout::host
