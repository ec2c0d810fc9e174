// A frame arrives at a device: what every frame meets before any protocol looks at it.
#pragma once

#include "link/device.hpp"
#include "packet/packet.hpp"
#include "packet/trace.hpp"

namespace wayout::link {

/// A frame has come to packet.device, from a wire or from the device below.
///
/// Linux: net/ethernet/eth.c eth_type_trans; net/core/dev.c __netif_receive_skb_core. A VLAN or
///   bridge device keeps the class that the device below gave, except that its own MAC makes the
///   frame one for this host.
/// Ends: NOT_SPECIFIED (the device is down, at the function that would have handed the frame over;
///   a VLAN tag that is cut off, at skb_vlan_untag; a frame shorter than an Ethernet header, which
///   no driver would give to the stack).
/// Changes: packet.type.
/// Not modelled: what a NIC's own address filter keeps from the host, RPS, generic XDP.
template <Trace T>
Stop receive(Packet& packet, const Devices& devices, T& trace);

/// Whom to blame when a frame of class other_host is dropped: its MAC, or its VLAN, which no device
/// here is for.
[[nodiscard]] Cause blame_other_host(const Packet& frame);

}  // namespace wayout::link
