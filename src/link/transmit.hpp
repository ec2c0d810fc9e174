// A frame leaves through a device: the checks that do not depend on what the device is.
#pragma once

#include "link/device.hpp"
#include "packet/packet.hpp"
#include "packet/trace.hpp"

namespace wayout::link {

/// A whole frame is to leave through packet.device. A device that is down or has no carrier holds
/// a queue that drops everything; no error goes back to a forwarded packet's sender.
///
/// Linux: net/core/dev.c __dev_queue_xmit; net/sched/sch_generic.c noop_enqueue.
/// Ends: QDISC_DROP.
/// Not modelled: queueing disciplines and their limits, tc egress.
template <Trace T>
Stop transmit(const Packet& packet, const Devices& devices, T& trace);

/// True when a device of this MTU takes the frame from another device (veth peer, bridge port).
/// The check leaves room for a VLAN tag whether there is one or not, so IP packets up to 4 bytes
/// over the MTU pass; a super-packet always does.
/// Linux: include/linux/netdevice.h __is_skb_forwardable.
[[nodiscard]] bool fits_mtu(const Packet& packet, std::uint32_t mtu_bytes);

}  // namespace wayout::link
