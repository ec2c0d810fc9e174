#include "route/decide.hpp"

namespace wayout::route {
namespace {

constexpr Stage stage = Stage::ip_route_output;
const wire::IpAddress any = wire::IpAddress::any(wire::Family::ipv4);
const wire::IpAddress localhost = wire::IpAddress::v4(127, 0, 0, 1);
const wire::Prefix link_local_multicast{wire::IpAddress::v4(224, 0, 0, 0), 24};

Stop refuse(Cause cause) { return Stop::drop(stage, DropReason::IP_OUTNOROUTES, cause); }

/// One local packet's decision in the making; the methods are the kernel's steps, in its order.
class Decider {
 public:
  Decider(Flow& flow, const Fib& fib, const Interfaces& interfaces, Chance& chance)
      : flow_(flow), fib_(fib), interfaces_(interfaces), chance_(chance) {}

  /// Linux: ip_route_output_key_hash_rcu.
  Stop decide(Routing& routing) {
    routing = {};
    routing.decided = true;
    if (Stop stop = check_source(routing)) return stop;
    if (routing.egress == no_device) {
      if (Stop stop = check_egress(routing)) return stop;
    }
    if (routing.egress == no_device) {
      if (Stop stop = look_up(routing)) return stop;
    }
    if (!flow_.source.is_set()) flow_.source = any;
    return finish(routing);
  }

 private:
  // Each of these decides, by setting routing.egress, or leaves it to the next.
  Stop check_source(Routing& routing);
  Stop check_egress(Routing& routing);
  Stop look_up(Routing& routing);
  Stop local(const FibResult& found, Routing& routing);
  Stop finish(Routing& routing);
  void choose_source(DeviceId device, Scope scope) {
    if (!flow_.source.is_set())
      flow_.source = select_source_address(interfaces_, device, {}, scope);
  }

  Flow& flow_;
  const Fib& fib_;
  const Interfaces& interfaces_;
  Chance& chance_;
};

/// A source given must be one to send from. Towards groups and 255.255.255.255 it also names the
/// device, when nothing else does.
Stop Decider::check_source(Routing& routing) {
  if (flow_.source.is_set() && flow_.source.is_unspecified()) flow_.source = {};
  if (!flow_.source.is_set()) return Stop::go_on();
  const Cause martian = Cause::address(AddressCause::martian_source);
  if (flow_.source.is_multicast() || flow_.source.is_limited_broadcast()) return refuse(martian);
  const bool to_many =
      flow_.destination.is_multicast() || flow_.destination.is_limited_broadcast();
  const bool names_device = flow_.egress == no_device && to_many;
  if (!names_device && flow_.any_source) return Stop::go_on();
  const DeviceId owner = device_of_address(fib_, interfaces_, flow_.source);
  if (owner == no_device) return refuse(martian);
  if (names_device) routing.egress = owner;
  return Stop::go_on();
}

/// A device asked for, or an address that says enough by itself.
Stop Decider::check_egress(Routing& routing) {
  const wire::IpAddress& to = flow_.destination;
  if (flow_.egress != no_device) {
    if (!interfaces_[flow_.egress].up)
      return refuse(Cause::on_device(DeviceCause::down, flow_.egress));
    if (link_local_multicast.contains(to) || to.is_limited_broadcast()) {
      choose_source(flow_.egress, Scope::link);
      routing.egress = flow_.egress;
      return Stop::go_on();
    }
    if (to.is_multicast()) choose_source(flow_.egress, Scope::universe);
    if (to.is_unspecified()) choose_source(flow_.egress, Scope::host);
  }
  if (!to.is_unspecified()) return Stop::go_on();
  if (!flow_.source.is_set()) flow_.source = localhost;
  flow_.destination = flow_.source;
  routing.type = RouteType::local;
  routing.egress = fib_.loopback();
  return Stop::go_on();
}

Stop Decider::look_up(Routing& routing) {
  const DeviceId asked_egress = flow_.egress;
  flow_ = fib_.in_l3_domain(flow_);
  FibResult found = fib_.lookup(flow_, chance_);
  if (found.kind != FibResult::Kind::found) {
    // Whoever names a device may send to any address behind it, routes or not.
    if (flow_.egress == no_device ||
        (!flow_.destination.is_multicast() && flow_.l3mdev != no_device))
      return refuse(found.cause);
    choose_source(asked_egress, Scope::link);
    routing.egress = asked_egress;
    routing.on_link_scope = true;
    return Stop::go_on();
  }
  if (found.type == RouteType::local) return local(found, routing);

  fib_.select_path(found, flow_, /*local=*/true, interfaces_, chance_);
  fill_routing(routing, fib_, found);
  const Route& route = fib_.route(found.route);
  if (route.nexthops.empty() || route.nexthops[found.nexthop].encap)
    return Stop::end(Fate::undecided, stage, found.cause);
  if (flow_.source.is_set()) return Stop::go_on();
  const Nexthop& nexthop = route.nexthops[found.nexthop];
  flow_.source = route.preferred_source.is_set()
                     ? route.preferred_source
                     : select_source_address(interfaces_, nexthop.device,
                                             nexthop.gateway.is_v4() ? nexthop.gateway
                                                                     : wire::IpAddress{},
                                             route.scope);
  return Stop::go_on();
}

/// To an address of this host: through loopback, or the VRF device of its domain.
Stop Decider::local(const FibResult& found, Routing& routing) {
  fill_routing(routing, fib_, found);
  if (!flow_.source.is_set())
    flow_.source = routing.preferred_source.is_set() ? routing.preferred_source : flow_.destination;
  const DeviceId domain = interfaces_.l3_domain(routing.egress);
  routing.egress = domain != no_device ? domain : fib_.loopback();
  return Stop::go_on();
}

/// Linux: __mkroute_output.
Stop Decider::finish(Routing& routing) {
  const Interface& egress = interfaces_[routing.egress];
  if (flow_.source.is_loopback() && !egress.loopback && egress.vrf_table == 0 &&
      !interfaces_.either(routing.egress, &Ipv4Conf::route_localnet))
    return refuse(Cause::sysctl(Sysctl::route_localnet, routing.egress));
  if (routing.type == RouteType::unspec) routing.type = RouteType::unicast;
  if (flow_.destination.is_limited_broadcast()) routing.type = RouteType::broadcast;
  if (flow_.destination.is_multicast()) {
    routing.type = RouteType::multicast;
    // The default route names the device for groups, but not a gateway.
    const bool by_default_route = routing.by.kind() == CauseKind::route &&
                                  fib_.route(routing.by.route()).destination.length < 4;
    if (by_default_route) routing.gateway = {};
  }
  if (routing.type == RouteType::broadcast) routing.gateway = {};
  flow_.egress = routing.egress;
  return Stop::go_on();
}

}  // namespace

template <Trace T>
void tell_output(const Packet& packet, const Flow& flow, bool source_chosen, T& trace) {
  if constexpr (T::tells) {
    const Routing& routing = packet.routing;
    trace.step({.stage = stage,
                .did = Did::routed,
                .device = routing.egress,
                .value = static_cast<std::uint32_t>(routing.type),
                .by = routing.by,
                .address = routing.gateway.is_set() ? routing.gateway : flow.destination,
                .packet = packet.number});
    if (!source_chosen) return;
    trace.step({.stage = stage,
                .did = Did::source_chosen,
                .device = routing.egress,
                .by = routing.by,
                .address = flow.source,
                .packet = packet.number});
  }
}

template <Trace T>
Stop output(Flow& flow, Packet& packet, const Fib& fib, const Interfaces& interfaces,
            Chance& chance, T& trace) {
  const bool choose = !flow.source.is_set() || flow.source.is_unspecified();
  const Stop stop = Decider(flow, fib, interfaces, chance).decide(packet.routing);
  if (!stop) tell_output(packet, flow, choose, trace);
  return stop;
}

template Stop output(Flow&, Packet&, const Fib&, const Interfaces&, Chance&, NoTrace&);
template Stop output(Flow&, Packet&, const Fib&, const Interfaces&, Chance&, StepTrace&);
template void tell_output(const Packet&, const Flow&, bool, NoTrace&);
template void tell_output(const Packet&, const Flow&, bool, StepTrace&);

}  // namespace wayout::route
