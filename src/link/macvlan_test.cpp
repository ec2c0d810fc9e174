// Who gets which frame, as recorded on Linux 6.18 with two macvlan devices, m1 and m2, on one veth:
// frames from the wire, and frames that m1 sends.

#include "link/macvlan.hpp"

#include <gmock/gmock.h>

namespace wayout::link {
namespace {

using testing::ElementsAreArray;

const wire::MacAddress lower_mac = {{2, 0, 0, 0, 0, 0x01}};
const wire::MacAddress wire_mac = {{2, 0, 0, 0, 0, 0x11}};
const wire::MacAddress m1_mac = {{2, 0, 0, 0, 0, 0x21}};
const wire::MacAddress m2_mac = {{2, 0, 0, 0, 0, 0x22}};
const wire::MacAddress unknown_mac = {{2, 0, 0, 0, 0, 0x99}};
const wire::MacAddress everybody = wire::MacAddress::broadcast();

struct Pair {
  Device m1{.name = "m1", .kind = DeviceKind::macvlan, .up = true, .mac = m1_mac};
  Device m2{.name = "m2", .kind = DeviceKind::macvlan, .up = true, .mac = m2_mac};
  std::vector<const Device*> list{&m1, &m2};
  Pair(MacvlanMode one, MacvlanMode two) {
    m1.macvlan_mode = one;
    m2.macvlan_mode = two;
  }
};

wire::EthernetHeader header(const wire::MacAddress& source, const wire::MacAddress& destination) {
  wire::EthernetHeader ethernet{};
  ethernet.source = source;
  ethernet.destination = destination;
  return ethernet;
}

constexpr auto bridge = MacvlanMode::bridge, vepa = MacvlanMode::vepa,
               private_ = MacvlanMode::private_, passthru = MacvlanMode::passthru;

struct Row {
  MacvlanMode one, two;
  wire::MacAddress source, destination;
  std::vector<std::size_t> children;
  bool lower;
};

TEST(MacvlanReceive, SharesOutWhatComesFromTheWire) {
  const Row rows[] = {
      {bridge, bridge, wire_mac, m1_mac, {0}, false},
      {bridge, bridge, wire_mac, lower_mac, {}, true},
      {bridge, bridge, wire_mac, unknown_mac, {}, true},
      {bridge, bridge, wire_mac, everybody, {0, 1}, true},
      {private_, private_, wire_mac, everybody, {0, 1}, true},
      {vepa, private_, wire_mac, everybody, {0, 1}, true},
      // What m1 sent comes back from a switch.
      {bridge, bridge, m1_mac, everybody, {}, true},
      {bridge, vepa, m1_mac, everybody, {1}, true},
      {bridge, private_, m1_mac, everybody, {}, true},
      {vepa, vepa, m1_mac, everybody, {1}, true},
      {private_, private_, m1_mac, everybody, {0}, false},
      {private_, private_, m1_mac, m2_mac, {1}, false},
      {vepa, vepa, m1_mac, m2_mac, {1}, false},
  };
  for (const Row& row : rows) {
    const Pair pair(row.one, row.two);
    const auto got = macvlan_receive(pair.list, header(row.source, row.destination));
    EXPECT_THAT(got.children, ElementsAreArray(row.children)) << row.destination.text();
    EXPECT_EQ(got.lower, row.lower) << row.destination.text();
  }
}

TEST(MacvlanReceive, PassthruTakesEveryUnicast) {
  Device only{.name = "m1", .kind = DeviceKind::macvlan, .up = true, .mac = lower_mac};
  only.macvlan_mode = passthru;
  const Device* list[] = {&only};
  for (const auto& destination : {lower_mac, unknown_mac}) {
    const auto got = macvlan_receive(list, header(wire_mac, destination));
    EXPECT_THAT(got.children, testing::ElementsAre(0));
    EXPECT_FALSE(got.lower);
  }
  const auto group = macvlan_receive(list, header(wire_mac, everybody));
  EXPECT_THAT(group.children, testing::ElementsAre(0));
  EXPECT_TRUE(group.lower);
}

TEST(MacvlanReceive, ChildrenThatAreDownAreNotThere) {
  Pair pair(bridge, bridge);
  pair.m1.up = false;
  EXPECT_TRUE(macvlan_receive(pair.list, header(wire_mac, m1_mac)).lower);
  EXPECT_THAT(macvlan_receive(pair.list, header(wire_mac, everybody)).children,
              testing::ElementsAre(1));
}

TEST(MacvlanTransmit, OnlyModeBridgeReachesSiblings) {
  const Row rows[] = {
      {bridge, bridge, m1_mac, m2_mac, {1}, false},
      {bridge, bridge, m1_mac, lower_mac, {}, true},  // never: it goes to the wire
      {bridge, bridge, m1_mac, wire_mac, {}, true},
      {bridge, bridge, m1_mac, everybody, {1}, true},
      {bridge, vepa, m1_mac, m2_mac, {}, true},
      {bridge, private_, m1_mac, m2_mac, {}, true},
      {bridge, vepa, m1_mac, everybody, {}, true},
      {vepa, vepa, m1_mac, m2_mac, {}, true},
      {private_, private_, m1_mac, m2_mac, {}, true},
      {private_, private_, m1_mac, everybody, {}, true},
  };
  for (const Row& row : rows) {
    const Pair pair(row.one, row.two);
    const auto got = macvlan_transmit(pair.list, 0, header(row.source, row.destination));
    EXPECT_THAT(got.children, ElementsAreArray(row.children)) << row.destination.text();
    EXPECT_EQ(got.lower, row.lower) << row.destination.text();
  }
}

}  // namespace
}  // namespace wayout::link
