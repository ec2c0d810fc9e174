#include <algorithm>
#include <nlohmann/json.hpp>

#include "namespace.hpp"
#include "route_world.hpp"

namespace wayout::kernel {
namespace {

using nlohmann::json;
using route::Scope;

template <class Value>
Value named(const std::unordered_map<std::string, Value>& values, const std::string& name) {
  const auto it = values.find(name);
  return it != values.end() ? it->second : static_cast<Value>(std::stoul(name, nullptr, 0));
}

const std::unordered_map<std::string, Scope> scopes = {{"global", Scope::universe},
                                                       {"site", Scope::site},
                                                       {"link", Scope::link},
                                                       {"host", Scope::host},
                                                       {"nowhere", Scope::nowhere}};
const std::unordered_map<std::string, RouteType> types = {
    {"unicast", RouteType::unicast},         {"local", RouteType::local},
    {"broadcast", RouteType::broadcast},     {"anycast", RouteType::anycast},
    {"multicast", RouteType::multicast},     {"blackhole", RouteType::blackhole},
    {"unreachable", RouteType::unreachable}, {"prohibit", RouteType::prohibit},
    {"throw", RouteType::throw_}};
const std::unordered_map<std::string, std::uint32_t> tables = {
    {"local", route::table_local}, {"main", route::table_main}, {"default", route::table_default}};
const std::unordered_map<std::string, std::uint8_t> protocols = {
    {"unspec", 0}, {"kernel", 2}, {"boot", 3}, {"static", 4}, {"dhcp", 16}, {"zebra", 11}};
const std::unordered_map<std::string, std::uint8_t> ip_protocols = {
    {"icmp", 1}, {"tcp", 6}, {"udp", 17}};

wire::IpAddress address_of(const json& object, const char* key) {
  return object.contains(key) ? *wire::IpAddress::parse(object[key].get<std::string>())
                              : wire::IpAddress{};
}

/// `all`, `default`, or a prefix; the length may stand beside it.
wire::Prefix prefix_of(const json& object, const char* key, const char* length_key) {
  const std::string text = object.value(key, "all");
  if (text == "all") return {};
  if (text == "default") return {wire::IpAddress::v4(0), 0};
  wire::Prefix prefix = *wire::Prefix::parse(text);
  if (object.contains(length_key)) prefix.length = object[length_key].get<std::uint8_t>();
  return prefix;
}

bool has_flag(const json& object, const char* flag) {
  if (!object.contains("flags")) return false;
  const auto flags = object["flags"].get<std::vector<std::string>>();
  return std::ranges::find(flags, flag) != flags.end();
}

route::Ipv4Conf read_conf(const std::string& device) {
  const auto value = [&](const char* key) {
    return read_sysctl("net/ipv4/conf/" + device + "/" + key);
  };
  route::Ipv4Conf conf;
  conf.forwarding = value("forwarding") != 0;
  conf.rp_filter = value("rp_filter");
  conf.accept_local = value("accept_local") != 0;
  conf.route_localnet = value("route_localnet") != 0;
  conf.src_valid_mark = value("src_valid_mark") != 0;
  conf.bc_forwarding = value("bc_forwarding") != 0;
  conf.send_redirects = value("send_redirects") != 0;
  conf.shared_media = value("shared_media") != 0;
  conf.proxy_arp_pvlan = value("proxy_arp_pvlan") != 0;
  conf.ignore_routes_with_linkdown = value("ignore_routes_with_linkdown") != 0;
  return conf;
}

route::InterfaceAddress read_address(const json& object) {
  route::InterfaceAddress address;
  address.local = address_of(object, "local");
  address.peer = object.contains("address") ? address_of(object, "address") : address.local;
  address.prefix_length = object["prefixlen"].get<std::uint8_t>();
  address.broadcast = address_of(object, "broadcast");
  address.scope = named(scopes, object["scope"].get<std::string>());
  address.secondary = object.value("secondary", false);
  address.noprefixroute = object.value("noprefixroute", false);
  return address;
}

void read_interfaces(RoutingWorld& world) {
  world.interfaces.all = read_conf("all");
  world.names.emplace_back();
  for (const json& link : json::parse(output_of("ip -json addr show"), nullptr, false)) {
    route::Interface interface;
    interface.up = has_flag(link, "UP");
    interface.carrier = has_flag(link, "LOWER_UP");
    interface.loopback = has_flag(link, "LOOPBACK");
    interface.mtu_bytes = link["mtu"].get<std::uint32_t>();
    interface.order = link["ifindex"].get<std::uint32_t>();
    interface.conf = read_conf(link["ifname"].get<std::string>());
    for (const json& address : link["addr_info"])
      if (address.value("family", "") == "inet")
        interface.addresses.push_back(read_address(address));
    world.names.push_back(link["ifname"].get<std::string>());
    world.interfaces.list.push_back(std::move(interface));
  }
}

route::Nexthop read_nexthop(const json& object, const RoutingWorld& world) {
  route::Nexthop nexthop;
  nexthop.gateway = address_of(object, "gateway");
  if (object.contains("dev")) nexthop.device = world.device(object["dev"].get<std::string>());
  nexthop.weight = object.value("weight", 1U);
  nexthop.onlink = has_flag(object, "onlink");
  nexthop.dead = has_flag(object, "dead");
  nexthop.linkdown = has_flag(object, "linkdown");
  return nexthop;
}

void read_routes(RoutingWorld& world) {
  for (const json& object :
       json::parse(output_of("ip -json -4 route show table all"), nullptr, false)) {
    route::Route route;
    route.destination = prefix_of(object, "dst", "dstlen");
    if (!route.destination.address.is_set()) route.destination.address = wire::IpAddress::v4(0);
    route.type = named(types, object.value("type", "unicast"));
    route.tos = static_cast<std::uint8_t>(std::stoul(object.value("tos", "0"), nullptr, 0));
    route.metric = object.value("metric", 0U);
    route.scope = named(scopes, object.value("scope", "global"));
    route.protocol = named(protocols, object.value("protocol", "boot"));
    route.preferred_source = address_of(object, "prefsrc");
    route.nexthop_id = object.value("nhid", 0U);
    if (object.contains("metrics") && object["metrics"][0].contains("mtu"))
      route.mtu_bytes = object["metrics"][0]["mtu"].get<std::uint32_t>();
    if (object.contains("nexthops")) {
      for (const json& nexthop : object["nexthops"])
        route.nexthops.push_back(read_nexthop(nexthop, world));
    } else if (object.contains("dev")) {
      route.nexthops.push_back(read_nexthop(object, world));
    }
    const std::uint32_t table = named(tables, object.value("table", "main"));
    world.fib.tables[world.fib.table_position(table)].routes.push_back(std::move(route));
  }
}

void read_action(const json& object, route::Rule& rule) {
  using route::RuleAction;
  if (object.contains("table")) rule.table = named(tables, object["table"].get<std::string>());
  if (object.contains("goto")) {
    rule.action = RuleAction::goto_;
    rule.goto_preference = object["goto"].get<std::uint32_t>();
  }
  if (object.contains("nop")) rule.action = RuleAction::nop;
  const std::string action = object.value("action", "");
  if (action == "blackhole") rule.action = RuleAction::blackhole;
  if (action == "unreachable") rule.action = RuleAction::unreachable;
  if (action == "prohibit") rule.action = RuleAction::prohibit;
  rule.suppress_prefix_length = object.value("suppress_prefixlen", -1);
}

void read_ports(const json& object, const char* one, const std::string& range, std::uint16_t& low,
                std::uint16_t& high) {
  low = object.value(one, object.value(range + "_start", std::uint16_t{0}));
  high = object.value(one, object.value(range + "_end", std::uint16_t{0}));
}

void read_rules(RoutingWorld& world) {
  for (const json& object : json::parse(output_of("ip -json -4 rule show"), nullptr, false)) {
    route::Rule rule;
    rule.preference = object["priority"].get<std::uint32_t>();
    rule.invert = object.contains("not");
    rule.from = prefix_of(object, "src", "srclen");
    rule.to = prefix_of(object, "dst", "dstlen");
    rule.iif = object.value("iif", "");
    rule.oif = object.value("oif", "");
    if (object.contains("fwmark")) {
      rule.fwmark = static_cast<std::uint32_t>(
          std::stoul(object["fwmark"].get<std::string>(), nullptr, 0));
      rule.fwmask = static_cast<std::uint32_t>(
          std::stoul(object.value("fwmask", "0xffffffff"), nullptr, 0));
    }
    rule.tos = static_cast<std::uint8_t>(std::stoul(object.value("tos", "0"), nullptr, 0));
    if (object.contains("ipproto"))
      rule.ip_protocol = named(ip_protocols, object["ipproto"].get<std::string>());
    read_ports(object, "sport", "sport", rule.sport_low, rule.sport_high);
    read_ports(object, "dport", "dport", rule.dport_low, rule.dport_high);
    if (object.contains("uid_start"))
      rule.uid_range = {object["uid_start"].get<std::uint32_t>(),
                        object["uid_end"].get<std::uint32_t>()};
    rule.protocol = named(protocols, object.value("protocol", "unspec"));
    read_action(object, rule);
    world.fib.rules.push_back(std::move(rule));
  }
}

}  // namespace

DeviceId RoutingWorld::device(std::string_view name) const {
  const auto it = std::ranges::find(names, name);
  return it == names.end() ? no_device : static_cast<DeviceId>(it - names.begin());
}

RoutingWorld read_routing_world() {
  RoutingWorld world;
  read_interfaces(world);
  read_routes(world);
  read_rules(world);
  world.fib.index(world.interfaces, world.names);
  return world;
}

}  // namespace wayout::kernel
