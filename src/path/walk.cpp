#include "path/walk.hpp"

#include "ip/ip.hpp"
#include "path/stages.hpp"

namespace wayout::path {
namespace {

/// The line for a received frame. What it returns is never zero: the packet has ended.
template <Trace T>
Stop way_in(Packet& p, Stack& s, T& trace) {
  if (Stop stop = climb(p, s, trace)) return stop;                               // __netif_receive_skb_core
  if (Stop stop = arp(p, s, trace)) return stop;                                 // arp_rcv
  if (Stop stop = ip::receive(p, trace)) return stop;                            // ip_rcv_core
  if (Stop stop = defragment(p, Hook::prerouting, s, trace)) return stop;        // ip_defrag
  if (Stop stop = hook(Hook::prerouting, p, p.device, {}, s, trace)) return stop;  // PRE_ROUTING
  if (Stop stop = vrf(p, s, trace)) return stop;                                 // l3mdev_ip_rcv
  if (Stop stop = route_in(p, s, trace)) return stop;                            // ip_rcv_finish
  if (Stop stop = finish(p, s, trace)) return stop;                              // ip_rcv_finish_core
  if (is_for_us(p)) return deliver(p, s, trace);                                 // ip_local_deliver
  if (Stop stop = error_route(p, s, trace)) return stop;                         // ip_error
  if (Stop stop = forward(p, s, trace)) return stop;                             // ip_forward
  if (Stop stop = hook(Hook::forward, p, p.device, p.routing.egress, s, trace)) return stop;  // FORWARD
  if (Stop stop = output(p, s, trace)) return stop;                              // ip_output
  return leave(p, s, trace);                                                     // ip_finish_output
}

/// The line for a packet made here.
template <Trace T>
Stop way_out(Packet& p, Stack& s, T& trace) {
  if (Stop stop = route_out(p, s, trace)) return stop;                           // ip_route_output_key
  if (Stop stop = hook(Hook::output, p, {}, p.routing.egress, s, trace)) return stop;  // LOCAL_OUT
  if (Stop stop = output(p, s, trace)) return stop;                              // ip_output
  return leave(p, s, trace);                                                     // ip_finish_output
}

}  // namespace

template <Trace T>
void end(Packet packet, Stop stop, Stack& stack, T& trace) {
  if constexpr (T::tells) {
    trace.step({.stage = stop.stage,
                .did = Did::ended,
                .fate = stop.fate,
                .reason = stop.reason,
                .device = packet.device,
                .by = stop.cause_elsewhere == 0 ? stop.cause : Cause{},
                .packet = packet.number});
  }
  stack.ended.push_back({std::move(packet), stop});
}

template <Trace T>
void walk(Packet packet, Stack& stack, T& trace) {
  const Stop stop = way_in(packet, stack, trace);
  end(std::move(packet), stop, stack, trace);
}

template <Trace T>
void send(Packet packet, Stack& stack, T& trace) {
  const Stop stop = way_out(packet, stack, trace);
  end(std::move(packet), stop, stack, trace);
}

template <Trace T>
bool drain(Stack& stack, std::uint32_t& budget, T& trace) {
  while (!stack.work.empty()) {
    if (budget == 0) return false;
    --budget;
    Work work = std::move(stack.work.front());
    stack.work.pop_front();
    Packet& p = work.packet;
    switch (work.kind) {
      case Work::Kind::receive: walk(std::move(p), stack, trace); break;
      case Work::Kind::send: send(std::move(p), stack, trace); break;
      case Work::Kind::to_neighbour: {
        const Stop stop = neighbour(p, stack, trace);
        end(std::move(p), stop, stack, trace);
        break;
      }
      case Work::Kind::transmit: {
        const Stop stop = transmit(p, stack, trace);
        end(std::move(p), stop, stack, trace);
        break;
      }
    }
  }
  return true;
}

#define WAYOUT_INSTANTIATE(T)                          \
  template void end(Packet, Stop, Stack&, T&);         \
  template void walk(Packet, Stack&, T&);              \
  template void send(Packet, Stack&, T&);              \
  template bool drain(Stack&, std::uint32_t&, T&);
WAYOUT_INSTANTIATE(NoTrace)
WAYOUT_INSTANTIATE(StepTrace)
#undef WAYOUT_INSTANTIATE

}  // namespace wayout::path
