#include <algorithm>

#include "route/decide.hpp"

namespace wayout::route {
namespace {

constexpr Stage stage = Stage::ip_rcv_finish_core;
const wire::IpAddress all_hosts = wire::IpAddress::v4(224, 0, 0, 1);

Stop refuse(DropReason reason, Cause cause) { return Stop::drop(stage, reason, cause); }

/// One subnet of the device holds both; a gateway that is not set is in all of them.
/// Linux: net/ipv4/devinet.c inet_addr_onlink.
bool shares_subnet(const Interface& interface, const wire::IpAddress& source,
                   const wire::IpAddress& gateway) {
  return std::ranges::any_of(interface.addresses, [&](const InterfaceAddress& address) {
    return address.subnet().contains(source) &&
           (!gateway.is_set() || address.subnet().contains(gateway));
  });
}

/// One received packet's decision in the making. The methods are the kernel's steps, in its order;
/// each returns a Stop, zero to go on.
class Decider {
 public:
  Decider(const Flow& flow, bool is_arp, const Fib& fib, const Interfaces& interfaces,
          Chance& chance)
      : flow_(fib.as_received(flow)),
        is_arp_(is_arp),
        fib_(fib),
        interfaces_(interfaces),
        chance_(chance) {}

  InputDecision decide() {
    decision_.routing.decided = true;
    decision_.stop = flow_.destination.is_multicast() ? multicast() : unicast();
    return std::move(decision_);
  }

 private:
  [[nodiscard]] DeviceId ingress() const { return flow_.ingress; }
  [[nodiscard]] Cause martian(AddressCause why) const { return Cause::address(why, ingress()); }

  Stop multicast();
  Stop unicast();
  Stop check_addresses();
  Stop broadcast();
  Stop by_result(const FibResult& result);
  Stop local(const FibResult& result);
  Stop forwarded(FibResult result);
  Stop check_source(DeviceId egress, const Flow& flow);
  Stop error(const FibResult& result);

  const Flow flow_;
  const bool is_arp_;
  const Fib& fib_;
  const Interfaces& interfaces_;
  Chance& chance_;
  InputDecision decision_;
};

/// Linux: ip_route_input_rcu, ip_mc_validate_source. Nobody tells which groups are joined but the
/// one that every device that is up is in.
Stop Decider::multicast() {
  if (flow_.destination != all_hosts || !interfaces_[ingress()].up)
    return refuse(DropReason::NOT_SPECIFIED, Cause::socket());
  if (flow_.source.is_multicast() || flow_.source.is_limited_broadcast())
    return refuse(DropReason::IP_INVALID_SOURCE, martian(AddressCause::martian_source));
  if (flow_.source.is_loopback() && !interfaces_.either(ingress(), &Ipv4Conf::route_localnet))
    return refuse(DropReason::IP_LOCALNET, Cause::sysctl(Sysctl::route_localnet, ingress()));
  decision_.routing.type = RouteType::multicast;
  decision_.routing.egress = fib_.loopback();
  if (flow_.source.is_unspecified()) return Stop::go_on();
  Flow towards_us = flow_;
  towards_us.destination = wire::IpAddress::any(wire::Family::ipv4);
  return check_source(no_device, towards_us);
}

/// Addresses that no table is asked about.
Stop Decider::check_addresses() {
  const wire::IpAddress &source = flow_.source, &destination = flow_.destination;
  if (source.is_multicast() || source.is_limited_broadcast())
    return refuse(DropReason::IP_INVALID_SOURCE, martian(AddressCause::martian_source));
  if (destination.is_limited_broadcast() ||
      (source.is_unspecified() && destination.is_unspecified()))
    return Stop::go_on();
  if (source.is_unspecified())
    return refuse(DropReason::IP_INVALID_SOURCE, martian(AddressCause::martian_source));
  if (destination.is_unspecified())
    return refuse(DropReason::IP_INVALID_DEST, martian(AddressCause::martian_destination));
  if ((source.is_loopback() || destination.is_loopback()) &&
      !interfaces_.either(ingress(), &Ipv4Conf::route_localnet))
    return refuse(DropReason::IP_LOCALNET, Cause::sysctl(Sysctl::route_localnet, ingress()));
  return Stop::go_on();
}

/// Linux: ip_route_input_slow.
Stop Decider::unicast() {
  if (Stop stop = check_addresses()) return stop;
  if (flow_.destination.is_limited_broadcast() || flow_.destination.is_unspecified())
    return broadcast();
  return by_result(fib_.lookup(flow_, chance_));
}

Stop Decider::by_result(const FibResult& result) {
  const bool forwarding = interfaces_[ingress()].conf.forwarding;
  if (!forwarding)
    decision_.routing.gate = Cause::sysctl(Sysctl::forwarding, ingress());
  if (result.kind != FibResult::Kind::found) return error(result);
  if (result.type == RouteType::broadcast) {
    decision_.routing.by = result.cause;
    if (interfaces_.both(ingress(), &Ipv4Conf::bc_forwarding))
      return Stop::end(Fate::undecided, stage, Cause::sysctl(Sysctl::bc_forwarding, ingress()));
    return broadcast();
  }
  if (result.type == RouteType::local) return local(result);
  if (!forwarding) return error(result);
  if (result.type != RouteType::unicast)
    return refuse(DropReason::IP_INVALID_DEST, result.cause);
  return forwarded(result);
}

Stop Decider::broadcast() {
  if (is_arp_) return refuse(DropReason::INVALID_PROTO, decision_.routing.by);
  decision_.routing.gate = {};
  decision_.routing.type = RouteType::broadcast;
  decision_.routing.egress = fib_.loopback();
  if (flow_.source.is_unspecified()) return Stop::go_on();
  Flow towards_us = flow_;
  towards_us.destination = wire::IpAddress::any(wire::Family::ipv4);
  return check_source(no_device, towards_us);
}

Stop Decider::local(const FibResult& result) {
  decision_.routing.gate = {};
  fill_routing(decision_.routing, fib_, result);
  const DeviceId domain = interfaces_.l3_domain(decision_.routing.egress);
  decision_.routing.egress = domain != no_device ? domain : fib_.loopback();
  return check_source(no_device, flow_);
}

/// Linux: __mkroute_input.
Stop Decider::forwarded(FibResult result) {
  fib_.select_path(result, flow_, /*local=*/false, interfaces_, chance_);
  fill_routing(decision_.routing, fib_, result);
  Routing& routing = decision_.routing;
  const auto& nexthops = fib_.route(result.route).nexthops;
  if (nexthops.empty() || nexthops[result.nexthop].encap)
    return Stop::end(Fate::undecided, stage, result.cause);
  const wire::IpAddress& gateway = nexthops[result.nexthop].gateway;
  if (Stop stop = check_source(routing.egress, flow_)) return stop;

  if (routing.egress != ingress()) return Stop::go_on();
  if (is_arp_ && !interfaces_.either(ingress(), &Ipv4Conf::proxy_arp_pvlan))
    return refuse(DropReason::NOT_SPECIFIED, result.cause);
  routing.redirect =
      !is_arp_ && decision_.source.on_link &&
      interfaces_.either(ingress(), &Ipv4Conf::send_redirects) &&
      (interfaces_.either(ingress(), &Ipv4Conf::shared_media) ||
       shares_subnet(interfaces_[ingress()], flow_.source, gateway));
  return Stop::go_on();
}

Stop Decider::check_source(DeviceId egress, const Flow& flow) {
  decision_.source = validate_source(flow, ingress(), egress, fib_, interfaces_, chance_);
  decision_.validated = true;
  const SourceCheck& check = decision_.source;
  switch (check.result) {
    case SourceCheck::Result::ok: return Stop::go_on();
    case SourceCheck::Result::own_address:
      return refuse(DropReason::IP_LOCAL_SOURCE, check.cause);
    case SourceCheck::Result::not_unicast:
      return refuse(DropReason::IP_INVALID_SOURCE, check.cause);
    case SourceCheck::Result::no_route:
    case SourceCheck::Result::wrong_device:
      return refuse(DropReason::IP_RPFILTER, check.filter);
  }
  return Stop::go_on();
}

/// The packet keeps walking, with a route that is an error.
Stop Decider::error(const FibResult& result) {
  Routing& routing = decision_.routing;
  routing.error = true;
  routing.by = result.cause;
  switch (result.kind) {
    case FibResult::Kind::blackhole: routing.type = RouteType::blackhole; break;
    case FibResult::Kind::prohibit: routing.type = RouteType::prohibit; break;
    case FibResult::Kind::found:
    case FibResult::Kind::no_route:
    case FibResult::Kind::unreachable: routing.type = RouteType::unreachable; break;
  }
  return Stop::go_on();
}

template <Trace T>
void tell(const Packet& packet, const Flow& flow, const InputDecision& decision, T& trace) {
  const Routing& routing = decision.routing;
  if (routing.type != RouteType::unspec) {
    trace.step({.stage = stage,
                .did = Did::routed,
                .device = routing.egress,
                .value = static_cast<std::uint32_t>(routing.type),
                .by = routing.by,
                .address = routing.gateway.is_set() ? routing.gateway : flow.destination,
                .packet = packet.number});
  }
  if (decision.validated && !decision.stop) {
    trace.step({.stage = Stage::fib_validate_source,
                .did = Did::source_validated,
                .device = flow.ingress,
                .by = decision.source.filter,
                .packet = packet.number});
  }
}

}  // namespace

InputDecision decide_input(const Flow& flow, bool is_arp, const Fib& fib,
                           const Interfaces& interfaces, Chance& chance) {
  return Decider(flow, is_arp, fib, interfaces, chance).decide();
}

template <Trace T>
Stop input(Packet& packet, const Fib& fib, const Interfaces& interfaces, Chance& chance,
           T& trace) {
  Flow flow = flow_of(packet);
  // A VRF takes the packet over from its member, but the member's routes and sysctls decide.
  const bool from_member = fib.vrf_table(packet.device) != 0 && packet.ingress != no_device &&
                           interfaces[packet.ingress].vrf == packet.device;
  flow.ingress = from_member ? packet.ingress : packet.device;
  const InputDecision decision = decide_input(flow, /*is_arp=*/false, fib, interfaces, chance);
  packet.routing = decision.routing;
  if constexpr (T::tells) tell(packet, flow, decision, trace);
  return decision.stop;
}

template Stop input(Packet&, const Fib&, const Interfaces&, Chance&, NoTrace&);
template Stop input(Packet&, const Fib&, const Interfaces&, Chance&, StepTrace&);

}  // namespace wayout::route
