#include "host/finish.hpp"

#include <gmock/gmock.h>

#include "host/device_book.hpp"
#include "host/state.hpp"

namespace wayout::host {
namespace {

using link::DeviceKind;
using testing::ElementsAre;
using testing::SizeIs;

link::Device named(const char* name, DeviceKind kind = DeviceKind::nic) {
  link::Device device;
  device.name = name;
  device.kind = kind;
  return device;
}

TEST(Complete, NamesDevicesThatCanTakeAPacket) {
  Host host;
  DeviceBook book(host);
  link::Device ovs = named("ovs");
  ovs.kind_name = "openvswitch";
  const DeviceId master = book.add(ovs);
  link::Device port = named("p1"), xdp = named("x1"), plain = named("p2"), netkit = named("nk");
  port.master = master;
  xdp.xdp = true;
  netkit.kind_name = "netkit";
  for (const link::Device& device : {port, xdp, plain, netkit})
    book.add(device);
  complete(host);
  ASSERT_THAT(host.unmodelled, SizeIs(3));
  EXPECT_EQ(host.unmodelled[0].text, "p1 is a port of ovs (openvswitch)");
  EXPECT_TRUE(host.unmodelled[0].ingress && host.unmodelled[0].egress);
  EXPECT_EQ(host.unmodelled[1].text, "XDP program on x1");
  EXPECT_TRUE(host.unmodelled[1].ingress);
  EXPECT_FALSE(host.unmodelled[1].egress);
  EXPECT_EQ(host.unmodelled[2].text, "netkit device nk and its BPF programs");
}

TEST(Complete, ForgetsTheNeighboursThatTheKernelMakesByItself) {
  Host host;
  DeviceBook book(host);
  const DeviceId lo = book.add(named("lo", DeviceKind::loopback));
  const DeviceId eth0 = book.add(named("eth0"));
  const auto somebody = wire::IpAddress::v4(10, 0, 0, 2);
  const auto noarp = link::NudState::noarp;
  host.neighbours = {
      {.address = wire::IpAddress::v4(224, 0, 0, 22), .device = eth0, .mac = {}, .state = noarp},
      {.address = wire::IpAddress::v4(127, 0, 0, 1), .device = lo, .mac = {}, .state = noarp},
      {.address = somebody, .device = eth0, .mac = {}, .state = noarp},
  };
  complete(host);
  ASSERT_THAT(host.neighbours, SizeIs(1));
  EXPECT_EQ(host.neighbours[0].address, somebody);
}

TEST(Complete, RulesStandInTheOrderOfTheirPreference) {
  Host host;
  host.fib.rules.resize(3);
  host.fib.rules[0].preference = 30;
  host.fib.rules[1].preference = 10;
  host.fib.rules[1].iif = "first";
  host.fib.rules[2].preference = 10;
  complete(host);
  EXPECT_EQ(host.fib.rules[0].iif, "first");
  EXPECT_EQ(host.fib.rules[2].preference, 30u);
}

TEST(Finish, InterfacesAreAsTheirDevices) {
  Machine machine;
  Host& host = machine.hosts.emplace_back();
  DeviceBook book(host);
  link::Device vrf = named("blue", DeviceKind::vrf);
  vrf.vrf_table = 7;
  const DeviceId master = book.add(vrf);
  link::Device eth0 = named("eth0");
  eth0.master = master;
  eth0.up = true;
  eth0.carrier = false;
  eth0.mtu_bytes = 1400;
  eth0.ifindex = 9;
  book.add(eth0);
  book.add(named("lo", DeviceKind::loopback));
  ASSERT_TRUE(finish(machine));
  const route::Interface& interface = machine.hosts[0].interfaces[2];
  EXPECT_TRUE(interface.up);
  EXPECT_FALSE(interface.carrier);
  EXPECT_EQ(interface.mtu_bytes, 1400u);
  EXPECT_EQ(interface.vrf, master);
  EXPECT_EQ(interface.order, 2u) << "by number: blue, lo, eth0";
  EXPECT_EQ(machine.hosts[0].interfaces[1].vrf_table, 7u);
  EXPECT_TRUE(machine.hosts[0].interfaces[3].loopback);
}

TEST(Finish, WhatHangsOnAHookIsMetThereAndOnlyOnce) {
  Machine machine;
  Host& host = machine.hosts.emplace_back();
  Unmodelled chain, bridged, device;
  chain.hook = Hook::input;
  chain.priority = 5;
  chain.source = *wire::Prefix::parse("10.0.0.0/8");
  bridged.hook = Hook::forward;
  bridged.family = Unmodelled::Family::bridge;
  device.ingress = true;
  host.unmodelled = {device, bridged, chain};
  ASSERT_TRUE(finish(machine));
  ASSERT_TRUE(finish(machine));
  ASSERT_THAT(machine.hosts[0].netfilter.foreign, SizeIs(1));
  const netfilter::ForeignHook& foreign = machine.hosts[0].netfilter.foreign[0];
  EXPECT_EQ(foreign.hook, Hook::input);
  EXPECT_EQ(foreign.priority, 5);
  EXPECT_EQ(foreign.unmodelled, 2u);
  EXPECT_EQ(foreign.source.text(), "10.0.0.0/8");
}

TEST(Finish, ConntrackRunsWhenSomethingNeedsIt) {
  Machine machine;
  Host& host = machine.hosts.emplace_back();
  ASSERT_TRUE(finish(machine));
  EXPECT_FALSE(host.conntrack_config.enabled);
  host.conntrack_needed_by_nft = true;
  ASSERT_TRUE(finish(machine));
  EXPECT_TRUE(host.conntrack_config.enabled);
}

TEST(InitialState, HoldsWhatWasRead) {
  Machine machine;
  Host& host = machine.hosts.emplace_back();
  DeviceBook book(host);
  const DeviceId eth0 = book.add(named("eth0"));
  const auto address = *wire::IpAddress::parse("10.0.0.2");
  host.neighbours = {{address, eth0, wire::MacAddress{{2}}, link::NudState::stale, false},
                     {*wire::IpAddress::parse("10.0.0.3"), eth0, {}, link::NudState::none, true}};
  conntrack::Connection connection;
  connection.tuples[0] = {address, address, 1, 2, 17};
  connection.tuples[1] = {address, address, 2, 1, 17};
  connection.expires_ms = 500;
  host.connections = {connection};
  ASSERT_TRUE(finish(machine));

  const State state = initial_state(host, 10'000);
  EXPECT_EQ(state.now_ms, 10'000);
  ASSERT_THAT(state.neighbours.entries, SizeIs(1));
  EXPECT_EQ(state.neighbours.entries.at({eth0, address}).state, link::NudState::stale);
  EXPECT_NE(state.connections.find(connection.tuples[0], {}, 10'499).id, no_connection);
  EXPECT_EQ(state.connections.find(connection.tuples[0], {}, 10'501).id, no_connection);
}

}  // namespace
}  // namespace wayout::host
