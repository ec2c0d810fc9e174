// Bridging, and the IPv4 hooks around it, as recorded from Linux 6.18.
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

constexpr const char* calls_off =
    "net.bridge.bridge-nf-call-iptables = 0\nnet.ipv4.ip_forward = 1\n";
/// An address of the containers' subnet that nobody has.
constexpr wire::IpAddress nobody = wire::IpAddress::v4(10, 1, 0, 9);

/// c1 knows 10.1.0.3 and takes c2 for 10.1.0.9 as well.
TestMachine neighbours_known() {
  return two_containers().set("c1/ip-neigh.txt",
                              "10.1.0.3 dev eth0 lladdr 02:77:00:00:00:68 PERMANENT\n"
                              "10.1.0.9 dev eth0 lladdr 02:77:00:00:00:68 PERMANENT\n");
}
/// c1 takes a MAC address that nobody has for 10.1.0.9.
TestMachine wrong_neighbour() {
  return two_containers().set("c1/ip-neigh.txt",
                              "10.1.0.9 dev eth0 lladdr 02:77:00:00:00:aa PERMANENT\n");
}
TestMachine port(TestMachine machine, const char* name, const char* from, const char* to) {
  return machine.edit("host/ip-addr.txt", from, to, fmt::format(": {}@", name));
}
TestMachine dnat(TestMachine machine, const char* to) {
  return machine.rules(
      "nat", fmt::format("-A PREROUTING -d 10.1.0.9/32 -j DNAT --to-destination {}\n", to));
}

TEST(Bridge, FromPortToPort) {
  TestJourney journey(two_containers());
  const auto packet = journey.send("c1", syn(c2, 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("c2 delivered"));
  const auto bridged = journey.steps(packet, Did::bridged);
  ASSERT_THAT(bridged, SizeIs(1));
  EXPECT_EQ(bridged[0].device, journey.device("host", "vethc1"));
  EXPECT_EQ(bridged[0].other, journey.device("host", "vethc2"));
  EXPECT_THAT(journey.steps(packet, Did::decremented), IsEmpty());
}

TEST(Bridge, IptablesSeesBridgedPacketsWhileTheSysctlIsOn) {
  const char* rule = "-A FORWARD -i br0 -o br0 -j DROP\n";
  TestJourney on(two_containers().rules("filter", rule));
  const auto packet = on.send("c1", syn(c2, 80));
  EXPECT_THAT(on.ends(packet), ElementsAre("host nft_do_chain NETFILTER_DROP"));
  EXPECT_EQ(on.cause(packet).kind(), CauseKind::rule);

  TestJourney off(two_containers().rules("filter", rule).set("host/sysctl.txt", calls_off));
  EXPECT_THAT(off.ends(off.send("c1", syn(c2, 80))), ElementsAre("c2 delivered"));

  TestJourney own_flag(two_containers()
                           .rules("filter", rule)
                           .set("host/sysctl.txt", calls_off)
                           .edit("host/ip-addr.txt", "nf_call_iptables 0", "nf_call_iptables 1"));
  EXPECT_THAT(own_flag.ends(own_flag.send("c1", syn(c2, 80))),
              ElementsAre("host nft_do_chain NETFILTER_DROP"));
}

TEST(Bridge, RulesKnowThePorts) {
  TestJourney journey(two_containers().rules(
      "filter", "-A FORWARD -m physdev --physdev-in vethc1 --physdev-out vethc2 -j DROP\n"));
  EXPECT_THAT(journey.ends(journey.send("c1", syn(c2, 80))),
              ElementsAre("host nft_do_chain NETFILTER_DROP"));
  EXPECT_THAT(journey.ends(journey.send("c2", syn(c1, 80, c2))), ElementsAre("c1 delivered"));
}

TEST(Bridge, RejectedWhereItPassed) {
  TestJourney routed(two_containers().rules(
      "filter", "-A FORWARD -i br0 -o br0 -j REJECT --reject-with icmp-port-unreachable\n"));
  EXPECT_THAT(routed.answers(routed.send("c1", syn(c2, 80))),
              ElementsAre("c1: IP 10.1.0.1 > 10.1.0.2: ICMP 10.1.0.3 tcp port 80 unreachable, "
                          "length 48"));
  TestJourney reset(neighbours_known().rules(
      "filter", "-A FORWARD -i br0 -o br0 -p tcp -j REJECT --reject-with tcp-reset\n"));
  EXPECT_THAT(reset.answers(reset.send("c1", syn(c2, 80))),
              ElementsAre("c1: IP 10.1.0.3.80 > 10.1.0.2.40000: Flags [R.], seq 0, ack 1, win 0, "
                          "length 0"));
}

TEST(BridgeDnat, ToAnotherPort) {
  TestJourney journey(dnat(neighbours_known(), "10.1.0.3"));
  const auto packet = journey.send("c1", syn(nobody, 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("c2 delivered"));
  EXPECT_THAT(journey.seen(packet), HasSubstr("10.1.0.2.40000 > 10.1.0.3.80:"));
}

TEST(BridgeDnat, OutOfTheBridge) {
  TestJourney journey(dnat(neighbours_known(), "198.51.100.1"));
  const auto packet = journey.send("c1", syn(nobody, 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("o delivered"));
  EXPECT_THAT(journey.seen(packet), HasSubstr("198.51.100.10.40000 > 198.51.100.1.80:"));
}

TEST(BridgeDnat, ToTheHost) {
  TestJourney journey(dnat(neighbours_known(), "10.1.0.1"));
  EXPECT_THAT(journey.ends(journey.send("c1", syn(nobody, 22))), ElementsAre("host delivered"));
}

TEST(BridgeDnat, ToWhereNoRouteLeads) {
  TestJourney journey(dnat(neighbours_known(), "203.0.113.1")
                          .edit("host/ip-route.txt", "default via 198.51.100.1 dev eth0\n", ""));
  const auto packet = journey.send("c1", syn(nobody, 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("host ip_error IP_INNOROUTES"));
  // What the error quotes is translated back on its way.
  EXPECT_THAT(journey.answers(packet),
              ElementsAre("c1: IP 10.1.0.9 > 10.1.0.2: ICMP net 10.1.0.9 unreachable, length 48"));
}

TEST(BridgeDnat, ToARouteThatRefuses) {
  TestJourney journey(dnat(neighbours_known(), "203.0.113.1")
                          .append("host/ip-route.txt", "prohibit 203.0.113.0/24\n"));
  const auto packet = journey.send("c1", syn(nobody, 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("host ip_error NOT_SPECIFIED"));
  EXPECT_THAT(journey.answers(packet),
              ElementsAre("c1: IP 10.1.0.9 > 10.1.0.2: ICMP host 10.1.0.9 unreachable - admin "
                          "prohibited filter, length 48"));
}

TEST(BridgeDnat, ToNobody) {
  TestJourney journey(dnat(neighbours_known(), "10.1.0.77"));
  const auto packet = journey.send("c1", syn(nobody, 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("host neigh_invalidate NEIGH_FAILED"));
  EXPECT_THAT(journey.answers(packet), IsEmpty());
}

TEST(BridgeDnat, NotWhileIptablesIsNotCalled) {
  TestJourney journey(dnat(neighbours_known(), "10.1.0.3").set("host/sysctl.txt", calls_off));
  EXPECT_THAT(journey.ends(journey.send("c1", syn(nobody, 80))),
              ElementsAre("c2 ip_error IP_INADDRERRORS"));
}

TEST(BridgePort, TwoIsolatedPortsDoNotTalk) {
  const TestMachine one = port(neighbours_known(), "vethc1", "isolated off", "isolated on");
  TestJourney half(one);
  EXPECT_THAT(half.ends(half.send("c1", syn(c2, 80))), ElementsAre("c2 delivered"));
  EXPECT_THAT(half.ends(half.send("c1", syn(outsider, 80))), ElementsAre("o delivered"));

  TestJourney both(port(one, "vethc2", "isolated off", "isolated on"));
  const auto packet = both.send("c1", syn(c2, 80));
  EXPECT_THAT(both.ends(packet), ElementsAre("host br_handle_frame_finish NO_TX_TARGET"));
  EXPECT_EQ(both.cause(packet),
            Cause::bridge(BridgeCause::isolated, both.device("host", "vethc2")));
}

TEST(BridgePort, IsolationKeepsArpUnanswered) {
  TestJourney journey(port(port(two_containers(), "vethc1", "isolated off", "isolated on"),
                           "vethc2", "isolated off", "isolated on"));
  const auto packet = journey.send("c1", syn(c2, 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("c1 neigh_invalidate NEIGH_FAILED"));
  EXPECT_EQ(journey.cause(packet),
            Cause::bridge(BridgeCause::isolated, journey.device("host", "vethc2")));
}

TEST(BridgePort, BackWhereItCameFromOnlyWithHairpin) {
  const TestMachine behind_itself = wrong_neighbour().set(
      "host/bridge-fdb.txt", "02:77:00:00:00:aa dev vethc1 master br0 static\n");
  TestJourney off(behind_itself);
  const auto packet = off.send("c1", syn(nobody, 80));
  EXPECT_THAT(off.ends(packet), ElementsAre("host br_handle_frame_finish NOT_SPECIFIED"));
  EXPECT_EQ(off.cause(packet), Cause::bridge(BridgeCause::same_port, off.device("host", "vethc1")));

  TestJourney on(port(behind_itself, "vethc1", "hairpin off", "hairpin on"));
  EXPECT_THAT(on.ends(on.send("c1", syn(nobody, 80))), ElementsAre("c1 ip_rcv_core OTHERHOST"));
}

TEST(BridgePort, UnknownDestinationsAreFlooded) {
  TestJourney journey(wrong_neighbour());
  const auto packet = journey.send("c1", syn(nobody, 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("c2 ip_rcv_core OTHERHOST"));

  TestJourney quiet(port(wrong_neighbour(), "vethc2", "flood on", "flood off"));
  const auto lost = quiet.send("c1", syn(nobody, 80));
  EXPECT_THAT(quiet.ends(lost), ElementsAre("host br_handle_frame_finish NO_TX_TARGET"));
  EXPECT_EQ(quiet.cause(lost),
            Cause::bridge(BridgeCause::no_flood, quiet.device("host", "vethc2")));
}

TEST(BridgePort, DisabledInAndOut) {
  TestJourney in(port(neighbours_known(), "vethc1", "state forwarding", "state disabled"));
  const auto packet = in.send("c1", syn(c2, 80));
  EXPECT_THAT(in.ends(packet), ElementsAre("host br_handle_frame BRIDGE_INGRESS_STP_STATE"));
  EXPECT_EQ(in.cause(packet), Cause::bridge(BridgeCause::port_state, in.device("host", "vethc1")));

  TestJourney out(port(neighbours_known(), "vethc2", "state forwarding", "state disabled"));
  const auto lost = out.send("c1", syn(c2, 80));
  EXPECT_THAT(out.ends(lost), ElementsAre("host br_handle_frame_finish NO_TX_TARGET"));
}

TEST(BridgePort, LockedForMacsThatAreNotKnown) {
  TestJourney journey(port(port(neighbours_known(), "vethc1", "locked off", "locked on"), "vethc1",
                           "learning on", "learning off"));
  const auto packet = journey.send("c1", syn(c2, 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("host br_handle_frame_finish NOT_SPECIFIED"));
  EXPECT_EQ(journey.cause(packet),
            Cause::bridge(BridgeCause::locked, journey.device("host", "vethc1")));
}

TEST(BridgePort, ThePortsMtu) {
  // The bridge's own follows the smallest port, unless it was set by hand.
  const TestMachine by_hand = neighbours_known()
                                  .edit("host/ip-addr.txt", "mtu 1500", "mtu 1400", ": vethc2@")
                                  .append("c2/ss.txt", "udp UNCONN 0 0 0.0.0.0:53 0.0.0.0:*\n");
  TestMachine narrow = by_hand;
  narrow.edit("host/ip-addr.txt", "mtu 1500", "mtu 1400", ": br0:");
  TestJourney called(narrow);
  // With the hooks the bridge cuts: 1376 bytes of payload and the rest.
  EXPECT_THAT(called.ends(called.send("c1", datagram(c2, 53, 1452))),
              testing::Contains("c2 delivered"));
  const auto refused = called.send("c1", datagram(c2, 53, 1452, true));
  EXPECT_THAT(called.ends(refused), ElementsAre("host br_nf_dev_queue_xmit NOT_SPECIFIED"));
  EXPECT_EQ(called.cause(refused), Cause::mtu(called.device("host", "vethc2"), 1400));

  TestJourney set(by_hand);  // cut to 1500 bytes, which is too big for the port
  const auto whole = set.send("c1", datagram(c2, 53, 1452));
  EXPECT_THAT(set.ends(whole), ElementsAre("host br_dev_queue_push_xmit NOT_SPECIFIED"));
  EXPECT_EQ(set.cause(whole), Cause::mtu(set.device("host", "vethc2"), 1400));

  TestMachine silent = narrow;
  TestJourney off(silent.set("host/sysctl.txt", calls_off));
  const auto lost = off.send("c1", datagram(c2, 53, 1452));
  EXPECT_THAT(off.ends(lost), ElementsAre("host br_dev_queue_push_xmit NOT_SPECIFIED"));
  EXPECT_EQ(off.cause(lost), Cause::mtu(off.device("host", "vethc2"), 1400));
}

/// The unmodelled things that a packet met, by their position.
std::vector<std::uint32_t> met(const TestJourney& journey, std::uint32_t packet) {
  std::vector<std::uint32_t> positions;
  for (const Step& step : journey.steps(packet, Did::assumed))
    if (step.by.kind() == CauseKind::unmodelled) positions.push_back(step.by.value());
  return positions;
}

TEST(BridgeChains, AreMetAtTheirHooksByBridgedFramesOnly) {
  using Family = host::Unmodelled::Family;
  TestJourney journey(neighbours_known());
  auto& unmodelled = journey.machine.hosts[host::position(journey.machine, "host")].unmodelled;
  for (const Hook hook :
       {Hook::prerouting, Hook::input, Hook::forward, Hook::output, Hook::postrouting}) {
    unmodelled.push_back({.hook = hook, .family = Family::bridge});
  }
  EXPECT_THAT(met(journey, journey.send("c1", syn(c2, 80))), ElementsAre(0, 2, 4));
  EXPECT_THAT(met(journey, journey.send("c1", syn(outsider, 80))), ElementsAre(0, 1));
  EXPECT_THAT(met(journey, journey.send("host", syn(c1, 80, wire::IpAddress::v4(10, 1, 0, 1)))),
              ElementsAre(3, 4));
}

TEST(BridgeChains, ArpChainsAreToldOfThePacketThatWaits) {
  using Family = host::Unmodelled::Family;
  TestJourney journey(two_containers());
  auto& unmodelled = journey.machine.hosts[host::position(journey.machine, "host")].unmodelled;
  unmodelled.push_back({.hook = Hook::input, .family = Family::arp});
  unmodelled.push_back({.hook = Hook::output, .family = Family::arp});
  // The host hears the request and answers it, then it asks for its own next hop.
  EXPECT_THAT(met(journey, journey.send("c1", syn(outsider, 80))), testing::IsSupersetOf({0, 1}));
  EXPECT_THAT(met(journey, journey.send("c1", syn(outsider, 80))), IsEmpty()) << "all known now";
}

}  // namespace
}  // namespace wayout::path
