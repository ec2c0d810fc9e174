#include "host/join.hpp"

#include <gmock/gmock.h>

#include <string>

#include "host/device_book.hpp"

namespace wayout::host {
namespace {

using link::DeviceKind;
using testing::ElementsAre;

/// A machine built end by end.
struct Ends {
  std::uint32_t host(const char* name) {
    machine.hosts.emplace_back().name = name;
    return static_cast<std::uint32_t>(machine.hosts.size() - 1);
  }
  DeviceRef add(std::uint32_t host, const char* name, std::uint32_t ifindex, DeviceKind kind,
                std::optional<std::uint32_t> peer = {}, std::optional<std::int32_t> id = {}) {
    link::Device device;
    device.name = name;
    device.ifindex = ifindex;
    device.kind = kind;
    device.peer_ifindex = peer;
    device.peer_netnsid = id;
    return {host, DeviceBook(machine.hosts[host]).add(device)};
  }
  DeviceRef veth(std::uint32_t host, const char* name, std::uint32_t ifindex, std::uint32_t peer,
                 std::optional<std::int32_t> id = {}) {
    return add(host, name, ifindex, DeviceKind::veth, peer, id);
  }
  Machine machine;
};

TEST(Join, APairOfOneNamespace) {
  Ends ends;
  const auto h = ends.host("host");
  const DeviceRef a = ends.veth(h, "a", 5, 6), b = ends.veth(h, "b", 6, 5);
  join(ends.machine);
  EXPECT_EQ(ends.machine.peer(a), b);
  EXPECT_EQ(ends.machine.peer(b), a);
}

TEST(Join, ByKnownIds) {
  Ends ends;
  const auto h = ends.host("host"), x = ends.host("x"), y = ends.host("y");
  // Both containers call their end 2 and name 5: only the id tells them apart.
  const DeviceRef in_host = ends.veth(h, "v", 5, 2, 1);
  const DeviceRef in_x = ends.veth(x, "eth0", 2, 5, 0);
  const DeviceRef in_y = ends.veth(y, "eth0", 2, 5, 0);
  ends.machine.hosts[h].namespace_ids = {{1, "y"}};
  join(ends.machine);
  EXPECT_EQ(ends.machine.peer(in_host), in_y);
  EXPECT_EQ(ends.machine.peer(in_x), (DeviceRef{x, no_device}));
}

TEST(Join, ByNumbersThatNameEachOther) {
  Ends ends;
  const auto h = ends.host("host"), x = ends.host("x"), y = ends.host("y");
  const DeviceRef v1 = ends.veth(h, "v1", 5, 2, 0), v2 = ends.veth(h, "v2", 6, 2, 1);
  const DeviceRef ex = ends.veth(x, "eth0", 2, 6, 0), ey = ends.veth(y, "eth0", 2, 5, 0);
  join(ends.machine);
  EXPECT_EQ(ends.machine.peer(v1), ey);
  EXPECT_EQ(ends.machine.peer(v2), ex);
}

TEST(Join, OnePairTellsTheIdsForAnother) {
  Ends ends;
  const auto h = ends.host("host"), x = ends.host("x"), y = ends.host("y");
  // The first ends fit both; the second ends show that id 0 is x, and so which first end is meant.
  const DeviceRef v1 = ends.veth(h, "v1", 5, 2, 0);
  const DeviceRef x1 = ends.veth(x, "eth0", 2, 5, 7), y1 = ends.veth(y, "eth0", 2, 5, 7);
  const DeviceRef v2 = ends.veth(h, "v2", 6, 3, 0), x2 = ends.veth(x, "eth1", 3, 6, 7);
  join(ends.machine);
  EXPECT_EQ(ends.machine.peer(v2), x2);
  EXPECT_EQ(ends.machine.peer(v1), x1);
  EXPECT_EQ(ends.machine.peer(y1), (DeviceRef{y, no_device}));
}

TEST(Join, WhatFitsTwiceStaysOpen) {
  Ends ends;
  const auto h = ends.host("host"), x = ends.host("x"), y = ends.host("y");
  const DeviceRef v = ends.veth(h, "v", 5, 2);
  ends.veth(x, "eth0", 2, 5);
  ends.veth(y, "eth0", 2, 5);
  join(ends.machine);
  EXPECT_EQ(ends.machine.peer(v), (DeviceRef{h, no_device}));
}

TEST(Join, AKnownIdIsEnoughBesideATwin) {
  Ends ends;
  const auto h = ends.host("host"), box = ends.host("box"), twin = ends.host("twin");
  // Both hosts have the same numbers; only the first one's ids have names.
  const DeviceRef v = ends.veth(h, "v", 5, 2, 0), in_box = ends.veth(box, "eth0", 2, 5, 0);
  const DeviceRef in_twin = ends.veth(twin, "v", 5, 2, 0);
  ends.machine.hosts[h].namespace_ids = {{0, "box"}};
  join(ends.machine);
  EXPECT_EQ(ends.machine.peer(in_box), v);
  EXPECT_EQ(ends.machine.peer(in_twin), (DeviceRef{twin, no_device}));
}

TEST(Join, AnIdThatMeansANamespaceThatWasNotRead) {
  Ends ends;
  const auto h = ends.host("host"), x = ends.host("x");
  const DeviceRef v = ends.veth(h, "v", 5, 2, 3);
  ends.veth(x, "eth0", 2, 5, 0);
  ends.machine.hosts[h].namespace_ids = {{3, "elsewhere"}};
  join(ends.machine);
  EXPECT_EQ(ends.machine.peer(v), (DeviceRef{h, no_device}));
}

TEST(Join, WhatIsStacked) {
  Ends ends;
  const auto h = ends.host("host"), x = ends.host("x");
  const DeviceRef eth0 = ends.add(h, "eth0", 2, DeviceKind::nic);
  const DeviceRef vlan = ends.add(h, "eth0.10", 3, DeviceKind::vlan);
  ends.machine.hosts[h].devices[vlan.device].lower = eth0.device;
  const DeviceRef macvlan = ends.add(x, "mv0", 4, DeviceKind::macvlan, 2, 0);
  join(ends.machine);
  EXPECT_EQ(ends.machine.lower(vlan), eth0);
  EXPECT_EQ(ends.machine.lower(macvlan), eth0);
  EXPECT_THAT(ends.machine.uppers(eth0), ElementsAre(vlan, macvlan));
}

TEST(Join, AVxlanDeviceNamesTheNamespaceThatCarriesIt) {
  Ends ends;
  const auto h = ends.host("host"), x = ends.host("x");
  const DeviceRef vxlan = ends.add(x, "vx0", 4, DeviceKind::vxlan, {}, 0);
  const DeviceRef plain = ends.add(x, "vx1", 5, DeviceKind::vxlan);
  ends.machine.hosts[x].namespace_ids = {{0, "host"}};
  join(ends.machine);
  EXPECT_EQ(ends.machine.lower(vxlan), (DeviceRef{h, no_device}));
  EXPECT_EQ(ends.machine.lower(plain), (DeviceRef{x, no_device}));
}

TEST(Join, CanBeDoneAgain) {
  Ends ends;
  const auto h = ends.host("host");
  const DeviceRef a = ends.veth(h, "a", 5, 6), b = ends.veth(h, "b", 6, 5);
  const DeviceRef vlan = ends.add(h, "a.1", 7, DeviceKind::vlan);
  ends.machine.hosts[h].devices[vlan.device].lower = a.device;
  join(ends.machine);
  join(ends.machine);
  EXPECT_EQ(ends.machine.peer(a), b);
  EXPECT_THAT(ends.machine.uppers(a), ElementsAre(vlan));
}

}  // namespace
}  // namespace wayout::host
