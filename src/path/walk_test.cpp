// The straight line and each of its ends. What is expected was recorded from Linux 6.18: the same
// packets sent by a raw socket through namespaces built as two_containers() says, the drops from
// the tracepoint skb:kfree_skb, the errors from tcpdump in the sender's namespace.
#include "path/walk.hpp"

#include <gmock/gmock.h>

#include "path/test_journey.hpp"

namespace wayout::path {
namespace {

using host::two_containers;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Strings = std::vector<std::string>;

constexpr const char* gateway_known = "10.1.0.1 dev eth0 lladdr 02:77:00:00:00:67 PERMANENT\n";
constexpr wire::IpAddress elsewhere = wire::IpAddress::v4(203, 0, 113, 9);

TEST(Walk, ForwardedAndMasqueraded) {
  TestJourney journey(two_containers());
  const auto packet = journey.send("c1", syn(outsider, 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("o delivered"));
  EXPECT_EQ(journey.seen(packet),
            "IP 198.51.100.10.40000 > 198.51.100.1.80: Flags [S], seq 0, win 64240, length 0");
  EXPECT_THAT(journey.answers(packet), IsEmpty());
  // One look-up and one TTL less for each layer 3 on the way: the container's, the host's.
  EXPECT_THAT(journey.steps(packet, Did::routed), SizeIs(3));
  ASSERT_THAT(journey.steps(packet, Did::decremented), SizeIs(1));
  EXPECT_EQ(journey.steps(packet, Did::decremented)[0].value, 63u);
}

TEST(Walk, ToTheHostItself) {
  TestJourney journey(two_containers());
  EXPECT_THAT(journey.ends(journey.send("c1", syn(wire::IpAddress::v4(198, 51, 100, 10), 22))),
              ElementsAre("host delivered"));
}

TEST(Walk, ToItself) {
  TestJourney journey(two_containers());
  EXPECT_THAT(journey.ends(journey.send("c1", syn(c1, 80))), ElementsAre("c1 delivered"));
}

TEST(Walk, ForwardingIsOff) {
  TestJourney journey(two_containers().set("host/sysctl.txt", "net.ipv4.ip_forward = 0\n"));
  const auto packet = journey.send("c1", syn(outsider, 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("host ip_error IP_INADDRERRORS"));
  EXPECT_EQ(journey.cause(packet),
            Cause::sysctl(Sysctl::forwarding, journey.device("host", "br0")));
  EXPECT_THAT(journey.answers(packet), IsEmpty()) << "nobody is told";
}

TEST(Walk, ForwardingOfTheIngressDeviceDecides) {
  const char* off = "net.ipv4.conf.br0.forwarding = 0\nnet.ipv4.conf.eth0.forwarding = 1\n";
  TestJourney journey(two_containers().append("host/sysctl.txt", off));
  EXPECT_THAT(journey.ends(journey.send("c1", syn(outsider, 80))),
              ElementsAre("host ip_error IP_INADDRERRORS"));
  TestJourney other(
      two_containers().append("host/sysctl.txt", "net.ipv4.conf.eth0.forwarding = 0\n"));
  EXPECT_THAT(other.ends(other.send("c1", syn(outsider, 80))), ElementsAre("o delivered"));
}

/// The host's route back to c1 leads out by the uplink.
host::TestMachine way_back_elsewhere(int rp_filter) {
  return two_containers()
      .append("host/ip-route.txt", "10.1.0.2 via 198.51.100.1 dev eth0\n")
      .append("host/sysctl.txt", fmt::format("net.ipv4.conf.all.rp_filter = {}\n", rp_filter))
      .set("c1/ip-neigh.txt", gateway_known);
}

TEST(Walk, TheSourceHasAnotherWayBack) {
  TestJourney journey(way_back_elsewhere(1));
  const auto packet = journey.send("c1", syn(outsider, 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("host ip_rcv_finish_core IP_RPFILTER"));
  EXPECT_EQ(journey.cause(packet).kind(), CauseKind::sysctl);
  EXPECT_EQ(journey.cause(packet).sysctl(), Sysctl::rp_filter);
}

TEST(Walk, LooseSourceValidationTakesAnyWayBack) {
  TestJourney journey(way_back_elsewhere(2));
  EXPECT_THAT(journey.ends(journey.send("c1", syn(outsider, 80))), ElementsAre("o delivered"));
}

TEST(Walk, SourceValidationKeepsArpUnanswered) {
  TestJourney journey(way_back_elsewhere(1).set("c1/ip-neigh.txt", ""));
  const auto packet = journey.send("c1", syn(outsider, 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("c1 neigh_invalidate NEIGH_FAILED"));
  EXPECT_EQ(journey.cause(packet).sysctl(), Sysctl::rp_filter);
  EXPECT_EQ(journey.journey.ends().back().cause_host, host::position(journey.machine, "host"));
}

TEST(Walk, TtlRunsOut) {
  TestJourney journey(two_containers());
  const auto packet =
      journey.send("c1", wire::make_tcp({.source = c1, .destination = outsider, .ttl = 1},
                                        {.source_port = 40000, .destination_port = 80}));
  EXPECT_THAT(journey.ends(packet), ElementsAre("host ip_forward IP_INHDR"));
  EXPECT_EQ(journey.cause(packet), Cause::packet(PacketCause::ttl));
  EXPECT_THAT(journey.answers(packet),
              ElementsAre("c1: IP 10.1.0.1 > 10.1.0.2: ICMP time exceeded in-transit, length 48"));
}

TEST(Walk, NoRoute) {
  TestJourney journey(
      two_containers().edit("host/ip-route.txt", "default via 198.51.100.1 dev eth0\n", ""));
  const auto packet = journey.send("c1", syn(elsewhere, 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("host ip_error IP_INNOROUTES"));
  EXPECT_EQ(journey.cause(packet).kind(), CauseKind::no_route);
  EXPECT_THAT(
      journey.answers(packet),
      ElementsAre("c1: IP 10.1.0.1 > 10.1.0.2: ICMP net 203.0.113.9 unreachable, length 48"));
}

TEST(Walk, TheSendersOwnRoutesAreAskedFirst) {
  TestJourney journey(
      two_containers().edit("c1/ip-route.txt", "default via 10.1.0.1 dev eth0\n", ""));
  const auto packet = journey.send("c1", syn(outsider, 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("c1 ip_route_output_key_hash IP_OUTNOROUTES"));
  EXPECT_EQ(journey.cause(packet).kind(), CauseKind::no_route);
}

TEST(Walk, RoutesThatRefuse) {
  const struct {
    const char* type;
    Strings told;
  } rows[] = {
      {"prohibit",
       {"c1: IP 10.1.0.1 > 10.1.0.2: ICMP host 203.0.113.9 unreachable - admin prohibited filter, "
        "length 48"}},
      {"unreachable", {"c1: IP 10.1.0.1 > 10.1.0.2: ICMP host 203.0.113.9 unreachable, length 48"}},
      {"blackhole", {}},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.type);
    TestJourney journey(
        two_containers().append("host/ip-route.txt", fmt::format("{} 203.0.113.0/24\n", row.type)));
    const auto packet = journey.send("c1", syn(elsewhere, 80));
    EXPECT_THAT(journey.ends(packet), ElementsAre("host ip_error NOT_SPECIFIED"));
    EXPECT_EQ(journey.cause(packet).kind(), CauseKind::route);
    EXPECT_EQ(journey.answers(packet), row.told);
  }
}

TEST(Walk, APolicyDrops) {
  TestJourney nft(two_containers().rules("filter", ":FORWARD DROP [0:0]\n"));
  const auto packet = nft.send("c1", syn(outsider, 80));
  EXPECT_THAT(nft.ends(packet), ElementsAre("host nft_do_chain NETFILTER_DROP"));
  EXPECT_EQ(nft.cause(packet).kind(), CauseKind::policy);

  TestJourney legacy(
      two_containers().rules("filter", ":FORWARD DROP [0:0]\n", "host/iptables-legacy-save.txt"));
  EXPECT_THAT(legacy.ends(legacy.send("c1", syn(outsider, 80))),
              ElementsAre("host nf_hook_slow NETFILTER_DROP"));
}

TEST(Walk, ARuleRejects) {
  const struct {
    const char* rule;
    const char* told;
  } rows[] = {
      {"-A FORWARD -i br0 -j REJECT --reject-with icmp-port-unreachable\n",
       "c1: IP 10.1.0.1 > 10.1.0.2: ICMP 198.51.100.1 tcp port 80 unreachable, length 48"},
      {"-A FORWARD -i br0 -p tcp -j REJECT --reject-with tcp-reset\n",
       "c1: IP 198.51.100.1.80 > 10.1.0.2.40000: Flags [R.], seq 0, ack 1, win 0, length 0"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.rule);
    TestJourney journey(two_containers().rules("filter", row.rule));
    const auto packet = journey.send("c1", syn(outsider, 80));
    EXPECT_THAT(journey.ends(packet), ElementsAre("host nft_do_chain NETFILTER_DROP"));
    EXPECT_EQ(journey.cause(packet).kind(), CauseKind::rule);
    EXPECT_EQ(journey.cause(packet).rule_ref().rule, 0u);
    EXPECT_THAT(journey.answers(packet), ElementsAre(row.told));
  }
}

TEST(Walk, InputIsForTheHostOnly) {
  TestJourney journey(two_containers().rules("filter", "-A INPUT -i br0 -j DROP\n"));
  EXPECT_THAT(journey.ends(journey.send("c1", syn(wire::IpAddress::v4(198, 51, 100, 10), 22))),
              ElementsAre("host nft_do_chain NETFILTER_DROP"));
  EXPECT_THAT(journey.ends(journey.send("c1", syn(outsider, 80))), ElementsAre("o delivered"));
}

TEST(Walk, TooBigForTheUplink) {
  TestJourney journey(two_containers().edit("host/ip-addr.txt", "mtu 1500", "mtu 1400", ": eth0@"));
  const auto packet = journey.send("c1", datagram(outsider, 53, 1452, true));
  EXPECT_THAT(journey.ends(packet), ElementsAre("host ip_forward PKT_TOO_BIG"));
  EXPECT_EQ(journey.cause(packet), Cause::mtu(journey.device("host", "eth0"), 1400));
  EXPECT_THAT(
      journey.answers(packet),
      ElementsAre("c1: IP 10.1.0.1 > 10.1.0.2: ICMP 198.51.100.1 unreachable - need to frag "
                  "(mtu 1400), length 556"));
}

TEST(Walk, NothingListens) {
  TestJourney tcp(two_containers());
  auto packet = tcp.send("c1", syn(outsider, 81));
  EXPECT_THAT(tcp.ends(packet), ElementsAre("o tcp_v4_rcv NO_SOCKET"));
  EXPECT_EQ(tcp.cause(packet), Cause::socket());
  EXPECT_THAT(
      tcp.answers(packet),
      ElementsAre(
          "c1: IP 198.51.100.1.81 > 10.1.0.2.40000: Flags [R.], seq 0, ack 1, win 0, length 0"));

  TestJourney udp(two_containers());
  packet = udp.send("c1", datagram(outsider, 54, 4));
  EXPECT_THAT(udp.ends(packet), ElementsAre("o __udp4_lib_rcv NO_SOCKET"));
  EXPECT_THAT(
      udp.answers(packet),
      ElementsAre(
          "c1: IP 198.51.100.1 > 10.1.0.2: ICMP 198.51.100.1 udp port 54 unreachable, length 40"));

  TestJourney unknown(two_containers());
  packet =
      unknown.send("c1", wire::make_ipv4({.source = c1, .destination = outsider, .protocol = 200},
                                         std::vector<std::uint8_t>(20)));
  EXPECT_THAT(unknown.ends(packet), ElementsAre("o ip_local_deliver_finish IP_NOPROTO"));
  EXPECT_THAT(
      unknown.answers(packet),
      ElementsAre(
          "c1: IP 198.51.100.1 > 10.1.0.2: ICMP 198.51.100.1 protocol 200 unreachable, length 48"));
}

TEST(Walk, WhoseListenersAreNotKnownListens) {
  TestJourney journey(two_containers());
  host::Host& o = journey.machine.hosts[host::position(journey.machine, "o")];
  EXPECT_TRUE(o.listeners_known);
  o.listeners_known = false;
  EXPECT_THAT(journey.ends(journey.send("c1", syn(outsider, 81))), ElementsAre("o delivered"));
}

TEST(Walk, APingIsAnsweredByTheStack) {
  TestJourney journey(two_containers());
  const auto packet = journey.send("c1", ping(outsider));
  EXPECT_THAT(journey.ends(packet), ElementsAre("o delivered"));
  EXPECT_THAT(
      journey.answers(packet),
      ElementsAre("c1: IP 198.51.100.1 > 10.1.0.2: ICMP echo reply, id 7, seq 1, length 64"));
}

TEST(Walk, NobodyAnswersForTheNextHop) {
  TestJourney journey(two_containers());
  const auto packet = journey.send("c1", syn(wire::IpAddress::v4(198, 51, 100, 9), 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("host neigh_invalidate NEIGH_FAILED"));
  EXPECT_EQ(journey.cause(packet),
            Cause::address(AddressCause::not_answered, journey.device("host", "eth0")));
  EXPECT_THAT(
      journey.answers(packet),
      ElementsAre(
          "c1: IP 198.51.100.10 > 10.1.0.2: ICMP host 198.51.100.9 unreachable, length 48"));
}

TEST(Walk, EveryPacketEndsOnceInEachNamespace) {
  TestJourney journey(two_containers());
  const auto packet = journey.send("c1", ping(outsider));
  std::vector<std::string> where;
  for (const JourneyEnd& end : journey.journey.ends())
    if (end.packet.number == packet && end.stop.fate != Fate::held)
      where.push_back(journey.machine.hosts[end.host].name);
  EXPECT_THAT(where, ElementsAre("c1", "host", "o"));
}

}  // namespace
}  // namespace wayout::path
