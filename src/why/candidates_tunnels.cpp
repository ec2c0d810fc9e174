// Changes of VXLAN tunnels: where a frame is sent, and what leads into one.
#include <algorithm>

#include "why/candidates.hpp"
#include "why/tunnels.hpp"

namespace wayout::why {
namespace {

/// The entry of the fdb that sends to `far` what was sent into the tunnel so; nothing: it is there.
std::optional<Change> for_remote(const Scene& s, const IntoTunnel& sent, const FarEnd& far) {
  const host::Host& host = s.machine.hosts[sent.tunnel.host];
  const std::vector<std::uint32_t> entries = entries_for(host, sent.tunnel.device, sent.to);
  for (const std::uint32_t i : entries)
    if (comes_to(s.machine, far.tunnel, host.bridging.fdb[i].remote)) return std::nullopt;
  const auto remote = reached_at(s.machine, sent.tunnel, far.tunnel);
  if (!remote) return std::nullopt;
  bridge::FdbEntry entry{.port = sent.tunnel.device};
  if (!entries.empty()) entry = host.bridging.fdb[entries.front()];
  if (!sent.to.is_multicast()) entry.mac = sent.to;
  entry.remote = *remote;
  Change change = set_remote(s.machine, sent.tunnel.host, entry);
  if (entry.mac.is_zero()) change.weight = 2;  // all that has no entry of its own goes there, too
  if (!entries.empty()) change.blames = Cause::fdb(entries.front(), sent.tunnel.device);
  return change;
}

/// A tunnel that sends from an address which its namespace has lost.
Changes for_lost_source(const Scene& s, const IntoTunnel& sent) {
  const link::Device& tunnel = s.machine.hosts[sent.tunnel.host].devices[sent.tunnel.device];
  if (!tunnel.vxlan.local.is_set() || comes_to(s.machine, sent.tunnel, tunnel.vxlan.local))
    return {};
  Changes out;
  for (const host::DeviceRef& end : other_ends(s.machine, sent.tunnel)) {
    const auto own = reached_at(s.machine, end, sent.tunnel);
    if (own) out.push_back(set_tunnel_source(s.machine, sent.tunnel, *own));
  }
  return out;
}

/// The next hop in a tunnel has another MAC address than is known, or none is known and nobody can
/// be asked there.
Changes for_tunnel_neighbours(const Scene& s) {
  Changes out;
  const auto look_at = [&](host::DeviceRef tunnel, const wire::IpAddress& address) {
    const host::Host& host = s.machine.hosts[tunnel.host];
    if (host.devices[tunnel.device].kind != link::DeviceKind::vxlan) return;
    const auto owner = owner_beyond(s.machine, tunnel, address);
    if (!owner) return;
    const wire::MacAddress& mac = s.machine.hosts[owner->host].devices[owner->device].mac;
    const bool is_known = std::ranges::any_of(host.neighbours, [&](const link::Neighbour& n) {
      return n.device == tunnel.device && n.address == address && !n.proxy &&
             link::nud_valid(n.state) && n.mac == mac;
    });
    if (is_known) return;
    out.push_back(set_neighbour(s.machine, tunnel, address, mac));
    out.back().prepares = true;  // the tunnel may not know where that is
    out.back().blames = Cause::neighbour(tunnel.device);
  };
  for (const Step& step : s.account.steps) {
    if (step.packet != s.account.legs.back().packet) continue;
    const bool nobody_hears =
        step.did == Did::asked_neighbour &&
        entries_for(s.machine.hosts[step.host], step.device, wire::MacAddress{}).empty();
    if (step.did == Did::resolved || nobody_hears) look_at({step.host, step.device}, step.address);
  }
  return out;
}

}  // namespace

Changes for_tunnel(const Scene& s) {
  Changes out = for_tunnel_neighbours(s);
  const auto sent = into_tunnel(s.machine, s.account);
  if (!sent) return out;
  for (Change& c : for_lost_source(s, *sent))
    out.push_back(std::move(c));
  if (const auto far = far_end(s.machine, *sent))
    if (auto change = for_remote(s, *sent, *far)) out.push_back(std::move(*change));
  return out;
}

Changes for_tunnel_way(const host::Machine& machine, std::uint32_t host,
                       const wire::IpAddress& destination) {
  Changes out;
  const host::Host& h = machine.hosts[host];
  const auto sends_by = [&](host::DeviceRef far, DeviceId tunnel) {
    return std::ranges::any_of(machine.hosts[far.host].fib.tables, [&](const auto& table) {
      return std::ranges::any_of(table.routes, [&](const route::Route& route) {
        return std::ranges::any_of(route.nexthops, [&](const route::Nexthop& hop) {
          return hop.device == far.device && hop.gateway.is_set() &&
                 h.interfaces.owner_of(hop.gateway) == tunnel;
        });
      });
    });
  };
  for (DeviceId d = 1; d < h.devices.size(); ++d) {
    if (h.devices[d].kind != link::DeviceKind::vxlan || !h.devices[d].up) continue;
    for (const host::DeviceRef& far : other_ends(machine, {host, d})) {
      const route::Interfaces& theirs = machine.hosts[far.host].interfaces;
      if (theirs[far.device].addresses.empty() || !sends_by(far, d)) continue;
      for (DeviceId other = 1; other < theirs.size(); ++other)
        for (const route::InterfaceAddress& a : theirs[other].addresses)
          if (other != far.device && !theirs[other].loopback && a.subnet().contains(destination))
            out.push_back(add_tunnel_route(machine, host, a.subnet(),
                                           theirs[far.device].addresses.front().local, d));
    }
  }
  return out;
}

}  // namespace wayout::why
