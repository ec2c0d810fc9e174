// Bridging on the way, with the IPv4 hooks around it while bridge-nf-call-iptables holds.
//
// Two rooms are interleaved here, bridge and netfilter, which is why it is neither's business.
#include <algorithm>

#include "bridge/bridge.hpp"
#include "path/stages.hpp"
#include "path/walk.hpp"
#include "wire/headers.hpp"

namespace wayout::path {

bool bridge_calls_iptables(const Packet& packet, DeviceId bridge, const host::Host& host) {
  if (packet.ethertype != wire::ethertype::ipv4) return false;
  if (packet.vlan_tci && !host.bridging.nf_filter_vlan_tagged) return false;
  return host.bridging.nf_call_iptables || host.devices[bridge].bridge.nf_call_iptables;
}

namespace {

/// Where DNAT at the bridge sends the frame: to another port of the same bridge (its new MAC is
/// then known or asked for), or up to layer 3.
/// Linux: br_netfilter_hooks.c br_nf_pre_routing_finish.
template <Trace T>
Stop redirect_frame(Packet& packet, DeviceId bridge, Stack& stack, T& trace) {
  const host::Host& host = stack.host;
  Packet probe = packet;
  probe.device = bridge;
  probe.type = PacketType::host;
  Stop stop = route::input(probe, host.fib, host.interfaces, stack.chance, trace);
  if (stop) {
    stop.stage = Stage::br_nf_pre_routing_finish;
    return stop;
  }
  auto* ethernet = wire::header_at<wire::EthernetHeader>(packet.frame());
  if (!probe.routing.error && probe.routing.type == RouteType::unicast &&
      probe.routing.egress == bridge) {
    const auto found = stack.state.neighbours.entries.find({bridge, next_hop(probe)});
    if (found != stack.state.neighbours.entries.end() && link::nud_valid(found->second.state)) {
      ethernet->destination = found->second.mac;
      packet.bridged_dnat = true;
      return Stop::go_on();
    }
    packet.bridged_dnat = true;  // its neighbour is asked for as the bridge's own packets' is
    packet.routing = probe.routing;
    packet.device = bridge;
    return neighbour(packet, stack, trace);
  }
  ethernet->destination = host.devices[bridge].mac;
  packet.type = PacketType::host;
  return Stop::go_on();
}

/// Linux: br_netfilter_hooks.c br_nf_pre_routing: validation, then the PREROUTING hooks as the
/// bridge's, with the port as physical device.
template <Trace T>
Stop bridge_prerouting(Packet& packet, DeviceId port, DeviceId bridge, Stack& stack, T& trace) {
  const PacketType type = packet.type;
  packet.type = PacketType::host;  // a bridge validates what is not addressed to it, too
  const Stop stop = ip::receive(packet, trace);
  packet.type = type;
  if (stop)  // whatever is wrong with it
    return Stop::drop(Stage::br_nf_pre_routing, DropReason::IP_INHDR, stop.cause);
  packet.bridge_port_in = port;
  packet.device = bridge;
  const auto before = wire::header_at<wire::Ipv4Header>(packet.network())->destination_address();
  if (Stop held = defragment(packet, Hook::prerouting, stack, trace)) return held;
  if (Stop ended = hook(Hook::prerouting, packet, bridge, no_device, stack, trace)) return ended;
  packet.device = port;
  packet.hooks_done_at_bridge = true;
  const auto after = wire::header_at<wire::Ipv4Header>(packet.network())->destination_address();
  return before == after ? Stop::go_on() : redirect_frame(packet, bridge, stack, trace);
}

/// FORWARD and POSTROUTING for a frame that passes from port to port, then the port's MTU: with the
/// hooks on, the bridge cuts what is too big. Linux: br_nf_forward, br_nf_post_routing,
/// br_nf_dev_queue_xmit.
template <Trace T>
Stop bridge_hooks(Packet& packet, DeviceId port, DeviceId bridge, Stack& stack, T& trace) {
  packet.bridge_port_out = packet.device = port;
  // To the hooks a frame that only passes is one for this host: their errors answer it.
  const PacketType type = packet.type;
  if (type == PacketType::other_host) packet.type = PacketType::host;
  Stop stop = hook(Hook::forward, packet, bridge, bridge, stack, trace);
  if (!stop) stop = hook(Hook::postrouting, packet, no_device, bridge, stack, trace);
  packet.type = type;
  if (stop) return stop;
  packet.bridge_port_in = packet.bridge_port_out = no_device;
  packet.hooks_done_at_bridge = false;

  // Whether it is cut depends on the port, into what on the bridge, whose MTU is the smallest of its
  // ports' unless somebody set it.
  const link::Devices& devices = stack.host.devices;
  const std::size_t size = packet.network().size();
  if (size <= devices[port].mtu_bytes && packet.fragment_max_bytes == 0) return Stop::go_on();
  const std::uint32_t mtu = devices[bridge].mtu_bytes;
  const DeviceId narrow = mtu < devices[port].mtu_bytes ? bridge : port;
  // It is never cut into smaller pieces than those it came in, DF or not.
  const bool too_big = size > mtu && ip::must_not_fragment(packet, mtu);
  if (too_big || packet.fragment_max_bytes > mtu)
    return Stop::drop(Stage::br_nf_dev_queue_xmit, DropReason::NOT_SPECIFIED,
                      Cause::mtu(narrow, devices[narrow].mtu_bytes));
  stop = Stop::end(Fate::bridged, Stage::br_nf_dev_queue_xmit);
  for (Packet& piece : ip::fragment(packet, mtu)) {
    piece.device = port;
    if (Stop lost = bridge::egress(piece, port, devices))
      stop = lost;
    else
      stack.work.push_back({Work::Kind::transmit, std::move(piece)});
  }
  return stop;
}

/// ebtables and native chains of family bridge see every frame; none of them is modelled.
template <Trace T>
void meet_bridge_chains(Hook hook, const Packet& packet, DeviceId bridge, Stack& stack, T& trace) {
  meet_unmodelled(host::Unmodelled::Family::bridge, hook, packet.number, bridge, stack, trace);
}

/// One copy towards one port. Linux: br_forward.c __br_forward, br_dev_queue_push_xmit.
template <Trace T>
Stop to_port(Packet& packet, DeviceId port, DeviceId bridge, bool from_port, Stack& stack,
             T& trace) {
  const host::Host& host = stack.host;
  bridge::leave_vlan(packet, bridge, port, host.devices, host.bridging);
  if (from_port) meet_bridge_chains(Hook::forward, packet, bridge, stack, trace);
  meet_bridge_chains(Hook::postrouting, packet, bridge, stack, trace);
  if (from_port && bridge_calls_iptables(packet, bridge, host)) {
    if (Stop stop = bridge_hooks(packet, port, bridge, stack, trace)) return stop;
  }
  if (Stop stop = bridge::egress(packet, port, host.devices)) return stop;
  packet.device = port;
  return transmit(packet, stack, trace);
}

/// The frame goes where the bridge decided. Zero: (also) up.
template <Trace T>
Stop to_ports(Packet& packet, const bridge::Decision& decision, bool from_port, Stack& stack,
              T& trace) {
  // The packet itself goes up, or through the last port; all other ports get copies.
  const std::size_t copies = decision.ports.size() - (decision.up || decision.ports.empty() ? 0 : 1);
  for (std::size_t i = 0; i < copies; ++i) {
    Packet copy = packet;
    copy.fragment_payloads.clear();  // a clone is never cut at its old seams
    const Stop stop = to_port(copy, decision.ports[i], decision.bridge, from_port, stack, trace);
    end(std::move(copy), stop, stack, trace);
  }
  if (decision.up || decision.ports.empty()) return Stop::go_on();
  Stop stop = to_port(packet, decision.ports.back(), decision.bridge, from_port, stack, trace);
  if (stop.fate == Fate::forwarded) stop.fate = Fate::bridged;
  return stop;
}

}  // namespace

template <Trace T>
Stop bridge_onward(Packet& packet, DeviceId port, DeviceId bridge, Stack& stack, T& trace) {
  const host::Host& host = stack.host;
  if (port == no_device) meet_bridge_chains(Hook::output, packet, bridge, stack, trace);
  if (Stop stop = answer_for_neighbours(packet, port, bridge, stack, trace)) return stop;
  bridge::Decision decision;
  if (Stop stop = bridge::decide(packet, bridge, port, host.devices, host.bridging,
                                 stack.state.bridges, stack.state.now_ms, decision, trace))
    return stop;
  return to_ports(packet, decision, port != no_device, stack, trace);
}

template <Trace T>
Stop bridged(Packet& packet, Stack& stack, T& trace) {
  const host::Host& host = stack.host;
  const DeviceId port = packet.device;
  const DeviceId bridge = host.devices[port].master;
  bool link_local_up = false;
  if (Stop stop = bridge::ingress(packet, host.devices, host.bridging, stack.state.bridges,
                                  stack.state.now_ms, link_local_up, trace))
    return stop;
  if (link_local_up) return Stop::go_on();
  meet_bridge_chains(Hook::prerouting, packet, bridge, stack, trace);
  if (bridge_calls_iptables(packet, bridge, host)) {
    if (Stop stop = bridge_prerouting(packet, port, bridge, stack, trace)) return stop;
  }
  if (Stop stop = bridge_onward(packet, port, bridge, stack, trace)) return stop;
  meet_bridge_chains(Hook::input, packet, bridge, stack, trace);
  // What is for many is confirmed before its copies go their ways. Linux: br_nf_local_in.
  const bool to_many =
      packet.type == PacketType::broadcast || packet.type == PacketType::multicast;
  if (packet.hooks_done_at_bridge && to_many)
    if (Stop stop = stack.state.connections.confirm(packet, stack.state.now_ms)) return stop;
  bridge::leave_vlan(packet, bridge, bridge, host.devices, host.bridging);
  packet.device = bridge;
  if constexpr (T::tells) {
    trace.step({.stage = Stage::br_pass_frame_up,
                .did = Did::passed_up,
                .device = port,
                .other = bridge,
                .packet = packet.number});
  }
  return Stop::go_on();
}

#define WAYOUT_INSTANTIATE(T)                                                  \
  template Stop bridged(Packet&, Stack&, T&);                                  \
  template Stop bridge_onward(Packet&, DeviceId, DeviceId, Stack&, T&);
WAYOUT_INSTANTIATE(NoTrace)
WAYOUT_INSTANTIATE(StepTrace)
#undef WAYOUT_INSTANTIATE

}  // namespace wayout::path
