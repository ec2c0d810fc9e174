#include "why/segments.hpp"

#include <algorithm>

namespace wayout::why {
namespace {

bool has_ports(const host::Host& host, DeviceId bridge) {
  return std::any_of(host.devices.list.begin(), host.devices.list.end(),
                     [&](const link::Device& d) { return d.port && d.master == bridge; });
}

bool is_bridge(const host::Machine& machine, host::DeviceRef d) {
  return machine.hosts[d.host].devices[d.device].kind == link::DeviceKind::bridge;
}

/// A device of `who` hangs on a bridge of `host`.
bool is_container_of(const host::Machine& machine, std::uint32_t who, std::uint32_t host) {
  for (DeviceId d = 1; d < machine.hosts[who].devices.size(); ++d) {
    const auto gateway = segment_gateway(machine, {who, d});
    if (gateway && gateway->host == host && who != host && is_bridge(machine, *gateway)) return true;
  }
  return false;
}

bool has_containers(const host::Machine& machine, std::uint32_t host) {
  for (std::uint32_t i = 0; i < machine.hosts.size(); ++i)
    if (i != host && is_container_of(machine, i, host)) return true;
  return false;
}

/// It stands between networks of its own: containers on its bridges, or several addressed devices
/// that are not those of a container.
bool is_router(const host::Machine& machine, std::uint32_t host) {
  const host::Host& h = machine.hosts[host];
  if (has_containers(machine, host)) return true;
  std::size_t addressed = 0;
  for (DeviceId d = 1; d < h.interfaces.size(); ++d) {
    if (h.interfaces[d].loopback || h.interfaces[d].addresses.empty()) continue;
    ++addressed;
    const auto gateway = segment_gateway(machine, {host, d});
    if (gateway && gateway->host != host && is_bridge(machine, *gateway)) return false;
  }
  return addressed > 1;
}

/// Some route of `who` has `other` as its next hop.
bool sends_by(const host::Machine& machine, std::uint32_t who, std::uint32_t other) {
  const host::Host& h = machine.hosts[who];
  for (const route::FibTable& table : h.fib.tables)
    for (const route::Route& route : table.routes)
      for (const route::Nexthop& hop : route.nexthops) {
        if (!hop.gateway.is_set() || hop.device == no_device) continue;
        if (machine.hosts[other].interfaces.owner_of(hop.gateway) != no_device) return true;
        const auto gateway = segment_gateway(machine, {who, hop.device});
        if (gateway && gateway->host == other && !is_bridge(machine, *gateway)) return true;
      }
  return false;
}

/// `who` sends by `router`, itself or through others.
bool lies_behind(const host::Machine& machine, std::uint32_t who, std::uint32_t router) {
  std::vector<std::uint32_t> reached{who};
  for (std::size_t at = 0; at < reached.size(); ++at)
    for (std::uint32_t next = 0; next < machine.hosts.size(); ++next) {
      if (std::find(reached.begin(), reached.end(), next) != reached.end()) continue;
      if (!sends_by(machine, reached[at], next) && !is_container_of(machine, reached[at], next))
        continue;
      if (next == router) return true;
      reached.push_back(next);
    }
  return false;
}

}  // namespace

std::optional<host::DeviceRef> segment_gateway(const host::Machine& machine, host::DeviceRef end) {
  const host::DeviceRef peer = machine.peer(end);
  if (peer.device == no_device) return std::nullopt;
  const link::Device& device = machine.hosts[peer.host].devices[peer.device];
  return host::DeviceRef{peer.host, device.port ? device.master : peer.device};
}

std::optional<host::DeviceRef> owner_on_segment(const host::Machine& machine, host::DeviceRef end,
                                                const wire::IpAddress& address) {
  const host::DeviceRef segment = segment_gateway(machine, end).value_or(end);
  for (std::uint32_t i = 0; i < machine.hosts.size(); ++i)
    for (DeviceId d = 1; d < machine.hosts[i].interfaces.size(); ++d) {
      const auto& own = machine.hosts[i].interfaces[d].addresses;
      if (std::none_of(own.begin(), own.end(), [&](const auto& a) { return a.local == address; }))
        continue;
      const host::DeviceRef owner{i, d};
      if (owner == segment || segment_gateway(machine, owner) == segment) return owner;
    }
  return std::nullopt;
}

bool is_empty_bridge(const host::Host& host, DeviceId device) {
  return device != no_device && host.devices[device].kind == link::DeviceKind::bridge &&
         !has_ports(host, device);
}

DeviceId strayed_from(const host::Machine& machine, std::uint32_t host, DeviceId leads,
                      const wire::IpAddress& address) {
  const host::Host& h = machine.hosts[host];
  if (h.interfaces.owner_of(address) != no_device) return no_device;
  if (leads != no_device && h.devices[leads].port) return no_device;  // the bridge takes the answers
  const auto has_subnet = [&](DeviceId d) {
    const auto& own = h.interfaces[d].addresses;
    return std::any_of(own.begin(), own.end(), [&](const auto& a) {
      return a.prefix_length < 32 && a.subnet().contains(address);
    });
  };
  bool is_anywhere = false;
  for (DeviceId d = 1; d < h.interfaces.size(); ++d) is_anywhere = is_anywhere || has_subnet(d);
  DeviceId found = no_device;
  for (std::uint32_t i = 0; i < machine.hosts.size(); ++i) {
    const DeviceId own = i == host ? no_device : machine.hosts[i].interfaces.owner_of(address);
    if (own == no_device) continue;
    const auto segment = segment_gateway(machine, {i, own});
    if (!segment || segment->host != host || !h.devices[segment->device].up) continue;
    if (segment->device == leads) return no_device;
    // Of two uplinks to one neighbour either may be meant. And a container plugged in at the wrong
    // bridge is no fault of the routes.
    if (h.devices[segment->device].kind == link::DeviceKind::bridge &&
        (has_subnet(segment->device) || !is_anywhere))
      found = segment->device;
  }
  return found;
}

bool is_foreign(const host::Machine& machine, std::uint32_t who, std::uint32_t router) {
  if (who == router || has_containers(machine, who)) return false;
  return is_router(machine, router) && !lies_behind(machine, who, router);
}

}  // namespace wayout::why
