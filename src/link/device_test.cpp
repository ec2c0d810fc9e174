#include "link/device.hpp"

#include <gtest/gtest.h>

namespace wayout::link {
namespace {

TEST(Devices, AreFoundByNameAndNumber) {
  Devices devices;
  EXPECT_EQ(devices.find("eth0"), no_device);
  devices.list.push_back({.name = "lo", .ifindex = 1});
  devices.list.push_back({.name = "eth0", .ifindex = 7});
  EXPECT_EQ(devices.find("eth0"), 2U);
  EXPECT_EQ(devices.find_ifindex(7), 2U);
  EXPECT_EQ(devices.find(""), no_device);  // the placeholder at 0 is nobody
  EXPECT_EQ(devices.find_ifindex(0), no_device);
  EXPECT_EQ(devices.find_ifindex(8), no_device);
}

}  // namespace
}  // namespace wayout::link
