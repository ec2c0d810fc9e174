// Changes of devices, bridge ports, neighbours and forwarding entries.
#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "why/candidates.hpp"
#include "wire/headers.hpp"

namespace wayout::why {
namespace {

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
    // An uplink, or what others stand on, is no container's end.
    if (!machine.hosts[bridge.host].interfaces[d].addresses.empty() ||
        !machine.uppers({bridge.host, d}).empty())
      continue;
    const host::DeviceRef peer = machine.peer({bridge.host, d});
    if (peer.device == no_device) continue;
    const auto& theirs = machine.hosts[peer.host].interfaces[peer.device].addresses;
    if (std::none_of(theirs.begin(), theirs.end(),
                     [&](const auto& a) { return a.local == address; }))
      continue;
    out.push_back(set_master(machine, {bridge.host, d}, bridge.device));
    constexpr int moves_it = 4;  // from another network
    if (devices[d].master != no_device) out.back().weight = moves_it;
  }
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
    if (owner == no_device || !shares({i, owner})) continue;
    const link::Device& device = machine.hosts[i].devices[owner];
    if (!is_end(device) && device.kind != link::DeviceKind::bridge) continue;
    const auto& bytes = address.bytes();
    out.push_back(set_mac(machine, {i, owner}, {{0x02, 0x42, bytes[0], bytes[1], bytes[2], bytes[3]}}));
  }
  return out;
}

/// Namespaces that the packets met, also those that only heard a question for an address.
std::set<std::uint32_t> hosts_met(const Scene& s) {
  std::set<std::uint32_t> met;
  for (const Step& step : s.account.steps) met.insert(step.host);
  return met;
}

/// So many ports are tried: on a host with more that are down or mute, others are the usual case.
constexpr std::size_t most_ports = 12;

/// Devices that are down where the question for `address` went, or should have gone: the one below
/// the asking one, the one that has the address, and ports of bridges.
Changes for_links_down(const Scene& s, host::DeviceRef asking, const wire::IpAddress& address) {
  Changes out;
  const auto up = [&](host::DeviceRef d) {
    if (d.device == no_device || s.machine.hosts[d.host].devices[d.device].up) return;
    out.push_back(link_up(s.machine, d));
    out.back().blames = Cause::on_device(DeviceCause::down, d.device);
  };
  up(s.machine.lower(asking));
  for (std::uint32_t i = 0; i < s.machine.hosts.size(); ++i)
    up({i, s.machine.hosts[i].interfaces.owner_of(address)});
  for (const std::uint32_t i : hosts_met(s))
    for (DeviceId d = 1; d < s.machine.hosts[i].devices.size(); ++d)
      if (s.machine.hosts[i].devices[d].port && out.size() < most_ports) up({i, d});
  return out;
}

/// A port that has an address asks on its wire, but the bridge takes the answer: the address belongs
/// to the bridge, or the device out of it.
Changes for_port_with_address(const Scene& s, host::DeviceRef asking) {
  Changes out;
  const host::Host& h = s.machine.hosts[asking.host];
  if (!h.devices[asking.device].port) return out;
  const auto& addresses = h.interfaces[asking.device].addresses;
  if (addresses.size() == 1) {
    if (h.interfaces[h.devices[asking.device].master].addresses.empty())
      out.push_back(move_address(s.machine, asking, addresses.front()));
    out.push_back(delete_address(s.machine, asking, addresses.front()));
  }
  out.push_back(free_port(s.machine, asking));
  return out;
}

}  // namespace

Changes for_mute_ports(const Scene& s) {
  using Port = link::BridgePort;
  Changes out;
  for (const std::uint32_t i : hosts_met(s)) {
    const link::Devices& devices = s.machine.hosts[i].devices;
    for (DeviceId d = 1; d < devices.size(); ++d) {
      if (!devices[d].port || out.size() >= most_ports) continue;
      const auto set = [&](const char* flag, std::function<void(Port&)> apply) {
        out.push_back(set_port(s.machine, {i, d}, flag, "on", std::move(apply)));
        out.back().blames = Cause::bridge(BridgeCause::no_flood, d);
      };
      if (!devices[d].port->learning) set("learning", [](Port& p) { p.learning = true; });
      if (!devices[d].port->flood) set("flood", [](Port& p) { p.flood = true; });
    }
  }
  return out;
}

namespace {

/// The entry that a bridge makes of a MAC address of its own or of its port's.
bool is_own(const host::Host& host, const bridge::FdbEntry& entry) {
  return entry.local &&
         (host.devices[entry.port].mac == entry.mac || host.devices[entry.bridge].mac == entry.mac);
}

/// Entries that somebody made for the MAC address of who asks or of who is asked for.
Changes for_wrong_fdb(const Scene& s, host::DeviceRef asking, const wire::IpAddress& address) {
  Changes out;
  std::vector<wire::MacAddress> ends{s.machine.hosts[asking.host].devices[asking.device].mac};
  for (const host::Host& host : s.machine.hosts)
    if (const DeviceId owner = host.interfaces.owner_of(address); owner != no_device)
      ends.push_back(host.devices[owner].mac);
  for (std::uint32_t i = 0; i < s.machine.hosts.size(); ++i)
    for (const bridge::FdbEntry& e : s.machine.hosts[i].bridging.fdb)
      if (e.bridge != no_device && (e.local || e.is_static) && !is_own(s.machine.hosts[i], e) &&
          std::find(ends.begin(), ends.end(), e.mac) != ends.end())
        out.push_back(delete_fdb(s.machine, i, e));
  return out;
}

}  // namespace

Changes for_carrier(const Scene& s, host::DeviceRef device) {
  Changes out;
  const auto up = [&](host::DeviceRef d) {
    if (d.device != no_device && !s.machine.hosts[d.host].devices[d.device].up)
      out.push_back(link_up(s.machine, d));
  };
  up(s.machine.peer(device));
  up(s.machine.lower(device));
  const link::Devices& devices = s.machine.hosts[device.host].devices;
  for (DeviceId d = 1; d < devices.size(); ++d) {
    if (devices[d].master != device.device || !devices[d].port) continue;
    up({device.host, d});
    up(s.machine.peer({device.host, d}));
  }
  return out;
}

Changes for_unanswered(const Scene& s) {
  Changes out;
  const std::uint32_t host = s.account.end.host;
  const host::Host& h = s.machine.hosts[host];
  const DeviceId device = s.packet.device;
  const wire::IpAddress next_hop =
      s.packet.routing.gateway.is_set() ? s.packet.routing.gateway : s.flow.destination;

  // The route that led here, when the kernel did not make it by itself.
  std::optional<RouteRef> route;
  for (auto step = s.account.steps.rbegin(); step != s.account.steps.rend() && !route; ++step)
    if (step->host == host && step->packet == s.packet.number && step->did == Did::routed &&
        step->by.kind() == CauseKind::route)
      route = step->by.route();
  const bool is_set = route && h.fib.route(*route).protocol != route::made_by_kernel;
  const bool is_default = route && h.fib.route(*route).destination.length == 0;

  // A gateway that is not there, or none at all: use the one that is, or give the segment's router
  // the address, where it is everybody's gateway.
  if (route && (s.packet.routing.gateway.is_set() || is_default))
    for (Change& c : for_dead_next_hop(s.machine, host, *route, next_hop, s.flow.destination))
      out.push_back(std::move(c));
  const bool in_main = route && h.fib.tables[route->table].id == route::table_main;
  if (s.packet.routing.gateway.is_set() && (!route || (is_default && in_main)))
    if (auto given = give_gateway(s.machine, {host, device}, next_hop))
      out.push_back(std::move(*given));
  // A route that somebody set and that leads to the wrong segment.
  if (is_set) {
    constexpr int moves_everything = 4;
    out.push_back(delete_route(s.machine, host, *route));
    if (is_default) out.back().weight = moves_everything;
  }
  // A rule that sends it to somebody who is gone.
  for (const Step& step : s.account.steps)
    if (step.packet == s.account.legs.front().packet && step.did == Did::translated &&
        step.by.kind() == CauseKind::rule && step.address == next_hop)
      out.push_back(delete_rule(s.machine, step.host, step.by.rule_ref()));
  for (Change& c : for_missing_answer(s, {host, device}, next_hop)) out.push_back(std::move(c));
  for (Change& c : for_port_with_address(s, {host, device})) out.push_back(std::move(c));
  for (Change& c : for_wrong_fdb(s, {host, device}, next_hop)) out.push_back(std::move(c));
  for (Change& c : for_strayed_port(s.machine, {host, device}, next_hop)) out.push_back(std::move(c));
  for (Change& c : for_shared_mac(s.machine, next_hop)) out.push_back(std::move(c));
  for (Change& c : for_links_down(s, {host, device}, next_hop)) out.push_back(std::move(c));
  for (Change& c : for_mute_ports(s)) out.push_back(std::move(c));
  if (!s.packet.routing.gateway.is_set())
    for (Change& c : for_not_on_link(s.machine, host, device, s.flow.destination))
      out.push_back(std::move(c));
  return out;
}

Changes for_wrong_neighbour(const Scene& s) {
  Changes out;
  for (const Step& step : s.account.steps) {
    if (step.did != Did::resolved || step.packet != s.account.legs.back().packet) continue;
    const auto ends = ends_on_segment(s.machine, {step.host, step.device});
    const auto owner = std::ranges::find_if(ends, [&](const host::DeviceRef& end) {
      return s.machine.hosts[end.host].interfaces.owner_of(step.address) == end.device;
    });
    if (owner == ends.end()) continue;
    const wire::MacAddress& mac = s.machine.hosts[owner->host].devices[owner->device].mac;
    for (const link::Neighbour& n : s.machine.hosts[step.host].neighbours) {
      if (n.device != step.device || n.address != step.address || n.proxy || n.mac.is_zero() ||
          n.mac == mac)
        continue;
      out.push_back(delete_neighbour(s.machine, {step.host, n.device}, n.address));
      out.back().prepares = true;  // a rule that dropped it elsewhere may do so again
    }
  }
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
  for (const wire::IpAddress& to : {s.flow.destination, s.packet.routing.gateway})
    if (to.is_v4())
      for (Change& c : for_shared_mac(s.machine, to)) out.push_back(std::move(c));
  const auto* ethernet = wire::header_at<wire::EthernetHeader>(s.packet.frame());
  for (std::uint32_t i = 0; ethernet != nullptr && i < s.machine.hosts.size(); ++i)
    for (const bridge::FdbEntry& e : s.machine.hosts[i].bridging.fdb)
      if (e.mac == ethernet->destination && e.bridge != no_device && !is_own(s.machine.hosts[i], e))
        out.push_back(delete_fdb(s.machine, i, e));
  return out;
}

}  // namespace wayout::why
