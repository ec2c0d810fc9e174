// Changes of routes that are there already, and rules in front of a table.
#include <algorithm>

#include <fmt/format.h>

#include "route/print.hpp"
#include "why/change_parts.hpp"
#include "why/words.hpp"

namespace wayout::why {
namespace {

/// What names a route among others, behind its next hop.
std::string place_of(const host::Host& host, RouteRef ref) {
  const route::Route& route = host.fib.route(ref);
  const std::uint32_t table = host.fib.tables[ref.table].id;
  std::string text;
  if (route.tos != 0) text += fmt::format(" tos 0x{:02x}", route.tos);
  if (table != route::table_main) text += fmt::format(" table {}", table);
  if (route.metric != 0) text += fmt::format(" metric {}", route.metric);
  return text;
}

std::string prefix_of(const route::Route& route) {
  return route.destination.length == 0 ? "default" : route.destination.text(true);
}

}  // namespace

Change replace_route(const host::Machine& machine, std::uint32_t host, RouteRef ref,
                     const wire::IpAddress& gateway, DeviceId device) {
  const host::Host& h = machine.hosts[host];
  return {.host = host,
          .command = fmt::format("ip route replace {} via {} dev {}{}", prefix_of(h.fib.route(ref)),
                                 gateway.text(), name_of(machine, {host, device}), place_of(h, ref)),
          .lasting = keep_network,
          .parts = Parts::routing,
          .by_position = true,
          .apply = [=](host::Host& target) {
            route::Route& route = target.fib.tables[ref.table].routes[ref.route];
            route::Route made{.destination = route.destination, .tos = route.tos,
                              .metric = route.metric, .protocol = route::made_by_boot};
            made.nexthops.push_back({.gateway = gateway, .device = device});
            route = std::move(made);
          }};
}

Change without_route_mtu(const host::Machine& machine, std::uint32_t host, RouteRef ref) {
  const host::Host& h = machine.hosts[host];
  const route::Route& route = h.fib.route(ref);
  const route::Nexthop& hop = route.nexthops.front();
  std::string command = fmt::format("ip route change {}", prefix_of(route));
  if (hop.gateway.is_set()) command += fmt::format(" via {}", hop.gateway.text());
  command += fmt::format(" dev {}", name_of(machine, {host, hop.device}));
  if (route.protocol == route::made_by_kernel) command += " proto kernel";
  if (route.scope == route::Scope::link) command += " scope link";
  if (route.preferred_source.is_set())
    command += fmt::format(" src {}", route.preferred_source.text());
  if (hop.onlink) command += " onlink";
  return {.host = host,
          .command = command + place_of(h, ref),
          .lasting = keep_network,
          .parts = Parts::routing,
          .by_position = true,
          .apply = [=](host::Host& target) {
            route::Route& changed = target.fib.tables[ref.table].routes[ref.route];
            changed.mtu_bytes = 0;
            changed.mtu_locked = false;
          }};
}

Change add_main_rule_to(std::uint32_t host, const wire::Prefix& to, std::uint32_t preference) {
  return {.host = host,
          .command = fmt::format("ip rule add to {} table main pref {}", to.text(true), preference),
          .lasting = keep_network,
          .parts = Parts::routing,
          .by_position = true,
          .apply = [=](host::Host& h) {
            auto& rules = h.fib.rules;
            const auto behind = std::find_if(rules.begin(), rules.end(), [&](const auto& r) {
              return r.preference > preference;
            });
            rules.insert(behind,
                         {.preference = preference, .to = to, .table = route::table_main});
          }};
}

}  // namespace wayout::why
