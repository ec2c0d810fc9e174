// Recorded from `ip route show table all` and `ip rule show` (iproute2 6.1); tests/kernel compares
// the two on random namespaces.
#include "route/print.hpp"

#include <gmock/gmock.h>

#include "route/test_world.hpp"

namespace wayout::route {
namespace {

TEST(PrintRoute, AsIpDoes) {
  TestWorld world;
  for (const char* name : {"a0", "b0", "c0"}) world.add_device(name);
  const char* const lines[] = {
      "default via 10.0.1.254 dev a0 metric 100",
      "unreachable default metric 5000",
      "0.0.0.0/1 dev a0 scope link",
      "1.2.3.4 via 10.0.1.254 dev a0 onlink",
      "1.2.3.5 dev a0 scope host",
      "prohibit 2.2.0.0/16 tos 0x10",
      "throw 2.3.0.0/16 table 100",
      "2.4.0.0/16 via 10.0.1.254 dev a0 mtu 1400 hoplimit 3",
      "2.6.0.0/16 nexthop via 10.0.1.254 dev a0 weight 1 onlink nexthop dev b0 weight 5",
      "3.7.0.0/16 tos 0x04 via 10.0.1.254 dev a0 table 1234567 src 10.0.1.1 metric 3 mtu 1300",
      "8.1.0.0/16 nhid 1 via 10.0.1.254 dev a0 metric 4",
      "blackhole 8.3.0.0/16 nhid 4 dev lo",
      "local 10.0.1.1 dev a0 table local proto kernel scope host src 10.0.1.1",
  };
  std::vector<std::string> printed;
  for (const char* line : lines) {
    TestWorld fresh;
    for (const char* name : {"a0", "b0", "c0"}) fresh.add_device(name);
    fresh.route(line);
    const Names names{fresh.names, {}};
    printed.push_back(text(fresh.fib, RouteRef{0, 0}, names));
  }
  EXPECT_THAT(printed, testing::ElementsAreArray(lines));
}

TEST(PrintRoute, NamedTables) {
  TestWorld world;
  world.add_device("a0");
  world.route("5.0.0.0/8 dev a0 table 100 scope link");
  const Names names{world.names, {{100, "vpn"}}};
  EXPECT_EQ(text(world.fib, RouteRef{0, 0}, names), "5.0.0.0/8 dev a0 table vpn scope link");
}

TEST(PrintRule, AsIpDoes) {
  TestWorld world;
  world.add_device("a0");
  Rule rule;
  rule.preference = 94;
  rule.from = TestWorld::prefix("1.2.3.4");
  rule.to = TestWorld::prefix("5.6.7.0/24");
  rule.tos = 0x10;
  rule.fwmark = 1;
  rule.fwmask = 0xff;
  rule.iif = "a0";
  rule.oif = "b0";
  rule.uid_range = {1, 4};
  rule.ip_protocol = 6;
  rule.sport_low = 1;
  rule.sport_high = 10;
  rule.dport_low = rule.dport_high = 80;
  rule.tunnel_id = 5;
  rule.table = 1000000;
  rule.suppress_prefix_length = 8;
  rule.suppress_ifgroup = 3;
  Rule inverted;
  inverted.preference = 95;
  inverted.invert = true;
  inverted.fwmark = 7;
  inverted.fwmask = 0xffffffff;
  inverted.action = RuleAction::unreachable;
  Rule jump;
  jump.preference = 100;
  jump.action = RuleAction::goto_;
  jump.goto_preference = 200;
  Rule other_protocol;
  other_protocol.preference = 101;
  other_protocol.ip_protocol = 200;
  other_protocol.protocol = made_by_static;
  other_protocol.table = 9;
  Rule vrf;
  vrf.preference = 1000;
  vrf.l3mdev = true;
  world.fib.rules = {rule, inverted, jump, other_protocol, vrf};
  world.fib.rules.push_back(Fib::default_rules()[1]);
  std::vector<std::string> printed;
  const Names names{world.names, {}};
  for (std::uint32_t i = 0; i < world.fib.rules.size(); ++i)
    printed.push_back(rule_text(world.fib, i, names));
  EXPECT_THAT(
      printed,
      testing::ElementsAre(
          "94:\tfrom 1.2.3.4 to 5.6.7.0/24 tos 0x10 fwmark 0x1/0xff iif a0 oif b0 [detached] "
          "uidrange 1-4 ipproto tcp sport 1-10 dport 80 tun_id 5 lookup 1000000 suppress_prefixlength 8 "
          "suppress_ifgroup 3",
          "95:\tnot from all fwmark 0x7 unreachable", "100:\tfrom all goto 200 [unresolved]",
          "101:\tfrom all ipproto ipproto-200 lookup 9 proto static",
          "1000:\tfrom all lookup [l3mdev-table]", "32766:\tfrom all lookup main"));
}

}  // namespace
}  // namespace wayout::route
