#include "link/neighbour.hpp"

namespace wayout::link {
namespace {

/// RFC 1112, 6.4: the lower 23 bits of the group.
wire::MacAddress group_mac(const wire::IpAddress& group) {
  const auto& bytes = group.bytes();
  return {{0x01, 0x00, 0x5e, static_cast<std::uint8_t>(bytes[1] & 0x7f), bytes[2], bytes[3]}};
}

}  // namespace

std::optional<wire::MacAddress> known_without_asking(const Device& device,
                                                     const wire::IpAddress& next_hop,
                                                     bool is_broadcast) {
  if (!device.ethernet) return wire::MacAddress{};
  if (next_hop.is_multicast()) return group_mac(next_hop);
  if (!device.arp || device.kind == DeviceKind::loopback) return device.mac;
  if (is_broadcast || next_hop.is_limited_broadcast() || device.point_to_point) {
    return wire::MacAddress::broadcast();
  }
  return std::nullopt;
}

}  // namespace wayout::link
