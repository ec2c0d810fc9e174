#include "nat/range.hpp"

#include <array>

namespace wayout::nat {

Range Range::with_address(const wire::IpAddress& address) const {
  Range range = *this;
  range.map_addresses = address.is_set();
  range.min_address = range.max_address = address;
  return range;
}

Range masquerade_range(const Range& options, const route::Interfaces& interfaces, DeviceId egress,
                       const wire::IpAddress& next_hop) {
  return options.with_address(
      route::select_source_address(interfaces, egress, next_hop, route::Scope::universe));
}

Range redirect_range(const Range& options, Hook hook, const route::Interfaces& interfaces,
                     DeviceId ingress) {
  if (hook == Hook::output) return options.with_address(wire::IpAddress::v4(127, 0, 0, 1));
  const auto& addresses = interfaces[ingress].addresses;
  return options.with_address(addresses.empty() ? wire::IpAddress{} : addresses.front().local);
}

Range netmap_range(const Range& options, const wire::IpAddress& address) {
  const std::uint32_t host_part = options.min_address.v4() ^ options.max_address.v4();
  const std::uint32_t network = options.min_address.v4() & ~host_part;
  return options.with_address(wire::IpAddress::v4(network | (address.v4() & host_part)));
}

}  // namespace wayout::nat
