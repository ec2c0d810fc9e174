// What a VXLAN device sends where, and what it learns, as recorded on Linux 6.18.

#include "bridge/vxlan_fdb.hpp"

#include <gmock/gmock.h>

namespace wayout::bridge {
namespace {

using link::VxlanRemote;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr DeviceId vx = 1;
constexpr wire::MacAddress known = {{2, 0, 0, 0, 0, 0x60}}, unknown = {{2, 0, 0, 0, 0, 0x61}};
const auto host_a = wire::IpAddress::v4(10, 0, 1, 2), host_b = wire::IpAddress::v4(10, 0, 1, 3);

link::Devices one_vxlan() {
  link::Devices devices;
  devices.list.push_back({.name = "vx",
                          .kind = link::DeviceKind::vxlan,
                          .up = true,
                          .vxlan = {.vni = 5, .port = 4789}});
  return devices;
}

TEST(VxlanRemotes, OwnEntryThenTheAllZeroOne) {
  const link::Devices devices = one_vxlan();
  Config config;
  EXPECT_THAT(vxlan_remotes(initial_state(config, devices), vx, known), IsEmpty());

  config.fdb.push_back({.mac = known, .port = vx, .local = true, .remote = host_a});
  State state = initial_state(config, devices);
  EXPECT_THAT(vxlan_remotes(state, vx, known), ElementsAre(VxlanRemote{host_a, 5, 4789}));
  EXPECT_THAT(vxlan_remotes(state, vx, unknown), IsEmpty());

  config.fdb.push_back({.port = vx, .remote = host_b, .remote_vni = 77, .remote_port = 8472});
  config.fdb.push_back({.port = vx, .remote = host_a});
  state = initial_state(config, devices);
  EXPECT_THAT(vxlan_remotes(state, vx, unknown),
              ElementsAre(VxlanRemote{host_b, 77, 8472}, VxlanRemote{host_a, 5, 4789}));
  EXPECT_THAT(vxlan_remotes(state, vx, wire::MacAddress::broadcast()), testing::SizeIs(2));
}

TEST(VxlanRemotes, DefaultRemoteStandsInForTheAllZeroEntry) {
  link::Devices devices = one_vxlan();
  devices[vx].vxlan.remote = host_b;
  EXPECT_THAT(vxlan_remotes(initial_state({}, devices), vx, unknown),
              ElementsAre(VxlanRemote{host_b, 5, 4789}));
}

TEST(VxlanRemotes, TheDevicesDeviceBindsItsOwnRemoteOnly) {
  constexpr DeviceId below = 7;
  link::Devices devices = one_vxlan();
  devices[vx].lower = below;
  devices[vx].vxlan.remote = host_b;
  Config config;
  config.fdb.push_back({.mac = known, .port = vx, .is_static = true, .remote = host_a});
  State state = initial_state(config, devices);
  EXPECT_THAT(vxlan_remotes(state, vx, unknown), ElementsAre(VxlanRemote{host_b, 5, 4789, below}));
  EXPECT_THAT(vxlan_remotes(state, vx, known), ElementsAre(VxlanRemote{host_a, 5, 4789}));
  EXPECT_FALSE(vxlan_learn(state, vx, devices, unknown, host_b));
  EXPECT_THAT(vxlan_remotes(state, vx, unknown), ElementsAre(VxlanRemote{host_b, 5, 4789}));

  config.fdb.front().remote_via = below;
  state = initial_state(config, devices);
  EXPECT_THAT(vxlan_remotes(state, vx, known), ElementsAre(VxlanRemote{host_a, 5, 4789, below}));
}

TEST(VxlanLearn, MovesWhatIsNotStatic) {
  const link::Devices devices = one_vxlan();
  Config config;
  config.fdb.push_back({.mac = known, .port = vx, .local = true, .remote = host_a});
  State state = initial_state(config, devices);

  EXPECT_FALSE(vxlan_learn(state, vx, devices, unknown, host_a));
  EXPECT_FALSE(vxlan_learn(state, vx, devices, unknown, host_b));
  EXPECT_THAT(vxlan_remotes(state, vx, unknown), ElementsAre(VxlanRemote{host_b, 5, 4789}));

  EXPECT_FALSE(vxlan_learn(state, vx, devices, known, host_a));
  const Stop stop = vxlan_learn(state, vx, devices, known, host_b);
  EXPECT_EQ(stop.stage, Stage::vxlan_rcv);
  EXPECT_EQ(stop.reason, DropReason::VXLAN_ENTRY_EXISTS);
}

TEST(VxlanLearn, RefusesSourcesThatAreNoHosts) {
  const link::Devices devices = one_vxlan();
  State state = initial_state({}, devices);
  for (const wire::MacAddress& source : {wire::MacAddress{}, wire::MacAddress::broadcast()}) {
    EXPECT_EQ(vxlan_learn(state, vx, devices, source, host_a).reason,
              DropReason::MAC_INVALID_SOURCE);
  }
}

TEST(VxlanLearn, WithoutLearningEverythingPasses) {
  link::Devices devices = one_vxlan();
  devices[vx].vxlan.learning = false;
  State state = initial_state({}, devices);
  EXPECT_FALSE(vxlan_learn(state, vx, devices, wire::MacAddress::broadcast(), host_a));
  EXPECT_FALSE(vxlan_learn(state, vx, devices, unknown, host_a));
  EXPECT_THAT(vxlan_remotes(state, vx, unknown), IsEmpty());
}

}  // namespace
}  // namespace wayout::bridge
