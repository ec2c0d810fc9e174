// Changes of next hops: gateways that nobody is, that are somebody else, or that lost their way on.
#include <algorithm>

#include "why/candidates.hpp"

namespace wayout::why {
namespace {

/// A network behind a neighbour, and the way to it.
struct Behind {
  wire::Prefix prefix;
  Gateway gateway;
};

/// Networks with `destination` in them that others on this host's wires have on another side.
std::vector<Behind> networks_behind(const host::Machine& machine, std::uint32_t host,
                                    const wire::IpAddress& destination) {
  std::vector<Behind> out;
  const route::Interfaces& own = machine.hosts[host].interfaces;
  for (DeviceId d = 1; d < own.size(); ++d) {
    for (const host::DeviceRef& end : ends_on_segment(machine, {host, d})) {
      const auto gateway = shared_address(machine, {host, d}, end);
      if (!gateway || end.host == host || own.owner_of(*gateway) != no_device) continue;
      const route::Interfaces& theirs = machine.hosts[end.host].interfaces;
      for (DeviceId other = 1; other < theirs.size(); ++other) {
        if (other == end.device || theirs[other].loopback) continue;
        for (const route::InterfaceAddress& a : theirs[other].addresses)
          if (a.subnet().contains(destination)) out.push_back({a.subnet(), {d, *gateway, end}});
      }
    }
  }
  return out;
}

/// The default route of the main table.
const route::Route* main_default(const host::Host& host) {
  for (const route::FibTable& table : host.fib.tables)
    for (const route::Route& route : table.routes)
      if (table.id == route::table_main && route.destination.length == 0 &&
          route.type == RouteType::unicast && !route.nexthops.empty())
        return &route;
  return nullptr;
}

/// Routed by a route, as this packet.
bool is_of(const Step& step, std::uint32_t packet) {
  return step.packet == packet && step.did == Did::routed && step.by.kind() == CauseKind::route;
}

}  // namespace

std::vector<host::DeviceRef> ends_on_segment(const host::Machine& machine, host::DeviceRef end) {
  std::vector<host::DeviceRef> out;
  const auto add_ports = [&](host::DeviceRef bridge) {
    const link::Devices& devices = machine.hosts[bridge.host].devices;
    for (DeviceId d = 1; d < devices.size(); ++d) {
      if (!devices[d].port || devices[d].master != bridge.device) continue;
      const host::DeviceRef peer = machine.peer({bridge.host, d});
      if (peer.device != no_device && peer != end) out.push_back(peer);
    }
  };
  if (machine.hosts[end.host].devices[end.device].kind == link::DeviceKind::bridge) {
    add_ports(end);
  } else if (const auto router = segment_gateway(machine, end)) {
    out.push_back(*router);
    if (machine.hosts[router->host].devices[router->device].kind == link::DeviceKind::bridge)
      add_ports(*router);
  }
  return out;
}

bool leads_back(const host::Machine& machine, std::uint32_t host, const Gateway& gateway) {
  const route::Route* theirs = main_default(machine.hosts[gateway.router.host]);
  return theirs != nullptr && theirs->nexthops.front().gateway.is_set() &&
         machine.hosts[host].interfaces.owner_of(theirs->nexthops.front().gateway) != no_device;
}

Changes for_subnet_behind(const host::Machine& machine, std::uint32_t host,
                          const wire::IpAddress& destination) {
  constexpr int one_of_many = 4;  // of the networks that are beyond a provider's router
  constexpr int past_the_tunnel = 6;  // by which the other side sends
  Changes out = for_tunnel_way(machine, host, destination);
  const bool is_tunnelled = !out.empty();
  for (const auto& [prefix, gateway] : networks_behind(machine, host, destination)) {
    out.push_back(add_route(machine, host, prefix, gateway.gateway, gateway.device));
    if (is_foreign(machine, gateway.router.host, host)) out.back().weight = one_of_many;
    if (is_tunnelled) out.back().weight = past_the_tunnel;
  }
  return out;
}

Changes for_dead_next_hop(const host::Machine& machine, std::uint32_t host, RouteRef ref,
                          const wire::IpAddress& next_hop, const wire::IpAddress& destination) {
  Changes out;
  const route::Route& route = machine.hosts[host].fib.route(ref);
  if (route.type != RouteType::unicast || route.nexthops.empty()) return out;
  const auto add = [&](const Gateway& g) {
    if (g.gateway == next_hop) return;
    constexpr int renumbered = 2, takes_what_was_set_apart = 5;  // a table of its own has its reason
    Change change = replace_route(machine, host, ref, g.gateway, g.device);
    const bool in_main = machine.hosts[host].fib.tables[ref.table].id == route::table_main;
    if (route.destination.length == 0 && !in_main)
      change.weight =
          g.device == route.nexthops.front().device ? renumbered : takes_what_was_set_apart;
    if (!route.nexthops.front().gateway.is_set()) change.blames = Cause::route(ref);
    if (std::ranges::none_of(out, [&](const Change& c) { return c.command == change.command; }))
      out.push_back(std::move(change));
  };
  for (const auto& [prefix, gateway] : networks_behind(machine, host, destination)) add(gateway);
  const std::vector<Gateway> gateways = possible_gateways(machine, host);
  for (const bool same_wire : {true, false})
    for (const Gateway& g : gateways)
      if ((g.device == route.nexthops.front().device) == same_wire) add(g);
  return out;
}

Changes for_neighbour_as_gateway(const Scene& s) {
  constexpr int moves_everything = 2;
  Changes out;
  for (const Step& step : s.account.steps) {
    if (!is_of(step, s.account.legs.front().packet)) continue;
    const route::Route& route = s.machine.hosts[step.host].fib.route(step.by.route());
    const auto router = segment_gateway(s.machine, {step.host, step.device});
    if (route.destination.length != 0 || route.nexthops.size() != 1 || !router ||
        route.nexthops.front().gateway != step.address)
      continue;
    // Another end of the segment, not the one that leads out of it.
    const bool is_neighbour = std::ranges::any_of(
        ends_on_segment(s.machine, {step.host, step.device}), [&](const host::DeviceRef& end) {
          return end != *router && end.host != router->host &&
                 s.machine.hosts[end.host].interfaces.owner_of(step.address) == end.device;
        });
    const auto gateway = shared_address(s.machine, {step.host, step.device}, *router);
    if (!is_neighbour || !gateway || *gateway == step.address) continue;
    out.push_back(replace_route(s.machine, step.host, step.by.route(), *gateway, step.device));
    out.back().weight = moves_everything;
    out.back().blames = step.by;
  }
  return out;
}

Changes for_lost_way_back(const Scene& s) {
  Changes out;
  // Where a translation is missing, the other side is not to know this one.
  if (!s.back() || !s.account.seen || s.cause.kind() == CauseKind::nat) return out;
  for (const Step& asked : s.account.steps) {
    // By a route of its own to a gateway, not one that leads to wherever or onto a wire.
    if (!is_of(asked, s.account.legs.front().packet)) continue;
    const route::Route& there = s.machine.hosts[asked.host].fib.route(asked.by.route());
    if (there.destination.length == 0 || there.nexthops.empty() ||
        !there.nexthops.front().gateway.is_set())
      continue;
    for (const Step& answered : s.account.steps) {
      const bool by_default =
          answered.by.kind() != CauseKind::route ||
          s.machine.hosts[answered.host].fib.route(answered.by.route()).destination.length == 0;
      if (answered.packet != s.account.legs.back().packet || answered.did != Did::routed ||
          answered.host == asked.host || !by_default ||
          s.machine.hosts[answered.host].interfaces.owner_of(asked.address) == no_device)
        continue;
      for (Change& change : for_subnet_behind(s.machine, answered.host, s.account.seen->source)) {
        change.blames = answered.by;
        out.push_back(std::move(change));
      }
    }
  }
  return out;
}

Changes for_blind_end(const Scene& s) {
  Changes out;
  for (DeviceId d = 1; d < s.h.interfaces.size(); ++d) {
    const auto router = segment_gateway(s.machine, {s.host, d});
    if (!router || !s.h.devices[d].up) continue;
    for (const route::InterfaceAddress& mine : s.h.interfaces[d].addresses)
      for (const auto& a : s.machine.hosts[router->host].interfaces[router->device].addresses) {
        if (mine.prefix_length != 32 || a.prefix_length == 32 || a.local == mine.local ||
            !a.subnet().contains(mine.local) || is_on_link(s.h, d, a.local))
          continue;
        out.push_back(add_link_route(s.machine, s.host, a.subnet(), d));
        out.back().prepares = out.back().allows = true;  // for a gateway in it
        out.back().blames = Cause::no_route();
      }
  }
  return out;
}

}  // namespace wayout::why
