#include "link/neighbour.hpp"

#include <gtest/gtest.h>

namespace wayout::link {
namespace {

// The rows of a device without ARP are those that `ip neigh show nud all` had on Linux 6.18.
TEST(KnownWithoutAsking, FollowsDeviceAndAddress) {
  const wire::MacAddress own = {{2, 0, 0, 0, 0, 1}};
  const Device plain{.name = "eth0", .mac = own};
  Device noarp = plain, point_to_point = plain, loopback = plain, no_ethernet = plain;
  noarp.arp = false;
  point_to_point.point_to_point = true;
  loopback.kind = DeviceKind::loopback;
  no_ethernet.ethernet = false;
  struct Row {
    const Device& device;
    const char* next_hop;
    bool is_broadcast;
    const char* mac;  ///< empty: ARP decides
  };
  const Row rows[] = {
      {plain, "10.0.0.1", false, ""},
      {plain, "10.0.0.255", true, "ff:ff:ff:ff:ff:ff"},
      {plain, "255.255.255.255", false, "ff:ff:ff:ff:ff:ff"},
      {plain, "224.0.0.251", false, "01:00:5e:00:00:fb"},
      {plain, "239.129.2.3", false, "01:00:5e:01:02:03"},
      {noarp, "10.0.0.1", false, "02:00:00:00:00:01"},
      {noarp, "10.0.0.255", true, "02:00:00:00:00:01"},
      {noarp, "255.255.255.255", false, "02:00:00:00:00:01"},
      {noarp, "224.0.0.251", false, "01:00:5e:00:00:fb"},
      {loopback, "127.0.0.1", false, "02:00:00:00:00:01"},
      {point_to_point, "10.0.0.1", false, "ff:ff:ff:ff:ff:ff"},
      {no_ethernet, "10.0.0.1", false, "00:00:00:00:00:00"},
  };
  for (const Row& row : rows) {
    const auto mac =
        known_without_asking(row.device, *wire::IpAddress::parse(row.next_hop), row.is_broadcast);
    EXPECT_EQ(mac ? mac->text() : "", row.mac) << row.next_hop;
  }
}

}  // namespace
}  // namespace wayout::link
