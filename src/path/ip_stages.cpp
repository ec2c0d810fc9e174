// Layer 3 on the way: routing decisions, local delivery, forwarding, errors.
#include "path/stages.hpp"
#include "path/walk.hpp"

#include "ip/arp.hpp"
#include "wire/headers.hpp"

namespace wayout::path {
namespace {

/// True when a socket of this namespace, or one that the question brought, takes the packet.
bool somebody_listens(const Packet& packet, const Stack& stack) {
  const route::Flow flow = route::flow_of(packet);
  for (const Socket& socket : stack.sockets) {
    if (socket.protocol == flow.protocol && socket.local == flow.destination &&
        socket.local_port == flow.dport && socket.remote == flow.source &&
        socket.remote_port == flow.sport)
      return true;
  }
  if (!stack.host.listeners_known) return true;
  for (const host::Listener& listener : stack.host.listeners) {
    const bool address_fits = listener.address.is_unspecified()
                                  ? listener.address.is_v4() || listener.dual_stack
                                  : listener.address == flow.destination;
    if (listener.protocol == flow.protocol && listener.port == flow.dport && address_fits &&
        (listener.device == no_device || listener.device == packet.device))
      return true;
  }
  return false;
}

}  // namespace

void send_answer(Packet answer, const Packet& about, Stack& stack) {
  answer.number = stack.next_packet++;
  answer.answers = about.number;
  answer.local = true;
  stack.work.push_back({Work::Kind::send, std::move(answer)});
}

void send_error(const Packet& offender, const ip::IcmpError& error, Stack& stack) {
  const host::Host& host = stack.host;
  std::optional<Packet> made =
      ip::make_error(offender, error, host.fib, host.interfaces,
                     host.ip.icmp_errors_use_inbound_ifaddr, host.ip.default_ttl, stack.chance);
  if (made) send_answer(std::move(*made), offender, stack);
}

template <Trace T>
Stop route_in(Packet& packet, Stack& stack, T& trace) {
  if (packet.routing.decided) return Stop::go_on();  // looped back: it keeps the route it was sent by
  const host::Host& host = stack.host;
  return route::input(packet, host.fib, host.interfaces, host.route_config, stack.chance, trace);
}

template <Trace T>
Stop route_out(Packet& packet, Stack& stack, T& trace) {
  if (packet.routing.decided) return Stop::go_on();
  const host::Host& host = stack.host;
  route::Flow flow = route::flow_of(packet);
  return route::output(flow, packet, host.fib, host.interfaces, host.route_config, stack.chance,
                       trace);
}

bool is_for_us(const Packet& packet) {
  return !packet.routing.error && (packet.routing.type == RouteType::local ||
                                   packet.routing.type == RouteType::broadcast);
}

template <Trace T>
Stop deliver(Packet& packet, Stack& stack, T& trace) {
  if (Stop stop = defragment(packet, Hook::input, stack, trace)) return stop;
  if (Stop stop = hook(Hook::input, packet, packet.device, no_device, stack, trace)) return stop;
  ip::LocalAnswer answer =
      ip::deliver(packet, somebody_listens(packet, stack), stack.host.ip.icmp_echo_ignore_all,
                  stack.host.ip.icmp_echo_ignore_broadcasts, trace);
  if (answer.reply) send_answer(std::move(*answer.reply), packet, stack);
  if (answer.error) send_error(packet, *answer.error, stack);
  return answer.stop;
}

template <Trace T>
Stop error_route(Packet& packet, Stack& stack, T&) {
  if (!packet.routing.error) return Stop::go_on();
  std::vector<ip::IcmpError> errors;
  const Stop stop = ip::error_route(packet, errors);
  for (const ip::IcmpError& error : errors) send_error(packet, error, stack);
  return stop;
}

template <Trace T>
Stop forward(Packet& packet, Stack& stack, T& trace) {
  std::vector<ip::IcmpError> errors;
  const Stop stop = ip::forward(packet, stack.host.interfaces, errors, trace);
  for (const ip::IcmpError& error : errors) send_error(packet, error, stack);
  return stop;
}

template <Trace T>
Stop defragment(Packet& packet, Hook hook, Stack& stack, T& trace) {
  if (hook != Hook::input && !stack.host.conntrack_config.enabled) return Stop::go_on();
  return ip::defragment(packet, hook, stack.state.fragments, stack.state.now_ms, trace);
}

template <Trace T>
Stop vrf(Packet& packet, Stack& stack, T& trace) {
  const DeviceId vrf = stack.host.interfaces[packet.device].vrf;
  if (vrf == no_device) return Stop::go_on();
  packet.device = vrf;
  return hook(Hook::prerouting, packet, vrf, no_device, stack, trace);
}

template <Trace T>
Stop arp(Packet& packet, Stack& stack, T& trace) {
  if (packet.ethertype == wire::ethertype::ipv4) return Stop::go_on();
  if (packet.ethertype != wire::ethertype::arp)
    return Stop::drop(Stage::netif_receive_skb_core, DropReason::UNHANDLED_PROTO,
                      Cause::on_device(DeviceCause::no_handler, packet.device));
  const host::Host& host = stack.host;
  ip::ArpResult result =
      ip::arp_process(packet, host.fib, host.interfaces, host.devices, host.neighbours,
                      stack.state.neighbours, stack.chance, trace);
  if (result.answer) {
    result.answer->device = packet.device;
    result.answer->number = stack.next_packet++;
    stack.work.push_back({Work::Kind::transmit, std::move(*result.answer)});
  }
  if (result.resolved) {
    auto& entry = stack.state.neighbours.entries[*result.resolved];
    for (Packet& waiting : entry.waiting)
      stack.work.push_back({Work::Kind::resolved, std::move(waiting)});
    entry.waiting.clear();
  }
  return result.stop;
}

#define WAYOUT_INSTANTIATE(T)                                    \
  template Stop route_in(Packet&, Stack&, T&);                   \
  template Stop route_out(Packet&, Stack&, T&);                  \
  template Stop deliver(Packet&, Stack&, T&);                    \
  template Stop error_route(Packet&, Stack&, T&);                \
  template Stop forward(Packet&, Stack&, T&);                    \
  template Stop defragment(Packet&, Hook, Stack&, T&);           \
  template Stop vrf(Packet&, Stack&, T&);                        \
  template Stop arp(Packet&, Stack&, T&);
WAYOUT_INSTANTIATE(NoTrace)
WAYOUT_INSTANTIATE(StepTrace)
#undef WAYOUT_INSTANTIATE

}  // namespace wayout::path
