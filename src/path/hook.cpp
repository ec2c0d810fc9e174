#include "path/stages.hpp"
#include "path/walk.hpp"

#include "wire/headers.hpp"

namespace wayout::path {
namespace {

/// The source address stays as it is. A packet without a way is dropped by the hook that asked.
/// Linux: net/ipv4/netfilter.c ip_route_me_harder.
template <Trace T>
Stop reroute(Packet& packet, Stack& stack, T& trace) {
  const host::Host& host = stack.host;
  route::Flow flow = route::flow_of(packet);
  flow.any_source = true;
  packet.routing = {};
  Stop stop = route::output(flow, packet, host.fib, host.interfaces, stack.chance, trace);
  if (stop) stop = Stop::drop(Stage::nf_hook_slow, DropReason::NETFILTER_DROP, stop.cause);
  return stop;
}

/// A copy has its route, and its frame is ahead of the packet's. Without one it ends here.
/// Linux: net/ipv4/netfilter/nf_dup_ipv4.c nf_dup_ipv4.
template <Trace T>
void send_copy(Packet copy, Stack& stack, T& trace) {
  copy.number = stack.next_packet++;
  if (!copy.routing.decided) {
    end(std::move(copy),
        Stop::drop(Stage::nf_dup_ipv4, DropReason::NOT_SPECIFIED, Cause::no_route()), stack, trace);
    return;
  }
  stack.copying = true;
  send(std::move(copy), stack, trace);
  stack.copying = false;
}

/// The sockets whose listing is whole.
std::optional<std::span<const Listener>> listeners_of(const host::Host& host) {
  if (!host.listeners_known || host.listeners_of != 0) return std::nullopt;
  return host.listeners;
}

}  // namespace

template <Trace T>
Stop hook(Hook hook, Packet& packet, DeviceId in, DeviceId out, Stack& stack, T& trace) {
  if (hook == Hook::prerouting && packet.hooks_done_at_bridge) {
    packet.hooks_done_at_bridge = false;
    packet.assigned_by = {};  // ip_rcv_core, behind the bridge, takes the socket away again
    return Stop::go_on();
  }
  const host::Host& host = stack.host;
  std::vector<Packet> made, copies;
  const netfilter::Surroundings around{host.netfilter,        host.devices,
                                       host.interfaces,       host.fib,
                                       host.conntrack_config, answer_policy(host),
                                       listeners_of(host)};
  netfilter::Writable changes{stack.state.rules, stack.state.connections, stack.chance, made,
                              stack.assumed, stack.state.now_ms,
                              stack.copying ? nullptr : &copies};
  netfilter::Cursor cursor;
  Stop stop;
  // A re-routed packet leaves through another device; the hook's functions still see the first.
  while (!stop && !cursor.done) {
    stop = netfilter::run(hook, packet, {in, out}, around, changes, cursor, trace);
    if (!stop && cursor.reroute) {
      cursor.reroute = false;
      stop = reroute(packet, stack, trace);
    }
  }
  for (Packet& copy : copies) send_copy(std::move(copy), stack, trace);
  for (Packet& answer : made)  // resets, errors
    if (limits_allow(answer, stack)) send_answer(std::move(answer), packet, stack);
  return stop;
}

#define WAYOUT_INSTANTIATE(T) \
  template Stop hook(Hook, Packet&, DeviceId, DeviceId, Stack&, T&);
WAYOUT_INSTANTIATE(NoTrace)
WAYOUT_INSTANTIATE(StepTrace)
#undef WAYOUT_INSTANTIATE

}  // namespace wayout::path
