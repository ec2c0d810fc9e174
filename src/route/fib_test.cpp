// What the recorded questions of decide_test.cpp do not reach: state of devices, nexthop objects,
// chance, causes, size. Recorded on Linux 6.18 with `ip route get`, except where it says otherwise.
#include "route/fib.hpp"

#include <gmock/gmock.h>

#include <chrono>

#include "route/print.hpp"
#include "route/test_world.hpp"

namespace wayout::route {
namespace {

/// Devices a0 (10.0.1.1/24) and b0 (10.0.2.1/24).
TestWorld two_legs() {
  TestWorld world;
  world.add_device("a0");
  world.add_device("b0");
  world.address("10.0.1.1/24 dev a0");
  world.address("10.0.2.1/24 dev b0");
  return world;
}

FibResult look_up(const TestWorld& world, const char* destination, Chance& chance) {
  Flow flow;
  flow.destination = TestWorld::ip(destination);
  return world.fib.lookup(flow, chance);
}

/// The route found, as text; "" for none.
std::string found(const TestWorld& world, const char* destination) {
  Chance chance(std::vector<std::uint32_t>{});
  const FibResult result = look_up(world, destination, chance);
  if (result.kind != FibResult::Kind::found) return "";
  const Names names{world.names, {}};
  return text(world.fib, result.route, names);
}

TEST(Fib, FindsNothingBeforeIndex) {
  TestWorld world = two_legs();
  world.route("default via 10.0.2.254 dev b0");
  EXPECT_EQ(found(world, "1.1.1.1"), "");
  world.index();
  EXPECT_EQ(found(world, "1.1.1.1"), "default via 10.0.2.254 dev b0");
}

TEST(Fib, RoutesOfADeviceThatIsDownAreSkipped) {
  TestWorld world = two_legs();
  world.route("8.0.0.0/8 via 10.0.1.254 dev a0");
  world.route("default via 10.0.2.254 dev b0");
  world["a0"].up = false;
  world.index();
  EXPECT_EQ(found(world, "8.8.8.8"), "default via 10.0.2.254 dev b0");
  EXPECT_EQ(found(world, "10.0.1.1"),
            "local 10.0.1.1 dev a0 table local proto kernel scope host src 10.0.1.1");
}

TEST(Fib, WithoutCarrierOnlyWhenTold) {
  TestWorld world = two_legs();
  world.route("8.0.0.0/8 via 10.0.1.254 dev a0");
  world["a0"].carrier = false;
  world.index();
  EXPECT_EQ(found(world, "8.8.8.8"), "8.0.0.0/8 via 10.0.1.254 dev a0");
  world["a0"].conf.ignore_routes_with_linkdown = true;
  world.index();
  EXPECT_EQ(found(world, "8.8.8.8"), "");
  EXPECT_EQ(found(world, "10.0.1.9"), "");
  EXPECT_NE(found(world, "10.0.1.1"), "") << "its own address stays";
}

TEST(Fib, FlagsThatFollowFromTheDeviceGoWithIt) {
  TestWorld world = two_legs();
  world.route("9.0.0.0/8 nexthop via 10.0.1.254 dev a0 dead nexthop via 10.0.2.254 dev b0");
  world["a0"].up = false;
  world.index();
  world["a0"].up = true;  // what a fix would do
  world.index();
  Chance chance(std::vector<std::uint32_t>{});
  EXPECT_EQ(look_up(world, "9.9.9.9", chance).nexthop, 0U);

  TestWorld other = two_legs();
  other.route("9.0.0.0/8 nexthop via 10.0.1.254 dev a0 dead nexthop via 10.0.2.254 dev b0");
  other.index();
  EXPECT_EQ(look_up(other, "9.9.9.9", chance).nexthop, 1U) << "dead for a reason of its own";
}

/// Scripted chance, and how often it was asked for 9.9.9.9.
std::size_t questions(const TestWorld& world, bool local, std::uint32_t& nexthop,
                      const char* source = nullptr) {
  Chance chance(std::vector<std::uint32_t>{1});
  Flow flow;
  flow.destination = TestWorld::ip("9.9.9.9");
  if (source != nullptr) flow.source = TestWorld::ip(source);
  FibResult result = world.fib.lookup(flow, chance);
  world.fib.select_path(result, flow, local, world.interfaces, chance);
  nexthop = result.nexthop;
  return chance.asked().size();
}

TEST(Fib, SeveralNextHopsAreAskedForOnceAndOnlyIfTheyDiffer) {
  std::uint32_t nexthop = 0;
  TestWorld world = two_legs();
  world.route("9.0.0.0/8 nexthop via 10.0.1.254 dev a0 nexthop via 10.0.2.254 dev b0");
  world.index();
  EXPECT_EQ(questions(world, false, nexthop), 1U);
  EXPECT_EQ(nexthop, 1U);
  EXPECT_EQ(questions(world, true, nexthop, "10.0.1.1"), 0U) << "the source names the hop";
  EXPECT_EQ(nexthop, 0U);
  EXPECT_EQ(questions(world, false, nexthop, "10.0.1.1"), 1U) << "but not of a forwarded packet";

  TestWorld same = two_legs();
  same.route("9.0.0.0/8 nexthop via 10.0.1.254 dev a0 nexthop via 10.0.1.254 dev a0 weight 5");
  same.index();
  EXPECT_EQ(questions(same, false, nexthop), 0U);

  world["a0"].up = false;
  world.index();
  EXPECT_EQ(questions(world, false, nexthop), 0U) << "one is left";
  EXPECT_EQ(nexthop, 1U);
}

TEST(Fib, EqualDefaultRoutesAreAlternativesForLocalPackets) {
  TestWorld world = two_legs();
  world.route("default via 10.0.1.254 dev a0");
  world.route("default via 10.0.2.254 dev b0");
  world.index();
  std::uint32_t nexthop = 0;
  EXPECT_EQ(questions(world, true, nexthop), 1U);
  EXPECT_EQ(questions(world, false, nexthop), 0U) << "forwarded packets take the first";
}

TEST(Fib, NexthopObjectWithoutUsableMemberGivesUpTheWholeLeaf) {
  TestWorld world = two_legs();
  world.route("10.64.0.0/16 nhid 1 via 10.0.1.254 dev a0");
  world.route("10.64.0.0/16 via 10.0.2.254 dev b0 metric 5");
  world.route("10.64.0.0/12 via 10.0.2.253 dev b0");
  world.route("10.0.0.0/8 via 10.0.2.252 dev b0");
  world["a0"].up = false;
  world.index();
  EXPECT_EQ(found(world, "10.64.1.1"), "10.0.0.0/8 via 10.0.2.252 dev b0");
  EXPECT_EQ(found(world, "10.65.1.1"), "10.64.0.0/12 via 10.0.2.253 dev b0");
}

TEST(Fib, NobodySeesWhetherRulesCameAndWent) {
  TestWorld world = two_legs();
  world.route("local 10.99.0.0/16 dev lo table local scope host");
  world.route("10.99.1.0/24 via 10.0.2.254 dev b0");
  world.index();
  Chance never(std::vector<std::uint32_t>{0}), once(std::vector<std::uint32_t>{1}), drawn(7);
  EXPECT_EQ(look_up(world, "10.99.1.5", never).type, RouteType::unicast);
  EXPECT_EQ(look_up(world, "10.99.1.5", once).type, RouteType::local);
  EXPECT_EQ(look_up(world, "10.99.1.5", drawn).type, RouteType::unicast);
  EXPECT_THAT(drawn.asked(), testing::IsEmpty()) << "the usual case when it must be one";
  EXPECT_EQ(address_type(world.fib, TestWorld::ip("10.99.1.5")), RouteType::unicast);
  EXPECT_EQ(address_type(world.fib, TestWorld::ip("10.99.2.5")), RouteType::local);
}

TEST(Fib, UnknownSelectorsAndUsersAreLeftToChance) {
  TestWorld world = two_legs();
  Rule rule;
  rule.preference = 10;
  rule.action = RuleAction::prohibit;
  rule.uid_range = {1000, 1000};
  world.fib.rules.insert(world.fib.rules.begin() + 1, rule);
  world.route("default via 10.0.2.254 dev b0");
  world.index();
  Flow flow;
  flow.destination = TestWorld::ip("1.1.1.1");
  Chance matches(std::vector<std::uint32_t>{0}), misses(std::vector<std::uint32_t>{1}), known;
  EXPECT_EQ(world.fib.lookup(flow, matches).kind, FibResult::Kind::prohibit);
  EXPECT_EQ(world.fib.lookup(flow, misses).kind, FibResult::Kind::found);
  EXPECT_EQ(misses.asked().front().asked_by, Cause::routing_rule(1));
  flow.uid = 0;
  EXPECT_EQ(world.fib.lookup(flow, known).kind, FibResult::Kind::found);
  EXPECT_THAT(known.asked(), testing::IsEmpty());
}

TEST(Fib, NamesTheTableThatHadNoAnswer) {
  TestWorld world = two_legs();
  world.index();
  Chance chance;
  EXPECT_EQ(look_up(world, "1.1.1.1", chance).cause, Cause::no_route(table_main));
  Rule other;
  other.preference = 100;
  other.table = 100;
  world.fib.rules = {world.fib.rules[0], other};
  world.index();
  EXPECT_EQ(look_up(world, "1.1.1.1", chance).cause, Cause::no_route(100));
  other.table = 200;
  world.fib.rules.push_back(other);
  world.index();
  EXPECT_EQ(look_up(world, "1.1.1.1", chance).cause, Cause::no_route(0)) << "more than one";
}

TEST(Fib, GatewayOfOwnAddressMeansOnLink) {
  TestWorld world = two_legs();
  world.route("8.0.0.0/8 via 10.0.2.1 dev b0");
  world.index();
  Chance chance;
  const FibResult result = look_up(world, "8.8.8.8", chance);
  EXPECT_FALSE(world.fib.route(result.route).nexthops[0].via().is_set());
}

// Not recorded: by net/ipv4/fib_frontend.c inet_addr_type_dev_table and by `-m addrtype`.
TEST(AddressType, ByTheLocalTable) {
  TestWorld world = two_legs();
  world.route("unreachable 66.0.0.0/8");
  world.index();
  const auto type = [&](const char* address) {
    return address_type(world.fib, TestWorld::ip(address));
  };
  EXPECT_EQ(type("10.0.1.1"), RouteType::local);
  EXPECT_EQ(type("127.3.4.5"), RouteType::local);
  EXPECT_EQ(type("10.0.1.255"), RouteType::broadcast);
  EXPECT_EQ(type("255.255.255.255"), RouteType::broadcast);
  EXPECT_EQ(type("0.0.0.0"), RouteType::broadcast);
  EXPECT_EQ(type("224.0.0.9"), RouteType::multicast);
  EXPECT_EQ(type("10.0.1.0"), RouteType::unicast);
  EXPECT_EQ(type("66.1.1.1"), RouteType::unicast);
  EXPECT_EQ(address_type_on(world.fib, TestWorld::ip("10.0.1.1"), world.device("a0")),
            RouteType::local);
  EXPECT_EQ(address_type_on(world.fib, TestWorld::ip("10.0.1.1"), world.device("b0")),
            RouteType::unicast);
}

TEST(ImpliedRoutes, LeaveTablesAloneThatWereRead) {
  TestWorld world = two_legs();
  world.fib.tables.clear();
  world.fib.table_position(table_main);  // read, and empty
  add_implied_routes(world.fib, world.interfaces);
  EXPECT_THAT(world.fib.find_table(table_main)->routes, testing::IsEmpty());
  const auto local = world.fib.find_table(table_local)->routes.size();
  EXPECT_GT(local, 0U);
  add_implied_routes(world.fib, world.interfaces);
  EXPECT_EQ(world.fib.find_table(table_local)->routes.size(), local);
}

TEST(Fib, ManyRoutes) {
  TestWorld world = two_legs();
  FibTable& main = world.fib.tables[world.fib.table_position(table_main)];
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    Route route;
    route.destination = {wire::IpAddress::v4(0x14000000 + (i << 8)), 24};
    route.nexthops.push_back({.gateway = TestWorld::ip("10.0.2.254"), .device = 3});
    main.routes.push_back(std::move(route));
  }
  const auto start = std::chrono::steady_clock::now();
  world.index();
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    Flow flow;
    flow.destination = wire::IpAddress::v4(0x14000001 + (i << 8));
    Chance chance(std::uint64_t{1});
    const FibResult result = world.fib.lookup(flow, chance);
    ASSERT_TRUE(world.fib.route(result.route).destination.contains(flow.destination));
  }
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_LT(took, std::chrono::seconds(20)) << "a look-up must not walk the table";
}

}  // namespace
}  // namespace wayout::route
