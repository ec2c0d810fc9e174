#include <gtest/gtest.h>

#include "host/finish.hpp"
#include "host/test_machine.hpp"
#include "why/change.hpp"
#include "why/words.hpp"
#include "wire/headers.hpp"

namespace wayout::why {
namespace {

using host::two_containers;

TEST(ChangeOfTables, ADefaultOfItsOwnAndTheRuleThatLeadsThere) {
  host::Machine machine = two_containers().read();
  const DeviceId eth0 = host::device(machine, "host", "eth0").device;
  const Change route =
      add_table_default(machine, 0, 100, wire::IpAddress::v4(198, 51, 100, 1), eth0);
  EXPECT_EQ(route.command, "ip route add default via 198.51.100.1 dev eth0 table 100");
  const route::Rule rule{.preference = 99,
                         .from = wire::Prefix::host(wire::IpAddress::v4(10, 1, 0, 2)),
                         .ip_protocol = wire::protocol::tcp, .sport_low = 80, .sport_high = 80,
                         .table = 100};
  const Change lead = add_table_rule(machine, 0, rule);
  EXPECT_EQ(lead.command, "ip rule add from 10.1.0.2 ipproto tcp sport 80 lookup 100 pref 99");
  route::Rule bare = rule;
  bare.ip_protocol = 0, bare.sport_low = bare.sport_high = 0;
  EXPECT_EQ(add_table_rule(machine, 0, bare).command, "ip rule add from 10.1.0.2 lookup 100 pref 99");
  const route::Rule marked{.preference = 99, .fwmark = 0x200, .fwmask = 0xffffffff, .table = 100};
  EXPECT_EQ(add_table_rule(machine, 0, marked).command,
            "ip rule add fwmark 0x200 lookup 100 pref 99");
  route::Rule masked = marked;
  masked.fwmask = 0xf00;
  EXPECT_EQ(add_table_rule(machine, 0, masked).command,
            "ip rule add fwmark 0x200/0xf00 lookup 100 pref 99");

  route.apply(machine.hosts[0]);
  lead.apply(machine.hosts[0]);
  ASSERT_TRUE(host::finish(machine));
  EXPECT_EQ(routing_rule_line(machine.hosts[0], 1),
            "99: from 10.1.0.2 ipproto tcp sport 80 lookup 100");
  Chance chance{std::vector<std::uint32_t>{}};
  const route::FibResult way = machine.hosts[0].fib.lookup(
      {.source = wire::IpAddress::v4(10, 1, 0, 2), .destination = wire::IpAddress::v4(203, 0, 113, 9),
       .protocol = wire::protocol::tcp, .sport = 80},
      chance);
  ASSERT_TRUE(way.by_route);
  EXPECT_EQ(route_line(machine.hosts[0], way.route),
            "default via 198.51.100.1 dev eth0 table 100");
}

TEST(ChangeOfAddresses, TheLocalRouteThatWasLost) {
  host::Machine machine = two_containers().read();
  const host::DeviceRef br0 = host::device(machine, "host", "br0");
  const wire::IpAddress address = wire::IpAddress::v4(10, 1, 0, 1);
  const std::uint32_t local = machine.hosts[0].fib.table_position(route::table_local);
  std::erase_if(machine.hosts[0].fib.tables[local].routes, [&](const route::Route& r) {
    return r.destination == wire::Prefix::host(address);
  });
  ASSERT_NE(route::address_type(machine.hosts[0].fib, address), RouteType::local);
  const Change again = add_local_route(machine, br0, address);
  EXPECT_EQ(again.command,
            "ip route add local 10.1.0.1 dev br0 table local proto kernel scope host src 10.1.0.1");
  again.apply(machine.hosts[0]);
  ASSERT_TRUE(host::finish(machine));
  EXPECT_EQ(route::address_type(machine.hosts[0].fib, address), RouteType::local);
}

TEST(ChangeOfAddresses, OneThatAnotherDeviceHasTooLeavesThatOnesRoutes) {
  host::Machine machine =
      two_containers()
          .append("host/ip-addr.txt",
                  "110: brold: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UP\n"
                  "    link/ether 02:77:00:00:00:6a brd ff:ff:ff:ff:ff:ff promiscuity 0\n"
                  "    bridge ageing_time 30000 stp_state 0\n"
                  "    inet 10.1.0.1/25 scope global brold\n")
          .append("host/ip-route.txt", "10.1.0.0/25 dev brold proto kernel scope link src 10.1.0.1\n")
          .read();
  const host::DeviceRef brold = host::device(machine, "host", "brold");
  const route::InterfaceAddress address = machine.hosts[0].interfaces[brold.device].addresses.front();
  delete_address(machine, brold, address).apply(machine.hosts[0]);
  ASSERT_TRUE(host::finish(machine));
  Chance chance{std::vector<std::uint32_t>{}};
  const route::FibResult way =
      machine.hosts[0].fib.lookup({.destination = wire::IpAddress::v4(10, 1, 0, 2)}, chance);
  ASSERT_TRUE(way.by_route);
  EXPECT_EQ(route_line(machine.hosts[0], way.route),
            "10.1.0.0/24 dev br0 proto kernel scope link src 10.1.0.1");
}

}  // namespace
}  // namespace wayout::why
