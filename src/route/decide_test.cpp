// Expectations recorded on Linux 6.18 with `ip route get` in a namespace that has exactly the
// addresses, routes and rules below; the reasons of refused packets from the tracepoint
// skb:kfree_skb for one packet each.
#include "route/decide.hpp"

#include <gmock/gmock.h>

#include <sstream>

#include "route/print.hpp"
#include "route/test_world.hpp"
#include "wire/craft.hpp"

namespace wayout::route {
namespace {

TestWorld recorded_world() {
  TestWorld world;
  for (const char* name : {"a0", "b0", "c0"}) world.add_device(name);
  for (const char* line : {"10.0.1.1/24 dev a0", "10.0.1.7/24 dev a0", "10.0.2.1/24 dev b0",
                           "10.0.2.129/25 dev b0", "203.0.113.5/24 dev c0"})
    world.address(line);
  for (const char* line :
       {"default via 10.0.2.254 dev b0", "192.0.2.0/24 via 10.0.1.254 dev a0",
        "192.0.2.128/25 via 10.0.2.253 dev b0 metric 5",
        "192.0.2.128/25 via 10.0.1.253 dev a0 metric 3", "198.51.100.0/24 via 10.0.1.254 dev a0",
        "198.51.100.0/24 tos 0x10 via 10.0.2.254 dev b0", "blackhole 66.1.0.0/16",
        "unreachable 66.2.0.0/16", "prohibit 66.3.0.0/16", "throw 66.4.0.0/16",
        "8.0.0.0/8 via 10.0.2.254 dev b0 src 10.0.1.7", "7.0.0.0/8 via 10.0.1.1 dev a0",
        "6.0.0.0/8 via 10.9.9.9 dev c0 onlink", "5.0.0.0/8 dev c0 scope link",
        "9.0.0.0/8 nexthop via 10.0.1.254 dev a0 nexthop via 10.0.2.254 dev b0 weight 3",
        "local 10.99.0.0/16 dev lo table local scope host",
        "10.99.1.0/24 via 10.0.2.254 dev b0",
        "broadcast 4.4.4.4 dev c0 table local scope link"})
    world.route(line);
  return world;
}

/// The arguments of `ip route get`.
Flow question(const std::string& line, const TestWorld& world) {
  std::istringstream words(line);
  std::string word;
  words >> word;
  Flow flow;
  flow.destination = TestWorld::ip(word);
  flow.uid = 0;
  while (words >> word) {
    std::string value;
    words >> value;
    if (word == "from") flow.source = TestWorld::ip(value);
    if (word == "iif") flow.ingress = world.device(value);
    if (word == "oif") flow.egress = world.device(value);
    if (word == "ipproto") flow.protocol = value == "tcp" ? 6 : 17;
    const auto number = [&] { return static_cast<std::uint32_t>(std::stoul(value, nullptr, 0)); };
    if (word == "tos") flow.tos = static_cast<std::uint8_t>(number() & 0xfc);
    if (word == "mark") flow.mark = number();
    if (word == "uid") flow.uid = number();
    if (word == "dport") flow.dport = static_cast<std::uint16_t>(number());
  }
  return flow;
}

std::string way_text(const Routing& routing, const TestWorld& world) {
  std::string text;
  if (routing.type == RouteType::local) text = "local ";
  if (routing.type == RouteType::broadcast) text = "broadcast ";
  if (routing.type == RouteType::multicast) text = "multicast ";
  if (routing.gateway.is_set()) text += "via " + routing.gateway.text() + " ";
  return text + "dev " + world.names[routing.egress];
}

/// `via G dev D src S` as `ip route get` prints it, or `refused`.
std::string sent(const std::string& line, const TestWorld& world, std::uint32_t chosen = 0) {
  Flow flow = question(line, world);
  const bool choose = !flow.source.is_set();
  Packet packet;
  NoTrace trace;
  Chance chance(std::vector<std::uint32_t>{chosen});
  const Stop stop = output(flow, packet, world.fib, world.interfaces, chance, trace);
  if (stop) {
    EXPECT_EQ(stop.reason, DropReason::IP_OUTNOROUTES);
    EXPECT_EQ(stop.stage, Stage::ip_route_output);
    return "refused";
  }
  return way_text(packet.routing, world) + (choose ? " src " + flow.source.text() : "");
}

/// Where it goes; the drop reason; or the kind of error route.
std::string received(const std::string& line, const TestWorld& world) {
  Chance chance(std::vector<std::uint32_t>{});
  const InputDecision decision =
      decide_input(question(line, world), /*is_arp=*/false, world.fib, world.interfaces, chance);
  if (decision.stop) {
    EXPECT_EQ(decision.stop.stage, Stage::ip_rcv_finish_core);
    return std::string(reason_name(decision.stop.reason));
  }
  const Routing& routing = decision.routing;
  if (!routing.error) return way_text(routing, world) + (routing.redirect ? " redirect" : "");
  if (routing.gate.kind() != CauseKind::none) return "forwarding off";
  const std::string by = routing.by.kind() == CauseKind::route ? " by route" : " by rule";
  switch (routing.type) {
    case RouteType::blackhole: return "blackhole" + by;
    case RouteType::prohibit: return "prohibit" + by;
    default: return routing.by.kind() == CauseKind::no_route ? "no route" : "unreachable" + by;
  }
}

struct Row {
  const char* question;
  const char* answer;
};

TEST(Output, Recorded) {
  TestWorld world = recorded_world();
  world.index();
  for (const Row& row : {
           Row{"192.0.2.5", "via 10.0.1.254 dev a0 src 10.0.1.1"},
           Row{"192.0.2.200", "via 10.0.1.253 dev a0 src 10.0.1.1"},
           Row{"198.51.100.1", "via 10.0.1.254 dev a0 src 10.0.1.1"},
           Row{"198.51.100.1 tos 0x10", "via 10.0.2.254 dev b0 src 10.0.2.1"},
           Row{"198.51.100.1 tos 0x12", "via 10.0.2.254 dev b0 src 10.0.2.1"},
           Row{"198.51.100.1 tos 0xb0", "via 10.0.2.254 dev b0 src 10.0.2.1"},
           Row{"198.51.100.1 tos 0x08", "via 10.0.1.254 dev a0 src 10.0.1.1"},
           Row{"66.1.0.1", "refused"},
           Row{"66.2.0.1", "refused"},
           Row{"66.3.0.1", "refused"},
           Row{"66.4.0.1", "refused"},
           Row{"8.8.8.8", "via 10.0.2.254 dev b0 src 10.0.1.7"},
           Row{"8.8.8.8 from 10.0.2.1", "via 10.0.2.254 dev b0"},
           Row{"7.7.7.7", "dev a0 src 10.0.1.1"},
           Row{"6.6.6.6", "via 10.9.9.9 dev c0 src 203.0.113.5"},
           Row{"5.5.5.5", "dev c0 src 203.0.113.5"},
           Row{"5.5.5.5 oif b0", "via 10.0.2.254 dev b0 src 10.0.2.1"},
           Row{"192.0.2.5 oif b0", "via 10.0.2.254 dev b0 src 10.0.2.1"},
           Row{"192.0.2.200 oif b0", "via 10.0.2.253 dev b0 src 10.0.2.1"},
           Row{"10.0.1.9", "dev a0 src 10.0.1.1"},
           Row{"10.0.1.1", "local dev lo src 10.0.1.1"},
           Row{"10.0.1.7", "local dev lo src 10.0.1.1"},
           Row{"10.0.1.255", "broadcast dev a0 src 10.0.1.1"},
           Row{"255.255.255.255", "broadcast dev b0 src 10.0.2.1"},
           Row{"255.255.255.255 oif c0", "broadcast dev c0 src 203.0.113.5"},
           Row{"255.255.255.255 from 10.0.2.1", "broadcast dev b0"},
           Row{"224.0.0.251", "multicast dev b0 src 10.0.2.1"},
           Row{"224.0.0.251 oif a0", "multicast dev a0 src 10.0.1.1"},
           Row{"239.1.1.1", "multicast dev b0 src 10.0.2.1"},
           Row{"127.0.0.1", "local dev lo src 127.0.0.1"},
           Row{"127.9.9.9", "local dev lo src 127.0.0.1"},
           Row{"0.0.0.0", "local dev lo src 127.0.0.1"},
           Row{"0.0.0.0 from 10.0.2.1", "local dev lo"},
           Row{"1.1.1.1", "via 10.0.2.254 dev b0 src 10.0.2.1"},
           Row{"1.1.1.1 from 5.5.5.5", "refused"},
           Row{"1.1.1.1 from 127.0.0.1", "refused"},
           Row{"1.1.1.1 from 224.0.0.1", "refused"},
           Row{"10.99.1.5", "via 10.0.2.254 dev b0 src 10.0.2.1"},  // one trie with local
           Row{"10.99.2.5", "local dev lo src 10.99.2.5"},
           Row{"4.4.4.4", "broadcast dev c0 src 203.0.113.5"},
           Row{"10.0.2.200", "dev b0 src 10.0.2.129"},
           Row{"9.1.1.1 from 10.0.1.1", "via 10.0.1.254 dev a0"},  // the hop with that source
           Row{"9.1.1.1 from 10.0.2.1", "via 10.0.2.254 dev b0"},
           Row{"9.1.1.1 oif a0", "via 10.0.1.254 dev a0 src 10.0.1.1"},
       })
    EXPECT_EQ(sent(row.question, world), row.answer) << row.question;
}

TEST(Output, FollowsEveryNextHop) {
  TestWorld world = recorded_world();
  world.index();
  EXPECT_EQ(sent("9.1.1.1", world, 0), "via 10.0.1.254 dev a0 src 10.0.1.1");
  EXPECT_EQ(sent("9.1.1.1", world, 1), "via 10.0.2.254 dev b0 src 10.0.2.1");
}

TEST(Output, AnySourceWhenReRouted) {
  TestWorld world = recorded_world();
  world.index();
  Flow flow = question("1.1.1.1 from 172.17.0.2", world);
  flow.any_source = true;
  Packet packet;
  NoTrace trace;
  Chance chance;
  EXPECT_FALSE(output(flow, packet, world.fib, world.interfaces, chance, trace));
  EXPECT_EQ(flow.source.text(), "172.17.0.2");
  EXPECT_EQ(flow.egress, world.device("b0"));
}

TEST(Output, ThroughADeviceThatIsDown) {
  TestWorld world = recorded_world();
  world["c0"].up = false;
  world.index();
  EXPECT_EQ(sent("5.5.5.5", world), "via 10.0.2.254 dev b0 src 10.0.2.1");
  EXPECT_EQ(sent("5.5.5.5 oif c0", world), "refused");
  EXPECT_EQ(sent("203.0.113.5", world), "local dev lo src 203.0.113.5") << "its address stays";
}

TEST(Output, EncapsulatedNextHopIsUndecided) {
  TestWorld world = recorded_world();
  world.index();
  const std::uint32_t main = world.fib.table_position(table_main);
  for (Route& route : world.fib.tables[main].routes)
    for (Nexthop& nexthop : route.nexthops) nexthop.encap = true;
  Flow flow = question("8.8.8.8", world);
  Packet packet;
  NoTrace trace;
  Chance chance;
  const Stop stop = output(flow, packet, world.fib, world.interfaces, chance, trace);
  EXPECT_EQ(stop.fate, Fate::undecided);
  EXPECT_EQ(stop.cause.kind(), CauseKind::route);
}

TEST(Input, Recorded) {
  TestWorld world = recorded_world();
  world.index();
  for (const Row& row : {
           Row{"192.0.2.5 from 10.0.2.9 iif b0", "via 10.0.1.254 dev a0"},
           Row{"192.0.2.5 from 10.0.1.9 iif a0", "via 10.0.1.254 dev a0 redirect"},
           Row{"10.0.2.7 from 10.0.2.9 iif b0", "dev b0 redirect"},
           Row{"66.1.0.1 from 10.0.1.9 iif a0", "blackhole by route"},
           Row{"66.2.0.1 from 10.0.1.9 iif a0", "unreachable by route"},
           Row{"66.3.0.1 from 10.0.1.9 iif a0", "prohibit by route"},
           Row{"66.4.0.1 from 10.0.1.9 iif a0", "no route"},
           Row{"10.0.2.1 from 10.0.1.9 iif a0", "local dev lo"},
           Row{"10.0.2.255 from 10.0.1.9 iif a0", "broadcast dev lo"},
           Row{"255.255.255.255 from 10.0.1.9 iif a0", "broadcast dev lo"},
           Row{"255.255.255.255 from 0.0.0.0 iif a0", "broadcast dev lo"},
           Row{"0.0.0.0 from 0.0.0.0 iif a0", "broadcast dev lo"},
           Row{"1.1.1.1 from 0.0.0.0 iif a0", "IP_INVALID_SOURCE"},
           Row{"1.1.1.1 from 0.1.2.3 iif a0", "via 10.0.2.254 dev b0"},
           Row{"0.0.0.0 from 10.0.1.9 iif a0", "IP_INVALID_DEST"},
           Row{"0.1.2.3 from 10.0.1.9 iif a0", "via 10.0.2.254 dev b0"},
           Row{"127.0.0.1 from 10.0.1.9 iif a0", "IP_LOCALNET"},
           Row{"1.1.1.1 from 127.0.0.1 iif a0", "IP_LOCALNET"},
           Row{"1.1.1.1 from 224.0.0.9 iif a0", "IP_INVALID_SOURCE"},
           Row{"1.1.1.1 from 255.255.255.255 iif a0", "IP_INVALID_SOURCE"},
           Row{"1.1.1.1 from 240.0.0.1 iif a0", "via 10.0.2.254 dev b0"},
           Row{"240.0.0.1 from 10.0.1.9 iif a0", "via 10.0.2.254 dev b0"},
           Row{"1.1.1.1 from 10.0.2.1 iif a0", "IP_LOCAL_SOURCE"},
           Row{"1.1.1.1 from 10.0.1.255 iif a0", "IP_INVALID_SOURCE"},  // a local route by hand
           Row{"1.1.1.1 from 10.0.1.0 iif a0", "via 10.0.2.254 dev b0"},
           Row{"10.0.1.0 from 10.0.2.9 iif b0", "dev a0"},
           Row{"224.0.0.1 from 10.0.1.9 iif a0", "multicast dev lo"},
           Row{"224.0.0.251 from 10.0.1.9 iif a0", "NOT_SPECIFIED"},
           Row{"1.1.1.1 from 10.99.2.2 iif a0", "IP_LOCAL_SOURCE"},
           Row{"1.1.1.1 from 66.1.0.1 iif a0", "via 10.0.2.254 dev b0"},
           Row{"5.5.5.5 from 10.0.1.9 iif a0", "dev c0"},
       })
    EXPECT_EQ(received(row.question, world), row.answer) << row.question;
}

TEST(Input, SourceFilter) {
  struct FilterRow {
    const char* question;
    const char* strict;
    const char* loose;
  };
  for (const FilterRow& row : {
           FilterRow{"1.1.1.1 from 10.0.1.9 iif a0", "via 10.0.2.254 dev b0",
                     "via 10.0.2.254 dev b0"},
           FilterRow{"1.1.1.1 from 10.0.2.9 iif a0", "IP_RPFILTER", "via 10.0.2.254 dev b0"},
           FilterRow{"1.1.1.1 from 192.0.2.1 iif a0", "via 10.0.2.254 dev b0",
                     "via 10.0.2.254 dev b0"},
           FilterRow{"1.1.1.1 from 99.9.9.9 iif a0", "IP_RPFILTER", "via 10.0.2.254 dev b0"},
           FilterRow{"1.1.1.1 from 66.1.0.1 iif a0", "IP_RPFILTER", "IP_RPFILTER"},
           FilterRow{"1.1.1.1 from 9.1.1.1 iif a0", "via 10.0.2.254 dev b0",
                     "via 10.0.2.254 dev b0"},
           FilterRow{"10.0.2.1 from 10.0.2.9 iif a0", "IP_RPFILTER", "local dev lo"},
           FilterRow{"1.1.1.1 from 10.0.2.1 iif a0", "IP_LOCAL_SOURCE", "IP_LOCAL_SOURCE"},
       }) {
    TestWorld world = recorded_world();
    world.index();
    world["a0"].conf.rp_filter = 1;
    EXPECT_EQ(received(row.question, world), row.strict) << row.question;
    world["a0"].conf.rp_filter = 2;
    EXPECT_EQ(received(row.question, world), row.loose) << row.question;
    world["a0"].conf.rp_filter = 1;
    world.interfaces.all.rp_filter = 2;  // the larger one is in force
    EXPECT_EQ(received(row.question, world), row.loose) << row.question;
  }
}

TEST(Input, BlamesTheFilterThatIsInForce) {
  TestWorld world = recorded_world();
  world.index();
  const auto blamed = [&] {
    Chance chance;
    return decide_input(question("1.1.1.1 from 10.0.2.9 iif a0", world), false, world.fib,
                        world.interfaces, chance)
        .stop.cause;
  };
  world["a0"].conf.rp_filter = 1;
  EXPECT_EQ(blamed(), Cause::sysctl(Sysctl::rp_filter, world.device("a0")));
  world["a0"].conf.rp_filter = 0;
  world.interfaces.all.rp_filter = 1;
  EXPECT_EQ(blamed(), Cause::sysctl(Sysctl::rp_filter, all_devices));
}

TEST(Input, SysctlsOfTheIngress) {
  TestWorld world = recorded_world();
  world.index();
  world["a0"].conf.accept_local = true;
  EXPECT_EQ(received("1.1.1.1 from 10.0.2.1 iif a0", world), "via 10.0.2.254 dev b0");
  world["a0"].conf.accept_local = false;

  world["a0"].conf.route_localnet = true;
  EXPECT_EQ(received("127.0.0.1 from 10.0.1.9 iif a0", world), "local dev lo");
  EXPECT_EQ(received("127.0.0.1 from 10.0.1.9 iif b0", world), "IP_LOCALNET");
  EXPECT_EQ(received("1.1.1.1 from 127.0.0.1 iif a0", world), "IP_LOCAL_SOURCE");
  world["a0"].conf.route_localnet = false;

  world["a0"].conf.forwarding = false;
  EXPECT_EQ(received("1.1.1.1 from 10.0.1.9 iif a0", world), "forwarding off");
  EXPECT_EQ(received("66.1.0.1 from 10.0.1.9 iif a0", world), "forwarding off");
  EXPECT_EQ(received("10.0.2.1 from 10.0.1.9 iif a0", world), "local dev lo");
  EXPECT_EQ(received("10.0.1.9 from 10.0.2.9 iif b0", world), "dev a0") << "the egress has no say";
}

Rule to(const char* prefix, RuleAction action) {
  Rule rule;
  if (*prefix != 0) rule.to = TestWorld::prefix(prefix);
  rule.action = action;
  return rule;
}

Rule look_up(std::uint32_t table) {
  Rule rule;
  rule.table = table;
  return rule;
}

/// The recorded world with the rules of the record, in their order.
TestWorld world_with_rules() {
  TestWorld world = recorded_world();
  world.route("default via 10.0.1.254 dev a0 table 100");
  world.route("unreachable default table 101");
  world.route("throw default table 102");
  std::vector<Rule> rules;
  const auto add = [&](std::uint32_t preference, Rule rule) {
    rule.preference = preference;
    rules.push_back(std::move(rule));
  };
  add(0, look_up(table_local));
  Rule from = look_up(100);
  from.from = TestWorld::prefix("10.0.1.0/24");
  from.iif = "a0";
  add(10, from);
  Rule marked = look_up(101);
  marked.fwmark = 1;
  marked.fwmask = 3;
  add(20, marked);
  marked.table = 102;
  marked.fwmark = 4;
  marked.fwmask = 0xffffffff;
  add(25, marked);
  add(30, to("11.0.0.0/8", RuleAction::blackhole));
  add(31, to("12.0.0.0/8", RuleAction::unreachable));
  add(32, to("13.0.0.0/8", RuleAction::prohibit));
  Rule jump = to("14.0.0.0/8", RuleAction::goto_);
  jump.goto_preference = 50;
  add(33, jump);
  add(40, to("14.0.0.0/7", RuleAction::prohibit));
  Rule specific = look_up(table_main);
  specific.suppress_prefix_length = 0;
  add(50, specific);
  Rule web = look_up(100);
  web.ip_protocol = 6;
  web.dport_low = 50;
  web.dport_high = 90;
  add(60, web);
  Rule nowhere = to("17.0.0.0/8", RuleAction::goto_);
  nowhere.goto_preference = 1234567;
  add(70, nowhere);
  add(32766, look_up(table_main));
  add(32767, look_up(table_default));
  world.fib.rules = rules;
  return world;
}

TEST(Rules, Recorded) {
  TestWorld world = world_with_rules();
  world.index();
  for (const Row& row : {
           Row{"1.1.1.1 mark 1", "refused"},
           Row{"1.1.1.1 mark 5", "refused"},
           Row{"1.1.1.1 mark 2", "via 10.0.2.254 dev b0 src 10.0.2.1"},
           Row{"1.1.1.1 mark 4", "via 10.0.2.254 dev b0 src 10.0.2.1"},
           Row{"11.1.1.1", "refused"},
           Row{"12.1.1.1", "refused"},
           Row{"13.1.1.1", "refused"},
           Row{"14.1.1.1", "via 10.0.2.254 dev b0 src 10.0.2.1"},
           Row{"15.1.1.1", "refused"},
           Row{"192.0.2.5", "via 10.0.1.254 dev a0 src 10.0.1.1"},
           Row{"1.1.1.1 ipproto tcp dport 80", "via 10.0.1.254 dev a0 src 10.0.1.1"},
           Row{"1.1.1.1 ipproto udp dport 80", "via 10.0.2.254 dev b0 src 10.0.2.1"},
           Row{"1.1.1.1 ipproto tcp dport 91", "via 10.0.2.254 dev b0 src 10.0.2.1"},
           Row{"17.1.1.1", "via 10.0.2.254 dev b0 src 10.0.2.1"},
           Row{"10.99.1.5", "local dev lo src 10.99.1.5"},  // no longer one trie with main
           Row{"10.0.1.7", "local dev lo src 10.0.1.1"},
       })
    EXPECT_EQ(sent(row.question, world), row.answer) << row.question;
  for (const Row& row : {
           Row{"1.1.1.1 from 10.0.1.9 iif a0", "via 10.0.1.254 dev a0 redirect"},
           Row{"1.1.1.1 from 10.0.1.9 iif b0", "via 10.0.2.254 dev b0"},
           Row{"1.1.1.1 from 10.0.2.9 iif b0 ipproto tcp dport 80", "via 10.0.1.254 dev a0"},
           Row{"11.1.1.1 from 10.0.2.9 iif b0", "blackhole by rule"},
           Row{"12.1.1.1 from 10.0.2.9 iif b0", "unreachable by rule"},
           Row{"13.1.1.1 from 10.0.2.9 iif b0", "prohibit by rule"},
           Row{"1.1.1.1 from 10.0.2.9 iif b0 mark 1", "unreachable by route"},
       })
    EXPECT_EQ(received(row.question, world), row.answer) << row.question;
}

TEST(Rules, SourceValidationHasNoMarkUnlessToldSo) {
  TestWorld world = recorded_world();
  Rule marked = look_up(100);
  marked.fwmark = 7;
  marked.fwmask = 0xffffffff;
  marked.preference = 100;
  world.fib.rules.insert(world.fib.rules.begin() + 1, marked);
  world.route("default via 10.0.1.254 dev a0 table 100");
  world.index();
  world["a0"].conf.rp_filter = 1;
  const char* const packet = "192.0.2.5 from 99.9.9.9 iif a0 mark 7";
  EXPECT_EQ(received(packet, world), "IP_RPFILTER");
  world["a0"].conf.src_valid_mark = true;
  EXPECT_EQ(received(packet, world), "via 10.0.1.254 dev a0");
}

// VRF devices are not in the kernel of the record: by net/ipv4/route.c, net/l3mdev/l3mdev.c.
TEST(Input, MemberOfAVrfUsesItsTable) {
  TestWorld world;
  const DeviceId vrf = world.add_device("red");
  world.add_device("m0");
  world.add_device("m1");
  world["red"].vrf_table = 10;
  world["m0"].vrf = world["m1"].vrf = vrf;
  world.address("10.0.1.1/24 dev m0");
  world.address("10.0.2.1/24 dev m1");
  world.route("default via 10.0.2.254 dev m1 table 10");
  Rule l3mdev;
  l3mdev.preference = 1000;
  l3mdev.l3mdev = true;
  world.fib.rules.insert(world.fib.rules.begin() + 1, l3mdev);
  world.index();
  EXPECT_EQ(received("1.1.1.1 from 10.0.1.9 iif m0", world), "via 10.0.2.254 dev m1");
  EXPECT_EQ(received("10.0.2.1 from 10.0.1.9 iif m0", world), "local dev red");
  EXPECT_EQ(sent("1.1.1.1 oif red", world), "via 10.0.2.254 dev m1 src 10.0.2.1");
  EXPECT_EQ(sent("1.1.1.1", world), "refused") << "not in the VRF";

  Packet packet = Packet::from_ip(wire::make_udp({.source = TestWorld::ip("10.0.1.9"),
                                                  .destination = TestWorld::ip("1.1.1.1")},
                                                 1, 2));
  packet.device = vrf;
  packet.ingress = world.device("m0");
  NoTrace trace;
  Chance chance;
  EXPECT_FALSE(input(packet, world.fib, world.interfaces, chance, trace));
  EXPECT_EQ(packet.routing.egress, world.device("m1")) << "handed up by the VRF itself";
}

TEST(Input, TellsWhatDecided) {
  TestWorld world = recorded_world();
  world.index();
  world["b0"].conf.rp_filter = 1;
  Packet packet = Packet::from_ip(wire::make_udp({.source = TestWorld::ip("10.0.2.9"),
                                                  .destination = TestWorld::ip("8.8.8.8")},
                                                 1, 2));
  packet.device = packet.ingress = world.device("b0");
  StepTrace trace;
  Chance chance;
  ASSERT_FALSE(input(packet, world.fib, world.interfaces, chance, trace));
  ASSERT_EQ(trace.steps().size(), 2U);
  EXPECT_EQ(trace.steps()[0].did, Did::routed);
  EXPECT_EQ(trace.steps()[0].device, world.device("b0"));
  EXPECT_EQ(trace.steps()[0].address.text(), "10.0.2.254");
  const Names names{world.names, {}};
  EXPECT_EQ(text(world.fib, trace.steps()[0].by.route(), names),
            "8.0.0.0/8 via 10.0.2.254 dev b0 src 10.0.1.7");
  EXPECT_EQ(trace.steps()[1].did, Did::source_validated);
  EXPECT_EQ(trace.steps()[1].by, Cause::sysctl(Sysctl::rp_filter, world.device("b0")));
}

TEST(FlowOf, PortsOfWholePacketsOnly) {
  const wire::Ipv4Fields ip{.source = TestWorld::ip("10.0.2.9"),
                            .destination = TestWorld::ip("8.8.8.8"), .tos = 0x13};
  Packet packet = Packet::from_ip(wire::make_udp(ip, 1000, 53));
  packet.sender.uid = 5;
  Flow flow = flow_of(packet);
  EXPECT_EQ(flow.sport, 1000);
  EXPECT_EQ(flow.dport, 53);
  EXPECT_EQ(flow.tos, 0x10) << "without ECN";
  EXPECT_EQ(flow.uid, 5U);

  packet.network()[6] = 0x20;  // more fragments
  packet.local = false;
  flow = flow_of(packet);
  EXPECT_EQ(flow.dport, 0);
  EXPECT_EQ(flow.protocol, 17);
  EXPECT_EQ(flow.uid, 0U) << "what is forwarded is root's";
}

}  // namespace
}  // namespace wayout::route
