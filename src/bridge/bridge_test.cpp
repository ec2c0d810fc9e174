// One bridge with three ports, frame by frame. Where a frame goes and why it is dropped was
// recorded on Linux 6.18, but for VLAN filtering, which the kernel at hand was built without. The
// kernel test bridge_kernel_test puts the same questions, and random ones, to the kernel it runs
// on.

#include "bridge/bridge.hpp"

#include <gmock/gmock.h>

#include <functional>

#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::bridge {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using Bytes = std::vector<std::uint8_t>;

constexpr wire::MacAddress mac(std::uint8_t fifth, std::uint8_t last) {
  return {{2, 0, 0, 0, fifth, last}};
}
constexpr auto bridge_mac = mac(0, 0x01);
constexpr auto c_mac = mac(0, 0x11), d_mac = mac(0, 0x12), e_mac = mac(0, 0x13);
constexpr auto unknown_mac = mac(0, 0x99);
constexpr auto everybody = wire::MacAddress::broadcast();
constexpr wire::MacAddress group = {{1, 0, 0x5e, 1, 2, 3}};
constexpr std::uint16_t test_ethertype = 0x9000;
constexpr DeviceId br0 = 1, b1 = 2, b2 = 3, b3 = 4;
constexpr std::int64_t start_ms = 1000;

constexpr wire::MacAddress link_local(std::uint8_t last) {
  return {{0x01, 0x80, 0xc2, 0, 0, last}};
}

/// b1, b2, b3 lead to c, d, e, whose MACs are known.
struct World {
  link::Devices devices;
  Config config;
  State state;

  World() {
    devices.list.push_back({.name = "br0",
                            .ifindex = 1,
                            .kind = link::DeviceKind::bridge,
                            .up = true,
                            .mac = bridge_mac});
    for (std::uint8_t i = 1; i <= 3; ++i) {
      devices.list.push_back({.name = "b" + std::to_string(i),
                              .ifindex = i + 1U,
                              .kind = link::DeviceKind::veth,
                              .up = true,
                              .mac = mac(1, i),
                              .master = br0,
                              .port = link::BridgePort{}});
    }
    config.fdb = {{.mac = c_mac, .bridge = br0, .port = b1},
                  {.mac = d_mac, .bridge = br0, .port = b2},
                  {.mac = e_mac, .bridge = br0, .port = b3}};
  }
  link::BridgePort& port(DeviceId id) { return *devices[id].port; }
  void start() { state = initial_state(config, devices, start_ms); }

  const State::Entry* entry(const wire::MacAddress& address, std::uint16_t vlan = 0) const {
    const auto found = state.fdb.find({br0, vlan, address});
    return found == state.fdb.end() ? nullptr : &found->second;
  }
};

struct Outcome {
  Stop stop;
  Decision decision;
  bool link_local_up = false;
  Packet frame;
};

Packet frame_of(const wire::MacAddress& source, const wire::MacAddress& destination,
                std::size_t network_bytes = 50, std::uint16_t type = test_ethertype) {
  return Packet::from_frame(wire::make_frame(source, destination, type, Bytes(network_bytes)));
}

template <Trace T>
Outcome pass(World& world, Packet frame, DeviceId ingress_port, T& trace,
             std::int64_t now_ms = start_ms) {
  Outcome out;
  frame.device = ingress_port != no_device ? ingress_port : br0;
  if (ingress_port != no_device) {
    out.stop =
        ingress(frame, world.devices, world.config, world.state, now_ms, out.link_local_up, trace);
    if (out.stop || out.link_local_up) return out;
  }
  out.stop = decide(frame, br0, ingress_port, world.devices, world.config, world.state, now_ms,
                    out.decision, trace);
  out.frame = frame;
  return out;
}

Outcome pass(World& world, const Packet& frame, DeviceId ingress_port,
             std::int64_t now_ms = start_ms) {
  NoTrace trace;
  return pass(world, frame, ingress_port, trace, now_ms);
}

using Setup = std::function<void(World&)>;
using Ports = std::vector<DeviceId>;

struct Delivered {
  const char* name;
  Setup setup;
  DeviceId ingress_port;
  wire::MacAddress source, destination;
  Ports ports;
  bool up;
};

const Setup as_it_is = [](World&) {};

TEST(Bridge, DeliversAsRecorded) {
  const Delivered rows[] = {
      {"known unicast", as_it_is, b1, c_mac, d_mac, {b2}, false},
      {"unknown unicast, newest port first", as_it_is, b1, c_mac, unknown_mac, {b3, b2}, false},
      {"broadcast", as_it_is, b1, c_mac, everybody, {b3, b2}, true},
      {"multicast", as_it_is, b2, d_mac, group, {b3, b1}, true},
      {"to the bridge", as_it_is, b1, c_mac, bridge_mac, {}, true},
      {"to the port's own MAC", as_it_is, b1, c_mac, mac(1, 1), {}, true},
      {"to another port's MAC", as_it_is, b1, c_mac, mac(1, 2), {}, true},
      {"from the bridge's MAC", as_it_is, b1, bridge_mac, d_mac, {b2}, false},
      {"source equals destination", as_it_is, b1, d_mac, d_mac, {}, false},
      {"hairpin", [](World& w) { w.port(b1).hairpin = true; }, b1, unknown_mac, c_mac, {b1}, false},
      {"hairpin flood",
       [](World& w) { w.port(b1).hairpin = true; },
       b1,
       c_mac,
       everybody,
       {b3, b2, b1},
       true},
      {"flood off on b3",
       [](World& w) { w.port(b3).flood = false; },
       b1,
       c_mac,
       unknown_mac,
       {b2},
       false},
      {"mcast_flood off on b3",
       [](World& w) { w.port(b3).multicast_flood = false; },
       b1,
       c_mac,
       group,
       {b2},
       true},
      {"bcast_flood off on b3",
       [](World& w) { w.port(b3).broadcast_flood = false; },
       b1,
       c_mac,
       everybody,
       {b2},
       true},
      {"isolated, broadcast",
       [](World& w) { w.port(b1).isolated = w.port(b2).isolated = true; },
       b1,
       c_mac,
       everybody,
       {b3},
       true},
      {"isolated, to one that is not",
       [](World& w) { w.port(b1).isolated = w.port(b2).isolated = true; },
       b1,
       c_mac,
       e_mac,
       {b3},
       false},
      {"isolated, to the bridge",
       [](World& w) { w.port(b1).isolated = w.port(b2).isolated = true; },
       b1,
       c_mac,
       bridge_mac,
       {},
       true},
      {"b2 disabled, broadcast",
       [](World& w) { w.port(b2).state = link::PortState::disabled; },
       b1,
       c_mac,
       everybody,
       {b3},
       true},
      {"promiscuous bridge, known",
       [](World& w) { w.devices[br0].promiscuous = true; },
       b1,
       c_mac,
       d_mac,
       {b2},
       true},
      {"promiscuous bridge, unknown",
       [](World& w) { w.devices[br0].promiscuous = true; },
       b1,
       c_mac,
       unknown_mac,
       {b3, b2},
       true},
      {"locked, source known there",
       [](World& w) { w.port(b1).locked = true; },
       b1,
       c_mac,
       d_mac,
       {b2},
       false},
      {"STP group, STP off", as_it_is, b1, c_mac, link_local(0), {b3, b2}, true},
      {"LLDP with its bit in group_fwd_mask",
       [](World& w) { w.devices[br0].bridge.group_fwd_mask = 0x4000; },
       b1,
       c_mac,
       link_local(0x0e),
       {b3, b2},
       true},
      {"first group that is not link-local", as_it_is, b1, c_mac, link_local(0x10), {b3, b2}, true},
      {"host: known", as_it_is, no_device, bridge_mac, d_mac, {b2}, false},
      {"host: unknown", as_it_is, no_device, bridge_mac, unknown_mac, {b3, b2, b1}, false},
      {"host: broadcast where bcast_flood is off",
       [](World& w) { w.port(b3).broadcast_flood = false; },
       no_device,
       bridge_mac,
       everybody,
       {b3, b2, b1},
       false},
      {"host: a port's MAC is behind that port",
       as_it_is,
       no_device,
       bridge_mac,
       mac(1, 1),
       {b1},
       false},
      {"host: isolation does not matter",
       [](World& w) { w.port(b1).isolated = w.port(b2).isolated = true; },
       no_device,
       bridge_mac,
       everybody,
       {b3, b2, b1},
       false},
  };
  for (const Delivered& row : rows) {
    SCOPED_TRACE(row.name);
    World world;
    row.setup(world);
    world.start();
    const Outcome out = pass(world, frame_of(row.source, row.destination), row.ingress_port);
    const bool nobody = row.ports.empty() && !row.up;
    EXPECT_EQ(static_cast<bool>(out.stop), nobody);
    EXPECT_FALSE(out.link_local_up);
    EXPECT_THAT(out.decision.ports, ElementsAreArray(row.ports));
    EXPECT_EQ(out.decision.up, row.up);
  }
}

struct Dropped {
  const char* name;
  Setup setup;
  DeviceId ingress_port;
  wire::MacAddress source, destination;
  Stage stage;
  DropReason reason;
  Cause cause;
};

TEST(Bridge, DropsAsRecorded) {
  constexpr auto finish = Stage::br_handle_frame_finish;
  const auto port_cause = [](BridgeCause why, DeviceId port) { return Cause::bridge(why, port); };
  const auto all_ports = [](auto change) {
    return [change](World& w) {
      for (const DeviceId id : {b1, b2, b3})
        change(w.port(id));
    };
  };
  const Dropped rows[] = {
      {"multicast source", as_it_is, b1, link_local(0x11), d_mac, Stage::br_handle_frame,
       DropReason::MAC_INVALID_SOURCE, Cause::packet(PacketCause::header)},
      {"zero source",
       as_it_is,
       b1,
       {},
       d_mac,
       Stage::br_handle_frame,
       DropReason::MAC_INVALID_SOURCE,
       Cause::packet(PacketCause::header)},
      {"pause frame", as_it_is, b1, c_mac, link_local(1), Stage::br_handle_frame,
       DropReason::MAC_IEEE_MAC_CONTROL, port_cause(BridgeCause::group_filtered, b1)},
      {"port disabled", [](World& w) { w.port(b1).state = link::PortState::disabled; }, b1, c_mac,
       d_mac, Stage::br_handle_frame, DropReason::BRIDGE_INGRESS_STP_STATE,
       port_cause(BridgeCause::port_state, b1)},
      {"port listening", [](World& w) { w.port(b1).state = link::PortState::listening; }, b1, c_mac,
       d_mac, Stage::br_handle_frame, DropReason::BRIDGE_INGRESS_STP_STATE,
       port_cause(BridgeCause::port_state, b1)},
      {"port learning", [](World& w) { w.port(b1).state = link::PortState::learning; }, b1, c_mac,
       d_mac, finish, DropReason::BRIDGE_INGRESS_STP_STATE,
       port_cause(BridgeCause::port_state, b1)},
      {"bridge down", [](World& w) { w.devices[br0].up = false; }, b1, c_mac, d_mac,
       Stage::br_handle_frame, DropReason::BRIDGE_INGRESS_STP_STATE,
       Cause::on_device(DeviceCause::down, br0)},
      {"same port", as_it_is, b1, unknown_mac, c_mac, finish, DropReason::NOT_SPECIFIED,
       port_cause(BridgeCause::same_port, b1)},
      {"isolated", all_ports([](link::BridgePort& p) { p.isolated = true; }), b1, c_mac, d_mac,
       finish, DropReason::NOT_SPECIFIED, port_cause(BridgeCause::isolated, b2)},
      {"isolated, unknown", all_ports([](link::BridgePort& p) { p.isolated = true; }), b1, c_mac,
       unknown_mac, finish, DropReason::NO_TX_TARGET, port_cause(BridgeCause::isolated, b3)},
      {"no port floods", all_ports([](link::BridgePort& p) { p.flood = false; }), b1, c_mac,
       unknown_mac, finish, DropReason::NO_TX_TARGET, port_cause(BridgeCause::no_flood, b3)},
      {"known port not forwarding", [](World& w) { w.port(b2).state = link::PortState::disabled; },
       b1, c_mac, d_mac, finish, DropReason::NOT_SPECIFIED,
       port_cause(BridgeCause::port_state, b2)},
      {"known port without carrier", [](World& w) { w.devices[b2].carrier = false; }, b1, c_mac,
       d_mac, finish, DropReason::NOT_SPECIFIED, Cause::on_device(DeviceCause::no_carrier, b2)},
      {"locked, source unknown", [](World& w) { w.port(b1).locked = true; }, b1, unknown_mac, d_mac,
       finish, DropReason::NOT_SPECIFIED, port_cause(BridgeCause::locked, b1)},
      {"locked, source lives elsewhere", [](World& w) { w.port(b1).locked = true; }, b1, e_mac,
       d_mac, finish, DropReason::NOT_SPECIFIED, port_cause(BridgeCause::locked, b1)},
      {"host: no port floods", all_ports([](link::BridgePort& p) { p.flood = false; }), no_device,
       bridge_mac, unknown_mac, Stage::br_dev_xmit, DropReason::NO_TX_TARGET,
       port_cause(BridgeCause::no_flood, b3)},
      {"host: to the bridge's own MAC", as_it_is, no_device, bridge_mac, bridge_mac,
       Stage::br_dev_xmit, DropReason::NOT_SPECIFIED, port_cause(BridgeCause::static_fdb, br0)},
      {"host: a bridge without ports", [](World& w) { w.devices.list.resize(2); }, no_device,
       bridge_mac, unknown_mac, Stage::br_dev_xmit, DropReason::NO_TX_TARGET,
       port_cause(BridgeCause::no_port, br0)},
  };
  for (const Dropped& row : rows) {
    SCOPED_TRACE(row.name);
    World world;
    row.setup(world);
    world.start();
    const Outcome out = pass(world, frame_of(row.source, row.destination), row.ingress_port);
    EXPECT_EQ(out.stop.fate, Fate::dropped);
    EXPECT_EQ(out.stop.stage, row.stage);
    EXPECT_EQ(out.stop.reason, row.reason);
    EXPECT_EQ(out.stop.cause, row.cause);
  }
}

TEST(Bridge, LinkLocalGroupsGoUpOnThePort) {
  for (const std::uint8_t last : {0x02, 0x0e, 0x0f}) {
    World world;
    world.start();
    const Outcome out = pass(world, frame_of(unknown_mac, link_local(last)), b1);
    EXPECT_FALSE(out.stop);
    EXPECT_TRUE(out.link_local_up);
    ASSERT_NE(world.entry(unknown_mac), nullptr);  // it teaches all the same
    EXPECT_EQ(world.entry(unknown_mac)->port, b1);
  }
  World world;
  world.devices[br0].bridge.stp = true;
  world.start();
  EXPECT_TRUE(pass(world, frame_of(c_mac, link_local(0)), b1).link_local_up);
}

TEST(Bridge, OwnMacsThatAWholeListingDoesNotHaveAreUnknown) {
  World world;
  const auto goes_up = [&] {
    world.start();
    return pass(world, frame_of(c_mac, bridge_mac), b1).decision.up;
  };
  EXPECT_TRUE(goes_up());
  world.config.fdb_is_whole = true;
  EXPECT_FALSE(goes_up());
  EXPECT_EQ(pass(world, frame_of(c_mac, bridge_mac), b1).decision.ports,
            (std::vector<DeviceId>{b3, b2}));
  world.config.fdb.push_back({.mac = bridge_mac, .bridge = br0, .port = br0, .local = true});
  EXPECT_TRUE(goes_up());
}

TEST(Bridge, LearnsAndMoves) {
  World world;
  world.config.fdb.push_back({.mac = mac(0, 0xbb), .bridge = br0, .port = b2, .is_static = true});
  world.config.fdb.push_back(
      {.mac = mac(0, 0xbc), .bridge = br0, .port = b2, .is_static = true, .sticky = true});
  world.start();
  const auto seen_on_b1 = [&](const wire::MacAddress& source) {
    pass(world, frame_of(source, d_mac), b1);
    return world.entry(source)->port;
  };
  EXPECT_EQ(seen_on_b1(unknown_mac), b1);
  EXPECT_EQ(seen_on_b1(e_mac), b1);         // moved from b3
  EXPECT_EQ(seen_on_b1(mac(0, 0xbb)), b1);  // static entries move
  EXPECT_EQ(seen_on_b1(mac(0, 0xbc)), b2);  // sticky ones do not
  EXPECT_EQ(seen_on_b1(mac(1, 2)), b2);     // nor the host's own
  EXPECT_EQ(seen_on_b1(bridge_mac), no_device);
  EXPECT_THAT(pass(world, frame_of(d_mac, e_mac), b2).decision.ports, ElementsAre(b1));

  world.port(b1).learning = false;
  pass(world, frame_of(mac(0, 0xc1), d_mac), b1);
  EXPECT_EQ(world.entry(mac(0, 0xc1)), nullptr);
}

TEST(Bridge, AgeingForgets) {
  World world;
  world.config.fdb.push_back({.mac = mac(0, 0xbb), .bridge = br0, .port = b2, .is_static = true});
  world.devices[br0].bridge.ageing_s = 300;
  world.start();
  const auto ports = [&](const wire::MacAddress& destination, std::int64_t now_ms) {
    return pass(world, frame_of(c_mac, destination), b1, now_ms).decision.ports;
  };
  const std::int64_t ageing_ms = 300'000;
  EXPECT_THAT(ports(d_mac, start_ms + ageing_ms - 1), ElementsAre(b2));
  EXPECT_THAT(ports(d_mac, start_ms + ageing_ms), ElementsAre(b3, b2));  // aged: flooded
  EXPECT_THAT(ports(mac(0, 0xbb), start_ms + ageing_ms), ElementsAre(b2));
  EXPECT_TRUE(pass(world, frame_of(c_mac, bridge_mac), b1, start_ms + ageing_ms).decision.up);

  pass(world, frame_of(d_mac, c_mac), b2, start_ms + ageing_ms);  // it speaks again
  EXPECT_THAT(ports(d_mac, start_ms + 2 * ageing_ms - 1), ElementsAre(b2));

  world.devices[br0].bridge.ageing_s = 0;  // never learn, always flood
  EXPECT_THAT(ports(d_mac, start_ms + 2 * ageing_ms), ElementsAre(b3, b2));
}

TEST(Bridge, TellsWhatItDid) {
  World world;
  world.port(b2).isolated = world.port(b1).isolated = true;
  world.start();
  StepTrace trace;
  pass(world, frame_of(unknown_mac, everybody), b1, trace);
  const auto& steps = trace.steps();
  ASSERT_EQ(steps.size(), 3U);
  EXPECT_EQ(steps[0].did, Did::learned);
  EXPECT_EQ(steps[0].device, b1);
  EXPECT_EQ(steps[1].did, Did::passed_over);
  EXPECT_EQ(steps[1].other, b2);
  EXPECT_EQ(steps[1].by, Cause::bridge(BridgeCause::isolated, b2));
  EXPECT_EQ(steps[2].did, Did::flooded);
  EXPECT_EQ(steps[2].value, 1U);

  StepTrace known;
  pass(world, frame_of(c_mac, e_mac), b1, known);
  ASSERT_EQ(known.steps().size(), 1U);
  EXPECT_EQ(known.steps()[0].did, Did::bridged);
  EXPECT_EQ(known.steps()[0].other, b3);
}

TEST(Bridge, ArpThatWasAnsweredIsKeptFromPortsThatSuppressIt) {
  World world;
  world.port(b3).neigh_suppress = true;
  world.start();
  Packet arp = frame_of(c_mac, everybody, 28, wire::ethertype::arp);
  EXPECT_EQ(pass(world, arp, b1).decision.ports, (std::vector<DeviceId>{b3, b2}));
  arp.arp_answered = true;
  EXPECT_EQ(pass(world, arp, b1).decision.ports, std::vector<DeviceId>{b2});
}

TEST(Egress, LeavesRoomForATag) {
  World world;
  world.devices[b2].mtu_bytes = 1000;
  EXPECT_FALSE(egress(frame_of(c_mac, d_mac, 1004), b2, world.devices));
  const Stop stop = egress(frame_of(c_mac, d_mac, 1005), b2, world.devices);
  EXPECT_EQ(stop.stage, Stage::br_dev_queue_push_xmit);
  EXPECT_EQ(stop.reason, DropReason::NOT_SPECIFIED);
  EXPECT_EQ(stop.cause, Cause::mtu(b2, 1000));
}

}  // namespace
}  // namespace wayout::bridge
