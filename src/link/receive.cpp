#include "link/receive.hpp"

#include "wire/headers.hpp"

namespace wayout::link {
namespace {

/// The function that refuses to hand a frame to a device of this kind while it is down.
Stage refusing_stage(DeviceKind kind) {
  switch (kind) {
    case DeviceKind::veth:
      return Stage::dev_forward_skb;
    case DeviceKind::vlan:
      return Stage::vlan_do_receive;
    default:
      return Stage::netif_receive_skb_core;
  }
}

PacketType class_of(const wire::MacAddress& destination, const wire::MacAddress& own) {
  if (destination.is_broadcast()) return PacketType::broadcast;
  if (destination.is_multicast()) return PacketType::multicast;
  return destination == own ? PacketType::host : PacketType::other_host;
}

/// Null where frames have no Ethernet header.
const wire::EthernetHeader* ethernet_of(const Device& device, const Packet& packet) {
  if (!device.ethernet || packet.link_header_bytes() == 0) return nullptr;
  return wire::header_at<wire::EthernetHeader>(packet.frame());
}

PacketType class_at(const Device& device, const Packet& packet) {
  const wire::EthernetHeader* ethernet = ethernet_of(device, packet);
  if (ethernet == nullptr) return PacketType::host;
  const PacketType seen = class_of(ethernet->destination, device.mac);
  switch (device.kind) {
    case DeviceKind::loopback:
    case DeviceKind::vrf:
      return PacketType::host;  // what the host sent to itself
    case DeviceKind::macvlan:   // only frames meant for it come this far
      return seen == PacketType::other_host ? PacketType::host : seen;
    case DeviceKind::vlan:
    case DeviceKind::bridge:
      return seen == PacketType::host ? seen : packet.type;
    default:
      return seen;
  }
}

}  // namespace

template <Trace T>
Stop receive(Packet& packet, const Devices& devices, T& trace) {
  const Device& device = devices[packet.device];
  if (!device.up) {
    return Stop::drop(refusing_stage(device.kind), DropReason::NOT_SPECIFIED,
                      Cause::on_device(DeviceCause::down, packet.device));
  }
  const bool is_runt = device.ethernet && packet.size() < sizeof(wire::EthernetHeader);
  const bool has_cut_tag = packet.ethertype == wire::ethertype::vlan && !packet.vlan_tci;
  if (is_runt || has_cut_tag) {
    return Stop::drop(has_cut_tag ? Stage::skb_vlan_untag : Stage::netif_receive_skb_core,
                      DropReason::NOT_SPECIFIED, Cause::packet(PacketCause::truncated));
  }
  packet.type = class_at(device, packet);
  if constexpr (T::tells) {
    trace.step({.stage = Stage::netif_receive_skb_core,
                .did = Did::received,
                .device = packet.device,
                .packet = packet.number});
  }
  return Stop::go_on();
}

template Stop receive(Packet&, const Devices&, NoTrace&);
template Stop receive(Packet&, const Devices&, StepTrace&);

Cause blame_other_host(const Packet& frame) {
  const auto why = frame.vlan_tci ? DeviceCause::no_vlan : DeviceCause::other_host;
  return Cause::on_device(why, frame.device);
}

}  // namespace wayout::link
