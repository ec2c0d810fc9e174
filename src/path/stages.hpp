// The stages of the way that join several rooms: hooks, bridging, neighbours, stacked devices.
//
// Each is one line of the way in walk.cpp. Stages that need one room only are called there
// directly. All of them answer with a zero Stop while the packet is on its way.
#pragma once

#include "path/stack.hpp"

namespace wayout::path {

/// From the device that received a frame to the one whose layer 3 takes it: XDP and tc, VLAN,
/// bridge, macvlan. Ends frames that are bridged or handed to a child elsewhere.
/// Linux: net/core/dev.c __netif_receive_skb_core.
template <Trace T>
Stop climb(Packet& packet, Stack& stack, T& trace);

/// A frame on a bridge port: bridged on (it ends here), or up the stack as the bridge device.
/// Linux: br_input.c br_handle_frame; br_netfilter_hooks.c around it.
template <Trace T>
Stop bridged(Packet& packet, Stack& stack, T& trace);

/// The second half of bridging: decide by destination MAC and send the copies. `port` is no_device
/// for frames the host sends through the bridge device. Zero: (also) up the stack.
/// Linux: br_input.c br_handle_frame_finish; br_device.c br_dev_xmit.
template <Trace T>
Stop bridge_onward(Packet& packet, DeviceId port, DeviceId bridge, Stack& stack, T& trace);

/// A bridge answers an ARP request for a neighbour it knows, where ports say so (proxy_arp,
/// neigh_suppress), and keeps what it knows from ports that suppress ARP.
/// Linux: net/bridge/br_arp_nd_proxy.c br_do_proxy_suppress_arp.
/// Ends: Fate::undecided where the bridge filters VLANs. Changes: packet.arp_answered.
/// Not modelled: proxy_arp_wifi, neigh_vlan_suppress.
template <Trace T>
Stop answer_for_neighbours(Packet& packet, DeviceId port, DeviceId bridge, Stack& stack, T& trace);

/// ARP ends here, whatever is done with it; IPv4 goes on; any other ethertype has no handler.
template <Trace T>
Stop arp(Packet& packet, Stack& stack, T& trace);

/// Fragments wait until they are whole: before PREROUTING and OUTPUT while conntrack runs, and
/// always before local delivery (Hook::input). Linux: ip_fragment.c ip_defrag.
template <Trace T>
Stop defragment(Packet& packet, Hook hook, Stack& stack, T& trace);

/// Everything registered at a netfilter hook. Packets that rules make are put into stack.work.
/// Linux: NF_HOOK; for OUTPUT ip_route_me_harder after mangle and nat.
template <Trace T>
Stop hook(Hook hook, Packet& packet, DeviceId in, DeviceId out, Stack& stack, T& trace);

/// A packet received on a member of a VRF passes PREROUTING again as the VRF device's.
/// Linux: drivers/net/vrf.c vrf_ip_rcv.
template <Trace T>
Stop vrf(Packet& packet, Stack& stack, T& trace);

/// The routing decision for a received packet. Linux: ip_input.c ip_rcv_finish_core.
template <Trace T>
Stop route_in(Packet& packet, Stack& stack, T& trace);

/// The routing decision, and the source address, for a packet made here.
template <Trace T>
Stop route_out(Packet& packet, Stack& stack, T& trace);

/// How this namespace's stack answers by itself.
[[nodiscard]] ip::AnswerPolicy answer_policy(const host::Host& host);

/// Once the way is known: IP options, layer-2 class; errors go back. Linux: ip_input.c
/// ip_rcv_finish_core.
template <Trace T>
Stop finish(Packet& packet, Stack& stack, T& trace);

/// True when routing says that the packet is for this host.
bool is_for_us(const Packet& packet);

/// INPUT hooks, then the socket or the stack's own answer. Ends the packet.
/// Linux: ip_input.c ip_local_deliver, ip_local_deliver_finish.
template <Trace T>
Stop deliver(Packet& packet, Stack& stack, T& trace);

/// The end of packets whose route is an error. Linux: net/ipv4/route.c ip_error.
template <Trace T>
Stop error_route(Packet& packet, Stack& stack, T& trace);

/// Checks and changes of forwarding; errors go back. Linux: ip_forward.c ip_forward.
template <Trace T>
Stop forward(Packet& packet, Stack& stack, T& trace);

/// POST_ROUTING, as a packet of the device it leaves by. Linux: ip_output.c ip_output.
template <Trace T>
Stop output(Packet& packet, Stack& stack, T& trace);

/// MTU, next hop, link header, device: the packet leaves this layer 3, or waits for its neighbour.
/// Linux: ip_output.c ip_finish_output, ip_finish_output2.
template <Trace T>
Stop leave(Packet& packet, Stack& stack, T& trace);

/// Link header for a known neighbour, or wait for an answer. Linux: neighbour.c
/// neigh_resolve_output, __neigh_event_send.
/// Ends: held; NEIGH_FAILED where nobody would be asked.
/// Not modelled: the daemon that app_solicit asks: it is taken not to answer.
template <Trace T>
Stop neighbour(Packet& packet, Stack& stack, T& trace);

/// A whole frame out of packet.device, down the stacked devices to a wire.
/// Linux: dev.c __dev_queue_xmit and each driver's transmit.
template <Trace T>
Stop transmit(Packet& packet, Stack& stack, T& trace);

/// The frame becomes the payload of UDP packets, one a remote, of the namespace that carries the
/// tunnel. Linux: drivers/net/vxlan/vxlan_core.c vxlan_xmit, vxlan_xmit_one.
/// Ends: NO_TX_TARGET, PKT_TOO_BIG; undecided where the carrying namespace was not read.
/// Not modelled: what this host's own senders learn of the path's MTU.
template <Trace T>
Stop transmit_vxlan(Packet& packet, Stack& stack, T& trace);

/// A datagram delivered here is for a tunnel that this namespace carries.
[[nodiscard]] bool is_tunnelled(const Packet& packet, const Stack& stack);

/// The frame inside such a datagram goes on at its VXLAN device. Linux: vxlan_core.c vxlan_rcv.
/// Not modelled: what a device learns whose tunnel another namespace carries.
template <Trace T>
Stop unwrap(const Packet& packet, Stack& stack, T& trace);

/// A VXLAN device that is down does not listen, and nobody else will on its port: it is to blame.
void blame_tunnel_down(const Packet& packet, const Stack& stack, Stop& stop);

/// A packet that this host makes in answer to `about` goes into stack.work.
void send_answer(Packet answer, const Packet& about, Stack& stack);

/// An ICMP error about `offender`, made and put into stack.work. Linux: icmp.c __icmp_send.
void send_error(const Packet& offender, const ip::IcmpError& error, Stack& stack);

/// Tell of everything not modelled that hangs on this device in this direction.
template <Trace T>
void meet_unmodelled(const Packet& packet, DeviceId device, bool ingress, Stack& stack, T& trace);

/// The same for chains at a hook of another family than IPv4's: of frames in a bridge, of ARP.
/// `packet` is the number to tell it for.
template <Trace T>
void meet_unmodelled(host::Unmodelled::Family family, Hook hook, std::uint32_t packet,
                     DeviceId device, Stack& stack, T& trace);

/// True while IPv4 frames of this bridge run the iptables hooks.
/// Linux: br_netfilter_hooks.c br_nf_pre_routing's gate.
bool bridge_calls_iptables(const Packet& packet, DeviceId bridge, const host::Host& host);

}  // namespace wayout::path
