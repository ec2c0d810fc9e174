// VXLAN on the way: frames into datagrams of the namespace that carries the tunnel, and out of them.
//
// That namespace is the one in which the device was made. docker's overlay networks move the device
// into a namespace of their own; its datagrams are the host's all the same.
#include <algorithm>
#include <optional>

#include "bridge/vxlan_fdb.hpp"
#include "link/vxlan.hpp"
#include "path/stages.hpp"
#include "wire/headers.hpp"

namespace wayout::path {
namespace {

/// Calls visit(DeviceRef) for every VXLAN device with this UDP port (host order) that this namespace
/// carries, its own first.
template <class Visit>
void for_each_tunnel(const Stack& stack, std::uint16_t port, Visit visit) {
  const auto of_host = [&](std::uint32_t host) {
    const link::Devices& devices = stack.machine.hosts[host].devices;
    for (DeviceId id = 1; id < devices.size(); ++id) {
      const host::DeviceRef tunnel{host, id};
      if (devices[id].kind == link::DeviceKind::vxlan && devices[id].vxlan.port == port &&
          stack.machine.carrier(tunnel) == stack.number)
        visit(tunnel);
    }
  };
  of_host(stack.number);
  for (std::uint32_t host = 0; host < stack.machine.hosts.size(); ++host)
    if (host != stack.number) of_host(host);
}

/// The namespaces whose tunnels listen on the datagram's port here.
std::vector<std::uint32_t> listening(const Packet& packet, const Stack& stack) {
  std::vector<std::uint32_t> hosts;
  const route::Flow flow = route::flow_of(packet);
  if (flow.protocol != wire::protocol::udp) return hosts;
  for_each_tunnel(stack, flow.dport, [&](host::DeviceRef tunnel) {
    const bool known = std::ranges::find(hosts, tunnel.host) != hosts.end();
    if (device_at(stack, tunnel).up && !known) hosts.push_back(tunnel.host);
  });
  return hosts;
}

/// The devices of a namespace, as far as tunnels go only those that this one carries.
link::Devices carried_here(const Stack& stack, std::uint32_t host) {
  link::Devices devices = stack.machine.hosts[host].devices;
  for (DeviceId id = 1; id < devices.size(); ++id)
    if (stack.machine.carrier({host, id}) != stack.number) devices[id].kind = link::DeviceKind::nic;
  return devices;
}

/// The frame inside goes on as one received on the VXLAN device.
template <Trace T>
Stop unwrap_for(std::uint32_t host, const Packet& packet, Stack& stack, T& trace) {
  Packet inner = packet;
  inner.encapsulates = false;
  const wire::IpAddress remote = route::flow_of(packet).source;
  if (host != stack.number) {
    NoTrace quiet;
    if (Stop stop = link::vxlan_receive(inner, carried_here(stack, host), quiet)) return stop;
    stack.handovers.push_back({Handover::How::to_upper, {stack.number, packet.device},
                               {host, inner.device}, inner});
    return Stop::end(Fate::forwarded, Stage::vxlan_rcv);
  }
  if (Stop stop = link::vxlan_receive(inner, carried_here(stack, host), trace)) return stop;
  const auto* ethernet = wire::header_at<wire::EthernetHeader>(inner.frame());
  if (Stop stop = bridge::vxlan_learn(stack.state.bridges, inner.device, stack.host.devices,
                                      ethernet->source, remote))
    return stop;
  stack.work.push_back({Work::Kind::receive, std::move(inner)});
  return Stop::end(Fate::forwarded, Stage::vxlan_rcv);
}

/// The tunnel's own look for the way to the other end. One that leads into the tunnel itself is none.
/// Linux: net/ipv4/udp_tunnel_core.c udp_tunnel_dst_lookup.
template <Trace T>
Stop route_tunnel(Packet& outer, DeviceId tunnel, Stack& stack, T& trace) {
  Stop stop = route_out(outer, stack, trace);
  if (!stop && outer.routing.egress == tunnel)
    stop = Stop::drop(Stage::vxlan_xmit_one, DropReason::IP_OUTNOROUTES, outer.routing.by);
  if (stop) stop.stage = Stage::vxlan_xmit_one;
  return stop;
}

/// The longest IPv4 packet that goes through this tunnel in one piece: what the outer packet's route
/// takes, less what is put around it.
std::uint32_t room_in_tunnel(const Packet& outer, const Stack& stack) {
  const std::uint32_t mtu = outer.routing.mtu_bytes != 0
                                ? outer.routing.mtu_bytes
                                : stack.host.devices[outer.routing.egress].mtu_bytes;
  return mtu - std::min(mtu, link::vxlan_overhead_bytes);
}

/// A bridge cannot tell a sender that its packet is too big for the tunnel behind a port, so the
/// tunnel does, as a frame that it seems to have received. Zero: the frame may go.
/// Linux: net/ipv4/ip_tunnel_core.c skb_tunnel_check_pmtu; vxlan_core.c vxlan_encap_bypass.
/// Not modelled: a tunnel that another namespace carries.
Stop refuse_too_big(const Packet& packet, const Packet& outer, Stack& stack) {
  const link::Device& device = stack.host.devices[packet.device];
  if (!device.port || packet.ethertype != wire::ethertype::ipv4) return Stop::go_on();
  const std::uint32_t room = room_in_tunnel(outer, stack);
  const auto error = link::tunnel_too_big(packet, room);
  if (!error) return Stop::go_on();
  Packet answer = packet;  // what was learned about the offender stays with it
  answer.number = stack.next_packet++;
  answer.answers = packet.number;
  answer.set_frame(*error);
  stack.work.push_back({Work::Kind::receive, std::move(answer)});
  return Stop::drop(Stage::skb_tunnel_check_pmtu, DropReason::PKT_TOO_BIG,
                    Cause::mtu(packet.device, room));
}

}  // namespace

bool is_tunnelled(const Packet& packet, const Stack& stack) {
  return !listening(packet, stack).empty();
}

void blame_tunnel_down(const Packet& packet, const Stack& stack, Stop& stop) {
  const route::Flow flow = route::flow_of(packet);
  if (stop.reason != DropReason::NO_SOCKET || flow.protocol != wire::protocol::udp) return;
  for_each_tunnel(stack, flow.dport, [&](host::DeviceRef tunnel) {
    if (device_at(stack, tunnel).up) return;
    stop.cause = Cause::on_device(DeviceCause::down, tunnel.device);
    if (tunnel.host != stack.number) stop = stop.blaming(tunnel.host);
  });
}

template <Trace T>
Stop unwrap(const Packet& packet, Stack& stack, T& trace) {
  Stop stop;
  for (const std::uint32_t host : listening(packet, stack)) {
    stop = unwrap_for(host, packet, stack, trace);
    if (stop.reason != DropReason::VXLAN_VNI_NOT_FOUND) return stop;
  }
  return stop;
}

template <Trace T>
Stop transmit_vxlan(Packet& packet, Stack& stack, T& trace) {
  const link::Device& device = stack.host.devices[packet.device];
  const auto* ethernet = wire::header_at<wire::EthernetHeader>(packet.frame());
  const std::vector<link::VxlanRemote> remotes =
      bridge::vxlan_remotes(stack.state.bridges, packet.device, ethernet->destination);
  if (remotes.empty())
    return Stop::drop(Stage::vxlan_xmit, DropReason::NO_TX_TARGET,
                      Cause::on_device(DeviceCause::no_remote, packet.device));
  const host::DeviceRef self{stack.number, packet.device};
  const std::optional<std::uint32_t> carrier = stack.machine.carrier(self);
  if (!carrier)
    return Stop::end(Fate::undecided, Stage::vxlan_xmit,
                     Cause::on_device(DeviceCause::no_peer, packet.device));
  Stop lost;
  for (const link::VxlanRemote& remote : remotes) {
    Packet outer = link::vxlan_encapsulate(packet, device.vxlan, remote);
    outer.number = packet.number;
    outer.answers = packet.answers;
    outer.encapsulates = true;
    outer.local = true;
    if (*carrier != stack.number) {
      const link::Devices& there = stack.machine.hosts[*carrier].devices;
      const DeviceId via = remote.via_ifindex != 0 ? there.find_ifindex(remote.via_ifindex) : no_device;
      stack.handovers.push_back({Handover::How::to_carrier, self, {*carrier, via}, std::move(outer)});
      continue;
    }
    outer.bound = remote.via;
    if (Stop stop = route_tunnel(outer, packet.device, stack, trace))
      lost = stop;
    else if (Stop too_big = refuse_too_big(packet, outer, stack))
      lost = too_big;
    else
      stack.work.push_back({Work::Kind::send, std::move(outer)});
  }
  return lost ? lost : Stop::end(Fate::forwarded, Stage::vxlan_xmit);
}

#define WAYOUT_INSTANTIATE(T)                          \
  template Stop unwrap(const Packet&, Stack&, T&);     \
  template Stop transmit_vxlan(Packet&, Stack&, T&);
WAYOUT_INSTANTIATE(NoTrace)
WAYOUT_INSTANTIATE(StepTrace)
#undef WAYOUT_INSTANTIATE

}  // namespace wayout::path
