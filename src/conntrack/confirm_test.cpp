// Two first packets at once. What the kernel does with them was recorded with both held in an
// NFQUEUE in FORWARD and then let go one after the other.
#include <gtest/gtest.h>

#include "conntrack/table.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::conntrack {
namespace {

using wire::IpAddress;

const IpAddress client = IpAddress::v4(10, 0, 1, 2), other_client = IpAddress::v4(10, 0, 1, 3),
                server = IpAddress::v4(8, 8, 8, 8), router = IpAddress::v4(10, 0, 2, 1);

Packet udp(const IpAddress& from = client) {
  return Packet::from_ip(wire::make_udp({.source = from, .destination = server}, 1000, 53));
}

class Clash : public testing::Test {
 protected:
  void track(Packet& packet) {
    ASSERT_FALSE(table.track(packet, Hook::prerouting, config, 0, chance, trace));
    ASSERT_EQ(packet.ctinfo, CtInfo::new_connection);
  }
  /// As MASQUERADE would: answers go to the router.
  void masquerade(Packet& packet) { table[packet.connection].tuples[1].destination = router; }
  Stop race(Packet& first, Packet& second, bool nat) {
    track(first);
    track(second);
    if (nat) {
      masquerade(first);
      masquerade(second);
    }
    EXPECT_FALSE(table.confirm(first, 0));
    return table.confirm(second, 0);
  }
  Table table;
  Config config;
  Chance chance;
  NoTrace trace;
};

TEST_F(Clash, OfTheSameUdpFlowIsMerged) {
  for (const bool nat : {false, true}) {
    table = {};
    Packet first = udp(), second = udp();
    EXPECT_FALSE(race(first, second, nat));
    EXPECT_EQ(second.connection, first.connection);
    EXPECT_EQ(table.statistics.clash_resolve, 1U);
    EXPECT_EQ(table.size(), 1U);
  }
}

TEST_F(Clash, OfTheSameFlowWithoutTrackerIsMerged) {
  for (const std::uint8_t protocol : {47, 50}) {
    table = {};
    const std::vector<std::uint8_t> payload(8);
    const auto make = [&] {
      return Packet::from_ip(wire::make_ipv4(
          {.source = client, .destination = server, .protocol = protocol}, payload));
    };
    Packet first = make(), second = make();
    EXPECT_FALSE(race(first, second, true));
    EXPECT_EQ(table.statistics.clash_resolve, 1U);
  }
}

TEST_F(Clash, OfTheMirroredFlowIsMerged) {
  Packet first = udp();
  Packet second =
      Packet::from_ip(wire::make_udp({.source = server, .destination = client}, 53, 1000));
  EXPECT_FALSE(race(first, second, false));
  EXPECT_EQ(second.connection, first.connection);
  EXPECT_EQ(table.statistics.clash_resolve, 1U);
}

TEST_F(Clash, OfTwoUdpFlowsForOneReplyDropsTheSecond) {
  Packet first = udp(), second = udp(other_client);
  const Stop stop = race(first, second, true);
  EXPECT_EQ(stop.stage, Stage::nf_hook_slow);
  EXPECT_EQ(stop.reason, DropReason::NETFILTER_DROP);
  EXPECT_EQ(stop.cause, Cause::conntrack(ConntrackCause::clash, first.connection));
  EXPECT_EQ(table.statistics.insert_failed, 1U);
  EXPECT_EQ(table.statistics.drop, 1U);
}

TEST_F(Clash, IsNatsFaultWhenItFoundNoPort) {
  Packet first = udp(), second = udp(other_client);
  track(first);
  track(second);
  masquerade(first);
  masquerade(second);
  table[second.connection].ports_exhausted = true;
  EXPECT_FALSE(table.confirm(first, 0));
  EXPECT_EQ(table.confirm(second, 0).cause, Cause::nat(NatCause::ports_exhausted));
}

TEST_F(Clash, OfOneOriginalWithTwoRepliesLetsTheLoserLiveASecond) {
  Packet first = udp(), second = udp();
  track(first);
  track(second);
  table[second.connection].tuples[1].source_port = 8001;  // DNAT to two backends
  EXPECT_FALSE(table.confirm(first, 0));
  EXPECT_FALSE(table.confirm(second, 0));
  EXPECT_NE(second.connection, first.connection);
  EXPECT_EQ(table.statistics.clash_resolve, 1U);
  int listed = 0;
  table.for_each([&](ConnectionId, const Connection&) { ++listed; });
  EXPECT_EQ(listed, 1);
  const Tuple answer{server, client, 8001, 1000, 17};
  EXPECT_EQ(table.find(answer, {}, 999).id, second.connection);
  EXPECT_FALSE(table.find(answer, {}, 1000));
  EXPECT_EQ(table.find({client, server, 1000, 53, 17}, {}, 0).id, first.connection);
}

TEST_F(Clash, OfTcpAndIcmpDropsTheSecond) {
  const wire::Ipv4Fields ip{.source = client, .destination = server};
  const std::vector<std::vector<std::uint8_t>> firsts{
      wire::make_tcp(ip, {.source_port = 1000, .destination_port = 80}),
      wire::make_icmp_echo(ip, false, 4, 1)};
  for (const auto& bytes : firsts) {
    table = {};
    Packet first = Packet::from_ip(bytes), second = Packet::from_ip(bytes);
    EXPECT_TRUE(race(first, second, false));
    EXPECT_EQ(table.statistics.insert_failed, 1U);
  }
}

TEST_F(Clash, IsNoneWithAnExpiredEntry) {
  Packet first = udp();
  track(first);
  EXPECT_FALSE(table.confirm(first, 0));
  Packet second = udp(other_client);
  track(second);
  table[second.connection].tuples[1] = table[first.connection].tuples[1];
  EXPECT_FALSE(table.confirm(second, 31'000));
  EXPECT_EQ(table.size(), 1U);
}

TEST_F(Clash, DoesNotConcernAnswersToAnUnconfirmedPacket) {
  Packet request = udp();
  track(request);
  Packet answer = udp();
  answer.connection = request.connection;
  answer.ctinfo = CtInfo::related_reply;
  EXPECT_FALSE(table.confirm(answer, 0));
  EXPECT_EQ(table.size(), 0U);
}

}  // namespace
}  // namespace wayout::conntrack
