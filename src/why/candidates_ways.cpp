// Changes of routes, routing rules, addresses and neighbours.
#include <algorithm>

#include "why/candidates.hpp"
#include "wire/headers.hpp"

namespace wayout::why {
namespace {

/// The other layer-3 end of a container's segment: the veth peer, or the bridge it is a port of.
std::optional<host::DeviceRef> segment_gateway(const host::Machine& machine, host::DeviceRef end) {
  const host::DeviceRef peer = machine.peer(end);
  if (peer.device == no_device) return std::nullopt;
  const link::Device& device = machine.hosts[peer.host].devices[peer.device];
  return host::DeviceRef{peer.host, device.port ? device.master : peer.device};
}

/// The router of a segment gets the address that `end` uses as its gateway there.
std::optional<Change> give_gateway(const host::Machine& machine, host::DeviceRef end,
                                   const wire::IpAddress& address) {
  const auto router = segment_gateway(machine, end);
  if (!router) return std::nullopt;
  for (const auto& a : machine.hosts[router->host].interfaces[router->device].addresses)
    if (a.local == address) return std::nullopt;
  for (const auto& a : machine.hosts[end.host].interfaces[end.device].addresses)
    if (a.subnet().contains(address))
      return add_address(machine, *router, address, a.prefix_length);
  return std::nullopt;
}

/// An address of `gateway` inside one of `end`'s subnets.
std::optional<wire::IpAddress> gateway_address(const host::Machine& machine, host::DeviceRef end,
                                               host::DeviceRef gateway) {
  const auto& own = machine.hosts[end.host].interfaces[end.device].addresses;
  for (const auto& a : machine.hosts[gateway.host].interfaces[gateway.device].addresses)
    for (const auto& mine : own)
      if (mine.subnet().contains(a.local) && a.local != mine.local) return a.local;
  return std::nullopt;
}

/// Devices of `host` that reach a router on their segment, with its address there.
struct Gateway {
  DeviceId device;
  wire::IpAddress gateway;
};

std::vector<Gateway> possible_gateways(const host::Machine& machine, std::uint32_t host) {
  std::vector<Gateway> out;
  const host::Host& h = machine.hosts[host];
  for (DeviceId d = 1; d < h.devices.size(); ++d) {
    const auto gateway = segment_gateway(machine, {host, d});
    if (!gateway) continue;
    const auto address = gateway_address(machine, {host, d}, *gateway);
    if (address && h.interfaces.owner_of(*address) == no_device) out.push_back({d, *address});
  }
  return out;
}

/// The owner of `address` hangs on a veth whose host end is in no bridge, or in another one than the
/// segment of `end`, where it is looked for.
Changes for_strayed_port(const host::Machine& machine, host::DeviceRef end,
                         const wire::IpAddress& address) {
  Changes out;
  const auto is_bridge = [&](host::DeviceRef d) {
    return machine.hosts[d.host].devices[d.device].kind == link::DeviceKind::bridge;
  };
  const host::DeviceRef bridge =
      is_bridge(end) ? end : segment_gateway(machine, end).value_or(end);
  if (!is_bridge(bridge)) return out;
  const link::Devices& devices = machine.hosts[bridge.host].devices;
  const auto holds_address = [&](DeviceId master) {
    if (master == no_device) return false;
    const auto& own = machine.hosts[bridge.host].interfaces[master].addresses;
    return std::any_of(own.begin(), own.end(),
                       [&](const auto& a) { return a.subnet().contains(address); });
  };
  for (DeviceId d = 1; d < devices.size(); ++d) {
    if (devices[d].kind != link::DeviceKind::veth || devices[d].master == bridge.device) continue;
    if (holds_address(devices[d].master)) continue;  // it is where it belongs
    const host::DeviceRef peer = machine.peer({bridge.host, d});
    if (peer.device == no_device) continue;
    const auto& theirs = machine.hosts[peer.host].interfaces[peer.device].addresses;
    if (std::any_of(theirs.begin(), theirs.end(),
                    [&](const auto& a) { return a.local == address; }))
      out.push_back(set_master(machine, {bridge.host, d}, bridge.device));
  }
  return out;
}

/// A route for `destination` alone, through a router that this host uses already or could use: on the
/// wire where it was looked for it is not.
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
  for (const auto& [device, gateway] : possible_gateways(machine, host))
    if (device == looked_on) add(gateway, device);
  return out;
}

/// Whoever has `address` shares its MAC address with another device of its kind: frames for the one
/// go to the other, or nowhere. It gets one of its own, made of the IP address as docker does.
Changes for_shared_mac(const host::Machine& machine, const wire::IpAddress& address) {
  Changes out;
  const auto is_end = [](const link::Device& device) {
    return device.ethernet && !device.port && device.kind != link::DeviceKind::bridge;
  };
  const auto shares = [&](host::DeviceRef own) {
    const wire::MacAddress& mac = machine.hosts[own.host].devices[own.device].mac;
    for (std::uint32_t i = 0; i < machine.hosts.size(); ++i)
      for (DeviceId d = 1; d < machine.hosts[i].devices.size(); ++d)
        if (i != own.host && is_end(machine.hosts[i].devices[d]) &&
            machine.hosts[i].devices[d].mac == mac)
          return true;
    return false;
  };
  for (std::uint32_t i = 0; i < machine.hosts.size(); ++i) {
    const DeviceId owner = machine.hosts[i].interfaces.owner_of(address);
    if (owner == no_device || !is_end(machine.hosts[i].devices[owner]) || !shares({i, owner}))
      continue;
    const auto& bytes = address.bytes();
    out.push_back(set_mac(machine, {i, owner}, {{0x02, 0x42, bytes[0], bytes[1], bytes[2], bytes[3]}}));
  }
  return out;
}

}  // namespace

Changes for_no_route(const Scene& s) {
  Changes out;
  for (DeviceId d = 1; d < s.h.devices.size(); ++d)
    if (!s.h.devices[d].up && !s.h.interfaces[d].addresses.empty())
      out.push_back(link_up(s.machine, {s.host, d}));
  for (const auto& [device, gateway] : possible_gateways(s.machine, s.host))
    out.push_back(default_route(s.machine, s.host, gateway, device));
  return out;
}

Changes for_route(const Scene& s) {
  // A route of the table local belongs to an address, and is not taken away on its own.
  const RouteRef route = s.cause.route();
  if (s.h.fib.tables[route.table].id == route::table_local) return {};
  Changes out{delete_route(s.machine, s.host, route)};
  for (Change& c : for_no_route(s)) out.push_back(std::move(c));
  return out;
}

Changes for_unanswered(const Scene& s) {
  Changes out;
  const std::uint32_t host = s.account.end.host;
  const host::Host& h = s.machine.hosts[host];
  const DeviceId device = s.packet.device;
  const wire::IpAddress next_hop =
      s.packet.routing.gateway.is_set() ? s.packet.routing.gateway : s.flow.destination;

  // A gateway that is not there: use the one that is, or give the segment's router the address.
  if (s.packet.routing.gateway.is_set()) {
    for (const auto& [d, gateway] : possible_gateways(s.machine, host))
      if (gateway != next_hop) out.push_back(default_route(s.machine, host, gateway, d));
    if (auto given = give_gateway(s.machine, {host, device}, next_hop))
      out.push_back(std::move(*given));
  }
  // A route that somebody set and that leads to the wrong segment.
  for (auto step = s.account.steps.rbegin(); step != s.account.steps.rend(); ++step) {
    if (step->host != host || step->did != Did::routed) continue;
    if (step->by.kind() == CauseKind::route &&
        h.fib.route(step->by.route()).protocol != route::made_by_kernel)
      out.push_back(delete_route(s.machine, host, step->by.route()));
    break;
  }
  // A rule that sends it to somebody who is gone.
  for (const Step& step : s.account.steps)
    if (step.packet == s.account.legs.front().packet && step.did == Did::translated &&
        step.by.kind() == CauseKind::rule && step.address == next_hop)
      out.push_back(delete_rule(s.machine, step.host, step.by.rule_ref()));
  for (Change& c : for_strayed_port(s.machine, {host, device}, next_hop)) out.push_back(std::move(c));
  for (Change& c : for_shared_mac(s.machine, next_hop)) out.push_back(std::move(c));
  if (!s.packet.routing.gateway.is_set())
    for (Change& c : for_not_on_link(s.machine, host, device, s.flow.destination))
      out.push_back(std::move(c));
  return out;
}

Changes for_wrong_mac(const Scene& s) {
  Changes out;
  for (auto step = s.account.steps.rbegin(); step != s.account.steps.rend(); ++step) {
    if (step->did != Did::resolved) continue;
    for (const link::Neighbour& n : s.machine.hosts[step->host].neighbours)
      if (n.device == step->device && n.address == step->address)
        out.push_back(delete_neighbour(s.machine, {step->host, n.device}, n.address));
  }
  if (const wire::IpAddress to = s.flow.destination; to.is_v4())
    for (Change& c : for_shared_mac(s.machine, to)) out.push_back(std::move(c));
  const auto* ethernet = wire::header_at<wire::EthernetHeader>(s.packet.frame());
  for (std::uint32_t i = 0; ethernet != nullptr && i < s.machine.hosts.size(); ++i)
    for (const bridge::FdbEntry& e : s.machine.hosts[i].bridging.fdb)
      if (e.mac == ethernet->destination && !e.local && e.bridge != no_device)
        out.push_back(delete_fdb(s.machine, i, e));
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
