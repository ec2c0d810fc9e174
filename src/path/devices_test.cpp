// Stacked devices, up and down. veth, macvlan and VXLAN as recorded from Linux 6.18; that kernel
// had no VLAN, VRF and dummy devices, whose ends follow from its sources.
#include <gmock/gmock.h>

#include "link/vlan.hpp"
#include "path/test_journey.hpp"
#include "path/walk.hpp"

namespace wayout::path {
namespace {

using host::TestMachine;
using host::two_containers;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr wire::IpAddress host_address = wire::IpAddress::v4(198, 51, 100, 10);
constexpr wire::IpAddress gateway = wire::IpAddress::v4(10, 1, 0, 1);

TEST(Veth, TheOtherEndTakesWhatFitsItsMtu) {
  const TestMachine narrow =
      two_containers().edit("o/ip-addr.txt", "mtu 1500", "mtu 1400", ": eth0@");
  TestJourney journey(narrow);
  const auto lost = journey.send("c1", datagram(outsider, 53, 1452));
  EXPECT_THAT(journey.ends(lost), ElementsAre("host __dev_forward_skb2 NOT_SPECIFIED"));
  EXPECT_EQ(journey.cause(lost), Cause::mtu(journey.device("o", "eth0"), 1400)) << "the other end's";
  EXPECT_EQ(journey.journey.ends().back().cause_host, host::position(journey.machine, "o"));
  EXPECT_THAT(journey.answers(lost), IsEmpty());
  // There is room for a VLAN tag, which this packet does not have.
  EXPECT_THAT(journey.ends(journey.send("host", datagram(outsider, 53, 1376, false, host_address))),
              ElementsAre("o delivered"));
}

TEST(Veth, AnEndThatWasNotRead) {
  TestJourney uplink(two_containers().without("o"));
  const auto packet = uplink.send("c1", syn(outsider, 80));
  EXPECT_THAT(uplink.ends(packet), ElementsAre("left through host eth0"));
  EXPECT_THAT(uplink.steps(packet, Did::assumed_resolved), SizeIs(1));

  TestJourney port(two_containers().without("c2"));
  const auto unread = port.send("c1", syn(c2, 80));
  EXPECT_THAT(port.ends(unread), ElementsAre("c1 neigh_invalidate undecided"));
  EXPECT_EQ(port.cause(unread),
            Cause::on_device(DeviceCause::no_peer, port.device("host", "vethc2")));
}

TEST(Veth, WithoutCarrierTheQueueDrops) {
  TestJourney journey(
      two_containers()
          .edit("host/ip-addr.txt", "<BROADCAST,MULTICAST,UP,LOWER_UP>",
                "<NO-CARRIER,BROADCAST,MULTICAST,UP>", ": eth0@")
          .edit("o/ip-addr.txt", "<BROADCAST,MULTICAST,UP,LOWER_UP>", "<BROADCAST,MULTICAST>",
                ": eth0@")
          .set("host/ip-neigh.txt", "198.51.100.1 dev eth0 lladdr 02:77:00:00:00:65 PERMANENT\n"));
  const auto packet = journey.send("c1", syn(outsider, 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("host __dev_queue_xmit QDISC_DROP"));
  EXPECT_EQ(journey.cause(packet),
            Cause::on_device(DeviceCause::no_carrier, journey.device("host", "eth0")));
}

/// A VLAN on the uplink, and one on the outside's end of it.
TestMachine vlans(int here, int there) {
  constexpr const char* device =
      "\n9: eth0.{0}@eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UP\n"
      "    link/ether {1} brd ff:ff:ff:ff:ff:ff promiscuity 0\n"
      "    vlan protocol 802.1Q id {0} <REORDER_HDR>\n"
      "    inet 192.0.2.{2}/24 scope global eth0.{0}\n";
  return two_containers()
      .append("host/ip-addr.txt", fmt::format(fmt::runtime(device), here, "02:77:00:00:00:64", 10))
      .append("host/ip-neigh.txt", fmt::format("192.0.2.1 dev eth0.{} lladdr "
                                               "02:77:00:00:00:65 PERMANENT\n",
                                               here))
      .append(
          "host/ip-route.txt",
          fmt::format("192.0.2.0/24 dev eth0.{} proto kernel scope link src 192.0.2.10\n", here))
      .append("o/ip-addr.txt", fmt::format(fmt::runtime(device), there, "02:77:00:00:00:65", 1))
      .append(
          "o/ip-route.txt",
          fmt::format("192.0.2.0/24 dev eth0.{} proto kernel scope link src 192.0.2.1\n", there));
}
constexpr wire::IpAddress in_vlan = wire::IpAddress::v4(192, 0, 2, 1);

TEST(Vlan, TaggedAndUntagged) {
  TestJourney journey(vlans(10, 10));
  const auto packet = journey.send("c1", syn(in_vlan, 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("o delivered"));
  EXPECT_THAT(journey.seen(packet), HasSubstr("192.0.2.10.40000 > 192.0.2.1.80:"));
  EXPECT_FALSE(journey.journey.ends().back().packet.vlan_tci);
}

TEST(Vlan, NobodyIsForThisTag) {
  TestJourney journey(vlans(10, 20));
  const auto packet = journey.send("c1", syn(in_vlan, 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("o ip_rcv_core OTHERHOST"));
  EXPECT_EQ(journey.cause(packet),
            Cause::on_device(DeviceCause::no_vlan, journey.device("o", "eth0")));
}

/// Two namespaces with a macvlan each on the host's uplink.
TestMachine macvlans(const char* mode = "bridge") {
  TestMachine machine = two_containers();
  for (const int n : {1, 2}) {
    machine.add(fmt::format(R"(
-- m{0}/ip-addr.txt --
20{0}: eth0@if100: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UP
    link/ether 02:77:00:00:01:0{0} brd ff:ff:ff:ff:ff:ff link-netns host promiscuity 0
    macvlan mode {1}
    inet 198.51.100.2{0}/24 scope global eth0
-- m{0}/ip-route.txt --
default via 198.51.100.1 dev eth0
198.51.100.0/24 dev eth0 proto kernel scope link src 198.51.100.2{0}
-- m{0}/ss.txt --
tcp LISTEN 0 8 0.0.0.0:80 0.0.0.0:*
)",
                            n, mode));
  }
  return machine;
}
constexpr wire::IpAddress m1 = wire::IpAddress::v4(198, 51, 100, 21);
constexpr wire::IpAddress m2 = wire::IpAddress::v4(198, 51, 100, 22);

TEST(Macvlan, SiblingsTalkInModeBridge) {
  TestJourney journey(macvlans());
  EXPECT_THAT(journey.ends(journey.send("m1", syn(m2, 80, m1))), ElementsAre("m2 delivered"));
}

TEST(Macvlan, SiblingsDoNotTalkInModePrivate) {
  TestJourney journey(macvlans("private"));
  EXPECT_THAT(journey.ends(journey.send("m1", syn(m2, 80, m1))),
              ElementsAre("m1 neigh_invalidate NEIGH_FAILED"));
}

TEST(Macvlan, TheOutsideIsReached) {
  TestJourney journey(macvlans());
  const auto packet = journey.send("m1", ping(outsider, m1));
  EXPECT_THAT(journey.ends(packet), ElementsAre("o delivered"));
  EXPECT_THAT(journey.answers(packet),
              ElementsAre("m1: IP 198.51.100.1 > 198.51.100.21: ICMP echo reply, id 7, seq 1, "
                          "length 64"));
}

TEST(Macvlan, TheDeviceBelowIsNot) {
  TestJourney journey(macvlans());
  EXPECT_THAT(journey.ends(journey.send("m1", syn(host_address, 22, m1))),
              ElementsAre("m1 neigh_invalidate NEIGH_FAILED"));
  // With its MAC address known the frame goes out, and nobody there takes it.
  TestJourney known(macvlans().set("m1/ip-neigh.txt",
                                   "198.51.100.10 dev eth0 lladdr 02:77:00:00:00:64 PERMANENT\n"));
  EXPECT_THAT(known.ends(known.send("m1", syn(host_address, 22, m1))),
              ElementsAre("o ip_rcv_core OTHERHOST"));
}

/// A VXLAN device here and in the outside, over the uplink.
TestMachine vxlans(int vni_here, int vni_there, const char* remote = "remote 198.51.100.1 ") {
  constexpr const char* device =
      "\n8: vx0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 state UNKNOWN\n"
      "    link/ether 02:77:00:00:02:0{0} brd ff:ff:ff:ff:ff:ff promiscuity 0\n"
      "    vxlan id {1} {2}local {3} dev eth0 srcport 0 0 dstport 4789 ttl auto ageing 300\n"
      "    inet 10.9.0.{0}/24 scope global vx0\n";
  return two_containers()
      .append("host/ip-addr.txt",
              fmt::format(fmt::runtime(device), 1, vni_here, remote, "198.51.100.10"))
      .append("host/ip-route.txt", "10.9.0.0/24 dev vx0 proto kernel scope link src 10.9.0.1\n")
      .append("o/ip-addr.txt", fmt::format(fmt::runtime(device), 2, vni_there,
                                           "remote 198.51.100.10 ", "198.51.100.1"))
      .append("o/ip-route.txt", "10.9.0.0/24 dev vx0 proto kernel scope link src 10.9.0.2\n");
}
constexpr wire::IpAddress beyond_tunnel = wire::IpAddress::v4(10, 9, 0, 2);
constexpr const char* tunnel_neighbour = "10.9.0.2 dev vx0 lladdr 02:77:00:00:02:02 PERMANENT\n";

TEST(Vxlan, WrappedAndUnwrapped) {
  TestJourney journey(vxlans(42, 42));
  const auto packet = journey.send("c1", syn(beyond_tunnel, 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("o delivered"));
  EXPECT_THAT(journey.seen(packet), HasSubstr("10.9.0.1.40000 > 10.9.0.2.80:"));
  const JourneyEnd& end = journey.journey.ends().back();
  EXPECT_EQ(end.packet.device, journey.device("o", "vx0"));
}

TEST(Vxlan, AnotherVni) {
  TestJourney journey(vxlans(42, 43).set("host/ip-neigh.txt", tunnel_neighbour));
  const auto packet = journey.send("c1", syn(beyond_tunnel, 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("o vxlan_rcv VXLAN_VNI_NOT_FOUND"));
  EXPECT_EQ(journey.cause(packet).kind(), CauseKind::device);
}

TEST(Vxlan, NoRemote) {
  TestJourney journey(vxlans(42, 42, "").set("host/ip-neigh.txt", tunnel_neighbour));
  const auto packet = journey.send("c1", syn(beyond_tunnel, 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("host vxlan_xmit NO_TX_TARGET"));
  EXPECT_EQ(journey.cause(packet),
            Cause::on_device(DeviceCause::no_remote, journey.device("host", "vx0")));
}

/// The bridge in a VRF with a table of its own.
TestMachine vrf(const std::string& routes) {
  return two_containers()
      .append("host/ip-addr.txt",
              "7: red: <NOARP,MASTER,UP,LOWER_UP> mtu 65575 state UP\n"
              "    link/ether 02:77:00:00:03:01 brd ff:ff:ff:ff:ff:ff promiscuity 0\n"
              "    vrf table 10\n")
      .edit("host/ip-addr.txt", "mtu 1500", "mtu 1500 master red", ": br0:")
      .edit("host/ip-route.txt", "dev br0 proto kernel", "dev br0 table 10 proto kernel")
      .append("host/ip-route.txt",
              "local 10.1.0.1 dev br0 table 10 proto kernel scope host src 10.1.0.1\n")
      .set("host/ip-rule.txt",
           "0: from all lookup local\n1000: from all lookup [l3mdev-table]\n"
           "32766: from all lookup main\n")
      .append("host/ip-route.txt", routes);
}

TEST(Vrf, ItsTableIsAsked) {
  TestJourney closed(vrf("unreachable default table 10 metric 4278198272\n"));
  EXPECT_THAT(closed.ends(closed.send("c1", syn(outsider, 80))),
              ElementsAre("host ip_error NOT_SPECIFIED"));
  TestJourney leaked(vrf("default via 198.51.100.1 dev eth0 table 10\n"));
  EXPECT_THAT(leaked.ends(leaked.send("c1", syn(outsider, 80))), ElementsAre("o delivered"));
}

TEST(Vrf, PreroutingIsPassedAgainAsTheVrfs) {
  TestJourney journey(vrf("default via 198.51.100.1 dev eth0 table 10\n")
                          .rules("raw", "-A PREROUTING -i red -j DROP\n"));
  EXPECT_THAT(journey.ends(journey.send("c1", syn(outsider, 80))),
              ElementsAre("host nft_do_chain NETFILTER_DROP"));
}

TEST(Dummy, SwallowsWhatItIsGiven) {
  TestJourney journey(two_containers()
                          .append("host/ip-addr.txt",
                                  "6: d0: <BROADCAST,NOARP,UP,LOWER_UP> mtu 1500 state UNKNOWN\n"
                                  "    link/ether 02:77:00:00:04:01 brd ff:ff:ff:ff:ff:ff "
                                  "promiscuity 0\n    dummy\n")
                          .append("host/ip-route.txt", "203.0.113.0/24 dev d0 scope link\n"));
  const auto packet = journey.send("c1", syn(wire::IpAddress::v4(203, 0, 113, 9), 80));
  EXPECT_THAT(journey.ends(packet), ElementsAre("host dev_hard_start_xmit NOT_SPECIFIED"));
  EXPECT_EQ(journey.cause(packet),
            Cause::on_device(DeviceCause::discards, journey.device("host", "d0")));
}

TEST(Unmodelled, HangsOnADeviceInADirection) {
  TestJourney journey(two_containers());
  auto& unmodelled = journey.machine.hosts[host::position(journey.machine, "host")].unmodelled;
  const DeviceId eth0 = journey.device("host", "eth0");
  unmodelled.push_back({.text = "in", .device = eth0, .ingress = true});
  unmodelled.push_back({.text = "out", .device = eth0, .egress = true});
  const auto packet = journey.send("c1", ping(outsider));
  const auto met = journey.steps(packet, Did::assumed);
  ASSERT_THAT(met, SizeIs(1)) << "the answer is another packet";
  EXPECT_EQ(met[0].by, Cause::unmodelled(1));
}

/// `undecided held forwarded …` of what the host makes of two packets of its own, one through its
/// uplink and one through its bridge; and what it met.
template <Trace T>
std::pair<std::string, std::vector<Assumption>> walked(const host::Machine& machine, T& trace) {
  const std::uint32_t number = host::position(machine, "host");
  host::State state = host::initial_state(machine.hosts[number]);
  Chance chance{1};
  std::uint32_t next_packet = 3;
  Stack stack{.number = number,
              .host = machine.hosts[number],
              .state = state,
              .chance = chance,
              .machine = machine,
              .next_packet = next_packet};
  for (const std::uint32_t i : {1U, 2U}) {
    Packet packet = Packet::from_ip(i == 1 ? ping(outsider, host_address) : ping(c1, gateway));
    packet.number = i;
    packet.local = packet.by_socket = true;
    stack.work.push_back({Work::Kind::send, std::move(packet)});
  }
  std::uint32_t budget = 100;
  drain(stack, budget, trace);
  std::string ends;
  for (const Ended& end : stack.ended)
    ends += fmt::format("{} {}, ", static_cast<int>(end.stop.fate), stage_name(end.stop.stage));
  return {ends, stack.assumed};
}

TEST(Unmodelled, IsMetWhoeverListens) {
  using Family = host::Unmodelled::Family;
  host::Machine machine =
      two_containers().rules("mangle", "-A OUTPUT -j HMARK --hmark-tuple src,dst --hmark-mod 10 "
                                       "--hmark-offset 1\n").read();
  host::Host& here = machine.hosts[host::position(machine, "host")];
  const DeviceId eth0 = host::device(machine, "host", "eth0").device;
  here.unmodelled.push_back({.text = "tc", .device = eth0, .egress = true});
  here.unmodelled.push_back({.text = "arptables", .hook = Hook::output, .family = Family::arp});
  here.unmodelled.push_back({.text = "ebtables", .hook = Hook::output, .family = Family::bridge});

  NoTrace quiet;
  StepTrace told;
  const auto without = walked(machine, quiet);
  const auto with = walked(machine, told);
  EXPECT_EQ(without, with);
  std::vector<Assumption> steps;
  for (const Step& step : told.steps())
    if (step.did == Did::assumed) steps.push_back({step.packet, step.by});
  EXPECT_EQ(without.second, steps);
  for (const std::uint32_t i : {0U, 1U, 2U})
    EXPECT_THAT(without.second, Contains(Field(&Assumption::by, Cause::unmodelled(i)))) << i;
  EXPECT_THAT(without.second, Contains(Field(&Assumption::by, testing::ResultOf(
      [](const Cause& by) { return by.kind(); }, CauseKind::rule)))) << "the target HMARK";
}

}  // namespace
}  // namespace wayout::path
