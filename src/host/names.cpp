#include "host/names.hpp"

#include <array>
#include <utility>

#include "wire/headers.hpp"

namespace wayout::host {

namespace {

template <class T, std::size_t size>
std::optional<T> find(const std::pair<std::string_view, T> (&table)[size], std::string_view name) {
  for (const auto& [known, value] : table)
    if (known == name) return value;
  return std::nullopt;
}

}  // namespace

std::optional<RouteType> route_type(std::string_view name) {
  static constexpr std::pair<std::string_view, RouteType> types[] = {
      {"unicast", RouteType::unicast},
      {"local", RouteType::local},
      {"broadcast", RouteType::broadcast},
      {"anycast", RouteType::anycast},
      {"multicast", RouteType::multicast},
      {"blackhole", RouteType::blackhole},
      {"unreachable", RouteType::unreachable},
      {"prohibit", RouteType::prohibit},
      {"throw", RouteType::throw_},
      {"nat", RouteType::nat},
  };
  return find(types, name);
}

std::optional<route::Scope> scope(std::string_view name) {
  static constexpr std::pair<std::string_view, route::Scope> scopes[] = {
      {"global", route::Scope::universe}, {"universe", route::Scope::universe},
      {"site", route::Scope::site},       {"link", route::Scope::link},
      {"host", route::Scope::host},       {"nowhere", route::Scope::nowhere},
  };
  if (const auto known = find(scopes, name)) return known;
  const auto value = number<std::uint8_t>(name);
  return value ? std::optional(static_cast<route::Scope>(*value)) : std::nullopt;
}

std::optional<std::uint8_t> route_protocol(std::string_view name) {
  static constexpr std::pair<std::string_view, std::uint8_t> protocols[] = {
      {"unspec", 0},      {"none", 0},   {"redirect", 1}, {"kernel", 2},    {"boot", 3},
      {"static", 4},      {"gated", 8},  {"ra", 9},       {"mrt", 10},      {"zebra", 11},
      {"bird", 12},       {"xorp", 14},  {"ntk", 15},     {"dhcp", 16},     {"mrouted", 17},
      {"keepalived", 18}, {"babel", 42}, {"openr", 99},   {"bgp", 186},     {"isis", 187},
      {"ospf", 188},      {"rip", 189},  {"eigrp", 192},  {"dnrouted", 13},
  };
  if (const auto known = find(protocols, name)) return known;
  return number<std::uint8_t>(name);
}

std::optional<std::uint8_t> ip_protocol(std::string_view name) {
  namespace protocol = wire::protocol;
  static constexpr std::pair<std::string_view, std::uint8_t> protocols[] = {
      {"icmp", protocol::icmp},
      {"igmp", protocol::igmp},
      {"tcp", protocol::tcp},
      {"udp", protocol::udp},
      {"dccp", protocol::dccp},
      {"gre", protocol::gre},
      {"esp", protocol::esp},
      {"ah", protocol::ah},
      {"sctp", protocol::sctp},
      {"udplite", protocol::udplite},
      {"ipencap", 4},
      {"ipip", 4},
      {"ospf", 89},
      {"vrrp", 112},
      {"ipv6-icmp", protocol::icmpv6},
      {"icmpv6", protocol::icmpv6},
  };
  if (const auto known = find(protocols, name)) return known;
  return number<std::uint8_t>(name);
}

std::optional<std::uint8_t> tos(std::string_view name) {
  const auto digit = [&](std::size_t i, char low, char high) {
    return i < name.size() && name[i] >= low && name[i] <= high;
  };
  if (name == "default") return std::uint8_t{0};
  if (name == "EF") return std::uint8_t{0xb8};
  if (name == "lowdelay") return std::uint8_t{0x10};
  if (name == "throughput") return std::uint8_t{0x08};
  if (name == "reliability") return std::uint8_t{0x04};
  if (name.size() == 3 && name.starts_with("CS") && digit(2, '0', '7'))
    return static_cast<std::uint8_t>((name[2] - '0') << 5);
  if (name.size() == 4 && name.starts_with("AF") && digit(2, '1', '4') && digit(3, '1', '3'))
    return static_cast<std::uint8_t>((name[2] - '0') << 5 | (name[3] - '0') << 3);
  return number<std::uint8_t>(name);
}

std::optional<link::NudState> nud_state(std::string_view name) {
  static constexpr std::pair<std::string_view, link::NudState> states[] = {
      {"NONE", link::NudState::none},           {"INCOMPLETE", link::NudState::incomplete},
      {"REACHABLE", link::NudState::reachable}, {"STALE", link::NudState::stale},
      {"DELAY", link::NudState::delay},         {"PROBE", link::NudState::probe},
      {"FAILED", link::NudState::failed},       {"NOARP", link::NudState::noarp},
      {"PERMANENT", link::NudState::permanent},
  };
  return find(states, name);
}

std::optional<link::PortState> port_state(std::string_view name) {
  static constexpr std::pair<std::string_view, link::PortState> states[] = {
      {"disabled", link::PortState::disabled},     {"0", link::PortState::disabled},
      {"listening", link::PortState::listening},   {"1", link::PortState::listening},
      {"learning", link::PortState::learning},     {"2", link::PortState::learning},
      {"forwarding", link::PortState::forwarding}, {"3", link::PortState::forwarding},
      {"blocking", link::PortState::blocking},     {"4", link::PortState::blocking},
  };
  return find(states, name);
}

std::optional<link::MacvlanMode> macvlan_mode(std::string_view name) {
  static constexpr std::pair<std::string_view, link::MacvlanMode> modes[] = {
      {"private", link::MacvlanMode::private_}, {"vepa", link::MacvlanMode::vepa},
      {"bridge", link::MacvlanMode::bridge},    {"passthru", link::MacvlanMode::passthru},
      {"source", link::MacvlanMode::source},
  };
  return find(modes, name);
}

std::optional<std::uint32_t> device_group(std::string_view name) {
  if (name == "default") return 0;
  return number<std::uint32_t>(name);  // the number behind another name is not in the listing
}

std::optional<link::TunnelDf> tunnel_df(std::string_view name) {
  static constexpr std::pair<std::string_view, link::TunnelDf> choices[] = {
      {"unset", link::TunnelDf::unset},
      {"set", link::TunnelDf::set},
      {"inherit", link::TunnelDf::inherit},
  };
  return find(choices, name);
}

}  // namespace wayout::host
