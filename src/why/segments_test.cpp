#include "why/segments.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "host/test_machine.hpp"

namespace wayout::why {
namespace {

using host::device;
using host::position;
using host::TestMachine;
using host::two_containers;

constexpr const char* leftover =
    "110: brold: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UP\n"
    "    link/ether 02:77:00:00:00:6a brd ff:ff:ff:ff:ff:ff promiscuity 0\n"
    "    bridge ageing_time 30000 stp_state 0 vlan_filtering 0 nf_call_iptables 0\n"
    "    inet {} scope global brold\n";

TestMachine with_leftover(const char* address) {
  return two_containers().append("host/ip-addr.txt", fmt::format(fmt::runtime(leftover), address));
}

wire::IpAddress ip(const char* text) { return *wire::IpAddress::parse(text); }

TEST(Segments, WhoHasAnAddressOnOnesWire) {
  const host::Machine m = two_containers().read();
  const auto c1 = device(m, "c1", "eth0");
  EXPECT_EQ(owner_on_segment(m, c1, ip("10.1.0.1")), device(m, "host", "br0"));
  EXPECT_EQ(owner_on_segment(m, c1, ip("10.1.0.3")), device(m, "c2", "eth0"));
  EXPECT_EQ(owner_on_segment(m, c1, ip("198.51.100.10")), std::nullopt) << "the host's, elsewhere";
}

TEST(Segments, ARouteStraysIntoABridgeThatHasTheSubnetToo) {
  const host::Machine m = with_leftover("10.1.0.1/25").read();
  const std::uint32_t host = position(m, "host");
  const DeviceId br0 = device(m, "host", "br0").device;
  const DeviceId brold = device(m, "host", "brold").device;
  EXPECT_TRUE(is_empty_bridge(m.hosts[host], brold));
  EXPECT_FALSE(is_empty_bridge(m.hosts[host], br0));
  EXPECT_EQ(strayed_from(m, host, brold, ip("10.1.0.2")), br0);
  EXPECT_EQ(strayed_from(m, host, br0, ip("10.1.0.2")), no_device) << "there he is";
  EXPECT_EQ(strayed_from(m, host, brold, ip("10.1.0.77")), no_device) << "nobody has it";
}

TEST(Segments, AContainerAtTheWrongBridgeIsNoStrayOfTheRoutes) {
  const host::Machine m =
      with_leftover("10.9.0.1/24")
          .edit("host/ip-addr.txt", "master br0", "master brold", "vethc1@")
          .read();
  EXPECT_EQ(strayed_from(m, position(m, "host"), device(m, "host", "br0").device, ip("10.1.0.2")),
            no_device);
}

TEST(Segments, ABridgeThatLostItsAddressIsStrayedFrom) {
  const host::Machine m = two_containers()
                              .edit("host/ip-addr.txt", "    inet 10.1.0.1/24 scope global br0\n", "")
                              .edit("host/ip-route.txt", "10.1.0.0/24 dev br0 proto kernel scope "
                                                         "link src 10.1.0.1\n", "")
                              .read();
  EXPECT_EQ(strayed_from(m, position(m, "host"), device(m, "host", "eth0").device, ip("10.1.0.2")),
            device(m, "host", "br0").device);
}

TEST(Segments, TheOutsideIsForeignToAHost) {
  const host::Machine m = two_containers().read();
  const std::uint32_t host = position(m, "host"), o = position(m, "o"), c1 = position(m, "c1");
  EXPECT_TRUE(is_foreign(m, o, host));
  EXPECT_FALSE(is_foreign(m, host, o));
  EXPECT_FALSE(is_foreign(m, c1, host)) << "its container";
  EXPECT_FALSE(is_foreign(m, host, c1));
  EXPECT_FALSE(is_foreign(m, position(m, "c2"), c1)) << "a container is no router";
}

TEST(Segments, WhoSendsByAHostIsNotForeignToIt) {
  const host::Machine m =
      two_containers().append("o/ip-route.txt", "10.1.0.0/24 via 198.51.100.10 dev eth0\n").read();
  EXPECT_FALSE(is_foreign(m, position(m, "o"), position(m, "host")));
}

}  // namespace
}  // namespace wayout::why
