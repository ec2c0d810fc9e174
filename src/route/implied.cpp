// What follows from the addresses: an address's type, and the routes the kernel adds by itself.
#include <algorithm>
#include <set>
#include <tuple>

#include "route/fib.hpp"

namespace wayout::route {
namespace {

/// What the local table, or the VRF's, knows of an address.
FibResult lookup_type(const Fib& fib, const wire::IpAddress& address, DeviceId device) {
  Flow flow;
  flow.destination = address;
  flow.ingress = device;
  const DeviceId vrf = device == fib.loopback() ? no_device : fib.in_l3_domain(flow).l3mdev;
  if (vrf != no_device) return fib.lookup_table(fib.vrf_table(vrf), flow);
  return fib.lookup_local(flow);
}

/// Set before any table is asked; unspec: ask.
RouteType type_by_value(const wire::IpAddress& address) {
  if (address.is_unspecified() || address.is_limited_broadcast()) return RouteType::broadcast;
  return address.is_multicast() ? RouteType::multicast : RouteType::unspec;
}

class RouteMaker {
 public:
  RouteMaker(Fib& fib, const Interfaces& interfaces) : fib_(fib), interfaces_(interfaces) {
    for (const FibTable& table : fib.tables) was_read_.push_back(table.id);
  }

  void add(DeviceId device, RouteType type, const wire::Prefix& destination,
           const wire::IpAddress& source) {
    const DeviceId vrf = interfaces_.l3_domain(device);
    const std::uint32_t table = vrf != no_device              ? interfaces_[vrf].vrf_table
                                : type == RouteType::unicast ? table_main
                                                             : table_local;
    if (std::ranges::find(was_read_, table) != was_read_.end()) return;
    if (!made_.emplace(table, type, destination, device, source).second) return;
    Route route;
    route.destination = destination;
    route.type = type;
    route.scope = type == RouteType::local ? Scope::host : Scope::link;
    route.protocol = made_by_kernel;
    route.preferred_source = source;
    route.synthesized = true;
    route.nexthops.push_back({.gateway = {}, .device = device});
    fib_.tables[fib_.table_position(table)].routes.push_back(std::move(route));
  }

 private:
  Fib& fib_;
  const Interfaces& interfaces_;
  std::vector<std::uint32_t> was_read_;
  std::set<std::tuple<std::uint32_t, RouteType, wire::Prefix, DeviceId, wire::IpAddress>> made_;
};

/// The address in whose name the routes are made: a secondary's primary, or itself.
wire::IpAddress primary_of(const Interface& interface, const InterfaceAddress& address) {
  if (!address.secondary) return address.local;
  for (const InterfaceAddress& other : interface.addresses) {
    if (!other.secondary && other.prefix_length == address.prefix_length &&
        other.subnet() == address.subnet())
      return other.local;
  }
  return address.local;
}

/// `prefix` is shorter than 32.
wire::IpAddress last_of(const wire::Prefix& prefix) {
  return wire::IpAddress::v4(prefix.masked().address.v4() | (0xffffffffU >> prefix.length));
}

/// Linux: fib_frontend.c fib_add_ifaddr.
void add_for(const InterfaceAddress& address, DeviceId device, const Interface& interface,
             RouteMaker& routes) {
  if (!address.local.is_v4()) return;
  const wire::IpAddress source = primary_of(interface, address);
  routes.add(device, RouteType::local, wire::Prefix::host(address.local), source);
  if (!interface.up) return;  // its own address answers all the same
  if (address.broadcast.is_set() && !address.broadcast.is_limited_broadcast())
    routes.add(device, RouteType::broadcast, wire::Prefix::host(address.broadcast), source);

  const wire::Prefix subnet = address.subnet();
  if (address.secondary || subnet.address.is_unspecified()) return;
  if (subnet.length == 32 && subnet.address == address.local) return;
  if (!address.noprefixroute)
    routes.add(device, interface.loopback ? RouteType::local : RouteType::unicast, subnet, source);
  if (subnet.length >= 31) return;
  if (const wire::IpAddress broadcast = last_of(subnet); broadcast != address.broadcast)
    routes.add(device, RouteType::broadcast, wire::Prefix::host(broadcast), source);
}

}  // namespace

RouteType address_type(const Fib& fib, const wire::IpAddress& address, DeviceId device) {
  const RouteType known = type_by_value(address);
  if (known != RouteType::unspec) return known;
  const FibResult result = lookup_type(fib, address, device);
  return result.kind == FibResult::Kind::found ? result.type : RouteType::unicast;
}

RouteType address_type_on(const Fib& fib, const wire::IpAddress& address, DeviceId device) {
  const RouteType known = type_by_value(address);
  if (known != RouteType::unspec) return known;
  const FibResult result = lookup_type(fib, address, device);
  if (result.kind != FibResult::Kind::found) return RouteType::unicast;
  const auto& nexthops = fib.route(result.route).nexthops;
  return !nexthops.empty() && nexthops.front().device == device ? result.type : RouteType::unicast;
}

DeviceId device_of_address(const Fib& fib, const Interfaces& interfaces,
                           const wire::IpAddress& address) {
  const DeviceId owner = interfaces.owner_of(address);
  if (owner != no_device) return owner;
  const FibResult result = lookup_type(fib, address, no_device);
  if (result.kind != FibResult::Kind::found || result.type != RouteType::local) return no_device;
  const auto& nexthops = fib.route(result.route).nexthops;
  return nexthops.empty() ? no_device : nexthops.front().device;
}

void add_implied_routes(Fib& fib, const Interfaces& interfaces) {
  RouteMaker routes(fib, interfaces);
  for (DeviceId id = 1; id < interfaces.size(); ++id) {
    for (const InterfaceAddress& address : interfaces[id].addresses)
      add_for(address, id, interfaces[id], routes);
  }
}

}  // namespace wayout::route
