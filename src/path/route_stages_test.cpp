// What a program's socket makes of routing; the outcomes are those of tests/scenarios (sockets).
#include <gmock/gmock.h>

#include "path/test_journey.hpp"

namespace wayout::path {
namespace {

using host::two_containers;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr wire::IpAddress unbound = wire::IpAddress::v4(0, 0, 0, 0);
constexpr wire::IpAddress own = wire::IpAddress::v4(198, 51, 100, 10);
constexpr wire::IpAddress there = wire::IpAddress::v4(198, 51, 100, 1);

std::vector<std::uint8_t> udp(const wire::IpAddress& to, const wire::IpAddress& from = unbound) {
  return wire::make_udp({.source = from, .destination = to, .protocol = wire::protocol::udp}, 40000,
                        53, {});
}

std::vector<std::uint8_t> syn(const wire::IpAddress& to, const wire::IpAddress& from = unbound) {
  return wire::make_tcp({.source = from, .destination = to, .protocol = wire::protocol::tcp},
                        {.source_port = 40000, .destination_port = 80,
                         .flags = wire::TcpHeader::syn});
}

/// What the host sends with its own address is prohibited.
host::TestMachine own_address_prohibited() {
  return two_containers().set("host/ip-rule.txt",
                              "0: from all lookup local\n100: from 198.51.100.10 prohibit\n"
                              "32766: from all lookup main\n32767: from all lookup default\n");
}

TEST(Socket, TcpAsksTwice) {
  TestJourney journey(own_address_prohibited());
  const auto packet = journey.send("host", syn(there));
  EXPECT_THAT(journey.ends(packet), ElementsAre("host ip_route_output_key_hash IP_OUTNOROUTES"));
  EXPECT_EQ(journey.cause(packet), Cause::routing_rule(1));
}

TEST(Socket, UdpAsksTwiceOnlyWhereItConnects) {
  TestJourney connects(own_address_prohibited());
  connects.chance = Chance(std::vector<std::uint32_t>{0});
  EXPECT_THAT(connects.ends(connects.send("host", udp(there))),
              ElementsAre("host ip_route_output_key_hash IP_OUTNOROUTES"));
  TestJourney sends(own_address_prohibited());
  sends.chance = Chance(std::vector<std::uint32_t>{1});
  EXPECT_THAT(sends.ends(sends.send("host", udp(there))), ElementsAre("o delivered"));
  ASSERT_EQ(sends.chance.asked().size(), 1U);
  EXPECT_EQ(sends.chance.asked()[0].asked_by, Cause::socket(SocketCause::connects));
}

TEST(Socket, NobodyIsAskedWhereBothAnswersAreTheSame) {
  TestJourney journey(two_containers());
  journey.chance = Chance(std::vector<std::uint32_t>{});
  EXPECT_THAT(journey.ends(journey.send("host", udp(there))), ElementsAre("o delivered"));
  EXPECT_THAT(journey.chance.asked(), IsEmpty());
}

TEST(Socket, OneThatIsBoundAsksOnce) {
  TestJourney journey(own_address_prohibited());
  EXPECT_THAT(journey.ends(journey.send("host", udp(there, own))),
              ElementsAre("host ip_route_output_key_hash IP_OUTNOROUTES"));
  EXPECT_THAT(journey.steps(1, Did::source_chosen), IsEmpty());
}

TEST(Socket, TellsTheSourceThatWasChosen) {
  TestJourney journey(two_containers());
  const auto packet = journey.send("host", syn(there));
  const auto chosen = journey.steps(packet, Did::source_chosen);
  ASSERT_EQ(chosen.size(), 1U);
  EXPECT_EQ(chosen[0].address, own);
  EXPECT_EQ(journey.steps(packet, Did::routed).size(), 2U) << "here and in o, once each";
}

TEST(Socket, TcpIsForOneHost) {
  TestJourney journey(two_containers());
  for (const auto& to : {wire::IpAddress::v4(10, 1, 0, 255), wire::IpAddress::v4(224, 0, 0, 1)}) {
    const auto packet = journey.send("host", syn(to));
    EXPECT_THAT(journey.ends(packet), ElementsAre("host tcp_v4_connect NOT_SPECIFIED"));
    EXPECT_EQ(journey.cause(packet).kind(), CauseKind::address);
  }
}

TEST(Socket, WhatAnswersAskedForNoRoute) {
  TestJourney journey(two_containers());
  const auto packet = journey.send(
      "host", wire::make_tcp({.source = own, .destination = wire::IpAddress::v4(10, 1, 0, 255),
                              .protocol = wire::protocol::tcp},
                             {.source_port = 80, .destination_port = 40000,
                              .flags = wire::TcpHeader::syn | wire::TcpHeader::ack}));
  EXPECT_THAT(journey.ends(packet), testing::Not(Contains(testing::HasSubstr("tcp_v4_connect"))));
}

TEST(Ttl, IsTheRoutesOrTheHosts) {
  const auto ttl_of = [](const host::TestMachine& machine) {
    TestJourney journey(machine);
    const auto packet = journey.send(
        "host", wire::make_udp({.source = own, .destination = there, .ttl = 0}, 40000, 53, {}));
    EXPECT_THAT(journey.ends(packet), ElementsAre("o delivered"));
    return int{journey.journey.ends().back().packet.network()[8]};
  };
  EXPECT_EQ(ttl_of(two_containers().append("host/sysctl.txt", "net.ipv4.ip_default_ttl = 77\n")), 77);
  EXPECT_EQ(ttl_of(two_containers().append("host/ip-route.txt",
                                           "198.51.100.1 dev eth0 scope link hoplimit 3\n")),
            3);
}

}  // namespace
}  // namespace wayout::path
