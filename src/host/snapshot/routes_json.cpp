#include "host/snapshot/routes_json.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "host/json.hpp"
#include "host/names.hpp"

namespace wayout::host::snapshot {

namespace {

void read_hop_flags(const JsonObject& object, route::Nexthop& nexthop) {
  for (const std::string& flag : object.texts("flags")) {
    if (flag == "onlink") nexthop.onlink = true;
    if (flag == "dead") nexthop.dead = true;
    if (flag == "linkdown") nexthop.linkdown = true;
  }
}

wire::IpAddress read_gateway(const JsonObject& object) {
  const auto parse = wire::IpAddress::parse;
  if (const auto via = object.object("via")) return via->parsed("host", parse, wire::IpAddress{});
  return object.parsed("gateway", parse, wire::IpAddress{});
}

RouteList::Entry::Hop read_hop(const JsonObject& object) {
  RouteList::Entry::Hop hop;
  hop.device = object.text("dev");
  hop.nexthop.gateway = read_gateway(object);
  hop.nexthop.weight = object.number<std::uint32_t>("weight").value_or(1);
  hop.nexthop.encap = object.has("encap");
  read_hop_flags(object, hop.nexthop);
  return hop;
}

void read_metrics(const JsonObject& object, route::Route& route) {
  for (const JsonObject& metrics : object.objects("metrics")) {
    if (const auto mtu = metrics.number<std::uint32_t>("mtu")) route.mtu_bytes = *mtu;
    if (const auto limit = metrics.number<std::uint8_t>("hoplimit")) route.hop_limit = *limit;
  }
}

RouteList::Entry read_route(const JsonObject& object) {
  RouteList::Entry entry;
  route::Route& route = entry.route;
  route.destination = object.parsed("dst", route_prefix, wire::Prefix{});
  if (!object.has("dst")) object.fail("a route without \"dst\"");
  route.type = object.parsed("type", route_type, RouteType::unicast);
  route.tos = object.parsed("tos", tos, std::uint8_t{0});
  route.metric = object.number<std::uint32_t>("metric").value_or(0);
  route.protocol = object.parsed("protocol", route_protocol, std::uint8_t{3});
  route.nexthop_id = object.number<std::uint32_t>("nhid").value_or(0);
  route.preferred_source = object.parsed("prefsrc", wire::IpAddress::parse, wire::IpAddress{});
  if (object.has("scope")) {
    entry.scope_given = true;
    route.scope = object.parsed("scope", scope, route::Scope::universe);
  }
  if (const std::string table = object.text("table"); !table.empty()) entry.table = table;
  read_metrics(object, route);

  if (object.has("nexthops")) {
    for (const JsonObject& hop : object.objects("nexthops"))
      entry.hops.push_back(read_hop(hop));
  } else if (object.has("dev") || object.has("gateway") || object.has("via")) {
    entry.hops.push_back(read_hop(object));
  }
  const bool v6_gateway = std::any_of(entry.hops.begin(), entry.hops.end(), [](const auto& hop) {
    return hop.nexthop.gateway.family() == wire::Family::ipv6;
  });
  // `table all` lists both families, and `default` is a word of both. Only IPv6 routes have a pref
  // (on newer kernels), and only there an unreachable route has a device.
  entry.is_ipv6 = !route.destination.address.is_v4() || object.has("pref") ||
                  (route.type == RouteType::unreachable && object.has("dev")) ||
                  (v6_gateway && !object.has("via") && !object.has("nexthops"));
  return entry;
}

wire::Prefix read_selector(const JsonObject& object, const char* key, const char* length_key) {
  if (!object.has(key) || object.text(key) == "all") return {};
  wire::Prefix prefix = object.parsed(key, wire::Prefix::parse, wire::Prefix{});
  if (const auto length = object.number<std::uint8_t>(length_key)) {
    if (*length > wire::address_bits(prefix.address.family()))
      object.fail(std::string("\"") + length_key + "\" is out of range");
    prefix.length = *length;
  }
  return prefix;
}

void read_ports(const JsonObject& object, const std::string& key, std::uint16_t& low,
                std::uint16_t& high) {
  if (const auto one = object.number<std::uint16_t>(key.c_str())) low = high = *one;
  if (const auto start = object.number<std::uint16_t>((key + "_start").c_str())) low = *start;
  if (const auto end = object.number<std::uint16_t>((key + "_end").c_str())) high = *end;
}

void read_action(const JsonObject& object, route::Rule& rule, TableBook& tables) {
  const std::string action = object.text("action");
  if (object.has("goto")) {
    rule.action = route::RuleAction::goto_;
    rule.goto_preference = object.number<std::uint32_t>("goto").value_or(0);
  } else if (object.has("nop") || action == "nop") {
    rule.action = route::RuleAction::nop;
  } else if (action == "blackhole") {
    rule.action = route::RuleAction::blackhole;
  } else if (action == "unreachable") {
    rule.action = route::RuleAction::unreachable;
  } else if (action == "prohibit") {
    rule.action = route::RuleAction::prohibit;
  } else if (!action.empty() && action != "to_tbl") {
    rule.unmodelled = true;
  }
  rule.l3mdev = object.has("l3mdev");
  if (object.has("table")) rule.table = tables.number(object.text("table"));
}

bool is_known_rule_key(const std::string& key) {
  static constexpr std::array keys = {"priority",
                                      "not",
                                      "src",
                                      "srclen",
                                      "dst",
                                      "dstlen",
                                      "tos",
                                      "fwmark",
                                      "fwmask",
                                      "iif",
                                      "oif",
                                      "iif_detached",
                                      "oif_detached",
                                      "uid_start",
                                      "uid_end",
                                      "ipproto",
                                      "sport",
                                      "sport_start",
                                      "sport_end",
                                      "dport",
                                      "dport_start",
                                      "dport_end",
                                      "tun_id",
                                      "table",
                                      "goto",
                                      "unresolved",
                                      "action",
                                      "nop",
                                      "l3mdev",
                                      "protocol",
                                      "suppress_prefixlen",
                                      "suppress_ifgroup",
                                      "to_realm",
                                      "from_realm",
                                      "flow_to",
                                      "flow_from"};
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

route::Rule read_rule(const JsonObject& object, TableBook& tables) {
  route::Rule rule;
  rule.preference = object.number<std::uint32_t>("priority").value_or(0);
  rule.invert = object.has("not");
  rule.from = read_selector(object, "src", "srclen");
  rule.to = read_selector(object, "dst", "dstlen");
  rule.iif = object.text("iif");
  rule.oif = object.text("oif");
  rule.tos = object.parsed("tos", tos, std::uint8_t{0});
  if (const auto mark = object.number<std::uint32_t>("fwmark")) {
    rule.fwmark = *mark;
    rule.fwmask = object.number<std::uint32_t>("fwmask").value_or(0xffffffff);
  }
  rule.ip_protocol = object.parsed("ipproto", ip_protocol, std::uint8_t{0});
  read_ports(object, "sport", rule.sport_low, rule.sport_high);
  read_ports(object, "dport", rule.dport_low, rule.dport_high);
  if (const auto start = object.number<std::uint32_t>("uid_start"))
    rule.uid_range = {*start, object.number<std::uint32_t>("uid_end").value_or(*start)};
  rule.tunnel_id = object.number<std::uint64_t>("tun_id").value_or(0);
  if (const auto length = object.number<std::int32_t>("suppress_prefixlen"))
    rule.suppress_prefix_length = *length;
  if (object.has("suppress_ifgroup")) {
    read_suppress_ifgroup(object.text("suppress_ifgroup"), rule);
  }
  read_action(object, rule, tables);
  for (const auto& [key, value] : object.raw().items())
    if (!is_known_rule_key(key)) rule.unmodelled = true;
  return rule;
}

/// A group names its members by id, and may be listed before them.
void join_group(const JsonObject& object, NexthopObjects& objects) {
  NexthopObjects::Object group;
  for (const JsonObject& member : object.objects("group")) {
    const auto found = objects.by_id.find(member.number<std::uint32_t>("id").value_or(0));
    if (found == objects.by_id.end()) continue;
    for (route::Nexthop nexthop : found->second.nexthops) {
      nexthop.weight = member.number<std::uint32_t>("weight").value_or(1);
      group.nexthops.push_back(nexthop);
    }
  }
  objects.by_id[object.number<std::uint32_t>("id").value_or(0)] = std::move(group);
}

void read_nexthop_object(const JsonObject& object, NexthopObjects& objects, DeviceBook& book) {
  NexthopObjects::Object& result = objects.by_id[object.number<std::uint32_t>("id").value_or(0)];
  result.blackhole = object.has("blackhole");
  if (!object.has("dev") && !object.has("gateway") && !object.has("via")) return;
  const RouteList::Entry::Hop hop = read_hop(object);
  result.nexthops.push_back(hop.nexthop);
  result.nexthops.back().device = book.find_or_assume(hop.device);
}

}  // namespace

Result<void> read_routes_json(const File& file, RouteList& routes) {
  return read_json_list(file, [&](const JsonObject& object) { routes.add(read_route(object)); });
}

Result<void> read_rules_json(const File& file, Host& host, TableBook& tables) {
  return read_json_list(
      file, [&](const JsonObject& object) { host.fib.rules.push_back(read_rule(object, tables)); });
}

Result<NexthopObjects> read_nexthops_json(const File& file, DeviceBook& book) {
  NexthopObjects objects;
  for (const bool groups : {false, true}) {
    const Result<void> read = read_json_list(file, [&](const JsonObject& object) {
      if (object.has("group") != groups) return;
      if (groups) {
        join_group(object, objects);
      } else {
        read_nexthop_object(object, objects, book);
      }
    });
    if (!read) return read.error();
  }
  return objects;
}

}  // namespace wayout::host::snapshot
