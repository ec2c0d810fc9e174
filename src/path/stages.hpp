// The stages of the way that join several rooms: hooks, bridging, neighbours, stacked devices.
//
// Each is one line of the way in walk.cpp. Stages that need one room only are called there
// directly. All of them answer with a zero Stop while the packet is on its way. Where `Ends:` names
// another room's function, the reasons stand at that.
#pragma once

#include "path/stack.hpp"

namespace wayout::path {

/// From the device that received a frame to the one whose layer 3 takes it: XDP and tc, VLAN,
/// bridge, macvlan. Ends frames that are bridged or handed to a child elsewhere.
/// Linux: net/core/dev.c __netif_receive_skb_core.
/// Ends: as link::receive and bridged(); NOT_SPECIFIED for a macvlan's lower device that is not
///   meant; forwarded to a child in another namespace.
/// Changes: packet.device, ingress, type, vlan_tci; stack.handovers, assumed.
/// Not modelled: XDP and tc programs; they are assumed to let the frame pass.
template <Trace T>
Stop climb(Packet& packet, Stack& stack, T& trace);

/// A frame on a bridge port: bridged on (it ends here), or up the stack as the bridge device.
/// Linux: br_input.c br_handle_frame, br_pass_frame_up; br_netfilter_hooks.c br_nf_pre_routing.
/// Ends: as bridge::ingress and bridge_onward(); with the hooks on also as ip::receive,
///   defragment(), hook(), and for what DNAT turned away as route::input and neighbour().
/// Changes: packet.device, vlan_tci, bridge_port_in, hooks_done_at_bridge, bridged_dnat; the
///   bridge's database.
/// Not modelled: ebtables and native chains of the bridge family; they are assumed to pass.
template <Trace T>
Stop bridged(Packet& packet, Stack& stack, T& trace);

/// The second half of bridging: decide by destination MAC and send the copies. `port` is no_device
/// for frames the host sends through the bridge device. Zero: (also) up the stack.
/// Linux: br_input.c br_handle_frame_finish; br_device.c br_dev_xmit; br_netfilter_hooks.c
/// br_nf_forward, br_nf_post_routing, br_nf_dev_queue_xmit.
/// Ends: bridged; as bridge::decide, bridge::egress, answer_for_neighbours() and transmit(); with
///   the hooks on also as hook(), and NOT_SPECIFIED for what is too big for the port.
/// Changes: packet; stack.ended and work (the other ports' copies, pieces); the bridge's database.
/// Not modelled: as bridged().
template <Trace T>
Stop bridge_onward(Packet& packet, DeviceId port, DeviceId bridge, Stack& stack, T& trace);

/// A bridge answers an ARP request for a neighbour it knows, where ports say so (proxy_arp,
/// neigh_suppress), and keeps what it knows from ports that suppress ARP.
/// Linux: net/bridge/br_arp_nd_proxy.c br_do_proxy_suppress_arp.
/// Ends: Fate::undecided where the bridge filters VLANs.
/// Changes: packet.arp_answered; stack.work (the answer).
/// Not modelled: proxy_arp_wifi, neigh_vlan_suppress.
template <Trace T>
Stop answer_for_neighbours(Packet& packet, DeviceId port, DeviceId bridge, Stack& stack, T& trace);

/// ARP ends here, whatever is done with it; IPv4 goes on; any other ethertype has no handler.
/// Linux: net/ipv4/arp.c arp_rcv, arp_process; for the others dev.c __netif_receive_skb_core.
/// Ends: UNHANDLED_PROTO; as ip::arp_process.
/// Changes: neighbours; stack.work (the answer, and packets that waited for this one).
/// Not modelled: other protocols, IPv6 among them; arptables, which is assumed to pass.
template <Trace T>
Stop arp(Packet& packet, Stack& stack, T& trace);

/// Fragments wait until they are whole: before PREROUTING and OUTPUT while conntrack runs, and
/// always before local delivery (Hook::input).
/// Linux: net/ipv4/ip_fragment.c ip_defrag; nf_defrag_ipv4.c ipv4_conntrack_defrag.
/// Ends: as ip::defragment.
/// Changes: packet (the whole one); the fragments that wait.
template <Trace T>
Stop defragment(Packet& packet, Hook hook, Stack& stack, T& trace);

/// Everything registered at a netfilter hook. Packets that rules make are put into stack.work; copies
/// of this one walk to their end first.
/// Linux: NF_HOOK; for OUTPUT ip_route_me_harder after mangle and nat.
/// Ends: as netfilter::run; NETFILTER_DROP where what OUTPUT rules changed finds no route.
/// Changes: as netfilter::run; packet.routing; stack.work, ended, assumed.
template <Trace T>
Stop hook(Hook hook, Packet& packet, DeviceId in, DeviceId out, Stack& stack, T& trace);

/// A packet received on a member of a VRF passes PREROUTING again as the VRF device's.
/// Linux: drivers/net/vrf.c vrf_ip_rcv.
/// Ends, Changes: as hook(); packet.device.
template <Trace T>
Stop vrf(Packet& packet, Stack& stack, T& trace);

/// The routing decision for a received packet. One that was looped back keeps the route it was
/// sent by.
/// Linux: net/ipv4/ip_input.c ip_rcv_finish_core; route.c ip_route_input_noref.
/// Ends: as route::input. Changes: packet.routing.
template <Trace T>
Stop route_in(Packet& packet, Stack& stack, T& trace);

/// The routing decision, and the source address, for a packet made here. A socket asks twice where
/// it connects, and refuses what it may not send to.
/// Linux: net/ipv4/route.c ip_route_output_key_hash; include/net/route.h ip_route_connect;
/// tcp_ipv4.c tcp_v4_connect; udp.c udp_sendmsg.
/// Ends: as route::output; NOT_SPECIFIED for TCP to a broadcast or multicast address, and for a
///   program that did not ask for broadcast.
/// Changes: packet (source and checksums, TTL), routing; mark (net.ipv4.tcp_fwmark_accept).
/// Not modelled: whether a program connects its UDP socket, or asks for broadcast: chance says.
template <Trace T>
Stop route_out(Packet& packet, Stack& stack, T& trace);

/// How this namespace's stack answers by itself.
[[nodiscard]] ip::AnswerPolicy answer_policy(const host::Host& host);

/// Where the packet goes next on its link: its route's gateway, or else its destination. Not set
/// for a packet that is not IPv4.
[[nodiscard]] wire::IpAddress next_hop(const Packet& packet);

/// A device of any namespace of this machine.
[[nodiscard]] inline const link::Device& device_at(const Stack& stack, host::DeviceRef ref) {
  return stack.machine.hosts[ref.host].devices[ref.device];
}

/// Once the way is known: IP options, layer-2 class; errors go back.
/// Linux: net/ipv4/ip_input.c ip_rcv_finish_core.
/// Ends: as ip::options and ip::check_class. Changes: packet (record route); stack.work.
template <Trace T>
Stop finish(Packet& packet, Stack& stack, T& trace);

/// True when routing says that the packet is for this host.
[[nodiscard]] bool is_for_us(const Packet& packet);

/// INPUT hooks, then the socket or the stack's own answer. Ends the packet.
/// Linux: net/ipv4/ip_input.c ip_local_deliver, ip_local_deliver_finish.
/// Ends: as defragment(), hook(), ip::deliver; what is for a tunnel as unwrap().
/// Changes: packet; stack.work (what is answered), accepted.
/// Not modelled: sockets that nobody read are taken to listen.
template <Trace T>
Stop deliver(Packet& packet, Stack& stack, T& trace);

/// The end of packets whose route is an error.
/// Linux: net/ipv4/route.c ip_error.
/// Ends: as ip::error_route. Changes: stack.work (the error that goes back).
template <Trace T>
Stop error_route(Packet& packet, Stack& stack, T& trace);

/// Checks and changes of forwarding; errors go back.
/// Linux: net/ipv4/ip_forward.c ip_forward.
/// Ends: as ip::forward; NOT_SPECIFIED for a packet of a socket of this namespace, that is connected
///   or that TPROXY gave it to.
/// Changes: packet (TTL); stack.work.
template <Trace T>
Stop forward(Packet& packet, Stack& stack, T& trace);

/// POST_ROUTING, as a packet of the device it leaves by.
/// Linux: net/ipv4/ip_output.c ip_output.
/// Ends: as hook(). Changes: packet.device; as hook().
template <Trace T>
Stop output(Packet& packet, Stack& stack, T& trace);

/// MTU, next hop, link header, device: the packet leaves this layer 3, or waits for its neighbour.
/// Linux: net/ipv4/ip_output.c ip_finish_output, ip_finish_output2, ip_do_fragment.
/// Ends: PKT_TOO_BIG; as neighbour().
/// Changes: packet (the first piece); stack.work (the other pieces, the error that goes back).
template <Trace T>
Stop leave(Packet& packet, Stack& stack, T& trace);

/// Link header for a known neighbour, or wait for an answer.
/// Linux: net/core/neighbour.c neigh_resolve_output, __neigh_event_send.
/// Ends: held; NEIGH_FAILED where nobody would be asked; as transmit() and bridge_onward().
/// Changes: packet (link header), device; neighbours; stack.work (the ARP request).
/// Not modelled: the daemon that app_solicit asks: it is taken not to answer.
template <Trace T>
Stop neighbour(Packet& packet, Stack& stack, T& trace);

/// An ARP request for the next hop of a packet that waits, put into stack.work: one more of those that
/// entry.requests counts.
/// Linux: net/ipv4/arp.c arp_solicit.
void ask_neighbour(const wire::IpAddress& next_hop, const Packet& waiting,
                   link::NeighbourState::Entry& entry, Stack& stack);

/// A whole frame out of packet.device, down the stacked devices to a wire.
/// Linux: net/core/dev.c __dev_queue_xmit and each driver's transmit.
/// Ends: forwarded; as link::transmit, bridge_onward(), transmit_vxlan(); NOT_SPECIFIED at a dummy
///   device and for what is longer than a veth's peer takes; undecided where a device's other end
///   was not read.
/// Changes: packet.device, VLAN tag; stack.handovers, work, assumed.
/// Not modelled: tc programs and queueing disciplines; they are assumed to pass.
template <Trace T>
Stop transmit(Packet& packet, Stack& stack, T& trace);

/// The frame becomes the payload of UDP packets, one a remote, of the namespace that carries the
/// tunnel.
/// Linux: drivers/net/vxlan/vxlan_core.c vxlan_xmit, vxlan_xmit_one.
/// Ends: forwarded; NO_TX_TARGET, PKT_TOO_BIG; undecided where the carrying namespace was not read.
/// Changes: stack.work, handovers.
/// Not modelled: what this host's own senders learn of the path's MTU.
template <Trace T>
Stop transmit_vxlan(Packet& packet, Stack& stack, T& trace);

/// A datagram delivered here is for a tunnel that this namespace carries.
[[nodiscard]] bool is_tunnelled(const Packet& packet, const Stack& stack);

/// The frame inside such a datagram goes on at its VXLAN device.
/// Linux: drivers/net/vxlan/vxlan_core.c vxlan_rcv.
/// Ends: forwarded; as link::vxlan_receive and bridge::vxlan_learn.
/// Changes: stack.work, handovers; the device's database.
/// Not modelled: what a device learns whose tunnel another namespace carries.
template <Trace T>
Stop unwrap(const Packet& packet, Stack& stack, T& trace);

/// A VXLAN device that is down does not listen, and nobody else will on its port: it is to blame.
void blame_tunnel_down(const Packet& packet, const Stack& stack, Stop& stop);

/// A packet that this host makes in answer to `about` goes into stack.work.
void send_answer(Packet answer, const Packet& about, Stack& stack);

/// Whether the buckets for ICMP let this answer go, if it is an error; takes its tokens.
/// Linux: net/ipv4/icmp.c icmpv4_global_allow, icmpv4_xrlim_allow.
[[nodiscard]] bool limits_allow(const Packet& answer, Stack& stack);

/// An ICMP error about `offender`, made and put into stack.work.
/// Linux: net/ipv4/icmp.c __icmp_send.
void send_error(const Packet& offender, const ip::IcmpError& error, Stack& stack);

/// Everything not modelled that hangs on this device in this direction is met: it is told, and kept
/// in stack.assumed.
template <Trace T>
void meet_unmodelled(const Packet& packet, DeviceId device, bool ingress, Stack& stack, T& trace);

/// The same for chains at a hook of another family than IPv4's: of frames in a bridge, of ARP.
/// `packet` is the number to tell it for.
template <Trace T>
void meet_unmodelled(host::Unmodelled::Family family, Hook hook, std::uint32_t packet,
                     DeviceId device, Stack& stack, T& trace);

/// True while IPv4 frames of this bridge run the iptables hooks.
/// Linux: br_netfilter_hooks.c br_nf_pre_routing's gate.
[[nodiscard]] bool bridge_calls_iptables(const Packet& packet, DeviceId bridge,
                                         const host::Host& host);

}  // namespace wayout::path
