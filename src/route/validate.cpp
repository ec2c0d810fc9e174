#include "route/decide.hpp"

#include <algorithm>
#include <utility>

namespace wayout::route {
namespace {

/// The larger of conf.all and conf.<device> is in force, and that one is named.
Cause filter_in_force(DeviceId ingress, const Interfaces& interfaces) {
  const int own = interfaces[ingress].conf.rp_filter, all = interfaces.all.rp_filter;
  if (std::max(own, all) == 0) return {};
  return Cause::sysctl(Sysctl::rp_filter, own >= all ? ingress : all_devices);
}

/// The way that an answer would ask for.
Flow answer_to(const Flow& flow, DeviceId ingress, DeviceId egress, const Fib& fib,
               const Interfaces& interfaces) {
  Flow answer = fib.as_received(flow);
  std::swap(answer.source, answer.destination);
  std::swap(answer.sport, answer.dport);
  answer.ingress = egress != no_device ? egress : fib.loopback();
  answer.egress = no_device;
  answer.l3mdev = interfaces.l3_domain(ingress);
  answer.l3mdev_of_egress = false;
  if (!interfaces.either(ingress, &Ipv4Conf::src_valid_mark)) answer.mark = 0;
  return answer;
}

bool leaves_by(const Route& route, DeviceId device, const Interfaces& interfaces) {
  return std::ranges::any_of(route.nexthops, [&](const Nexthop& nexthop) {
    return nexthop.device == device || interfaces.l3_domain(nexthop.device) == device;
  });
}

bool is_on_link(const FibResult& found, const Fib& fib) {
  const auto& nexthops = fib.route(found.route).nexthops;
  return found.nexthop < nexthops.size() && !nexthops[found.nexthop].via().is_set();
}

/// Linux: fib_frontend.c __fib_validate_source.
SourceCheck full_check(const Flow& answer, DeviceId ingress, const Fib& fib,
                       const Interfaces& interfaces, Chance& chance) {
  using Result = SourceCheck::Result;
  const int rp_filter = interfaces.max(ingress, &Ipv4Conf::rp_filter);
  SourceCheck check;
  check.filter = filter_in_force(ingress, interfaces);

  const FibResult found = fib.lookup(answer, chance);
  check.cause = found.cause;
  if (found.kind != FibResult::Kind::found) {  // also when a route or rule refuses
    if (rp_filter != 0) check.result = Result::no_route;
    return check;
  }
  const bool own = found.type == RouteType::local;
  if (own && !interfaces.either(ingress, &Ipv4Conf::accept_local)) {
    check.result = Result::own_address;
    check.cause =
        Cause::address(AddressCause::own_source, interfaces.owner_of(answer.destination));
    return check;
  }
  if (!own && found.type != RouteType::unicast) {
    check.result = Result::not_unicast;
    return check;
  }
  if (leaves_by(fib.route(found.route), ingress, interfaces) ||
      (own && ingress == fib.loopback())) {
    check.on_link = is_on_link(found, fib);
    return check;
  }
  if (interfaces[ingress].addresses.empty()) {  // unnumbered: no way back by it can be asked for
    if (rp_filter != 0) check.result = Result::no_route;
    return check;
  }
  if (rp_filter == 1) {
    check.result = Result::wrong_device;
    return check;
  }
  Flow by_ingress = answer;
  by_ingress.egress = ingress;
  const FibResult back = fib.lookup(by_ingress, chance, /*ignore_linkstate=*/true);
  check.on_link = back.kind == FibResult::Kind::found && back.type == RouteType::unicast &&
                  is_on_link(back, fib);
  return check;
}

}  // namespace

SourceCheck validate_source(const Flow& flow, DeviceId ingress, DeviceId egress, const Fib& fib,
                            const Interfaces& interfaces, Chance& chance) {
  const bool may_redirect =
      egress == ingress && interfaces.either(ingress, &Ipv4Conf::send_redirects);
  if (interfaces.max(ingress, &Ipv4Conf::rp_filter) == 0 && !may_redirect) {
    SourceCheck check;
    if (interfaces.either(ingress, &Ipv4Conf::accept_local)) return check;
    if (!fib.has_custom_local_routes() && fib.has_default_rules()) {
      const DeviceId owner = interfaces.owner_of(flow.source);
      if (owner != no_device) {
        check.result = SourceCheck::Result::own_address;
        check.cause = Cause::address(AddressCause::own_source, owner);
      }
      return check;
    }
  }
  return full_check(answer_to(flow, ingress, egress, fib, interfaces), ingress, fib, interfaces,
                    chance);
}

}  // namespace wayout::route
