#include "route/print.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace wayout::route {
namespace {

/// Words with single spaces between them.
class Line {
 public:
  template <class... Arguments>
  void add(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    if (!text_.empty() && text_.back() != '\t') text_ += ' ';
    text_ += fmt::format(format, std::forward<Arguments>(arguments)...);
  }
  void start(std::string text) { text_ = std::move(text); }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string_view type_name(RouteType type) {
  switch (type) {
    case RouteType::unicast: return "";
    case RouteType::local: return "local";
    case RouteType::broadcast: return "broadcast";
    case RouteType::anycast: return "anycast";
    case RouteType::multicast: return "multicast";
    case RouteType::blackhole: return "blackhole";
    case RouteType::unreachable: return "unreachable";
    case RouteType::prohibit: return "prohibit";
    case RouteType::throw_: return "throw";
    case RouteType::nat: return "nat";
    case RouteType::unspec: return "none";
  }
  return "";
}

/// /etc/iproute2/rt_protos.
std::string protocol_name(std::uint8_t protocol) {
  static const std::unordered_map<std::uint8_t, std::string_view> names = {
      {0, "unspec"}, {1, "redirect"}, {2, "kernel"}, {3, "boot"},  {4, "static"},
      {8, "gated"},  {9, "ra"},       {10, "mrt"},   {11, "zebra"}, {12, "bird"},
      {13, "dnrouted"}, {14, "xorp"}, {15, "ntk"},   {16, "dhcp"}, {18, "keepalived"},
      {42, "babel"}, {99, "openr"},   {186, "bgp"},  {187, "isis"}, {188, "ospf"},
      {189, "rip"},  {192, "eigrp"}};
  const auto it = names.find(protocol);
  return it == names.end() ? std::to_string(protocol) : std::string(it->second);
}

/// /etc/protocols, as far as a rule is likely to name one.
std::string ip_protocol_name(std::uint8_t protocol) {
  static const std::unordered_map<std::uint8_t, std::string_view> names = {
      {1, "icmp"}, {2, "igmp"},  {4, "ipencap"}, {6, "tcp"},        {17, "udp"}, {33, "dccp"},
      {41, "ipv6"}, {47, "gre"}, {50, "esp"},    {51, "ah"},        {58, "ipv6-icmp"},
      {89, "ospf"}, {103, "pim"}, {112, "vrrp"}, {115, "l2tp"},     {132, "sctp"},
      {136, "udplite"}};
  const auto it = names.find(protocol);
  return it == names.end() ? fmt::format("ipproto-{}", protocol) : std::string(it->second);
}

std::string scope_name(Scope scope) {
  switch (scope) {
    case Scope::universe: return "global";
    case Scope::site: return "site";
    case Scope::link: return "link";
    case Scope::host: return "host";
    case Scope::nowhere: return "nowhere";
  }
  return std::to_string(static_cast<unsigned>(scope));
}

std::string table_name(std::uint32_t table, const Names& names) {
  if (table == table_local) return "local";
  if (table == table_main) return "main";
  if (table == table_default) return "default";
  const auto it = names.tables.find(table);
  return it == names.tables.end() ? std::to_string(table) : it->second;
}

void add_way(Line& line, const Nexthop& nexthop, const Names& names) {
  if (nexthop.gateway.is_set())
    line.add("via {}{}", nexthop.gateway.is_v4() ? "" : "inet6 ", nexthop.gateway.text());
  if (nexthop.device != no_device && nexthop.device < names.devices.size())
    line.add("dev {}", names.devices[nexthop.device]);
}

void add_flags(Line& line, const Nexthop& nexthop) {
  if (nexthop.dead) line.add("dead");
  if (nexthop.onlink) line.add("onlink");
  if (nexthop.linkdown) line.add("linkdown");
}

std::string range_text(std::uint32_t low, std::uint32_t high) {
  return low == high ? std::to_string(low) : fmt::format("{}-{}", low, high);
}

std::string prefix_text(const wire::Prefix& prefix) {
  const bool any = !prefix.address.is_set() || prefix.length == 0;
  return any ? "all" : prefix.text(/*short_host=*/true);
}

void add_selectors(Line& line, const Rule& rule, const Names& names) {
  const auto detached = [&](const std::string& name) {
    return std::ranges::find(names.devices, name) == names.devices.end() ? " [detached]" : "";
  };
  if (rule.invert) line.add("not");
  line.add("from {}", prefix_text(rule.from));
  if (rule.to.length != 0) line.add("to {}", prefix_text(rule.to));
  if (rule.tos != 0) line.add("tos {:#04x}", rule.tos);
  if (rule.fwmask == 0xffffffff) line.add("fwmark {:#x}", rule.fwmark);
  if (rule.fwmask != 0 && rule.fwmask != 0xffffffff)
    line.add("fwmark {:#x}/{:#x}", rule.fwmark, rule.fwmask);
  if (!rule.iif.empty()) line.add("iif {}{}", rule.iif, detached(rule.iif));
  if (!rule.oif.empty()) line.add("oif {}{}", rule.oif, detached(rule.oif));
  if (rule.l3mdev) line.add("lookup [l3mdev-table]");
  if (rule.uid_range) line.add("uidrange {}-{}", rule.uid_range->first, rule.uid_range->second);
  if (rule.ip_protocol != 0) line.add("ipproto {}", ip_protocol_name(rule.ip_protocol));
  if (rule.sport_high != 0) line.add("sport {}", range_text(rule.sport_low, rule.sport_high));
  if (rule.dport_high != 0) line.add("dport {}", range_text(rule.dport_low, rule.dport_high));
  if (rule.tunnel_id != 0) line.add("tun_id {}", rule.tunnel_id);
}

void add_action(Line& line, const Rule& rule, bool resolved, const Names& names) {
  switch (rule.action) {
    case RuleAction::to_table:
      if (!rule.l3mdev) line.add("lookup {}", table_name(rule.table, names));
      if (rule.suppress_prefix_length >= 0)
        line.add("suppress_prefixlength {}", rule.suppress_prefix_length);
      if (rule.suppress_ifgroup > 0) line.add("suppress_ifgroup {}", rule.suppress_ifgroup);
      if (rule.suppress_ifgroup == 0) line.add("suppress_ifgroup default");
      break;
    case RuleAction::goto_:
      line.add("goto {}{}", rule.goto_preference, resolved ? "" : " [unresolved]");
      break;
    case RuleAction::nop: line.add("nop"); break;
    case RuleAction::blackhole: line.add("blackhole"); break;
    case RuleAction::unreachable: line.add("unreachable"); break;
    case RuleAction::prohibit: line.add("prohibit"); break;
  }
}

}  // namespace

std::string text(const Route& route, std::uint32_t table, const Names& names) {
  Line line;
  const std::string_view type = type_name(route.type);
  if (!type.empty()) line.add("{}", type);
  line.add("{}", route.destination.length == 0 ? "default"
                                               : route.destination.text(/*short_host=*/true));
  if (route.nexthop_id != 0) line.add("nhid {}", route.nexthop_id);
  if (route.tos != 0) line.add("tos {:#04x}", route.tos);
  const bool single = route.nexthops.size() == 1;
  if (single) add_way(line, route.nexthops.front(), names);
  if (table != table_main) line.add("table {}", table_name(table, names));
  if (route.protocol != made_by_boot) line.add("proto {}", protocol_name(route.protocol));
  if (route.scope != Scope::universe) line.add("scope {}", scope_name(route.scope));
  if (route.preferred_source.is_set()) line.add("src {}", route.preferred_source.text());
  if (route.metric != 0) line.add("metric {}", route.metric);
  if (single) add_flags(line, route.nexthops.front());
  if (route.mtu_bytes != 0) line.add("mtu {}{}", route.mtu_locked ? "lock " : "", route.mtu_bytes);
  if (route.hop_limit != 0) line.add("hoplimit {}", route.hop_limit);
  if (single) return line.take();
  for (const Nexthop& nexthop : route.nexthops) {
    line.add("nexthop");
    add_way(line, nexthop, names);
    line.add("weight {}", nexthop.weight);
    add_flags(line, nexthop);
  }
  return line.take();
}

std::string text(const Fib& fib, RouteRef route, const Names& names) {
  return text(fib.route(route), fib.tables[route.table].id, names);
}

std::string rule_text(const Fib& fib, std::uint32_t position, const Names& names) {
  const Rule& rule = fib.rules[position];
  const bool resolved = std::ranges::any_of(fib.rules, [&](const Rule& other) {
    return other.preference == rule.goto_preference;
  });
  Line line;
  line.start(fmt::format("{}:\t", rule.preference));
  add_selectors(line, rule, names);
  add_action(line, rule, resolved, names);
  if (rule.protocol != 0 && rule.protocol != made_by_kernel)
    line.add("proto {}", protocol_name(rule.protocol));
  return line.take();
}

}  // namespace wayout::route
