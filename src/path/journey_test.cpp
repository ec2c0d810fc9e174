// Several namespaces: there and back, and when it ends.
#include "path/journey.hpp"

#include <gmock/gmock.h>

#include "path/test_journey.hpp"
#include "wire/headers.hpp"

namespace wayout::path {
namespace {

using host::TestMachine;
using host::two_containers;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(Journey, ThereAndBackThroughTheTranslation) {
  TestJourney journey(two_containers());
  const auto question = journey.send("c1", datagram(outsider, 53, 4));
  EXPECT_THAT(journey.ends(question), ElementsAre("o delivered"));
  // The process that got it answers what it saw.
  const auto answer = journey.send(
      "o",
      wire::make_udp({.source = outsider, .destination = wire::IpAddress::v4(198, 51, 100, 10)}, 53,
                     40000, std::vector<std::uint8_t>(8)));
  EXPECT_THAT(journey.ends(answer), ElementsAre("c1 __udp4_lib_rcv NO_SOCKET"));
  EXPECT_EQ(journey.seen(answer), "IP 198.51.100.1.53 > 10.1.0.2.40000: UDP, length 8");
}

TEST(Journey, ASocketOfTheQuestionsOwnTakesTheAnswer) {
  TestJourney journey(two_containers());
  journey.journey.listen(host::position(journey.machine, "c1"), {.protocol = wire::protocol::udp,
                                                                 .remote = outsider,
                                                                 .local_port = 40000,
                                                                 .remote_port = 53});
  journey.send("c1", datagram(outsider, 53, 4));
  const wire::IpAddress host_address = wire::IpAddress::v4(198, 51, 100, 10);
  const auto answer = journey.send(
      "o", wire::make_udp({.source = outsider, .destination = host_address}, 53, 40000));
  EXPECT_THAT(journey.ends(answer), ElementsAre("c1 delivered"));
  const auto stranger = journey.send(
      "o", wire::make_udp({.source = outsider, .destination = host_address}, 54, 40000));
  EXPECT_THAT(journey.ends(stranger), ElementsAre("host __udp4_lib_rcv NO_SOCKET"));
}

TEST(Journey, AnAnswerFromOutsideOfThisMachine) {
  TestJourney journey(two_containers().without("o"));
  const auto question = journey.send("c1", ping(outsider));
  ASSERT_THAT(journey.journey.departures(), Not(IsEmpty()));
  const Departure& left = journey.journey.departures().back();
  EXPECT_EQ(left.frame.number, question);
  EXPECT_EQ(left.from, host::device(journey.machine, "host", "eth0"));
  const auto* away = wire::header_at<wire::EthernetHeader>(left.frame.frame());
  const auto reply = wire::make_icmp_echo(
      {.source = outsider, .destination = wire::IpAddress::v4(198, 51, 100, 10)}, true, 7, 1,
      std::vector<std::uint8_t>(56));
  const auto answer = journey.receive(
      left.from, wire::make_frame(away->destination, away->source, wire::ethertype::ipv4, reply));
  EXPECT_EQ(journey.seen(answer),
            "IP 198.51.100.1 > 10.1.0.2: ICMP echo reply, id 7, seq 1, length 64");
}

TEST(Journey, ArpWalksThroughTheBridge) {
  TestJourney journey(two_containers());
  const auto packet = journey.send("c1", syn(c2, 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("c2 delivered"));
  // As on the kernel's bridge: the request is flooded, the answer finds its port, and so does the
  // packet then.
  std::vector<Did> by_the_bridge;
  for (const Step& step : journey.trace.steps())
    if (step.host == host::position(journey.machine, "host") &&
        (step.did == Did::flooded || step.did == Did::bridged))
      by_the_bridge.push_back(step.did);
  EXPECT_THAT(by_the_bridge, ElementsAre(Did::flooded, Did::bridged, Did::bridged));
  // Whom ARP walked by learned who asked, and the answerer does not have to ask back.
  const auto back = journey.send("c2", syn(c1, 80, c2));
  EXPECT_THAT(journey.steps(back, Did::asked_neighbour), IsEmpty());
  EXPECT_THAT(journey.ends(back), ElementsAre("c1 delivered"));
}

TEST(Journey, WhatANamespaceKnewIsForgottenAtItsBorder) {
  TestJourney journey(two_containers().rules("mangle", "-A PREROUTING -j MARK --set-mark 5\n"));
  const auto packet = journey.send("c1", syn(outsider, 80));
  ASSERT_THAT(journey.ends(packet), ElementsAre("o delivered"));
  const JourneyEnd& end = journey.journey.ends().back();
  EXPECT_EQ(end.packet.mark, 0u);
  EXPECT_EQ(end.packet.connection, no_connection);
}

TEST(Journey, AnUnansweredRequestTellsWhy) {
  TestJourney journey(
      two_containers().append("host/sysctl.txt", "net.ipv4.conf.all.arp_ignore = 8\n"));
  const auto packet = journey.send("c1", syn(outsider, 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("c1 neigh_invalidate NEIGH_FAILED"));
  EXPECT_EQ(journey.cause(packet).kind(), CauseKind::sysctl);
  EXPECT_EQ(journey.cause(packet).sysctl(), Sysctl::arp_ignore);
  EXPECT_EQ(journey.journey.ends().back().cause_host, host::position(journey.machine, "host"));
}

/// The bridge and another one, joined twice, and nobody to break the circle.
TestMachine circle() {
  return two_containers().append("host/ip-addr.txt", R"(
50: br1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UP
    link/ether 02:77:00:00:05:00 brd ff:ff:ff:ff:ff:ff promiscuity 0
    bridge ageing_time 30000 stp_state 0 vlan_filtering 0 nf_call_iptables 0
51: a0@a1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br0 state UP
    link/ether 02:77:00:00:05:01 brd ff:ff:ff:ff:ff:ff promiscuity 1
    veth
    bridge_slave state forwarding hairpin off learning on flood on isolated off locked off
52: a1@a0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br1 state UP
    link/ether 02:77:00:00:05:02 brd ff:ff:ff:ff:ff:ff promiscuity 1
    veth
    bridge_slave state forwarding hairpin off learning on flood on isolated off locked off
53: b0@b1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br0 state UP
    link/ether 02:77:00:00:05:03 brd ff:ff:ff:ff:ff:ff promiscuity 1
    veth
    bridge_slave state forwarding hairpin off learning on flood on isolated off locked off
54: b1@b0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br1 state UP
    link/ether 02:77:00:00:05:04 brd ff:ff:ff:ff:ff:ff promiscuity 1
    veth
    bridge_slave state forwarding hairpin off learning on flood on isolated off locked off
)");
}

TEST(Journey, FramesThatGoInCirclesAreStopped) {
  TestJourney journey(circle());
  journey.send("c1", syn(wire::IpAddress::v4(10, 1, 0, 77), 80));
  EXPECT_FALSE(journey.at_rest);
}

TEST(Journey, TheCircleBroken) {
  TestMachine machine = circle();
  TestJourney journey(
      machine.edit("host/ip-addr.txt", "state forwarding", "state blocking", ": b1@"));
  const auto packet = journey.send("c1", syn(c2, 80));
  EXPECT_TRUE(journey.at_rest);
  EXPECT_THAT(journey.ends(packet), ElementsAre("c2 delivered"));
}

TEST(Journey, TheSameGivesTheSame) {
  const auto run = [] {
    TestJourney journey(two_containers());
    const auto packet = journey.send("c1", ping(outsider));
    std::vector<std::string> all;
    for (const JourneyEnd& end : journey.journey.ends())
      all.push_back(fmt::format("{} {} {}", end.host, stage_name(end.stop.stage),
                                wire::describe_ip(end.packet.network())));
    all.push_back(journey.seen(packet));
    return all;
  };
  EXPECT_EQ(run(), run());
}

}  // namespace
}  // namespace wayout::path
