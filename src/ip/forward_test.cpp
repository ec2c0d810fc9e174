// Expectations recorded on Linux 6.18, as for receive_test.cpp: a router with a0 10.0.1.1/24 and
// b0 10.0.2.1/24 (MTU 600 for the sizes).
#include <gmock/gmock.h>

#include "ip/ip.hpp"
#include "route/test_world.hpp"
#include "wire/checksum.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::ip {
namespace {

using Bytes = std::vector<std::uint8_t>;
using route::TestWorld;
using wire::IcmpHeader;

class Forward : public testing::Test {
 protected:
  Forward() {
    world_.add_device("a0");
    world_.add_device("b0");
    world_.address("10.0.1.1/24 dev a0");
    world_.address("10.0.2.1/24 dev b0");
    world_.route("default via 10.0.2.254 dev b0");
    world_.index();
    world_["b0"].mtu_bytes = 600;
  }

  Packet packet(std::uint8_t ttl, std::size_t payload, bool df, const char* to = "8.8.8.8") {
    Packet packet = Packet::from_ip(wire::make_udp({.source = TestWorld::ip("10.0.1.2"),
                                                    .destination = TestWorld::ip(to),
                                                    .ttl = ttl,
                                                    .dont_fragment = df},
                                                   1000, 53, Bytes(payload)));
    packet.local = false;
    packet.type = PacketType::host;
    packet.device = packet.ingress = world_.device("a0");
    NoTrace trace;
    Chance chance;
    EXPECT_FALSE(route::input(packet, world_.fib, world_.interfaces, chance, trace));
    return packet;
  }

  Stop forwarded(Packet& packet) {
    errors_.clear();
    NoTrace trace;
    return forward(packet, world_.interfaces, errors_, trace);
  }

  TestWorld world_;
  std::vector<IcmpError> errors_;
};

TEST_F(Forward, DecrementsAndKeepsTheChecksumRight) {
  Packet sent = packet(64, 8, false);
  EXPECT_FALSE(forwarded(sent));
  const auto network = std::as_const(sent).network();
  EXPECT_EQ(network[8], 63);
  EXPECT_EQ(wire::checksum_finish(wire::checksum_add(network.first(20))), 0);
  EXPECT_TRUE(errors_.empty());
}

TEST_F(Forward, TtlOneAndZeroEndHere) {
  for (const std::uint8_t ttl : {std::uint8_t{0}, std::uint8_t{1}}) {
    Packet sent = packet(ttl, 8, false);
    EXPECT_EQ(forwarded(sent).reason, DropReason::IP_INHDR);
    ASSERT_EQ(errors_.size(), 1U);
    EXPECT_EQ(errors_[0].type, IcmpHeader::time_exceeded);
    EXPECT_EQ(std::as_const(sent).network()[8], ttl) << "quoted as it came";
  }
  Packet last = packet(2, 8, false);
  EXPECT_FALSE(forwarded(last));
}

TEST_F(Forward, NeverFromAFrameForMany) {
  Packet sent = packet(1, 8, false);
  sent.type = PacketType::broadcast;
  const Stop stop = forwarded(sent);
  EXPECT_EQ(stop.reason, DropReason::NOT_SPECIFIED);
  EXPECT_TRUE(errors_.empty()) << "before the TTL is looked at";
}

TEST_F(Forward, TooBigOnlyWithDf) {
  Packet fits = packet(64, 572, true);
  EXPECT_FALSE(forwarded(fits)) << "exactly the MTU";
  Packet big = packet(64, 573, true);
  const Stop stop = forwarded(big);
  EXPECT_EQ(stop.reason, DropReason::PKT_TOO_BIG);
  EXPECT_EQ(stop.cause, Cause::mtu(world_.device("b0"), 600));
  ASSERT_EQ(errors_.size(), 1U);
  EXPECT_EQ(errors_[0].code, 4);
  EXPECT_EQ(errors_[0].info, 600U);
  Packet cut = packet(64, 573, false);
  EXPECT_FALSE(forwarded(cut));
}

TEST_F(Forward, TheRoutesMtuCountsEvenIfLarger) {
  world_.route("9.9.9.0/24 via 10.0.2.254 dev b0 mtu 900");
  world_.route("9.9.8.0/24 via 10.0.2.254 dev b0 mtu 500");
  world_.index();
  Packet large = packet(64, 672, true, "9.9.9.9");
  EXPECT_FALSE(forwarded(large));
  Packet small = packet(64, 473, true, "9.9.8.9");
  EXPECT_EQ(forwarded(small).reason, DropReason::PKT_TOO_BIG);
  EXPECT_EQ(errors_[0].info, 500U);
}

TEST_F(Forward, ReassembledWithDfMayLeaveInItsOldPieces) {
  Packet whole = packet(64, 1200, true);
  whole.fragment_max_bytes = 600;
  EXPECT_FALSE(forwarded(whole));
  whole = packet(64, 1200, true);
  whole.fragment_max_bytes = 601;
  EXPECT_EQ(forwarded(whole).reason, DropReason::PKT_TOO_BIG);
}

TEST_F(Forward, RedirectsAfterTheTtl) {
  Packet sent = packet(64, 8, false, "10.0.1.9");
  EXPECT_FALSE(forwarded(sent));
  ASSERT_EQ(errors_.size(), 1U);
  EXPECT_EQ(errors_[0].type, IcmpHeader::redirect);
  EXPECT_EQ(errors_[0].code, 1);
  EXPECT_EQ(errors_[0].info, TestWorld::ip("10.0.1.9").v4()) << "itself, when it is on-link";
}

TEST_F(Forward, ErrorRoutes) {
  for (const char* line :
       {"blackhole 66.1.0.0/16", "unreachable 66.2.0.0/16", "prohibit 66.3.0.0/16",
        "throw 66.7.0.0/16"})
    world_.route(line);
  const auto rule = [&](std::uint32_t preference, const char* to, route::RuleAction action) {
    route::Rule rule;
    rule.preference = preference;
    rule.to = TestWorld::prefix(to);
    rule.action = action;
    return rule;
  };
  auto& rules = world_.fib.rules;
  rules.insert(rules.begin() + 1, {rule(40, "66.4.0.0/16", route::RuleAction::unreachable),
                                   rule(41, "66.5.0.0/16", route::RuleAction::prohibit),
                                   rule(42, "66.6.0.0/16", route::RuleAction::blackhole)});
  world_.index();
  struct Row {
    const char* to;
    DropReason reason;
    int code;  ///< of the unreachable that goes back; -1: silent
  };
  for (const Row& row : {Row{"66.1.0.1", DropReason::NOT_SPECIFIED, -1},
                         Row{"66.2.0.1", DropReason::NOT_SPECIFIED, 1},
                         Row{"66.3.0.1", DropReason::NOT_SPECIFIED, 13},
                         Row{"66.4.0.1", DropReason::IP_INNOROUTES, 0},
                         Row{"66.5.0.1", DropReason::NOT_SPECIFIED, 13},
                         Row{"66.6.0.1", DropReason::NOT_SPECIFIED, -1},
                         Row{"66.7.0.1", DropReason::IP_INNOROUTES, 0}}) {
    std::vector<IcmpError> errors;
    const Packet lost = packet(64, 8, false, row.to);
    ASSERT_TRUE(lost.routing.error) << row.to;
    const Stop stop = error_route(lost, errors);
    EXPECT_EQ(stop.stage, Stage::ip_error);
    EXPECT_EQ(stop.reason, row.reason) << row.to;
    EXPECT_EQ(errors.empty() ? -1 : errors[0].code, row.code) << row.to;
  }
  world_["a0"].conf.forwarding = false;
  std::vector<IcmpError> errors;
  const Stop stop = error_route(packet(64, 8, false, "66.2.0.1"), errors);
  EXPECT_EQ(stop.reason, DropReason::IP_INADDRERRORS);
  EXPECT_EQ(stop.cause, Cause::sysctl(Sysctl::forwarding, world_.device("a0")));
  EXPECT_TRUE(errors.empty()) << "silent";
}

}  // namespace
}  // namespace wayout::ip
