// Expectations recorded on Linux 6.18: the order of addresses from `ip -o -4 addr show` after
// adding them one by one; the source from what MASQUERADE chose for one forwarded packet (it asks
// inet_select_addr for scope global), with the addresses on the egress device and the gateway
// given.
#include "route/interface.hpp"

#include <gmock/gmock.h>

#include "route/test_world.hpp"

namespace wayout::route {
namespace {

std::vector<std::string> listed(const Interface& interface) {
  std::vector<std::string> lines;
  for (const InterfaceAddress& address : interface.addresses)
    lines.push_back(address.local.text() + (address.secondary ? " secondary" : ""));
  return lines;
}

TEST(InsertAddress, ByScopeThenAgeThenSecondaries) {
  TestWorld world;
  world.add_device("out");
  for (const char* line :
       {"10.0.1.1/24 dev out", "10.0.2.1/24 dev out scope link", "10.0.3.1/24 dev out",
        "10.0.1.7/24 dev out", "10.0.4.1/24 dev out scope host", "10.0.5.1/24 dev out scope link"})
    world.address(line);
  EXPECT_THAT(listed(world["out"]),
              testing::ElementsAre("10.0.4.1", "10.0.2.1", "10.0.5.1", "10.0.1.1", "10.0.3.1",
                                   "10.0.1.7 secondary"));
}

TEST(InsertAddress, RefusesWhatTheKernelRefuses) {
  Interface interface;
  const InterfaceAddress first{.local = TestWorld::ip("10.0.1.1"), .peer = {}, .prefix_length = 24,
                               .broadcast = {}};
  EXPECT_TRUE(insert_address(interface, first));
  EXPECT_FALSE(insert_address(interface, first)) << "EEXIST";
  InterfaceAddress nearer = first;
  nearer.local = TestWorld::ip("10.0.1.2");
  nearer.scope = Scope::link;
  EXPECT_FALSE(insert_address(interface, nearer)) << "a secondary of another scope: EINVAL";
  EXPECT_EQ(interface.addresses.size(), 1U);
}

struct Case {
  std::vector<const char*> on_out;  ///< in the order in which they were added
  const char* next_hop;
  const char* chosen;
};

class SelectSource : public testing::TestWithParam<Case> {};

TEST_P(SelectSource, AsMasqueradeDoes) {
  TestWorld world;
  world.add_device("in0");
  world.add_device("out");
  world.address("10.0.1.1/24 dev in0");
  for (const char* line : GetParam().on_out) world.address(line + std::string(" dev out"));
  const wire::IpAddress chosen =
      select_source_address(world.interfaces, world.device("out"),
                            TestWorld::ip(GetParam().next_hop), Scope::universe);
  EXPECT_EQ(chosen.text(), GetParam().chosen);
}

INSTANTIATE_TEST_SUITE_P(
    Recorded, SelectSource,
    testing::Values(
        Case{{"10.0.2.1/24"}, "10.0.2.254", "10.0.2.1"},
        // the next hop's subnet, not the first address
        Case{{"203.0.113.5/24", "10.0.2.1/24"}, "10.0.2.254", "10.0.2.1"},
        Case{{"203.0.113.5/24", "10.0.2.1/24"}, "172.16.0.1", "203.0.113.5"},
        // never a secondary; another prefix length is no secondary
        Case{{"10.0.2.1/24", "10.0.2.7/24"}, "10.0.2.254", "10.0.2.1"},
        Case{{"10.0.2.1/25", "10.0.2.7/24"}, "10.0.2.254", "10.0.2.7"},
        // the first subnet in the list, not the longest
        Case{{"10.0.9.1/16", "10.0.2.1/24"}, "10.0.2.254", "10.0.9.1"},
        Case{{"10.0.2.1/24", "10.0.9.1/16"}, "10.0.2.254", "10.0.2.1"},
        Case{{"10.0.2.1/24 scope site", "203.0.113.1/24"}, "10.0.2.254", "203.0.113.1"},
        Case{{"203.0.113.5/24", "10.5.5.1/32 peer 10.5.5.2/32"}, "10.5.5.2", "10.5.5.1"},
        Case{{"203.0.113.5/24", "10.0.2.1/24 scope link"}, "10.0.2.254", "203.0.113.5"},
        // no global address on the device: another device's, be it up or down
        Case{{"10.0.2.1/24 scope link"}, "10.0.2.254", "10.0.1.1"},
        Case{{"10.0.2.1/24 scope host"}, "10.0.2.254", "10.0.1.1"},
        Case{{}, "10.0.2.254", "10.0.1.1"}));

TEST(SelectSource, OtherDevicesByRegistrationWhateverTheirState) {
  TestWorld world;
  const DeviceId out = world.add_device("out");
  world.add_device("late");
  world.add_device("early");
  world["late"].order = 30;
  world["early"].order = 20;
  world.address("10.0.8.1/24 dev late");
  world.address("10.0.9.1/24 dev early");
  world["early"].up = false;
  const auto choose = [&] {
    return select_source_address(world.interfaces, out, {}, Scope::universe).text();
  };
  EXPECT_EQ(choose(), "10.0.9.1");
  world.address("10.77.0.1/32 dev lo");
  EXPECT_EQ(choose(), "10.77.0.1") << "lo is registered first";
}

TEST(SelectSource, NothingAnywhere) {
  TestWorld world;
  const DeviceId out = world.add_device("out");
  world.address("10.0.2.1/24 dev out scope link");
  EXPECT_FALSE(select_source_address(world.interfaces, out, {}, Scope::universe).is_set())
      << "lo has scope host only: the packet would be dropped (ate my IP address)";
  EXPECT_EQ(select_source_address(world.interfaces, out, {}, Scope::link).text(), "10.0.2.1");
}

// VRF devices are not in the kernel of the record: by net/ipv4/devinet.c.
TEST(SelectSource, StaysInTheVrf) {
  TestWorld world;
  const DeviceId vrf = world.add_device("red");
  const DeviceId out = world.add_device("out");
  world.add_device("other");
  world["red"].vrf_table = 10;
  world["out"].vrf = world["other"].vrf = vrf;
  world.add_device("outside");
  world["outside"].order = 0;
  world.address("10.0.7.1/24 dev outside");
  world.address("10.0.8.1/24 dev other");
  EXPECT_EQ(select_source_address(world.interfaces, out, {}, Scope::universe).text(), "10.0.8.1");
  world.address("10.0.9.1/24 dev red");
  EXPECT_EQ(select_source_address(world.interfaces, out, {}, Scope::universe).text(), "10.0.9.1");
}

}  // namespace
}  // namespace wayout::route
