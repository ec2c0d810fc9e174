// Layer 2 on the way: up through stacked devices on receipt, down through them on transmission.
#include <algorithm>
#include <optional>

#include "ip/ip.hpp"
#include "link/macvlan.hpp"
#include "link/receive.hpp"
#include "link/transmit.hpp"
#include "link/vlan.hpp"
#include "path/stages.hpp"
#include "path/walk.hpp"

namespace wayout::path {
namespace {

/// The packet goes on at another device end; here it is over.
Stop hand_over(Packet& packet, Handover::How how, host::DeviceRef to, Stage stage, Stack& stack) {
  stack.handovers.push_back({how, {stack.number, packet.device}, to, packet});
  return Stop::end(Fate::forwarded, stage);
}

template <Trace T>
void tell_passed_up(Stage stage, const Packet& packet, host::DeviceRef to, const Stack& stack,
                    T& trace) {
  if constexpr (T::tells) {
    trace.step({.stage = stage,
                .did = Did::passed_up,
                .device = packet.device,
                .other = to.host == stack.number ? to.device : no_device,
                .packet = packet.number});
  }
}

/// The frame as a child device's: in this namespace it just goes on there.
Stop to_upper(Packet& packet, host::DeviceRef upper, Stage stage, Stack& stack) {
  if (upper.host != stack.number)
    return hand_over(packet, Handover::How::to_upper, upper, stage, stack);
  packet.device = upper.device;
  return Stop::go_on();
}

/// A tagged frame goes to the VLAN device of its tag. Untouched when there is none.
/// Linux: net/8021q/vlan_core.c vlan_do_receive.
template <Trace T>
Stop to_vlan_device(Packet& packet, Stack& stack, T& trace) {
  const std::uint16_t id = link::vlan_id(*packet.vlan_tci);
  for (const host::DeviceRef upper : stack.machine.uppers({stack.number, packet.device})) {
    const link::Device& device = device_at(stack, upper);
    if (device.kind != link::DeviceKind::vlan || device.vlan_id != id) continue;
    link::pull_vlan(packet);
    tell_passed_up(Stage::vlan_do_receive, packet, upper, stack, trace);
    return to_upper(packet, upper, Stage::vlan_do_receive, stack);
  }
  return Stop::go_on();
}

/// The macvlan devices stacked on a lower device, as the room link wants them, and where they are.
struct Children {
  std::vector<host::DeviceRef> refs;
  std::vector<const link::Device*> devices;
};

Children macvlan_children(const Stack& stack, host::DeviceRef lower) {
  Children children;
  for (const host::DeviceRef upper : stack.machine.uppers(lower)) {
    if (device_at(stack, upper).kind != link::DeviceKind::macvlan) continue;
    children.refs.push_back(upper);
    children.devices.push_back(&device_at(stack, upper));
  }
  return children;
}

/// Give the frame to these children; the packet itself stays where it is while `keep` is set.
Stop share_out(Packet& packet, const Children& children, const link::MacvlanReceivers& receivers,
               Stage stage, Stack& stack) {
  const std::size_t copies = receivers.children.size() - (receivers.lower ? 0 : 1);
  const host::DeviceRef here{stack.number, packet.device};
  for (std::size_t i = 0; i < copies; ++i)
    stack.handovers.push_back(
        {Handover::How::to_upper, here, children.refs[receivers.children[i]], packet});
  if (receivers.lower) return Stop::go_on();
  return to_upper(packet, children.refs[receivers.children.back()], stage, stack);
}

/// Linux: drivers/net/macvlan.c macvlan_handle_frame.
template <Trace T>
Stop to_macvlan(Packet& packet, Stack& stack, T& trace) {
  const Children children = macvlan_children(stack, {stack.number, packet.device});
  const auto* ethernet = wire::header_at<wire::EthernetHeader>(packet.frame());
  if (children.refs.empty() || ethernet == nullptr) return Stop::go_on();
  const link::MacvlanReceivers receivers = link::macvlan_receive(children.devices, *ethernet);
  if (receivers.children.empty() && !receivers.lower)
    return Stop::drop(Stage::macvlan_handle_frame, DropReason::NOT_SPECIFIED,
                      Cause::on_device(DeviceCause::other_host, packet.device));
  if (!receivers.lower)
    tell_passed_up(Stage::macvlan_handle_frame, packet, children.refs[receivers.children.back()],
                   stack, trace);
  return share_out(packet, children, receivers, Stage::macvlan_handle_frame, stack);
}

template <Trace T>
Stop transmit_vlan(Packet& packet, Stack& stack, T& trace) {
  const link::Device& device = stack.host.devices[packet.device];
  link::push_vlan(packet, device.vlan_id);
  const host::DeviceRef lower = stack.machine.lower({stack.number, packet.device});
  if (lower.device == no_device)
    return Stop::end(Fate::undecided, Stage::vlan_dev_hard_start_xmit,
                     Cause::on_device(DeviceCause::no_peer, packet.device));
  if (lower.host != stack.number)
    return hand_over(packet, Handover::How::to_lower, lower, Stage::vlan_dev_hard_start_xmit, stack);
  packet.device = lower.device;
  return transmit(packet, stack, trace);
}

/// Siblings may hear each other without the wire; the lower device itself never does.
/// Linux: drivers/net/macvlan.c macvlan_queue_xmit.
template <Trace T>
Stop transmit_macvlan(Packet& packet, Stack& stack, T& trace) {
  const host::DeviceRef self{stack.number, packet.device};
  const host::DeviceRef lower = stack.machine.lower(self);
  const auto* ethernet = wire::header_at<wire::EthernetHeader>(packet.frame());
  if (lower.device == no_device || ethernet == nullptr)
    return Stop::end(Fate::undecided, Stage::macvlan_queue_xmit,
                     Cause::on_device(DeviceCause::no_peer, packet.device));
  const Children children = macvlan_children(stack, lower);
  const auto position = std::find(children.refs.begin(), children.refs.end(), self);
  const link::MacvlanReceivers receivers = link::macvlan_transmit(
      children.devices, static_cast<std::size_t>(position - children.refs.begin()), *ethernet);
  if (!receivers.lower) {
    const host::DeviceRef to = children.refs[receivers.children.back()];
    return hand_over(packet, Handover::How::to_upper, to, Stage::macvlan_queue_xmit, stack);
  }
  if (Stop stop = share_out(packet, children, receivers, Stage::macvlan_queue_xmit, stack)) return stop;
  if (lower.host != stack.number)
    return hand_over(packet, Handover::How::to_lower, lower, Stage::macvlan_queue_xmit, stack);
  packet.device = lower.device;
  return transmit(packet, stack, trace);
}

/// A veth of the host itself with an address in a subnet, as an uplink has, and a port or the end of
/// a container have not: where its other end was not read, the outside begins behind it.
bool may_be_uplink(DeviceId device, const Stack& stack) {
  const auto& addresses = stack.host.interfaces[device].addresses;
  return stack.number == 0 && !stack.host.devices[device].port &&
         std::any_of(addresses.begin(), addresses.end(),
                     [](const route::InterfaceAddress& a) { return a.prefix_length < 31; });
}

/// The other end of a veth takes the frame if it is no longer than its MTU allows.
/// Linux: drivers/net/veth.c veth_xmit; net/core/dev.c __dev_forward_skb2.
template <Trace T>
Stop transmit_veth(Packet& packet, Stack& stack, T&) {
  const host::DeviceRef peer = stack.machine.peer({stack.number, packet.device});
  if (peer.device == no_device) {
    if (may_be_uplink(packet.device, stack))
      return hand_over(packet, Handover::How::outside, {}, Stage::veth_xmit, stack);
    return Stop::end(Fate::undecided, Stage::veth_xmit,
                     Cause::on_device(DeviceCause::no_peer, packet.device));
  }
  const link::Device& other = device_at(stack, peer);
  if (!link::fits_mtu(packet, other.mtu_bytes))
    return Stop::drop(Stage::dev_forward_skb, DropReason::NOT_SPECIFIED,
                      Cause::mtu(peer.device, other.mtu_bytes))
        .blaming(peer.host);
  return hand_over(packet, Handover::How::to_peer, peer, Stage::veth_xmit, stack);
}

}  // namespace

template <Trace T>
void meet_unmodelled(const Packet& packet, DeviceId device, bool ingress, Stack& stack, T& trace) {
  const auto& list = stack.host.unmodelled;
  for (std::uint32_t i = 0; i < list.size(); ++i) {
    if (list[i].device != device || device == no_device) continue;
    if (!(ingress ? list[i].ingress : list[i].egress)) continue;
    assume({.stage = ingress ? Stage::netif_receive_skb_core : Stage::dev_queue_xmit,
            .did = Did::assumed,
            .device = device,
            .by = Cause::unmodelled(i),
            .packet = packet.number},
           stack.assumed, trace);
  }
}

template <Trace T>
void meet_unmodelled(host::Unmodelled::Family family, Hook hook, std::uint32_t packet,
                     DeviceId device, Stack& stack, T& trace) {
  const auto& list = stack.host.unmodelled;
  for (std::uint32_t i = 0; i < list.size(); ++i) {
    if (list[i].family != family || list[i].hook != hook) continue;
    if (list[i].device != no_device && list[i].device != device) continue;
    assume({.stage = Stage::nf_hook_slow,
            .did = Did::assumed,
            .hook = hook,
            .device = device,
            .by = Cause::unmodelled(i),
            .packet = packet},
           stack.assumed, trace);
  }
}

template <Trace T>
Stop climb(Packet& packet, Stack& stack, T& trace) {
  const link::Devices& devices = stack.host.devices;
  for (DeviceId before = no_device; packet.device != before;) {
    before = packet.device;
    if (Stop stop = link::receive(packet, devices, trace)) return stop;
    meet_unmodelled(packet, packet.device, true, stack, trace);
    if (packet.vlan_tci) {
      if (Stop stop = to_vlan_device(packet, stack, trace)) return stop;
      if (packet.device != before) continue;
    }
    const bool is_port = devices[packet.device].port.has_value();
    if (Stop stop = is_port ? bridged(packet, stack, trace) : to_macvlan(packet, stack, trace))
      return stop;
  }
  if (packet.vlan_tci) link::refuse_vlan(packet);
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
  template void meet_unmodelled(host::Unmodelled::Family, Hook, std::uint32_t,      \
                                DeviceId, Stack&, T&);                              \
  template Stop climb(Packet&, Stack&, T&);                                         \
  template Stop transmit(Packet&, Stack&, T&);
WAYOUT_INSTANTIATE(NoTrace)
WAYOUT_INSTANTIATE(StepTrace)
#undef WAYOUT_INSTANTIATE

}  // namespace wayout::path
