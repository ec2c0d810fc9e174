#include "why/tunnels.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "host/test_machine.hpp"

namespace wayout::why {
namespace {

using host::device;
using host::TestMachine;
using host::two_containers;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* vxlan =
    "{}: vx0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 {}state UNKNOWN\n"
    "    link/ether 5e:00:00:00:00:0{} brd ff:ff:ff:ff:ff:ff promiscuity 0\n"
    "    vxlan id {} local {} srcport 0 0 dstport 8472 nolearning ttl auto ageing 300\n"
    "{}";

/// The host has a tunnel in br0, the outside the other end with an address of its own.
TestMachine tunnelled(int vni_outside = 1, const char* local_outside = "198.51.100.1") {
  const auto line = fmt::runtime(vxlan);
  return two_containers()
      .append("host/ip-addr.txt", fmt::format(line, 110, "master br0 ", 1, 1, "198.51.100.10",
                                              "    bridge_slave state forwarding hairpin off\n"))
      .append("o/ip-addr.txt", fmt::format(line, 111, "", 2, vni_outside, local_outside,
                                           "    inet 10.1.0.9/32 scope global vx0\n"))
      .set("host/bridge-fdb.txt",
           "5e:00:00:00:00:02 dev vx0 dst 198.51.100.7 self permanent\n"
           "00:00:00:00:00:00 dev vx0 dst 198.51.100.1 self permanent\n"
           "00:00:00:00:00:00 dev vx0 dst 198.51.100.8 self permanent\n");
}

wire::IpAddress ip(const char* text) {
  return *wire::IpAddress::parse(text);
}
wire::MacAddress mac(const char* text) {
  return *wire::MacAddress::parse(text);
}

TEST(Tunnels, WhomOneJoins) {
  const host::Machine m = tunnelled().read();
  EXPECT_THAT(other_ends(m, device(m, "host", "vx0")), ElementsAre(device(m, "o", "vx0")));
  const host::Machine other = tunnelled(2).read();
  EXPECT_THAT(other_ends(other, device(other, "host", "vx0")), IsEmpty());
}

TEST(Tunnels, WhoIsBeyond) {
  const host::Machine m = tunnelled().read();
  const auto here = device(m, "host", "vx0"), there = device(m, "o", "vx0");
  const auto own = far_end(m, here, mac("5e:00:00:00:00:02"));
  ASSERT_TRUE(own);
  EXPECT_EQ(own->owner, there);
  const auto behind = far_end(m, there, ip("10.1.0.3"));
  ASSERT_TRUE(behind);
  EXPECT_EQ(behind->tunnel, here);
  EXPECT_EQ(behind->owner, device(m, "c2", "eth0"));
  EXPECT_FALSE(far_end(m, there, ip("198.51.100.10"))) << "the host's, but not on that bridge";
  EXPECT_EQ(owner_beyond(m, device(m, "c1", "eth0"), ip("10.1.0.9")), there);
}

TEST(Tunnels, WhereTheOtherEndIsReached) {
  const host::Machine m = tunnelled().read();
  const auto here = device(m, "host", "vx0"), there = device(m, "o", "vx0");
  EXPECT_EQ(reached_at(m, here, there), ip("198.51.100.1"));
  EXPECT_TRUE(comes_to(m, there, ip("198.51.100.1")));
  EXPECT_FALSE(comes_to(m, there, ip("198.51.100.7")));
  const host::Machine lost = tunnelled(1, "198.51.100.7").read();
  EXPECT_EQ(reached_at(lost, here, there), ip("198.51.100.1"))
      << "made with an address that is gone";
}

TEST(Tunnels, EntriesOfOneReceiverOrOfAll) {
  const host::Machine m = tunnelled().read();
  const host::Host& h = m.hosts[0];
  const DeviceId vx0 = h.devices.find("vx0");
  EXPECT_THAT(entries_for(h, vx0, mac("5e:00:00:00:00:02")), ElementsAre(0));
  EXPECT_THAT(entries_for(h, vx0, mac("5e:00:00:00:00:99")), ElementsAre(1, 2));
}

}  // namespace
}  // namespace wayout::why
