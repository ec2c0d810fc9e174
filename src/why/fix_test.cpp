// What is offered for a drop, and that it helps: each fix is made on the model and asked again.
#include "why/fix.hpp"

#include <gmock/gmock.h>

#include "host/finish.hpp"
#include "why/test_question.hpp"

namespace wayout::why {
namespace {

using host::TestMachine;
using host::two_containers;
using testing::ElementsAre;
using testing::IsEmpty;
using Strings = std::vector<std::string>;

constexpr const char* forwarding_off = "net.ipv4.ip_forward = 0\n";
constexpr const char* masquerade =
    "host# iptables -t nat -A POSTROUTING -s 10.1.0.0/24 ! -o br0 -j MASQUERADE";
constexpr const char* accept_80 =
    "host# iptables {} FORWARD -s 10.1.0.2/32 -d 198.51.100.1/32 -i br0 -o eth0 -p tcp -m tcp "
    "--dport 80 -j ACCEPT";

std::string accept(const char* where) {
  return fmt::format(fmt::runtime(accept_80), where);
}

/// A machine, a question, and the fixes found for it.
struct Search {
  Search(const TestMachine& text, const char* to, std::uint16_t dport = 80,
         Probe probe = Probe::tcp, std::uint32_t size_bytes = 0, bool dont_fragment = false)
      : machine(text.read()), question(ask(machine, "c1", to, dport, probe)) {
    question.size_bytes = size_bytes;
    question.dont_fragment = dont_fragment;
    account = explore(machine, question);
    tried = tried_fixes(machine, question, account);
  }
  [[nodiscard]] Strings fixes() const { return commands(machine, tried.fixes); }
  [[nodiscard]] Strings proposed() const {
    Strings told;
    for (const Change& change : candidates(machine, question, account))
      told.push_back(change.command);
    return told;
  }
  /// Every fix, made one after the other on a copy, lets the question through.
  void expect_all_help() const {
    for (const Fix& fix : tried.fixes) {
      host::Machine changed = machine;
      for (const Change& change : fix.changes)
        change.apply(changed.hosts[change.host]);
      ASSERT_TRUE(host::finish(changed));
      EXPECT_EQ(explore(changed, question).verdict, Verdict::delivered)
          << commands(machine, {fix}).front();
    }
  }

  /// And with one change of it left out it does not.
  void expect_all_needed() const {
    for (const Fix& fix : tried.fixes) {
      for (std::size_t left_out = 0; left_out < fix.changes.size(); ++left_out) {
        host::Machine changed = machine;
        for (std::size_t i = 0; i < fix.changes.size(); ++i)
          if (i != left_out) fix.changes[i].apply(changed.hosts[fix.changes[i].host]);
        ASSERT_TRUE(host::finish(changed));
        EXPECT_NE(explore(changed, question).verdict, Verdict::delivered)
            << commands(machine, {fix}).front() << " without its change " << left_out + 1;
      }
    }
  }

  host::Machine machine;
  Question question;
  Account account;
  Tried tried;
};

TEST(Fix, NothingForWhatWorks) {
  const Search t(two_containers(), "198.51.100.1");
  EXPECT_THAT(t.fixes(), IsEmpty());
  EXPECT_FALSE(t.tried.progress);
}

TEST(Fix, ForwardingOn) {
  const Search t(two_containers().set("host/sysctl.txt", forwarding_off), "198.51.100.1");
  EXPECT_THAT(t.fixes(), ElementsAre("host# sysctl -w net.ipv4.ip_forward=1"));
  // One device's flag lets the question through, but not the answer: it is tried and not shown.
  EXPECT_THAT(t.proposed(), ElementsAre("sysctl -w net.ipv4.ip_forward=1",
                                        "sysctl -w net.ipv4.conf.br0.forwarding=1"));
  t.expect_all_help();
}

TEST(Fix, ForwardingOfOneDevice) {
  const Search t(two_containers().append("host/sysctl.txt", "net.ipv4.conf.eth0.forwarding = 0\n"),
                 "198.51.100.1");
  EXPECT_THAT(t.fixes(), ElementsAre("host# sysctl -w net.ipv4.conf.eth0.forwarding=1"));
}

TEST(Fix, TheMissingTranslation) {
  const Search t(two_containers().set("host/iptables-save.txt", ""), "198.51.100.1");
  ASSERT_THAT(t.fixes(), testing::Not(IsEmpty()));
  EXPECT_EQ(t.fixes().front(), masquerade);
  t.expect_all_help();
}

TEST(Fix, OneThingAfterTheOther) {
  const Search t(
      two_containers().set("host/iptables-save.txt", "").set("host/sysctl.txt", forwarding_off),
      "198.51.100.1");
  ASSERT_THAT(t.fixes(), testing::Not(IsEmpty()));
  EXPECT_EQ(t.fixes().front(), "host# sysctl -w net.ipv4.ip_forward=1; " + std::string(masquerade));
  t.expect_all_needed();
  t.expect_all_help();
}

TEST(Fix, ANarrowAcceptBeforeTheRuleThatDrops) {
  const Search t(
      two_containers().rules("filter", "-A FORWARD -i br0 -p tcp -m tcp --dport 80 -j DROP\n"),
      "198.51.100.1");
  EXPECT_THAT(t.fixes(), ElementsAre(accept("-I"),
                                     "host# iptables -D FORWARD -i br0 -p tcp -m tcp "
                                     "--dport 80 -j DROP"));
  t.expect_all_help();
}

TEST(Fix, BothWaysThroughAPolicy) {
  const Search t(two_containers().rules("filter", ":FORWARD DROP [0:0]\n"), "198.51.100.1");
  ASSERT_THAT(t.fixes(), testing::Not(IsEmpty()));
  EXPECT_EQ(t.fixes().front(), accept("-A") +
                                   "; host# iptables -A FORWARD -i eth0 -o br0 -m conntrack "
                                   "--ctstate RELATED,ESTABLISHED -j ACCEPT");
  t.expect_all_help();
}

TEST(Fix, TheAnswersWayThroughAPolicy) {
  const Search t(
      two_containers().rules("filter", ":FORWARD DROP [0:0]\n-A FORWARD -i br0 -j ACCEPT\n"),
      "198.51.100.1");
  ASSERT_THAT(t.fixes(), testing::Not(IsEmpty()));
  EXPECT_EQ(t.fixes().front(),
            "host# iptables -A FORWARD -i eth0 -o br0 -m conntrack --ctstate RELATED,ESTABLISHED "
            "-j ACCEPT");
}

TEST(Fix, TheGatewayThatIsThereOrTheAddressThatIsAskedFor) {
  const Search t(two_containers().edit("c1/ip-route.txt", "via 10.1.0.1", "via 10.1.0.254"),
                 "198.51.100.1");
  EXPECT_THAT(t.fixes(), ElementsAre("c1# ip route replace default via 10.1.0.1 dev eth0",
                                     "host# ip addr add 10.1.0.254/24 dev br0"));
  EXPECT_THAT(t.proposed(), testing::Contains("ip route del default")) << "tried, and no help";
  t.expect_all_help();
}

TEST(Fix, AnMtuAsLargeAsThePacket) {
  const Search uplink(two_containers().edit("host/ip-addr.txt", "mtu 1500", "mtu 1400", ": eth0@"),
                      "198.51.100.1", 53, Probe::udp, 1480, true);
  EXPECT_THAT(uplink.fixes(), ElementsAre("host# ip link set eth0 mtu 1480"));
  const Search peer(two_containers().edit("o/ip-addr.txt", "mtu 1500", "mtu 1400", ": eth0@"),
                    "198.51.100.1", 53, Probe::udp, 1480);
  EXPECT_THAT(peer.fixes(), ElementsAre("o# ip link set eth0 mtu 1480"));
}

TEST(Fix, APortOfTheBridge) {
  TestMachine isolated = two_containers();
  for (const char* port : {": vethc1@", ": vethc2@"})
    isolated.edit("host/ip-addr.txt", "isolated off", "isolated on", port);
  const Search t(isolated, "10.1.0.3");
  EXPECT_THAT(t.fixes(), ElementsAre("host# bridge link set dev vethc2 isolated off"));
  t.expect_all_help();
}

TEST(Fix, ALinkThatIsDown) {
  const Search t(two_containers()
                     .edit("host/ip-addr.txt", "<BROADCAST,MULTICAST,UP,LOWER_UP>",
                           "<BROADCAST,MULTICAST>", ": vethc1@")
                     .edit("c1/ip-addr.txt", "<BROADCAST,MULTICAST,UP,LOWER_UP>",
                           "<NO-CARRIER,BROADCAST,MULTICAST,UP>", ": eth0@"),
                 "198.51.100.1");
  EXPECT_THAT(t.fixes(), ElementsAre("host# ip link set vethc1 up"));
}

TEST(Fix, AnEntryFromBefore) {
  const Search t(
      two_containers().set("host/conntrack.txt",
                           "ipv4 2 tcp 6 100 SYN_SENT src=10.1.0.2 dst=198.51.100.1 sport=49321 "
                           "dport=80 [UNREPLIED] src=198.51.100.1 dst=10.1.0.2 sport=80 "
                           "dport=49321 mark=0 use=1\n"),
      "198.51.100.1");
  EXPECT_THAT(t.fixes(), testing::Contains("host# conntrack -D -s 10.1.0.2 -d 198.51.100.1 -p tcp "
                                           "--sport 49321 --dport 80"));
  const Answer whole = answer(t.machine, t.question);
  EXPECT_EQ(whole.account.end.stop.cause.kind(), CauseKind::conntrack)
      << "what the fix shows is to blame";
}

TEST(Fix, OnlyConnectionsOnTheWayAreForgotten) {
  constexpr const char* attempt =
      "ipv4 2 tcp 6 100 SYN_SENT src=10.1.0.2 dst=198.51.100.1 sport=41000 dport=80 [UNREPLIED] "
      "src=198.51.100.1 dst=10.1.0.2 sport=80 dport=41000 mark=0 use=1\n";
  const std::string forget =
      "; host# conntrack -D -s 10.1.0.2 -d 198.51.100.1 -p tcp --dport 80 --state SYN_SENT";
  TestMachine untranslated = two_containers().set("host/iptables-save.txt", "");
  const Search elsewhere(untranslated.set("c2/conntrack.txt", attempt), "198.51.100.1");
  ASSERT_THAT(elsewhere.fixes(), testing::Not(IsEmpty()));
  EXPECT_EQ(elsewhere.fixes().front(), masquerade) << "c2 does not see the packet";
  const Search both(untranslated.set("host/conntrack.txt", attempt), "198.51.100.1");
  ASSERT_THAT(both.fixes(), testing::Not(IsEmpty()));
  EXPECT_EQ(both.fixes().front(), masquerade + forget);
}

TEST(Fix, NothingThatDoesNotHelp) {
  // Nobody in the outside has this address: no way there helps.
  const Search t(two_containers().append("host/ip-route.txt", "blackhole 203.0.113.0/24\n"),
                 "203.0.113.9");
  EXPECT_THAT(t.fixes(), IsEmpty());
  EXPECT_THAT(t.proposed(), testing::Contains("ip route del blackhole 203.0.113.0/24"));
}

TEST(Fix, AHoleInAWallBehindWhichNobodyListensIsNone) {
  const Search t(
      two_containers().rules("filter", "-A INPUT -i br0 -p tcp -m tcp --dport 81 -j DROP\n"),
      "198.51.100.10", 81);
  const Answer whole = answer(t.machine, t.question);
  EXPECT_THAT(whole.fixes, IsEmpty());
  ASSERT_THAT(whole.remarks, testing::SizeIs(1));
  EXPECT_THAT(whole.remarks[0].text, testing::HasSubstr("nothing listens there"));
}

TEST(Fix, NothingForARefusal) {
  const Search t(two_containers(), "198.51.100.1", 81);
  EXPECT_THAT(t.fixes(), IsEmpty());
}

TEST(Fix, AtMostThreeSmallestFirst) {
  const Search t(two_containers()
                     .set("host/iptables-save.txt", "")
                     .rules("filter", ":FORWARD DROP [0:0]\n-A FORWARD -i br0 -j DROP\n")
                     .set("host/sysctl.txt", forwarding_off),
                 "198.51.100.1");
  EXPECT_THAT(t.tried.fixes, testing::SizeIs(testing::Le(3)));
  for (std::size_t i = 1; i < t.tried.fixes.size(); ++i)
    EXPECT_LE(t.tried.fixes[i - 1].weight(), t.tried.fixes[i].weight());
  t.expect_all_help();
}

TEST(Fix, TheMachineIsAsItWas) {
  const Search t(two_containers().set("host/sysctl.txt", forwarding_off), "198.51.100.1");
  EXPECT_EQ(outcome(t.machine, explore(t.machine, t.question)),
            "out host ip_error IP_INADDRERRORS: net.ipv4.ip_forward = 0");
}

TEST(Fix, AWallIsNotTornDown) {
  const Search t(two_containers().rules("filter", "-A FORWARD -p icmp -j ACCEPT\n"
                                                  "-A FORWARD -j DROP\n"),
                 "198.51.100.1");
  ASSERT_THAT(t.fixes(), testing::Not(IsEmpty()));
  EXPECT_EQ(t.fixes().front(), accept("-I").replace(accept("-I").find("FORWARD"), 7, "FORWARD 2") +
                                   "; host# iptables -I FORWARD 3 -i eth0 -o br0 -m conntrack "
                                   "--ctstate RELATED,ESTABLISHED -j ACCEPT");
  EXPECT_THAT(t.fixes(), testing::Not(testing::Contains(testing::HasSubstr("-D FORWARD"))));
  EXPECT_THAT(t.proposed(), testing::Contains("iptables -D FORWARD -j DROP"));
  t.expect_all_help();
}

TEST(Fix, InFrontOfARuleThatLeavesTheChain) {
  const Search t(two_containers().rules("filter", ":FORWARD DROP [0:0]\n-A FORWARD -i br0 -j ACCEPT\n"
                                                  "-A FORWARD -p tcp -j RETURN\n"),
                 "198.51.100.1");
  ASSERT_THAT(t.fixes(), testing::Not(IsEmpty()));
  EXPECT_EQ(t.fixes().front(),
            "host# iptables -I FORWARD 2 -i eth0 -o br0 -m conntrack --ctstate RELATED,ESTABLISHED "
            "-j ACCEPT");
}

TEST(Fix, ALaterFragmentHasNoPort) {
  TestMachine routed = two_containers().set("host/iptables-save.txt", "");
  routed.append("o/ip-route.txt", "10.1.0.0/24 via 198.51.100.10 dev eth0\n");
  const Search t(routed.rules("filter", ":FORWARD DROP [0:0]\n"
                                        "-A FORWARD -p udp -m udp --dport 53 -j ACCEPT\n"
                                        "-A FORWARD -p udp -m udp --sport 53 -j ACCEPT\n"),
                 "198.51.100.1", 53, Probe::udp, 3000);
  EXPECT_THAT(t.fixes(), ElementsAre("host# iptables -A FORWARD -s 10.1.0.2/32 -d 198.51.100.1/32 "
                                     "-i br0 -o eth0 -p udp -f -j ACCEPT"));
}

TEST(Fix, WhatIsPublishedBehindAnAcceptIsRefused) {
  const Search t(
      two_containers().rules("nat", "-A PREROUTING -i br0 -p tcp -j ACCEPT\n"
                                    "-A PREROUTING -p tcp -m tcp --dport 8081 -j DNAT "
                                    "--to-destination 198.51.100.1:80\n"),
      "198.51.100.10", 8081);
  ASSERT_THAT(t.fixes(), testing::Not(IsEmpty()));
  EXPECT_EQ(t.fixes().front(), "host# iptables -t nat -I PREROUTING -p tcp -m tcp --dport 8081 -j "
                               "DNAT --to-destination 198.51.100.1:80");
  EXPECT_EQ(answer(t.machine, t.question).account.end.stop.cause.kind(), CauseKind::rule);
}

TEST(Fix, OneRouteAndNotAnotherDefault) {
  const Search t(two_containers().edit("c1/ip-route.txt", "default via 10.1.0.1 dev eth0",
                                       "default dev eth0"),
                 "198.51.100.1");
  EXPECT_THAT(t.fixes(), ElementsAre("c1# ip route replace default via 10.1.0.1 dev eth0"));
}

}  // namespace
}  // namespace wayout::why
