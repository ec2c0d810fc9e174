// The tail of layer 3, as recorded from Linux 6.18: fragments, and what a neighbour entry decides.
#include <gmock/gmock.h>

#include "path/test_journey.hpp"
#include "wire/headers.hpp"

namespace wayout::path {
namespace {

using host::TestMachine;
using host::two_containers;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr wire::IpAddress host_address = wire::IpAddress::v4(198, 51, 100, 10);

TestMachine uplink_mtu(const char* mtu) {
  return two_containers().edit("host/ip-addr.txt", "mtu 1500", mtu, ": eth0@");
}

TEST(Output, CutsWhatIsTooBig) {
  TestJourney journey(uplink_mtu("mtu 600"));
  const auto packet = journey.send("c1", datagram(outsider, 53, 1452));
  const auto cut = journey.steps(packet, Did::fragmented);
  ASSERT_THAT(cut, SizeIs(1));
  EXPECT_EQ(cut[0].value, 3u);
  EXPECT_EQ(cut[0].by, Cause::mtu(journey.device("host", "eth0"), 600));
  // It is delivered once, whole, and the first two pieces wait for the last.
  EXPECT_THAT(journey.ends(packet), ElementsAre("o delivered"));
  EXPECT_EQ(journey.seen(packet), "IP 198.51.100.10.40000 > 198.51.100.1.53: UDP, length 1452");
  ASSERT_THAT(journey.steps(packet, Did::reassembled), SizeIs(1));
  EXPECT_EQ(journey.steps(packet, Did::reassembled)[0].value, 1480u);
}

TEST(Output, TheFragmentsAreTheKernels) {
  TestJourney journey(uplink_mtu("mtu 600").without("o"));
  const auto packet = journey.send("c1", datagram(outsider, 53, 1452));
  EXPECT_THAT(journey.ends(packet), SizeIs(3));
  std::vector<std::pair<std::size_t, std::size_t>> pieces;  // offset, length of the IP packet
  for (const Departure& left : journey.journey.departures()) {
    if (left.frame.number != packet) continue;
    const auto* ip = wire::header_at<wire::Ipv4Header>(left.frame.network());
    pieces.emplace_back(ip->fragment_offset_bytes(), left.frame.network().size());
  }
  EXPECT_THAT(pieces, ElementsAre(testing::Pair(0, 596), testing::Pair(576, 596),
                                  testing::Pair(1152, 328)));
}

TEST(Output, TheRoutesMtuCountsWhereItHasOne) {
  TestJourney journey(two_containers().edit("host/ip-route.txt", "198.51.100.0/24 dev eth0",
                                            "198.51.100.0/24 dev eth0 mtu lock 1000"));
  const auto packet = journey.send("c1", datagram(outsider, 53, 1452));
  ASSERT_THAT(journey.steps(packet, Did::fragmented), SizeIs(1));
  EXPECT_EQ(journey.steps(packet, Did::fragmented)[0].value, 2u);
}

// Not recorded: the kernel gives the sending socket EMSGSIZE before there is a packet.
TEST(Output, WhatTheHostItselfSendsMayNotBeTooBigEither) {
  TestJourney journey(uplink_mtu("mtu 600"));
  const auto packet = journey.send("host", datagram(outsider, 53, 1452, true, host_address));
  EXPECT_THAT(journey.ends(packet), ElementsAre("host ip_do_fragment PKT_TOO_BIG"));
  EXPECT_EQ(journey.cause(packet), Cause::mtu(journey.device("host", "eth0"), 600));
  EXPECT_THAT(journey.answers(packet), ElementsAre(HasSubstr("need to frag (mtu 600)")));
}

TestMachine gateway(const char* entry) {
  return two_containers().set("host/ip-neigh.txt",
                              fmt::format("198.51.100.1 dev eth0 {}\n", entry));
}

TEST(Neighbour, UnknownIsAskedFor) {
  TestJourney journey(two_containers());
  const auto packet = journey.send("host", syn(outsider, 80, host_address));
  EXPECT_THAT(journey.ends(packet), ElementsAre("o delivered"));
  ASSERT_THAT(journey.steps(packet, Did::asked_neighbour), SizeIs(1));
  ASSERT_THAT(journey.steps(packet, Did::resolved), SizeIs(1));
  EXPECT_EQ(journey.steps(packet, Did::resolved)[0].address, outsider);

  const auto next = journey.send("host", syn(outsider, 80, host_address));
  EXPECT_THAT(journey.steps(next, Did::asked_neighbour), IsEmpty()) << "known by now";
}

TEST(Neighbour, KnownIsNot) {
  for (const char* state : {"PERMANENT", "REACHABLE", "STALE", "DELAY", "PROBE"}) {
    SCOPED_TRACE(state);
    TestJourney journey(gateway(fmt::format("lladdr 02:77:00:00:00:65 {}", state).c_str()));
    const auto packet = journey.send("host", syn(outsider, 80, host_address));
    EXPECT_THAT(journey.steps(packet, Did::asked_neighbour), IsEmpty());
    EXPECT_THAT(journey.ends(packet), ElementsAre("o delivered"));
  }
}

TEST(Neighbour, FailedOnceIsAskedForAgain) {
  TestJourney journey(gateway("FAILED"));
  const auto packet = journey.send("host", syn(outsider, 80, host_address));
  EXPECT_THAT(journey.steps(packet, Did::asked_neighbour), SizeIs(1));
  EXPECT_THAT(journey.ends(packet), ElementsAre("o delivered"));
}

TEST(Neighbour, AWrongMacIsAnotherHosts) {
  TestJourney journey(gateway("lladdr 02:77:00:00:00:ee PERMANENT"));
  const auto packet = journey.send("host", syn(outsider, 80, host_address));
  EXPECT_THAT(journey.ends(packet), ElementsAre("o ip_rcv_core OTHERHOST"));
  EXPECT_EQ(journey.cause(packet),
            Cause::on_device(DeviceCause::other_host, journey.device("o", "eth0")));
}

TEST(Neighbour, OutsideThisMachineItIsTakenToAnswer) {
  TestJourney journey(two_containers().without("o"));
  const auto packet = journey.send("host", syn(outsider, 80, host_address));
  EXPECT_THAT(journey.ends(packet), ElementsAre("left through host eth0"));
  ASSERT_THAT(journey.steps(packet, Did::assumed_resolved), SizeIs(1));

  TestJourney failed(gateway("FAILED").without("o"));
  const auto lost = failed.send("host", syn(outsider, 80, host_address));
  EXPECT_THAT(failed.ends(lost), ElementsAre("host neigh_invalidate NEIGH_FAILED"))
      << "the host has found out that it does not";
}

TEST(Neighbour, SeveralPacketsWaitForOneAnswer) {
  TestJourney journey(uplink_mtu("mtu 600"));
  const auto packet = journey.send("host", datagram(outsider, 53, 1452, false, host_address));
  EXPECT_THAT(journey.steps(packet, Did::asked_neighbour), SizeIs(3));
  int requests = 0;
  for (const JourneyEnd& end : journey.journey.ends())
    if (end.packet.answers == packet && end.host == host::position(journey.machine, "host"))
      ++requests;
  EXPECT_EQ(requests, 2) << "one that left, and its answer that came";
  EXPECT_THAT(journey.ends(packet), ElementsAre("o delivered"));
}

TEST(Neighbour, LoopbackNeedsNone) {
  TestJourney journey(two_containers());
  const auto packet = journey.send("c1", ping(c1));
  EXPECT_THAT(journey.ends(packet), ElementsAre("c1 delivered"));
  EXPECT_THAT(journey.steps(packet, Did::asked_neighbour), IsEmpty());
}

}  // namespace
}  // namespace wayout::path
