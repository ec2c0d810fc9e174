#include "host/snapshot/route_list.hpp"

#include <fmt/format.h>

#include "host/names.hpp"

namespace wayout::host::snapshot {

namespace {

/// What a listing without the scope means: `ip` leaves it out when it is the usual one.
route::Scope usual_scope(const route::Route& route) {
  if (route.type == RouteType::local || route.type == RouteType::nat) return route::Scope::host;
  if (route.type == RouteType::broadcast || route.type == RouteType::multicast ||
      route.type == RouteType::anycast)
    return route::Scope::link;
  return route::Scope::universe;
}

}  // namespace

void RouteList::add(Entry entry) {
  if (entry.is_ipv6) return;
  if (!entry.scope_given) entry.route.scope = usual_scope(entry.route);
  for (Entry::Hop& hop : entry.hops) {
    hop.nexthop.device = book_.find_or_assume(hop.device);
    if (hop.nexthop.device == no_device && !hop.device.empty()) {
      if (gone_.insert(hop.device).second)
        host_.assumed.push_back(fmt::format("routes through {} are gone with it", hop.device));
      return;
    }
    entry.route.nexthops.push_back(hop.nexthop);
  }
  const auto object = objects_.by_id.find(entry.route.nexthop_id);
  if (entry.route.nexthops.empty() && object != objects_.by_id.end()) {
    entry.route.nexthops = object->second.nexthops;
    if (object->second.blackhole) entry.route.type = RouteType::blackhole;
  }
  const std::uint32_t table = host_.fib.table_position(tables_.number(entry.table));
  host_.fib.tables[table].routes.push_back(std::move(entry.route));
}

std::optional<wire::Prefix> route_prefix(std::string_view text) {
  if (text == "default" || text == "all" || text == "any")
    return wire::Prefix{wire::IpAddress::any(wire::Family::ipv4), 0};
  return wire::Prefix::parse(text);
}

void read_suppress_ifgroup(std::string_view text, route::Rule& rule) {
  if (const auto group = device_group(text)) {
    rule.suppress_ifgroup = *group;
  } else {  // the number behind the name is not in the listing
    rule.unmodelled = true;
  }
}

}  // namespace wayout::host::snapshot
