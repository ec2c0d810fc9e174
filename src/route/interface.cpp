#include "route/interface.hpp"

#include <numeric>

namespace wayout::route {
namespace {

/// Of a device that stands in for another one: any primary address of sufficient scope, but not one
/// that is valid on its own link only.
wire::IpAddress substitute_address(const Interface& interface, Scope scope) {
  for (const InterfaceAddress& address : interface.addresses) {
    if (address.local.is_v4() && !address.secondary && address.scope != Scope::link &&
        address.scope <= scope)
      return address.local;
  }
  return {};
}

/// All devices by registration, the order in which the kernel walks them.
std::vector<DeviceId> registration_order(const Interfaces& interfaces) {
  std::vector<DeviceId> ids(interfaces.size());
  std::iota(ids.begin(), ids.end(), DeviceId{0});
  std::stable_sort(ids.begin(), ids.end(), [&](DeviceId a, DeviceId b) {
    return interfaces[a].order < interfaces[b].order;
  });
  return ids;
}

}  // namespace

DeviceId Interfaces::owner_of(const wire::IpAddress& address) const {
  for (DeviceId id = 1; id < size(); ++id) {
    for (const InterfaceAddress& own : list[id].addresses)
      if (own.local == address) return id;
  }
  return no_device;
}

bool insert_address(Interface& interface, InterfaceAddress address) {
  auto& list = interface.addresses;
  address.secondary = false;
  auto behind_primaries = list.begin();
  for (auto it = list.begin(); it != list.end(); ++it) {
    if (!it->secondary && address.scope <= it->scope) behind_primaries = std::next(it);
    if (it->prefix_length != address.prefix_length || it->subnet() != address.subnet()) continue;
    if (it->local == address.local || it->scope != address.scope) return false;
    address.secondary = true;
  }
  list.insert(address.secondary ? list.end() : behind_primaries, address);
  return true;
}

wire::IpAddress select_source_address(const Interfaces& interfaces, DeviceId device,
                                      const wire::IpAddress& next_hop, Scope scope) {
  // route_localnet lets the addresses of lo be used towards other hosts.
  const Scope nearest =
      interfaces.either(device, &Ipv4Conf::route_localnet) ? Scope::link : Scope::host;
  wire::IpAddress first;
  for (const InterfaceAddress& address : interfaces[device].addresses) {
    if (!address.local.is_v4() || address.secondary) continue;
    if (std::min(address.scope, nearest) > scope) continue;
    if (!next_hop.is_set() || address.subnet().contains(next_hop)) return address.local;
    if (!first.is_set()) first = address.local;
  }
  if (first.is_set()) return first;

  const DeviceId domain = interfaces.l3_domain(device);
  if (domain != no_device) {
    const wire::IpAddress own = substitute_address(interfaces[domain], scope);
    if (own.is_set()) return own;
  }
  for (const DeviceId other : registration_order(interfaces)) {
    if (other == no_device || interfaces.l3_domain(other) != domain) continue;
    const wire::IpAddress found = substitute_address(interfaces[other], scope);
    if (found.is_set()) return found;
  }
  return {};
}

}  // namespace wayout::route
