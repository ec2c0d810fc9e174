// VLAN filtering, as net/bridge/br_vlan.c says: the kernel at hand was built without it, so nothing
// here was recorded.

#include "bridge/vlan_filter.hpp"

#include <gmock/gmock.h>

#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::bridge {
namespace {

using testing::ElementsAre;
using Bytes = std::vector<std::uint8_t>;

constexpr DeviceId br0 = 1, access10 = 2, access20 = 3, trunk = 4;
constexpr wire::MacAddress bridge_mac = {{2, 0, 0, 0, 0, 1}}, host_mac = {{2, 0, 0, 0, 0, 0x11}},
                           other_mac = {{2, 0, 0, 0, 0, 0x12}};

/// access10 and access20 carry one VLAN untagged, trunk both tagged; the bridge itself is in 10.
struct World {
  link::Devices devices;
  Config config;
  State state;

  World() {
    devices.list.push_back({.name = "br0",
                            .kind = link::DeviceKind::bridge,
                            .up = true,
                            .mac = bridge_mac,
                            .bridge = {.vlan_filtering = true}});
    for (const char* name : {"access10", "access20", "trunk"}) {
      const auto number = static_cast<std::uint8_t>(devices.size());
      devices.list.push_back({.name = name,
                              .ifindex = number,
                              .up = true,
                              .mac = {{2, 0, 0, 0, 1, number}},
                              .master = br0,
                              .port = link::BridgePort{}});
    }
    config.vlans = {{.device = br0, .low = 10, .high = 10, .pvid = true, .untagged = true},
                    {.device = access10, .low = 10, .high = 10, .pvid = true, .untagged = true},
                    {.device = access20, .low = 20, .high = 20, .pvid = true, .untagged = true},
                    {.device = trunk, .low = 10, .high = 20}};
    state = initial_state(config, devices);
  }

  Stop decide_frame(Packet& frame, DeviceId port, Decision& decision) {
    NoTrace trace;
    frame.device = port == no_device ? br0 : port;
    return decide(frame, br0, port, devices, config, state, 0, decision, trace);
  }
};

Packet frame_to(const wire::MacAddress& destination, std::optional<std::uint16_t> tag = {},
                const wire::MacAddress& source = host_mac) {
  Packet frame =
      Packet::from_frame(wire::make_frame(source, destination, wire::ethertype::ipv4, Bytes(46)));
  frame.vlan_tci = tag;
  return frame;
}

TEST(VlanOf, TagThenPvid) {
  struct Row {
    DeviceId port;
    std::optional<std::uint16_t> tag, vlan;
  };
  const Row rows[] = {
      {access10, {}, 10},     {access10, 10, 10},        {access10, 20, std::nullopt},
      {access10, 0xe000, 10},  // a priority only
      {trunk, 15, 15},        {trunk, 21, std::nullopt}, {trunk, {}, std::nullopt},
      {br0, {}, 10},
  };
  World world;
  for (const Row& row : rows) {
    EXPECT_EQ(vlan_of(frame_to(other_mac, row.tag), br0, row.port, world.devices, world.config),
              row.vlan);
  }
  world.devices[br0].bridge.vlan_filtering = false;
  EXPECT_EQ(vlan_of(frame_to(other_mac, 99), br0, trunk, world.devices, world.config), 0);
}

TEST(VlanFiltering, FloodsStayInTheirVlan) {
  World world;
  Packet frame = frame_to(other_mac);
  Decision decision;
  ASSERT_FALSE(world.decide_frame(frame, access10, decision));
  EXPECT_THAT(decision.ports, ElementsAre(trunk));
  EXPECT_EQ(frame.vlan_tci, 10);

  Packet on_trunk = frame, up = frame;
  leave_vlan(on_trunk, br0, trunk, world.devices, world.config);
  leave_vlan(up, br0, br0, world.devices, world.config);
  EXPECT_EQ(on_trunk.vlan_tci, 10);
  EXPECT_FALSE(up.vlan_tci);
}

TEST(VlanFiltering, RefusesForeignTags) {
  World world;
  Packet frame = frame_to(other_mac, 20);
  Decision decision;
  const Stop stop = world.decide_frame(frame, access10, decision);
  EXPECT_EQ(stop.stage, Stage::br_handle_frame_finish);
  EXPECT_EQ(stop.cause, Cause::bridge(BridgeCause::vlan, access10));
}

TEST(VlanFiltering, TheHostIsInItsVlansOnly) {
  World world;
  Decision decision;
  Packet in_10 = frame_to(bridge_mac);
  EXPECT_FALSE(world.decide_frame(in_10, access10, decision));
  EXPECT_TRUE(decision.up);

  Packet broadcast_in_20 = frame_to(wire::MacAddress::broadcast());
  EXPECT_FALSE(world.decide_frame(broadcast_in_20, access20, decision));
  EXPECT_FALSE(decision.up);
  EXPECT_THAT(decision.ports, ElementsAre(trunk));
}

TEST(VlanFiltering, LearnsByVlan) {
  World world;
  Decision decision;
  Packet first = frame_to(other_mac);
  ASSERT_FALSE(world.decide_frame(first, access10, decision));
  EXPECT_TRUE(world.state.fdb.contains({br0, 10, host_mac}));
  EXPECT_FALSE(world.state.fdb.contains({br0, 0, host_mac}));

  Packet answer = frame_to(host_mac, 20, other_mac);
  ASSERT_FALSE(world.decide_frame(answer, trunk, decision));
  EXPECT_TRUE(decision.flooded);  // in VLAN 20 nobody knows that MAC
  EXPECT_THAT(decision.ports, ElementsAre(access20));
}

}  // namespace
}  // namespace wayout::bridge
