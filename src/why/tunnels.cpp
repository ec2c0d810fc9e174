#include "why/tunnels.hpp"

#include <algorithm>

#include "path/stages.hpp"
#include "why/segments.hpp"
#include "wire/headers.hpp"

namespace wayout::why {
namespace {

const link::Device& device_of(const host::Machine& machine, host::DeviceRef d) {
  return machine.hosts[d.host].devices[d.device];
}

bool is_tunnel(const host::Machine& machine, host::DeviceRef d) {
  return device_of(machine, d).kind == link::DeviceKind::vxlan;
}

/// The receiver of the frame in a tunnel's datagram, or its first fragment.
std::optional<wire::MacAddress> inner_receiver(const Packet& datagram) {
  const auto network = datagram.network();
  const auto* ip = wire::header_at<wire::Ipv4Header>(network);
  if (ip == nullptr || ip->fragment_offset_bytes() != 0) return std::nullopt;
  const std::size_t at = ip->header_bytes() + sizeof(wire::UdpHeader) + sizeof(wire::VxlanHeader);
  const auto* ethernet = wire::header_at<wire::EthernetHeader>(network, at);
  return ethernet == nullptr ? std::nullopt : std::optional(ethernet->destination);
}

/// The VXLAN device through which this packet was sent last.
std::optional<host::DeviceRef> sent_through(const host::Machine& machine, const Account& account,
                                            std::uint32_t packet) {
  for (auto step = account.steps.rbegin(); step != account.steps.rend(); ++step)
    if (step->packet == packet && step->did == Did::sent &&
        is_tunnel(machine, {step->host, step->device}))
      return host::DeviceRef{step->host, step->device};
  return std::nullopt;
}

/// The first device at another end for which `is_it` holds.
template <class IsIt>
std::optional<FarEnd> find_far(const host::Machine& machine, host::DeviceRef tunnel, IsIt is_it) {
  for (const host::DeviceRef& end : other_ends(machine, tunnel)) {
    if (is_it(end)) return FarEnd{end, end};
    const link::Device& device = device_of(machine, end);
    if (!device.port) continue;
    const host::DeviceRef bridge{end.host, device.master};
    if (is_it(bridge)) return FarEnd{end, bridge};
    for (std::uint32_t i = 0; i < machine.hosts.size(); ++i)
      for (DeviceId d = 1; d < machine.hosts[i].devices.size(); ++d)
        if (is_it(host::DeviceRef{i, d}) && segment_gateway(machine, {i, d}) == bridge)
          return FarEnd{end, {i, d}};
  }
  return std::nullopt;
}

}  // namespace

const Packet& lost_packet(const path::JourneyEnd& end) {
  return end.unheard ? *end.unheard : end.packet;
}

std::optional<IntoTunnel> into_tunnel(const host::Machine& machine, const Account& account) {
  const path::JourneyEnd& end = account.end;
  const Packet& lost = lost_packet(end);
  IntoTunnel sent;
  if (end.stop.stage == Stage::neigh_invalidate) sent.wanted = path::next_hop(end.packet);
  if (lost.encapsulates) {
    const auto to = inner_receiver(lost);
    const auto tunnel = sent_through(machine, account, lost.number);
    if (!to || !tunnel) return std::nullopt;
    sent.tunnel = *tunnel;
    sent.to = *to;
    sent.remote = route::flow_of(lost).destination;
    return sent;
  }
  const auto* ethernet = wire::header_at<wire::EthernetHeader>(lost.frame());
  if (ethernet == nullptr || lost.link_header_bytes() == 0) return std::nullopt;
  sent.to = ethernet->destination;
  const Cause& cause = end.stop.cause;
  const bool has_no_remote = cause.kind() == CauseKind::device &&
                             cause.value() == static_cast<std::uint32_t>(DeviceCause::no_remote);
  if (has_no_remote) {
    sent.tunnel = {end.cause_host, cause.device()};
    return sent;
  }
  const bool has_no_way =
      end.stop.stage == Stage::vxlan_xmit_one ||
      (end.unheard && (cause.kind() == CauseKind::route || cause.kind() == CauseKind::no_route ||
                       cause.kind() == CauseKind::routing_rule));
  if (!has_no_way && (end.unheard || !is_tunnel(machine, {end.host, lost.device})))
    return std::nullopt;
  const auto tunnel = sent_through(machine, account, lost.number);
  if (!tunnel) return std::nullopt;
  sent.tunnel = *tunnel;
  const host::Host& host = machine.hosts[tunnel->host];
  const auto entries = entries_for(host, tunnel->device, sent.to);
  if (has_no_way && !entries.empty()) sent.remote = host.bridging.fdb[entries.front()].remote;
  return sent;
}

std::optional<FarEnd> far_end(const host::Machine& machine, host::DeviceRef tunnel,
                              const wire::MacAddress& mac) {
  return find_far(machine, tunnel,
                  [&](host::DeviceRef d) { return device_of(machine, d).mac == mac; });
}

std::optional<FarEnd> far_end(const host::Machine& machine, host::DeviceRef tunnel,
                              const wire::IpAddress& address) {
  return find_far(machine, tunnel, [&](host::DeviceRef d) {
    return std::ranges::any_of(machine.hosts[d.host].interfaces[d.device].addresses,
                               [&](const auto& a) { return a.local == address; });
  });
}

std::optional<FarEnd> far_end(const host::Machine& machine, const IntoTunnel& sent) {
  if (!sent.to.is_multicast()) return far_end(machine, sent.tunnel, sent.to);
  return sent.wanted.is_set() ? far_end(machine, sent.tunnel, sent.wanted) : std::nullopt;
}

std::optional<host::DeviceRef> owner_beyond(const host::Machine& machine, host::DeviceRef end,
                                            const wire::IpAddress& address) {
  const auto through = [&](host::DeviceRef tunnel) -> std::optional<host::DeviceRef> {
    const auto far = far_end(machine, tunnel, address);
    return far ? std::optional(far->owner) : std::nullopt;
  };
  if (is_tunnel(machine, end)) return through(end);
  const host::DeviceRef bridge = segment_gateway(machine, end).value_or(end);
  const link::Devices& devices = machine.hosts[bridge.host].devices;
  for (DeviceId d = 1; d < devices.size(); ++d)
    if (devices[d].port && devices[d].master == bridge.device &&
        is_tunnel(machine, {bridge.host, d}))
      if (const auto owner = through({bridge.host, d})) return owner;
  return std::nullopt;
}

std::vector<host::DeviceRef> other_ends(const host::Machine& machine, host::DeviceRef tunnel) {
  const link::VxlanOptions& own = device_of(machine, tunnel).vxlan;
  std::vector<host::DeviceRef> ends;
  for (std::uint32_t i = 0; i < machine.hosts.size(); ++i)
    for (DeviceId d = 1; d < machine.hosts[i].devices.size(); ++d) {
      const link::Device& device = machine.hosts[i].devices[d];
      if (device.kind == link::DeviceKind::vxlan && host::DeviceRef{i, d} != tunnel &&
          device.vxlan.vni == own.vni && device.vxlan.port == own.port)
        ends.push_back({i, d});
    }
  return ends;
}

bool comes_to(const host::Machine& machine, host::DeviceRef tunnel,
              const wire::IpAddress& address) {
  const auto carrier = machine.carrier(tunnel);
  return carrier && machine.hosts[*carrier].interfaces.owner_of(address) != no_device;
}

std::optional<wire::IpAddress> reached_at(const host::Machine& machine, host::DeviceRef from,
                                          host::DeviceRef to) {
  const wire::IpAddress& local = device_of(machine, to).vxlan.local;
  if (local.is_set() && comes_to(machine, to, local)) return local;
  const auto here = machine.carrier(from), there = machine.carrier(to);
  if (!here || !there) return std::nullopt;
  const auto of_wires = [&](std::uint32_t host, auto visit) {
    for (DeviceId d = 1; d < machine.hosts[host].interfaces.size(); ++d)
      if (!machine.hosts[host].interfaces[d].loopback && !is_tunnel(machine, {host, d}))
        for (const auto& a : machine.hosts[host].interfaces[d].addresses)
          visit(a);
  };
  std::optional<wire::IpAddress> found;
  of_wires(*here, [&](const route::InterfaceAddress& mine) {
    of_wires(*there, [&](const route::InterfaceAddress& theirs) {
      if (!found && mine.local != theirs.local && mine.subnet().contains(theirs.local))
        found = theirs.local;
    });
  });
  return found;
}

std::vector<std::uint32_t> entries_for(const host::Host& host, DeviceId tunnel,
                                       const wire::MacAddress& mac) {
  const auto& fdb = host.bridging.fdb;
  std::vector<std::uint32_t> found;
  for (const wire::MacAddress& wanted : {mac, wire::MacAddress{}}) {
    for (std::uint32_t i = 0; i < fdb.size(); ++i)
      if (fdb[i].port == tunnel && fdb[i].bridge == no_device && fdb[i].mac == wanted &&
          fdb[i].remote.is_set())
        found.push_back(i);
    if (!found.empty()) break;
  }
  return found;
}

}  // namespace wayout::why
