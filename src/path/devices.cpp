// Layer 2 on the way: up through stacked devices on receipt, down through them on transmission.
#include <algorithm>

#include "link/macvlan.hpp"
#include "link/receive.hpp"
#include "link/transmit.hpp"
#include "link/vlan.hpp"
#include "link/vxlan.hpp"
#include "path/stages.hpp"
#include "path/walk.hpp"

namespace wayout::path {
namespace {

const link::Device& device_at(const Stack& stack, host::DeviceRef ref) {
  return stack.machine.hosts[ref.host].devices[ref.device];
}

/// The packet goes on at another device end; here it is over.
Stop hand_over(Packet& packet, Handover::How how, host::DeviceRef to, Stage stage, Stack& stack) {
  stack.handovers.push_back({how, {stack.number, packet.device}, to, packet});
  return Stop::end(Fate::forwarded, stage);
}

/// The frame as a child device's: in this namespace it just goes on there.
Stop to_upper(Packet& packet, host::DeviceRef upper, Stage stage, Stack& stack) {
  if (upper.host != stack.number)
    return hand_over(packet, Handover::How::to_upper, upper, stage, stack);
  packet.device = upper.device;
  return Stop::go_on();
}

/// A tagged frame goes to the VLAN device of its tag; without one it is nobody's.
/// Linux: net/8021q/vlan_core.c vlan_do_receive.
template <Trace T>
Stop to_vlan_device(Packet& packet, Stack& stack, bool& moved, T& trace) {
  const std::uint16_t vid = link::vlan_id(*packet.vlan_tci);
  for (const host::DeviceRef upper : stack.machine.uppers({stack.number, packet.device})) {
    const link::Device& device = device_at(stack, upper);
    if (device.kind != link::DeviceKind::vlan || device.vlan_id != vid) continue;
    packet.vlan_tci.reset();
    moved = true;
    if constexpr (T::tells) {
      trace.step({.stage = Stage::vlan_do_receive,
                  .did = Did::passed_up,
                  .device = packet.device,
                  .other = upper.host == stack.number ? upper.device : no_device,
                  .packet = packet.number});
    }
    return to_upper(packet, upper, Stage::vlan_do_receive, stack);
  }
  const bool is_port = stack.host.devices[packet.device].port.has_value();
  if (is_port) return Stop::go_on();
  if (vid == 0) {
    packet.vlan_tci.reset();
    return Stop::go_on();
  }
  return Stop::drop(Stage::netif_receive_skb_core, DropReason::OTHERHOST,
                    Cause::on_device(DeviceCause::no_vlan, packet.device));
}

/// Linux: drivers/net/macvlan.c macvlan_handle_frame.
template <Trace T>
Stop to_macvlan(Packet& packet, Stack& stack, bool& moved, T& trace) {
  std::vector<host::DeviceRef> children;
  for (const host::DeviceRef upper : stack.machine.uppers({stack.number, packet.device}))
    if (device_at(stack, upper).kind == link::DeviceKind::macvlan) children.push_back(upper);
  if (children.empty()) return Stop::go_on();

  const auto* ethernet = wire::header_at<wire::EthernetHeader>(packet.frame());
  const wire::MacAddress to = ethernet->destination;
  for (const host::DeviceRef child : children) {
    const link::Device& device = device_at(stack, child);
    if (!link::macvlan_takes(device, to)) continue;
    if constexpr (T::tells) {
      trace.step({.stage = Stage::macvlan_handle_frame,
                  .did = Did::passed_up,
                  .device = packet.device,
                  .other = child.host == stack.number ? child.device : no_device,
                  .packet = packet.number});
    }
    if (to.is_multicast()) {  // every child gets a copy, and the lower device keeps its own
      stack.handovers.push_back(
          {Handover::How::to_upper, {stack.number, packet.device}, child, packet});
      continue;
    }
    moved = true;
    return to_upper(packet, child, Stage::macvlan_handle_frame, stack);
  }
  return Stop::go_on();
}

template <Trace T>
Stop transmit_vlan(Packet& packet, Stack& stack, T& trace) {
  const link::Device& device = stack.host.devices[packet.device];
  packet.vlan_tci = device.vlan_id;
  const host::DeviceRef lower = stack.machine.lower({stack.number, packet.device});
  if (lower.device == no_device)
    return Stop::drop(Stage::vlan_dev_hard_start_xmit, DropReason::NOT_SPECIFIED,
                      Cause::on_device(DeviceCause::no_peer, packet.device));
  if (lower.host != stack.number)
    return hand_over(packet, Handover::How::to_lower, lower, Stage::vlan_dev_hard_start_xmit, stack);
  packet.device = lower.device;
  return transmit(packet, stack, trace);
}

/// Siblings in bridge mode hear each other without the wire; the lower device itself never does.
/// Linux: drivers/net/macvlan.c macvlan_queue_xmit.
template <Trace T>
Stop transmit_macvlan(Packet& packet, Stack& stack, T& trace) {
  const link::Device& device = stack.host.devices[packet.device];
  const host::DeviceRef self{stack.number, packet.device};
  const host::DeviceRef lower = stack.machine.lower(self);
  if (lower.device == no_device)
    return Stop::drop(Stage::macvlan_queue_xmit, DropReason::NOT_SPECIFIED,
                      Cause::on_device(DeviceCause::no_peer, packet.device));
  const auto* ethernet = wire::header_at<wire::EthernetHeader>(packet.frame());
  if (device.macvlan_mode == link::MacvlanMode::bridge) {
    for (const host::DeviceRef sibling : stack.machine.uppers(lower)) {
      const link::Device& other = device_at(stack, sibling);
      if (sibling == self || other.kind != link::DeviceKind::macvlan ||
          other.macvlan_mode != link::MacvlanMode::bridge ||
          !link::macvlan_takes(other, ethernet->destination))
        continue;
      if (!ethernet->destination.is_multicast())
        return hand_over(packet, Handover::How::to_upper, sibling, Stage::macvlan_queue_xmit, stack);
      stack.handovers.push_back({Handover::How::to_upper, self, sibling, packet});
    }
  }
  if (lower.host != stack.number)
    return hand_over(packet, Handover::How::to_lower, lower, Stage::macvlan_queue_xmit, stack);
  packet.device = lower.device;
  return transmit(packet, stack, trace);
}

/// The frame becomes the payload of UDP packets of this host, one a remote.
/// Linux: drivers/net/vxlan/vxlan_core.c vxlan_xmit, vxlan_xmit_one.
template <Trace T>
Stop transmit_vxlan(Packet& packet, Stack& stack, T&) {
  const host::Host& host = stack.host;
  const link::Device& device = host.devices[packet.device];
  const auto* ethernet = wire::header_at<wire::EthernetHeader>(packet.frame());
  std::vector<wire::IpAddress> remotes =
      bridge::vxlan_remotes(host.bridging, packet.device, ethernet->destination);
  if (remotes.empty() && device.vxlan.remote.is_set()) remotes.push_back(device.vxlan.remote);
  if (remotes.empty())
    return Stop::drop(Stage::vxlan_xmit, DropReason::VXLAN_NO_REMOTE,
                      Cause::on_device(DeviceCause::no_remote, packet.device));
  for (const wire::IpAddress& remote : remotes) {
    Packet outer = link::vxlan_encapsulate(packet, device.vxlan, remote);
    outer.number = packet.number;
    outer.local = true;
    stack.work.push_back({Work::Kind::send, std::move(outer)});
  }
  return Stop::end(Fate::forwarded, Stage::vxlan_xmit);
}

/// The other end of a veth takes the frame if it is no longer than its MTU allows.
/// Linux: drivers/net/veth.c veth_xmit; net/core/dev.c __dev_forward_skb2.
template <Trace T>
Stop transmit_veth(Packet& packet, Stack& stack, T&) {
  const host::DeviceRef peer = stack.machine.peer({stack.number, packet.device});
  if (peer.device == no_device)
    return Stop::end(Fate::undecided, Stage::veth_xmit,
                     Cause::on_device(DeviceCause::no_peer, packet.device));
  const link::Device& other = device_at(stack, peer);
  if (!link::fits_receiver(packet, other.mtu_bytes))
    return Stop::drop(Stage::dev_forward_skb, DropReason::NOT_SPECIFIED,
                      Cause::mtu(packet.device, other.mtu_bytes));
  return hand_over(packet, Handover::How::to_peer, peer, Stage::veth_xmit, stack);
}

}  // namespace

template <Trace T>
void meet_unmodelled(const Packet& packet, DeviceId device, bool ingress, Stack& stack, T& trace) {
  if constexpr (T::tells) {
    const auto& list = stack.host.unmodelled;
    for (std::uint32_t i = 0; i < list.size(); ++i) {
      if (list[i].device != device || device == no_device) continue;
      if (!(ingress ? list[i].ingress : list[i].egress)) continue;
      trace.step({.stage = ingress ? Stage::netif_receive_skb_core : Stage::dev_queue_xmit,
                  .did = Did::assumed,
                  .device = device,
                  .by = Cause::unmodelled(i),
                  .packet = packet.number});
    }
  }
}

template <Trace T>
Stop climb(Packet& packet, Stack& stack, T& trace) {
  const link::Devices& devices = stack.host.devices;
  for (;;) {
    if (Stop stop = link::receive(packet, devices, trace)) return stop;
    meet_unmodelled(packet, packet.device, true, stack, trace);
    bool moved = false;
    if (packet.vlan_tci) {
      if (Stop stop = to_vlan_device(packet, stack, moved, trace)) return stop;
      if (moved) continue;
    }
    const DeviceId before = packet.device;
    if (devices[before].port && devices[devices[before].master].kind == link::DeviceKind::bridge) {
      if (Stop stop = bridged(packet, stack, trace)) return stop;
    } else {
      if (Stop stop = to_macvlan(packet, stack, moved, trace)) return stop;
    }
    if (packet.device == before) break;
  }
  packet.ingress = packet.device;
  return Stop::go_on();
}

template <Trace T>
Stop transmit(Packet& packet, Stack& stack, T& trace) {
  const link::Device& device = stack.host.devices[packet.device];
  meet_unmodelled(packet, packet.device, false, stack, trace);
  if (Stop stop = link::transmit(packet, stack.host.devices, trace)) return stop;
  switch (device.kind) {
    case link::DeviceKind::loopback:
    case link::DeviceKind::vrf:  // its own addresses are reached through it
      stack.work.push_back({Work::Kind::receive, packet});
      return Stop::end(Fate::forwarded, Stage::loopback_xmit);
    case link::DeviceKind::bridge: {
      const DeviceId bridge = packet.device;
      return bridge_onward(packet, no_device, bridge, stack, trace);
    }
    case link::DeviceKind::vlan: return transmit_vlan(packet, stack, trace);
    case link::DeviceKind::macvlan: return transmit_macvlan(packet, stack, trace);
    case link::DeviceKind::vxlan: return transmit_vxlan(packet, stack, trace);
    case link::DeviceKind::veth: return transmit_veth(packet, stack, trace);
    case link::DeviceKind::dummy:
      return Stop::drop(Stage::dev_hard_start_xmit, DropReason::NOT_SPECIFIED,
                        Cause::on_device(DeviceCause::discards, packet.device));
    default:
      return hand_over(packet, Handover::How::outside, {}, Stage::dev_hard_start_xmit, stack);
  }
}

#define WAYOUT_INSTANTIATE(T)                                                       \
  template void meet_unmodelled(const Packet&, DeviceId, bool, Stack&, T&);         \
  template Stop climb(Packet&, Stack&, T&);                                         \
  template Stop transmit(Packet&, Stack&, T&);
WAYOUT_INSTANTIATE(NoTrace)
WAYOUT_INSTANTIATE(StepTrace)
#undef WAYOUT_INSTANTIATE

}  // namespace wayout::path
