#include "path/stages.hpp"

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

}  // namespace

template <Trace T>
Stop hook(Hook hook, Packet& packet, DeviceId in, DeviceId out, Stack& stack, T& trace) {
  if (hook == Hook::prerouting && packet.hooks_done_at_bridge) {
    packet.hooks_done_at_bridge = false;
    return Stop::go_on();
  }
  const host::Host& host = stack.host;
  std::vector<Packet> made;
  const netfilter::Surroundings around{host.netfilter, host.devices, host.interfaces, host.fib,
                                       host.conntrack_config, answer_policy(host)};
  netfilter::Writable changes{stack.state.rules, stack.state.connections, stack.chance, made,
                              stack.assumed, stack.state.now_ms};
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
