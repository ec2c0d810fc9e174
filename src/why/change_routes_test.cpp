// Changes of routes that are there, of where an address is, and of sets.
#include "why/test_changed.hpp"

namespace wayout::why {
namespace {

using host::two_containers;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// The only route of main whose line starts so.
RouteRef route_of(const Changed& c, std::string_view start) {
  const route::Fib& fib = c.machine.hosts[0].fib;
  for (std::uint32_t t = 0; t < fib.tables.size(); ++t)
    for (std::uint32_t r = 0; r < fib.tables[t].routes.size(); ++r)
      if (route_line(c.machine.hosts[0], {t, r}).starts_with(start)) return {t, r};
  ADD_FAILURE() << "no route " << start;
  return {};
}

TEST(Change, ARouteByAnotherGateway) {
  Changed c(two_containers().append("host/ip-route.txt",
                                    "203.0.113.0/24 via 198.51.100.9 dev eth0 metric 7\n"));
  EXPECT_EQ(c.make(replace_route(c.machine, 0, route_of(c, "203.0.113.0/24"),
                                 wire::IpAddress::v4(10, 1, 0, 2), c.device("br0"))),
            "ip route replace 203.0.113.0/24 via 10.1.0.2 dev br0 metric 7");
  EXPECT_THAT(c.routes(), testing::Contains("203.0.113.0/24 via 10.1.0.2 dev br0 metric 7"));
}

TEST(Change, ARouteWithoutItsMtu) {
  Changed c(two_containers().append(
      "host/ip-route.txt", "203.0.113.0/24 via 198.51.100.1 dev eth0 src 198.51.100.10 mtu 1300\n"));
  EXPECT_EQ(c.make(without_route_mtu(c.machine, 0, route_of(c, "203.0.113.0/24"))),
            "ip route change 203.0.113.0/24 via 198.51.100.1 dev eth0 src 198.51.100.10");
  EXPECT_EQ(c.host().fib.route(route_of(c, "203.0.113.0/24")).mtu_bytes, 0U);
}

TEST(Change, ARuleToANetworkForTheMainTable) {
  Changed c(two_containers());
  EXPECT_EQ(c.make(add_main_rule_to(0, *wire::Prefix::parse("10.1.0.0/24"), 100)),
            "ip rule add to 10.1.0.0/24 table main pref 100");
  EXPECT_EQ(routing_rule_line(c.host(), 1), "100: from all to 10.1.0.0/24 lookup main");
}

TEST(Change, AnAddressMovedToTheBridge) {
  Changed c(two_containers());
  const DeviceId eth0 = c.device("eth0"), br0 = c.device("br0");
  c.make(set_master(c.machine, {0, c.device("vethc1")}, br0));
  c.host().devices[eth0].master = br0;
  c.host().devices[eth0].port = link::BridgePort{};
  const route::InterfaceAddress address = c.host().interfaces[eth0].addresses.front();
  EXPECT_EQ(c.make(move_address(c.machine, {0, eth0}, address)),
            "ip addr del 198.51.100.10/24 dev eth0 && ip addr add 198.51.100.10/24 dev br0 && "
            "ip route replace default via 198.51.100.1 dev br0");
  EXPECT_THAT(c.host().interfaces[eth0].addresses, IsEmpty());
  EXPECT_THAT(c.routes(), testing::IsSupersetOf({"default via 198.51.100.1 dev br0"}));
}

TEST(Change, AnAddressInASet) {
  const char* sets = "create bad hash:ip family inet\nadd bad 10.1.0.2\n"
                     "create nets hash:net family inet\nadd nets 10.1.0.0/24\n";
  Changed c(two_containers().set("host/ipset.txt", sets));
  const auto address = wire::IpAddress::v4(10, 1, 0, 2);
  EXPECT_EQ(c.make(delete_from_set(c.machine, 0, "bad", address)), "ipset del bad 10.1.0.2");
  EXPECT_THAT(c.host().netfilter.sets.find("bad")->elements, IsEmpty());
  EXPECT_EQ(c.make(add_to_set(c.machine, 0, "nets", address, true)), "ipset add nets 10.1.0.2 nomatch");
  EXPECT_THAT(c.host().netfilter.sets.find("nets")->elements, SizeIs(2));
  EXPECT_THAT(delete_from_set(c.machine, 0, "f2b-sshd", address).lasting,
              HasSubstr("fail2ban-client unban 10.1.0.2"));
}

}  // namespace
}  // namespace wayout::why
