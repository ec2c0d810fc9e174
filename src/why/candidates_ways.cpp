// Changes of routes, routing rules, addresses and neighbours.
#include <algorithm>
#include <iterator>
#include <utility>

#include "why/candidates.hpp"
#include "wire/headers.hpp"

namespace wayout::why {
namespace {

/// An address of `gateway` inside one of `end`'s subnets.
std::optional<wire::IpAddress> gateway_address(const host::Machine& machine, host::DeviceRef end,
                                               host::DeviceRef gateway) {
  const auto& own = machine.hosts[end.host].interfaces[end.device].addresses;
  for (const auto& a : machine.hosts[gateway.host].interfaces[gateway.device].addresses)
    for (const auto& mine : own)
      if (mine.subnet().contains(a.local) && a.local != mine.local) return a.local;
  return std::nullopt;
}

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

/// A router next to this host that the destination is behind.
Changes for_subnet_behind(const Scene& s, const wire::IpAddress& destination) {
  constexpr int one_of_many = 4;  // of the networks that are beyond a provider's router
  Changes out;
  for (const auto& [device, gateway, router] : possible_gateways(s.machine, s.host)) {
    const host::Host& there = s.machine.hosts[router.host];
    for (DeviceId d = 1; d < there.interfaces.size(); ++d) {
      if (d == router.device || there.interfaces[d].loopback) continue;
      for (const route::InterfaceAddress& a : there.interfaces[d].addresses)
        if (a.subnet().contains(destination)) {
          out.push_back(add_route(s.machine, s.host, a.subnet(), gateway, device));
          if (is_foreign(s.machine, router.host, s.host)) out.back().weight = one_of_many;
        }
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

}  // namespace

std::optional<Change> give_gateway(const host::Machine& machine, host::DeviceRef end,
                                   const wire::IpAddress& address) {
  const auto router = segment_gateway(machine, end);
  if (!router) return std::nullopt;
  // A host that has it on another device answers for it here, too.
  if (machine.hosts[router->host].interfaces.owner_of(address) != no_device) return std::nullopt;
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
    const auto address = gateway_address(machine, {host, d}, *gateway);
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
  Changes defaults;
  const std::optional<RouteRef> default_route_now = default_of(s.h);
  const bool has_gateway =
      default_route_now && s.h.fib.route(*default_route_now).nexthops.front().gateway.is_set();
  constexpr int moves_everything = 4;  // for a host that has a way out already
  for (const auto& [device, gateway, router] : possible_gateways(s.machine, s.host)) {
    defaults.push_back(default_route(s.machine, s.host, gateway, device));
    if (has_gateway) defaults.back().weight = moves_everything;
    else if (default_route_now) defaults.back().blames = Cause::route(*default_route_now);
  }
  if (!has_gateway) add(std::exchange(defaults, {}));
  if (const wire::IpAddress to = s.flow.destination; to.is_v4()) {
    add(for_passed_tables(s, to));
    add(for_lost_connected_route(s, to));
    add(for_subnet_behind(s, to));
  }
  add(std::move(defaults));
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

Changes for_other_way_back(const Scene& s) {
  Changes out;
  if (!s.back() || !s.account.seen) return out;
  const auto came_in_by = [&](std::uint32_t host) {
    for (const Step& step : s.account.steps)
      if (step.host == host && step.packet == s.account.legs.front().packet &&
          step.did == Did::source_validated)
        return step.device;
    return no_device;
  };
  for (const Step& step : s.account.steps) {
    if (step.packet != s.account.legs.back().packet || step.did != Did::routed ||
        step.by.kind() != CauseKind::route)
      continue;
    const route::Fib& fib = s.machine.hosts[step.host].fib;
    const std::uint32_t table = fib.tables[step.by.route().table].id;
    const DeviceId ingress = came_in_by(step.host);
    if (table == route::table_main || table == route::table_local || ingress == no_device ||
        ingress == step.device)
      continue;
    std::uint32_t first = 101;  // a rule in front of all that look elsewhere
    for (const route::Rule& rule : fib.rules)
      if (rule.table != route::table_local) first = std::min(first, rule.preference);
    if (first < 2) continue;
    for (const wire::IpAddress& from : {s.account.seen->destination, s.account.asked.destination}) {
      out.push_back(add_main_rule(s.machine, step.host, wire::Prefix::host(from), first - 1));
      out.back().blames = step.by;
    }
  }
  return out;
}

Changes for_route(const Scene& s) {
  // A route of the table local belongs to an address, and is not taken away on its own.
  const RouteRef route = s.cause.route();
  if (s.h.fib.tables[route.table].id == route::table_local) return {};
  // Nor is that of a subnet, whose address would be left without it.
  Changes out;
  if (s.h.fib.route(route).protocol != route::made_by_kernel)
    out.push_back(delete_route(s.machine, s.host, route));
  constexpr int moves_everything = 4;  // a default route, or a half of one
  if (!out.empty() && s.h.fib.route(route).destination.length <= 1)
    out.back().weight = moves_everything;
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
