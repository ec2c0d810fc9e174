// Changes of routes, routing rules, addresses and neighbours.
#include <algorithm>
#include <iterator>
#include <utility>

#include "why/candidates.hpp"
#include "why/hops.hpp"
#include "wire/headers.hpp"

namespace wayout::why {
namespace {

/// Where packets for `address` go to from here.
route::FibResult way_to(const host::Host& host, const wire::IpAddress& address) {
  Chance chance{std::vector<std::uint32_t>{}};
  return host.fib.lookup({.destination = address}, chance);
}

DeviceId egress_of(const host::Host& host, const route::FibResult& way) {
  if (way.kind != route::FibResult::Kind::found || !way.by_route) return no_device;
  const auto& nexthops = host.fib.route(way.route).nexthops;
  return way.nexthop < nexthops.size() ? nexthops[way.nexthop].device : no_device;
}

/// The default route of the main table.
std::optional<RouteRef> default_of(const host::Host& host) {
  for (std::uint32_t t = 0; t < host.fib.tables.size(); ++t)
    for (std::uint32_t r = 0; r < host.fib.tables[t].routes.size(); ++r)
      if (const route::Route& route = host.fib.tables[t].routes[r];
          host.fib.tables[t].id == route::table_main && route.destination.length == 0 &&
          route.type == RouteType::unicast && !route.nexthops.empty())
        return RouteRef{t, r};
  return std::nullopt;
}

/// The subnet of an address of this host, when its own route is not there.
Changes for_lost_connected_route(const Scene& s, const wire::IpAddress& destination) {
  constexpr int takes_it_from_another = 4;
  Changes out;
  const route::FibResult way = way_to(s.h, destination);
  for (DeviceId d = 1; d < s.h.devices.size(); ++d) {
    if (!s.h.devices[d].up) continue;
    for (const route::InterfaceAddress& a : s.h.interfaces[d].addresses) {
      if (a.prefix_length >= 32 || !a.subnet().contains(destination) || egress_of(s.h, way) == d)
        continue;
      out.push_back(add_link_route(s.machine, s.host, a.subnet(), d));
      if (way.by_route && s.h.fib.route(way.route).destination == a.subnet())
        out.back().weight = takes_it_from_another;
    }
  }
  return out;
}

/// Rules and routes that keep a look-up from the table that would have known.
Changes for_passed_tables(const Scene& s, const wire::IpAddress& destination) {
  Changes out;
  const auto& rules = s.h.fib.rules;
  for (std::uint32_t i = 0; i < rules.size(); ++i)
    if (rules[i].action == route::RuleAction::goto_) {
      out.push_back(delete_routing_rule(s.machine, s.host, i));
      out.back().blames = Cause::routing_rule(i);
    }
  for (std::uint32_t t = 0; t < s.h.fib.tables.size(); ++t)
    for (std::uint32_t r = 0; r < s.h.fib.tables[t].routes.size(); ++r)
      if (const route::Route& route = s.h.fib.tables[t].routes[r];
          route.type == RouteType::throw_ && route.destination.contains(destination))
        out.push_back(delete_route(s.machine, s.host, {t, r})), out.back().weight = 1;
  const bool asks_main = std::ranges::any_of(rules, [](const route::Rule& rule) {
    return rule == route::Rule{.preference = rule.preference, .table = route::table_main,
                               .protocol = rule.protocol};
  });
  constexpr std::uint32_t preference_of_main = 32766;
  if (!asks_main && !rules.empty())
    out.push_back(add_main_rule(s.machine, s.host, {}, preference_of_main));
  return out;
}

/// Somebody on a cable to the router's host, or that host itself, has it already.
bool is_taken(const host::Machine& machine, std::uint32_t router, const wire::IpAddress& address) {
  if (machine.hosts[router].interfaces.owner_of(address) != no_device) return true;
  for (std::uint32_t i = 0; i < machine.hosts.size(); ++i) {
    const DeviceId owner = machine.hosts[i].interfaces.owner_of(address);
    if (owner != no_device && machine.peer({i, owner}).device != no_device &&
        machine.peer({i, owner}).host == router)
      return true;
  }
  return false;
}

}  // namespace

bool is_on_link(const host::Host& host, DeviceId device, const wire::IpAddress& address) {
  const route::FibResult way = way_to(host, address);
  return egress_of(host, way) == device &&
         !host.fib.route(way.route).nexthops[way.nexthop].gateway.is_set();
}

std::optional<wire::IpAddress> shared_address(const host::Machine& machine, host::DeviceRef end,
                                              host::DeviceRef other) {
  const auto& own = machine.hosts[end.host].interfaces[end.device].addresses;
  const auto& theirs = machine.hosts[other.host].interfaces[other.device].addresses;
  for (const auto& a : theirs)
    for (const auto& mine : own)
      if (mine.subnet().contains(a.local) && a.local != mine.local) return a.local;
  for (const auto& a : theirs)  // a /32 that has a route of its own to it
    if (is_on_link(machine.hosts[end.host], end.device, a.local)) return a.local;
  return std::nullopt;
}

std::optional<Change> give_gateway(const host::Machine& machine, host::DeviceRef end,
                                   const wire::IpAddress& address) {
  const auto router = segment_gateway(machine, end);
  if (!router) return std::nullopt;
  if (is_taken(machine, router->host, address)) return std::nullopt;
  for (const auto& a : machine.hosts[end.host].interfaces[end.device].addresses)
    if (a.subnet().contains(address))
      return add_address(machine, *router, address, a.prefix_length);
  return std::nullopt;
}

std::vector<Gateway> possible_gateways(const host::Machine& machine, std::uint32_t host) {
  std::vector<Gateway> out;
  const host::Host& h = machine.hosts[host];
  for (DeviceId d = 1; d < h.devices.size(); ++d) {
    const auto gateway = segment_gateway(machine, {host, d});
    if (!gateway) continue;
    const auto address = shared_address(machine, {host, d}, *gateway);
    if (address && h.interfaces.owner_of(*address) == no_device)
      out.push_back({d, *address, *gateway});
  }
  return out;
}

Changes for_not_on_link(const host::Machine& machine, std::uint32_t host, DeviceId looked_on,
                        const wire::IpAddress& destination) {
  Changes out;
  const auto add = [&](const wire::IpAddress& gateway, DeviceId device) {
    Change change =
        add_route(machine, host, wire::Prefix::host(destination), gateway, device);
    change.last_resort = true;
    const bool is_known = std::any_of(out.begin(), out.end(),
                                      [&](const Change& c) { return c.command == change.command; });
    if (!is_known) out.push_back(std::move(change));
  };
  for (const route::FibTable& table : machine.hosts[host].fib.tables)
    for (const route::Route& route : table.routes)
      for (const route::Nexthop& hop : route.nexthops)
        if (route.destination.length == 0 && hop.gateway.is_set()) add(hop.gateway, hop.device);
  for (const auto& [device, gateway, router] : possible_gateways(machine, host))
    if (device == looked_on) add(gateway, device);
  return out;
}

Changes for_no_route(const Scene& s) {
  Changes out;
  const auto add = [&](Changes more) {
    std::move(more.begin(), more.end(), std::back_inserter(out));
  };
  for (DeviceId d = 1; d < s.h.devices.size(); ++d)
    if (!s.h.devices[d].up && !s.h.interfaces[d].addresses.empty())
      out.push_back(link_up(s.machine, {s.host, d}));
  add(for_blind_end(s));
  Changes defaults, circular;
  const std::optional<RouteRef> default_route_now = default_of(s.h);
  const bool has_gateway =
      default_route_now && s.h.fib.route(*default_route_now).nexthops.front().gateway.is_set();
  constexpr int moves_everything = 4;  // for a host that has a way out already
  for (const Gateway& g : possible_gateways(s.machine, s.host)) {
    if (!is_on_link(s.h, g.device, g.gateway)) continue;  // the kernel refuses it
    Change change = default_route(s.machine, s.host, g.gateway, g.device);
    const bool in_a_circle = leads_back(s.machine, s.host, g);
    if (has_gateway || in_a_circle) change.weight = moves_everything;
    else if (default_route_now) change.blames = Cause::route(*default_route_now);
    (in_a_circle ? circular : defaults).push_back(std::move(change));
  }
  if (!has_gateway) add(std::exchange(defaults, {}));
  if (const wire::IpAddress to = s.flow.destination; to.is_v4()) {
    add(for_passed_tables(s, to));
    add(for_lost_connected_route(s, to));
    add(for_subnet_behind(s.machine, s.host, to));
  }
  add(std::move(defaults));
  add(std::move(circular));
  return out;
}

Changes for_lost_cable(const Scene& s) {
  Changes out;
  std::vector<wire::IpAddress> ends{s.account.asked.source, s.account.asked.destination};
  if (s.account.seen) ends.push_back(s.account.seen->destination);
  for (const wire::IpAddress& end : ends) {
    for (std::uint32_t i = 0; i < s.machine.hosts.size(); ++i) {
      const DeviceId own = s.machine.hosts[i].interfaces.owner_of(end);
      if (own == no_device || s.machine.hosts[i].devices[own].kind != link::DeviceKind::veth)
        continue;
      const host::DeviceRef cable = s.machine.peer({i, own});
      if (cable.device == no_device || cable.host == i) continue;
      const host::Host& router = s.machine.hosts[cable.host];
      if (router.devices[cable.device].master != no_device || !router.devices[cable.device].up ||
          router.interfaces.owner_of(end) != no_device)
        continue;
      const route::FibResult way = way_to(router, end);
      if (egress_of(router, way) == cable.device) continue;
      Change change = add_link_route(s.machine, cable.host, wire::Prefix::host(end), cable.device);
      change.weight = 2;
      change.blames = way.cause;
      if (std::ranges::none_of(out, [&](const Change& c) { return c.command == change.command; }))
        out.push_back(std::move(change));
    }
  }
  return out;
}

namespace {

/// In front of every rule that looks elsewhere; 0: there is no room.
std::uint32_t preference_in_front(const route::Fib& fib) {
  std::uint32_t first = 101;
  for (const route::Rule& rule : fib.rules)
    if (rule.table != route::table_local) first = std::min(first, rule.preference);
  return first < 2 ? 0 : first - 1;
}

/// Main has a narrower route to where a table of its own sent this: `ip rule add to` that network.
Changes for_main_in_front(const Scene& s, const Step& step, std::uint32_t preference) {
  Changes out;
  const host::Host& h = s.machine.hosts[step.host];
  const Endpoints& asked = s.account.asked;
  for (const wire::IpAddress& to :
       {s.flow.destination, s.back() ? asked.source : asked.destination}) {
    const route::FibResult way = h.fib.lookup_table(route::table_main, {.destination = to});
    const DeviceId egress = egress_of(h, way);
    if (egress == no_device || egress == step.device || way.type != RouteType::unicast ||
        way.prefix_length <= 1)  // a default, or half of one
      continue;
    Change change = add_main_rule_to(step.host, h.fib.route(way.route).destination, preference);
    // A rule that drops what leaves there shows what is wrong, and may be meant to.
    const CauseKind kind = s.cause.kind();
    if (kind == CauseKind::rule || kind == CauseKind::policy) change.weight = 2;
    else change.blames = step.by;
    if (std::ranges::none_of(out, [&](const Change& c) { return c.command == change.command; }))
      out.push_back(std::move(change));
  }
  return out;
}

}  // namespace

Changes for_other_table(const Scene& s) {
  Changes out;
  for (const Step& step : s.account.steps) {
    if (step.packet != s.account.legs.back().packet || step.did != Did::routed ||
        step.by.kind() != CauseKind::route)
      continue;
    const route::Fib& fib = s.machine.hosts[step.host].fib;
    const std::uint32_t table = fib.tables[step.by.route().table].id;
    const std::uint32_t preference = preference_in_front(fib);
    if (table == route::table_main || table == route::table_local || preference == 0) continue;
    const std::size_t before = out.size();
    for (Change& c : for_main_in_front(s, step, preference)) out.push_back(std::move(c));
    const DeviceId ingress = came_in_by(s.account, step.host);
    if (!s.back() || !s.account.seen || ingress == no_device || ingress == step.device) continue;
    const bool is_needed = out.size() == before;  // else it takes more from the table than is asked
    for (const wire::IpAddress& from : {s.account.seen->destination, s.account.asked.destination}) {
      out.push_back(add_main_rule(s.machine, step.host, wire::Prefix::host(from), preference));
      out.back().blames = step.by;
      if (!is_needed) out.back().weight = 2;
    }
  }
  return out;
}

Changes for_route(const Scene& s) {
  // A route of the table local belongs to an address, and is not taken away without it.
  const RouteRef route = s.cause.route();
  if (s.h.fib.tables[route.table].id == route::table_local) {
    Changes out = for_added_address(s, s.h.fib.route(route).destination.address);
    for (Change& c : out) c.blames = s.cause;
    return out;
  }
  // Nor is that of a subnet, whose address would be left without it.
  Changes out;
  const route::Route& blamed = s.h.fib.route(route);
  if (blamed.protocol != route::made_by_kernel) out.push_back(delete_route(s.machine, s.host, route));
  constexpr int takes_the_way_out = 4;  // of all that go by it: a default route, or a half of one
  if (!out.empty() && blamed.destination.length <= 1 && blamed.type == RouteType::unicast)
    out.back().weight = takes_the_way_out;
  for (Change& c : for_no_route(s)) out.push_back(std::move(c));
  return out;
}

Changes for_lost_local_rule(const Scene& s) {
  Changes out;
  for (std::uint32_t i = 0; i < s.machine.hosts.size(); ++i) {
    const auto& rules = s.machine.hosts[i].fib.rules;
    const bool has_local = std::any_of(rules.begin(), rules.end(), [](const route::Rule& rule) {
      return rule.action == route::RuleAction::to_table && rule.table == route::table_local;
    });
    if (!has_local && !rules.empty()) out.push_back(add_local_rule(s.machine, i));
  }
  return out;
}

Changes for_missing_gateways(const Scene& s) {
  Changes out;
  for (const Step& step : s.account.steps) {
    if (step.packet != s.account.legs.front().packet || step.did != Did::routed ||
        step.by.kind() != CauseKind::route)
      continue;
    for (const route::Nexthop& hop : s.machine.hosts[step.host].fib.route(step.by.route()).nexthops)
      if (hop.gateway.is_set() && hop.gateway == step.address)
        if (auto given = give_gateway(s.machine, {step.host, step.device}, step.address))
          out.push_back(std::move(*given));
  }
  return out;
}

}  // namespace wayout::why
