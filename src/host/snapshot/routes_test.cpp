// Routes and rules: the JSON and the plain form of the same listing give the same.
#include <gmock/gmock.h>

#include <string>

#include "host/snapshot/routes_json.hpp"
#include "host/snapshot/routes_text.hpp"

namespace wayout::host::snapshot {
namespace {

using route::RuleAction;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* routes_json = R"([
{"type":"unicast","dst":"default","gateway":"10.9.0.2","dev":"br0","table":"100","protocol":"boot",
 "scope":"global","prefsrc":"10.9.0.1","metric":50,"flags":[],"metrics":[{"mtu":1400}]},
{"dst":"7.7.7.0/24","via":{"family":"inet6","host":"fe80::1"},"dev":"br0","flags":[]},
{"dst":"8.8.0.0/16","tos":"0x10","gateway":"1.2.3.4","dev":"eth0","flags":["onlink"]},
{"dst":"9.9.9.0/24","nhid":9,"flags":[],"nexthops":[
 {"gateway":"10.9.0.3","dev":"br0","weight":3,"flags":[]},
 {"gateway":"10.9.0.2","dev":"br0","weight":1,"flags":["dead","linkdown"]}]},
{"dst":"10.9.0.0/24","dev":"br0","protocol":"kernel","scope":"link","prefsrc":"10.9.0.1",
 "flags":["linkdown"]},
{"type":"blackhole","dst":"203.0.113.0/24","metric":20,"flags":[]},
{"type":"local","dst":"10.9.0.1","dev":"br0","table":"local","protocol":"kernel","scope":"host",
 "prefsrc":"10.9.0.1","flags":[]},
{"type":"broadcast","dst":"10.9.0.255","dev":"br0","table":"local","protocol":"kernel","scope":"link",
 "prefsrc":"10.9.0.1","flags":[]},
{"dst":"172.16.0.0/12","dev":"eth0","table":"isp1","scope":"link","flags":[]},
{"dst":"fe80::/64","dev":"br0","protocol":"kernel","metric":256,"flags":[],"pref":"medium"},
{"dst":"default","gateway":"fe80::9","dev":"br0","protocol":"ra","metric":1024,"flags":[]},
{"type":"unreachable","dst":"default","dev":"lo","metric":4294967295,"flags":[]}
])";

constexpr const char* routes_text =
    R"(default via 10.9.0.2 dev br0 table 100 src 10.9.0.1 metric 50 mtu 1400 
7.7.7.0/24 via inet6 fe80::1 dev br0 
8.8.0.0/16 tos 0x10 via 1.2.3.4 dev eth0 onlink 
9.9.9.0/24 nhid 9 
	nexthop via 10.9.0.3 dev br0 weight 3 
	nexthop via 10.9.0.2 dev br0 weight 1 dead linkdown 
10.9.0.0/24 dev br0  proto kernel  scope link  src 10.9.0.1 linkdown 
blackhole 203.0.113.0/24 metric 20 
local 10.9.0.1 dev br0 table local proto kernel scope host src 10.9.0.1 
broadcast 10.9.0.255 dev br0 table local proto kernel scope link src 10.9.0.1 
172.16.0.0/12 dev eth0 table isp1 scope link 
fe80::/64 dev br0 proto kernel metric 256 pref medium
default via fe80::9 dev br0 proto ra metric 1024 
unreachable default dev lo metric 4294967295 
)";

void add_devices(DeviceBook& book) {
  for (const char* name : {"lo", "br0", "eth0"}) {
    link::Device device;
    device.name = name;
    book.add(device);
  }
  book.complete();
}

class Routes : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    add_devices(book_);
    RouteList list(host_, book_, tables_, objects_);
    const Result<void> read = GetParam() ? read_routes_json(File{"r.json", routes_json}, list)
                                         : read_routes_text(File{"r.txt", routes_text}, list);
    ASSERT_TRUE(read) << read.error().text();
  }
  /// The route to this prefix, in whatever table.
  const route::Route& to(const std::string& prefix) {
    for (const route::FibTable& table : host_.fib.tables)
      for (const route::Route& route : table.routes)
        if (route.destination.text() == prefix) return route;
    ADD_FAILURE() << "no route to " << prefix;
    static const route::Route none;
    return none;
  }

  Host host_;
  DeviceBook book_{host_};
  TableBook tables_{host_};
  NexthopObjects objects_;
};

TEST_P(Routes, TablesAndWhatBelongsToIpv6) {
  ASSERT_NE(host_.fib.find_table(100), nullptr);
  EXPECT_THAT(host_.fib.find_table(100)->routes, SizeIs(1));
  EXPECT_THAT(host_.fib.find_table(route::table_main)->routes, SizeIs(5));
  EXPECT_THAT(host_.fib.find_table(route::table_local)->routes, SizeIs(2));
  ASSERT_THAT(host_.table_names, SizeIs(1));
  const auto [number, name] = *host_.table_names.begin();
  EXPECT_EQ(name, "isp1");
  EXPECT_THAT(host_.fib.find_table(number)->routes, SizeIs(1));
  EXPECT_THAT(host_.assumed, IsEmpty());
}

TEST_P(Routes, OneNextHop) {
  const route::Route& gateway = to("0.0.0.0/0");
  EXPECT_EQ(gateway.type, RouteType::unicast);
  EXPECT_EQ(gateway.scope, route::Scope::universe);
  EXPECT_EQ(gateway.protocol, route::made_by_boot);
  EXPECT_EQ(gateway.metric, 50u);
  EXPECT_EQ(gateway.mtu_bytes, 1400u);
  EXPECT_EQ(gateway.preferred_source.text(), "10.9.0.1");
  ASSERT_THAT(gateway.nexthops, SizeIs(1));
  EXPECT_EQ(gateway.nexthops[0].gateway.text(), "10.9.0.2");
  EXPECT_EQ(gateway.nexthops[0].device, book_.find("br0"));
  EXPECT_EQ(to("7.7.7.0/24").nexthops.at(0).gateway.text(), "fe80::1");
  EXPECT_TRUE(to("8.8.0.0/16").nexthops.at(0).onlink);
  EXPECT_EQ(to("8.8.0.0/16").tos, 0x10);
  const route::Route& connected = to("10.9.0.0/24");
  EXPECT_EQ(connected.scope, route::Scope::link);
  EXPECT_EQ(connected.protocol, route::made_by_kernel);
  EXPECT_FALSE(connected.nexthops.at(0).gateway.is_set());
  EXPECT_TRUE(connected.nexthops[0].linkdown);
}

TEST_P(Routes, SeveralAndNone) {
  const route::Route& many = to("9.9.9.0/24");
  EXPECT_EQ(many.nexthop_id, 9u);
  ASSERT_THAT(many.nexthops, SizeIs(2));
  EXPECT_EQ(many.nexthops[0].weight, 3u);
  EXPECT_TRUE(many.nexthops[1].dead && many.nexthops[1].linkdown);
  const route::Route& hole = to("203.0.113.0/24");
  EXPECT_EQ(hole.type, RouteType::blackhole);
  EXPECT_EQ(hole.metric, 20u);
  EXPECT_THAT(hole.nexthops, IsEmpty());
}

TEST_P(Routes, LocalOnes) {
  EXPECT_EQ(to("10.9.0.1/32").type, RouteType::local);
  EXPECT_EQ(to("10.9.0.1/32").scope, route::Scope::host);
  EXPECT_EQ(to("10.9.0.255/32").type, RouteType::broadcast);
  EXPECT_EQ(to("10.9.0.255/32").scope, route::Scope::link);
}

INSTANTIATE_TEST_SUITE_P(Form, Routes, testing::Bool(),
                         [](const auto& form) { return form.param ? "Json" : "Text"; });

// ---------------------------------------------------------------- rules

constexpr const char* rules_json = R"([
{"priority":0,"src":"all","table":"local"},
{"priority":10,"not":null,"src":"10.9.0.0","srclen":24,"dst":"1.0.0.0","dstlen":8,"tos":"0x10",
 "fwmark":"0x10","fwmask":"0xff","iif":"br0","oif":"d0","uid_start":5,"uid_end":10,
 "ipproto":"tcp","sport":80,"dport_start":100,"dport_end":200,"table":"100"},
{"priority":20,"src":"all","table":"main","suppress_prefixlen":0},
{"priority":21,"src":"all","iif":"nodev","iif_detached":null,"goto":40},
{"priority":40,"src":"5.5.5.5","action":"blackhole"},
{"priority":41,"src":"5.5.5.6","action":"prohibit"},
{"priority":42,"src":"all","nop":null},
{"priority":43,"src":"all","l3mdev":null},
{"priority":44,"src":"all","goto":4000,"unresolved":null},
{"priority":45,"src":"all","table":"main","suppress_ifgroup":"1"},
{"priority":46,"src":"all","fwmark":"0x7","table":"isp1"},
{"priority":47,"src":"all","dscp":"CS1","table":"main"},
{"priority":48,"src":"all","table":"main","suppress_ifgroup":"dmz"}
])";

constexpr const char* rules_text = R"(0:	from all lookup local
10:	not from 10.9.0.0/24 to 1.0.0.0/8 tos 0x10 fwmark 0x10/0xff iif br0 oif d0 uidrange 5-10 ipproto tcp sport 80 dport 100-200 lookup 100
20:	from all lookup main suppress_prefixlength 0
21:	from all iif nodev [detached] goto 40
40:	from 5.5.5.5 blackhole
41:	from 5.5.5.6 prohibit
42:	from all nop
43:	from all lookup [l3mdev-table]
44:	from all goto 4000 [unresolved]
45:	from all lookup main suppress_ifgroup 1 proto kernel
46:	from all fwmark 0x7 lookup isp1
47:	from all dscp CS1 lookup main
48:	from all lookup main suppress_ifgroup dmz
)";

class Rules : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    const Result<void> read = GetParam()
                                  ? read_rules_json(File{"r.json", rules_json}, host_, tables_)
                                  : read_rules_text(File{"r.txt", rules_text}, host_, tables_);
    ASSERT_TRUE(read) << read.error().text();
    ASSERT_THAT(host_.fib.rules, SizeIs(13));
  }
  const route::Rule& rule(std::uint32_t preference) {
    for (const route::Rule& rule : host_.fib.rules)
      if (rule.preference == preference) return rule;
    throw std::out_of_range("no rule");
  }

  Host host_;
  TableBook tables_{host_};
};

TEST_P(Rules, EverySelector) {
  const route::Rule& r = rule(10);
  EXPECT_TRUE(r.invert);
  EXPECT_EQ(r.from.text(), "10.9.0.0/24");
  EXPECT_EQ(r.to.text(), "1.0.0.0/8");
  EXPECT_EQ(r.tos, 0x10);
  EXPECT_EQ(r.fwmark, 0x10u);
  EXPECT_EQ(r.fwmask, 0xffu);
  EXPECT_EQ(r.iif, "br0");
  EXPECT_EQ(r.oif, "d0");
  EXPECT_EQ(r.uid_range, (std::pair<std::uint32_t, std::uint32_t>{5, 10}));
  EXPECT_EQ(r.ip_protocol, 6);
  EXPECT_EQ(r.sport_low, 80);
  EXPECT_EQ(r.sport_high, 80);
  EXPECT_EQ(r.dport_low, 100);
  EXPECT_EQ(r.dport_high, 200);
  EXPECT_EQ(r.table, 100u);
  EXPECT_FALSE(r.unmodelled);
  EXPECT_EQ(rule(40).from.text(), "5.5.5.5/32");
  EXPECT_FALSE(rule(0).from.address.is_set());
  EXPECT_EQ(rule(46).fwmask, 0xffffffffu);
}

TEST_P(Rules, EveryAction) {
  EXPECT_EQ(rule(0).action, RuleAction::to_table);
  EXPECT_EQ(rule(0).table, route::table_local);
  EXPECT_EQ(rule(20).suppress_prefix_length, 0);
  EXPECT_EQ(rule(21).action, RuleAction::goto_);
  EXPECT_EQ(rule(21).goto_preference, 40u);
  EXPECT_EQ(rule(21).iif, "nodev");
  EXPECT_EQ(rule(40).action, RuleAction::blackhole);
  EXPECT_EQ(rule(41).action, RuleAction::prohibit);
  EXPECT_EQ(rule(42).action, RuleAction::nop);
  EXPECT_TRUE(rule(43).l3mdev);
  EXPECT_EQ(rule(44).goto_preference, 4000u);
  EXPECT_EQ(rule(45).suppress_ifgroup, 1);
  EXPECT_EQ(host_.table_names.at(rule(46).table), "isp1");
}

TEST_P(Rules, WhatIsNotKnownIsKeptAndMarked) {
  EXPECT_TRUE(rule(47).unmodelled);
  EXPECT_TRUE(rule(48).unmodelled);
  EXPECT_FALSE(rule(45).unmodelled);
}

INSTANTIATE_TEST_SUITE_P(Form, Rules, testing::Bool(),
                         [](const auto& form) { return form.param ? "Json" : "Text"; });

// ---------------------------------------------------------------- further forms

struct Reading {
  Reading() { add_devices(book); }
  Result<void> text(std::string listing) {
    RouteList list(host, book, tables, objects);
    return read_routes_text(File{"ip-route.txt", std::move(listing)}, list);
  }
  Host host;
  DeviceBook book{host};
  TableBook tables{host};
  NexthopObjects objects;
};

TEST(RouteN, IsTakenLikeIpRoute) {
  Reading reading;
  ASSERT_TRUE(
      reading.text("Kernel IP routing table\n"
                   "Destination     Gateway         Genmask         Flags Metric Ref    Use Iface\n"
                   "0.0.0.0         10.9.0.254      0.0.0.0         UG    100    0        0 eth0\n"
                   "10.9.0.0        0.0.0.0         255.255.255.0   U     0      0        0 br0\n"
                   "192.0.2.0       -               255.255.255.0   !     0      -        0 -\n"));
  const auto& routes = reading.host.fib.find_table(route::table_main)->routes;
  ASSERT_THAT(routes, SizeIs(3));
  EXPECT_EQ(routes[2].type, RouteType::unreachable);
  EXPECT_THAT(routes[2].nexthops, IsEmpty());
  EXPECT_EQ(routes[0].destination.text(), "0.0.0.0/0");
  EXPECT_EQ(routes[0].metric, 100u);
  EXPECT_EQ(routes[0].nexthops.at(0).gateway.text(), "10.9.0.254");
  EXPECT_EQ(routes[1].scope, route::Scope::link);
  EXPECT_FALSE(routes[1].nexthops.at(0).gateway.is_set());
}

TEST(RouteObjects, ResolveWhereTheRouteDoesNotShowThem) {
  Reading reading;
  Result<NexthopObjects> objects =
      read_nexthops_json(File{"n.json", R"([{"id":1,"group":[{"id":7,"weight":3},{"id":8}]},
                         {"id":7,"gateway":"10.9.0.3","dev":"br0","flags":[]},
                         {"id":8,"gateway":"10.9.0.2","dev":"br0","flags":["onlink"]},
                         {"id":5,"blackhole":null,"flags":[]}])"},
                         reading.book);
  ASSERT_TRUE(objects) << objects.error().text();
  RouteList list(reading.host, reading.book, reading.tables, *objects);
  ASSERT_TRUE(read_routes_json(
      File{"r.json", R"([{"dst":"1.0.0.0/8","nhid":1},{"dst":"2.0.0.0/8","nhid":5}])"}, list));
  const auto& routes = reading.host.fib.find_table(route::table_main)->routes;
  ASSERT_THAT(routes[0].nexthops, SizeIs(2));
  EXPECT_EQ(routes[0].nexthops[0].weight, 3u);
  EXPECT_TRUE(routes[0].nexthops[1].onlink);
  EXPECT_EQ(routes[1].type, RouteType::blackhole);
}

TEST(RouteDevices, ARouteThroughADeviceThatIsGoneIsNoted) {
  Reading reading;
  ASSERT_TRUE(reading.text("1.0.0.0/8 dev veth9\n2.0.0.0/8 dev eth0\n3.0.0.0/8 dev veth9\n"));
  EXPECT_THAT(reading.host.fib.find_table(route::table_main)->routes, SizeIs(1));
  EXPECT_THAT(reading.host.assumed,
              ElementsAre("routes through veth9 are gone with it"));
}

struct Bad {
  const char* text;
  const char* error;
};
class BadRoutes : public testing::TestWithParam<Bad> {};
TEST_P(BadRoutes, AreRefusedWithTheirPlace) {
  Reading reading;
  const Result<void> read = reading.text(GetParam().text);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().text(), GetParam().error);
}
INSTANTIATE_TEST_SUITE_P(
    Rows, BadRoutes,
    testing::Values(Bad{"default via 10.0.0.1 dev\n",
                        "ip-route.txt:1:25: the line ends after \"dev\""},
                    Bad{"default via\n", "ip-route.txt:1:12: the line ends after \"via\""},
                    Bad{"default via 10.0.0 dev eth0\n",
                        "ip-route.txt:1:13: unexpected \"10.0.0\" after \"via\""},
                    Bad{"# ip route\n\nhello world\n",
                        "ip-route.txt:3:1: unexpected \"hello\" after the line's begin"},
                    Bad{"1.0.0.0/8 dev eth0 metric x\n",
                        "ip-route.txt:1:27: unexpected \"x\" after \"metric\""},
                    Bad{"\tnexthop via 10.0.0.1 dev br0\n",
                        "ip-route.txt:1:2: a next hop before the first route"}));

TEST(BadRules, AreRefusedWithTheirPlace) {
  Host host;
  TableBook tables(host);
  const auto error = [&](const char* text) {
    return read_rules_text(File{"ip-rule.txt", text}, host, tables).error().text();
  };
  EXPECT_EQ(error("from all lookup main\n"),
            "ip-rule.txt:1:1: expected a line like \"32766: from all lookup main\"");
  EXPECT_EQ(error("1: from 10.0.0.0/99 lookup main\n"),
            "ip-rule.txt:1:9: unexpected \"10.0.0.0/99\" after \"from\"");
  EXPECT_EQ(error("1: from all fwmark 0x1/z lookup 1\n"),
            "ip-rule.txt:1:20: expected a mark, or mark/mask");
  EXPECT_EQ(error("1: from all lookup\n"), "ip-rule.txt:1:19: the line ends after \"lookup\"");
}

TEST(BadJsonRoutes, AreRefusedWithTheirPlace) {
  Reading reading;
  RouteList list(reading.host, reading.book, reading.tables, reading.objects);
  const auto error = [&](const char* text) {
    return read_routes_json(File{"r.json", text}, list).error().text();
  };
  EXPECT_EQ(error("[{\"dev\":\"eth0\"}]"), "r.json:1:2: a route without \"dst\"");
  EXPECT_EQ(error("[{\"dst\":\"10.0.0.0/33\"}]"), "r.json:1:2: \"dst\" cannot be \"10.0.0.0/33\"");
  EXPECT_EQ(error("[{\"dst\":{}}]"), "r.json:1:2: \"dst\" should be a text");
  EXPECT_EQ(error("[{\"dst\":\"1.0.0.0/8\",\"dev\":\"eth0\",\"flags\":5}]"),
            "r.json:1:2: \"flags\" should be an array");
}

}  // namespace
}  // namespace wayout::host::snapshot
