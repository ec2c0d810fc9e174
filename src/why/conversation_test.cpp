// Questions played through: which leg ends where. The ends themselves are path's, and held to the
// kernel there.
#include "why/conversation.hpp"

#include <gmock/gmock.h>

#include "host/finish.hpp"
#include "why/test_question.hpp"

namespace wayout::why {
namespace {

using host::TestMachine;
using host::two_containers;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

struct Played {
  Played(const TestMachine& text, const char* from, const char* to, std::uint16_t dport = 80,
         Probe probe = Probe::tcp)
      : machine(text.read()), account(explore(machine, ask(machine, from, to, dport, probe))) {}
  [[nodiscard]] std::string outcome() const { return why::outcome(machine, account); }

  host::Machine machine;
  Account account;
};

TEST(Conversation, TcpIsAHandshakeAndOneExchange) {
  const Played p(two_containers(), "c1", "198.51.100.1");
  EXPECT_EQ(p.outcome(), "delivered");
  std::vector<std::string> flags;
  for (const Leg& leg : p.account.legs) {
    const std::size_t at = leg.text.find("Flags ");
    flags.push_back((leg.way == Way::out ? "out " : "back ") +
                    leg.text.substr(at + 6, leg.text.find(',', at) - at - 6));
  }
  EXPECT_THAT(flags, ElementsAre("out [S]", "back [S.]", "out [P.]", "back [P.]"));
  ASSERT_TRUE(p.account.seen);
  EXPECT_EQ(p.account.seen->source.text(), "198.51.100.10");
  EXPECT_EQ(p.account.asked.source.text(), "10.1.0.2");
  EXPECT_EQ(p.account.reached, host::position(p.machine, "o"));
  EXPECT_FALSE(p.account.uplink) << "the outside is a namespace of this machine";
}

TEST(Conversation, UdpAndPingAreOneExchange) {
  const Played udp(two_containers(), "c1", "198.51.100.1", 53, Probe::udp);
  EXPECT_EQ(udp.outcome(), "delivered");
  EXPECT_THAT(udp.account.legs, SizeIs(2));
  const Played echo(two_containers(), "c1", "198.51.100.1", 0, Probe::icmp);
  EXPECT_EQ(echo.outcome(), "delivered");
  ASSERT_THAT(echo.account.legs, SizeIs(2));
  EXPECT_THAT(echo.account.legs[1].text, HasSubstr("ICMP echo reply"));
}

TEST(Conversation, TheFirstLegThatDoesNotArriveEndsIt) {
  const Played out(two_containers().set("host/sysctl.txt", "net.ipv4.ip_forward = 0\n"), "c1",
                   "198.51.100.1");
  EXPECT_EQ(out.outcome(), "out host ip_error IP_INADDRERRORS: net.ipv4.ip_forward = 0");
  EXPECT_THAT(out.account.legs, SizeIs(1));
  EXPECT_FALSE(out.account.seen);

  const Played back(
      two_containers().append("host/sysctl.txt", "net.ipv4.conf.eth0.forwarding = 0\n"), "c1",
      "198.51.100.1");
  EXPECT_EQ(back.outcome(),
            "back host ip_error IP_INADDRERRORS: net.ipv4.conf.eth0.forwarding = 0");
  EXPECT_THAT(back.account.legs, SizeIs(2));
  EXPECT_TRUE(back.account.seen);
}

TEST(Conversation, WhatCameToItsAddressWasSeenThere) {
  const auto drops = [](const char* hook) {
    return two_containers().rules("filter", fmt::format("-A {} -p tcp -j DROP\n", hook),
                                  "o/iptables-save.txt");
  };
  const Played in(drops("INPUT"), "c1", "198.51.100.1");
  ASSERT_TRUE(in.account.seen);
  EXPECT_EQ(in.account.seen->source.text(), "198.51.100.10");
  const Played before(two_containers().rules("raw", "-A PREROUTING -p tcp -j DROP\n", "o/iptables-save.txt"),
                      "c1", "198.51.100.1");
  EXPECT_FALSE(before.account.seen) << "not routed: perhaps it is for somebody else";
}

TEST(Conversation, ARefusalIsTold) {
  const Played p(two_containers(), "c1", "198.51.100.1", 81);
  EXPECT_EQ(p.outcome(), "out o tcp_v4_rcv NO_SOCKET: nothing listens there");
  EXPECT_EQ(p.account.told,
            "IP 198.51.100.1.81 > 10.1.0.2.49321: Flags [R.], seq 0, ack 1001, win 0, length 0");
}

TEST(Conversation, TheMissingTranslationIsToBlameNotTheOutsidersRoutes) {
  const Played p(two_containers().set("host/iptables-save.txt", ""), "c1", "198.51.100.1");
  EXPECT_THAT(p.outcome(),
              testing::EndsWith("nothing translates the source of what leaves through eth0"));
  EXPECT_EQ(p.account.direction, Way::back);
  EXPECT_EQ(p.account.end.cause_host, host::position(p.machine, "host"));
  EXPECT_EQ(p.machine.hosts[p.account.end.host].name, "o");

  const Played routed(two_containers()
                          .set("host/iptables-save.txt", "")
                          .append("o/ip-route.txt", "10.1.0.0/24 via 198.51.100.10 dev eth0\n"),
                      "c1", "198.51.100.1");
  EXPECT_EQ(routed.outcome(), "delivered") << "and none is needed where the outside has a route";
}

TEST(Conversation, AnAnswerFromElsewhereIsNone) {
  const Played p(two_containers()
                     .rules("nat",
                            "-A PREROUTING -d 10.1.0.1/32 -p tcp -m tcp --dport 8080 "
                            "-j DNAT --to-destination 10.1.0.3:80\n")
                     .set("host/sysctl.txt", "net.ipv4.ip_forward = 1\n"),
                 "c1", "10.1.0.1", 8080);
  EXPECT_EQ(
      p.outcome(),
      "back c1 tcp_v4_rcv NO_SOCKET: the answer does not come from the address that was asked");
}

TEST(Conversation, ASynHasTheOptionsThatItsNamespaceTurnsOn) {
  const Played all(two_containers(), "c1", "198.51.100.1");
  EXPECT_THAT(all.account.legs[0].text,
              HasSubstr("options [mss 1460,sackOK,TS val 2000 ecr 0,nop,wscale 7], length 0"));
  EXPECT_THAT(all.account.legs[1].text,
              HasSubstr("options [mss 1460,sackOK,TS val 7000 ecr 2000,nop,wscale 7], length 0"));
  EXPECT_THAT(all.account.legs[2].text, HasSubstr("options [nop,nop,TS val 2000 ecr 7000]"));

  const Played client(two_containers()
                          .append("c1/sysctl.txt", "net.ipv4.tcp_timestamps = 0\n"
                                                   "net.ipv4.tcp_rmem = 4096 131072 33554432\n"),
                      "c1", "198.51.100.1");
  EXPECT_THAT(client.account.legs[0].text,
              HasSubstr("options [mss 1460,nop,nop,sackOK,nop,wscale 10]"));
  EXPECT_THAT(client.account.legs[1].text,
              HasSubstr("options [mss 1460,nop,nop,sackOK,nop,wscale 7]"));
  EXPECT_THAT(client.account.legs[2].text, testing::Not(HasSubstr("options")));

  const Played server(two_containers().append("o/sysctl.txt", "net.ipv4.tcp_sack = 0\n"
                                                              "net.ipv4.tcp_window_scaling = 0\n"),
                      "c1", "198.51.100.1");
  EXPECT_THAT(server.account.legs[1].text,
              HasSubstr("options [mss 1460,nop,nop,TS val 7000 ecr 2000], length 0"));
}

std::string with_rules(const std::string& rules, std::optional<std::uint16_t> sport = {},
                       const std::string& sysctls = "") {
  const TestMachine text =
      two_containers().rules("filter", rules).append("c1/sysctl.txt", sysctls);
  const host::Machine machine = text.read();
  Question question = ask(machine, "c1", "198.51.100.1");
  question.sport = sport;
  return outcome(machine, explore(machine, question));
}

TEST(Conversation, ASourcePortThatNobodyNamedIsAllThatItCanBe) {
  const std::string some = "-A FORWARD -p tcp -m tcp --sport 50000:60000 -j DROP\n";
  EXPECT_EQ(with_rules(some),
            "undecided: host: iptables -t filter -A FORWARD -p tcp -m tcp --sport 50000:60000 "
            "-j DROP (number 1) c1: the source port that the asking program's socket gets (--sport "
            "names one)");
  EXPECT_EQ(with_rules(some, 40000), "delivered");
  EXPECT_THAT(with_rules(some, 50000), testing::StartsWith("out host"));
  EXPECT_EQ(with_rules(some, {}, "net.ipv4.ip_local_port_range = 32768 49999\n"), "delivered");
  EXPECT_THAT(with_rules(some, {}, "net.ipv4.ip_local_port_range = 50000\t50010\n"),
              testing::StartsWith("out host"));
  EXPECT_EQ(with_rules(some, {}, "net.ipv4.ip_local_port_range = 49000 60000\n"
                                 "net.ipv4.ip_local_reserved_ports = 50000-59999,60000\n"),
            "delivered");
}

TEST(Conversation, WhatWasDecidedOfAPortHoldsForTheNextRule) {
  EXPECT_EQ(with_rules("-A FORWARD -p tcp -m tcp --sport 32768:50000 -j ACCEPT\n"
                       "-A FORWARD -p tcp -m multiport --sports 50001:60999 -j ACCEPT\n"
                       "-A FORWARD -p tcp -m tcp --dport 80 -j DROP\n"),
            "delivered");
  EXPECT_EQ(with_rules("-A FORWARD -p tcp -m tcp --sport 50000 -j LOG\n"), "delivered")
      << "a rule that only counts asks nothing";
}

TEST(Conversation, WhoClosedAConnectionIsNotShown) {
  const auto with_entry = [](const char* state) {
    const TestMachine text = two_containers().set(
        "host/conntrack.txt",
        fmt::format("ipv4 2 tcp 6 9 {} src=10.1.0.2 dst=198.51.100.1 sport=5000 dport=80 "
                    "src=198.51.100.1 dst=10.1.0.2 sport=80 dport=5000 [ASSURED] mark=0 use=1\n",
                    state));
    const host::Machine machine = text.read();
    Question question = ask(machine, "c1", "198.51.100.1");
    question.sport = 5000;
    return outcome(machine, explore(machine, question));
  };
  EXPECT_EQ(with_entry("TIME_WAIT"), "delivered") << "a FIN closed it: the entry is made anew";
  EXPECT_THAT(with_entry("ESTABLISHED"), testing::StartsWith("back "));
  EXPECT_THAT(with_entry("CLOSE"), testing::StartsWith("undecided: host: a connection entry"));
}

TEST(Conversation, AnOldEntryIsFollowed) {
  const TestMachine stale = two_containers().set(
      "host/conntrack.txt",
      "ipv4 2 tcp 6 100 SYN_SENT src=10.1.0.2 dst=198.51.100.1 sport=49321 dport=80 [UNREPLIED] "
      "src=198.51.100.1 dst=10.1.0.2 sport=80 dport=49321 mark=0 use=1\n");
  const Played p(stale, "c1", "198.51.100.1");
  EXPECT_EQ(p.account.verdict, Verdict::dropped);
  ASSERT_TRUE(p.account.seen);
  EXPECT_EQ(p.account.seen->source.text(), "10.1.0.2") << "the rule is not asked again";
  EXPECT_EQ(Played(stale, "c1", "198.51.100.1", 53, Probe::udp).outcome(), "delivered");
}

// --------------------------------------------------------------- what is not known

TEST(Undecided, WhereALimitDecides) {
  const Played p(two_containers().rules("filter",
                                        "-A FORWARD -i br0 -m limit --limit 1/s -j ACCEPT\n"
                                        "-A FORWARD -i br0 -j DROP\n"),
                 "c1", "198.51.100.1");
  EXPECT_EQ(p.outcome(),
            "undecided: host: iptables -t filter -A FORWARD -i br0 -m limit --limit 1/sec "
            "-j ACCEPT (number 1)");
}

TEST(Undecided, NotWhereBothOutcomesAreTheSame) {
  const Played p(
      two_containers().rules("filter", "-A FORWARD -i br0 -m limit --limit 1/s -j ACCEPT\n"), "c1",
      "198.51.100.1");
  EXPECT_EQ(p.outcome(), "delivered");
  EXPECT_THAT(p.account.choices, testing::Not(IsEmpty()));
}

/// The host with a native chain, which is met at FORWARD.
Account with_chain(host::Unmodelled chain, const char* to) {
  host::Machine machine = two_containers().read();
  chain.hook = Hook::forward;
  machine.hosts[0].unmodelled.push_back(std::move(chain));
  EXPECT_TRUE(host::finish(machine));
  return explore(machine, ask(machine, "c1", to));
}

TEST(Undecided, WhereSomethingIsNotModelled) {
  const Account met = with_chain({.text = "nft chain inet fw forward"}, "198.51.100.1");
  EXPECT_EQ(met.verdict, Verdict::undecided);
  ASSERT_THAT(met.unknown, SizeIs(1));
  EXPECT_EQ(met.unknown[0].what, Cause::unmodelled(0));
  EXPECT_EQ(with_chain({.text = "nft chain inet fw forward"}, "198.51.100.10").verdict,
            Verdict::dropped)
      << "the host itself is not behind FORWARD, and nothing listens there";

  const Account passes =
      with_chain({.text = "nft chain inet fw forward", .passes = true}, "198.51.100.1");
  EXPECT_EQ(passes.verdict, Verdict::delivered);
  EXPECT_THAT(passes.assumed,
              testing::Contains("nft chain inet fw forward on host lets everything pass"));
}

TEST(Undecided, WhereATableThatIsNotShownDecides) {
  TestMachine listed = two_containers();
  listed.set("host/iptables-save.txt",
             "-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n");
  const char* nat = "undecided: host: the table nat of iptables, which is not shown";
  EXPECT_EQ(Played(listed, "c1", "198.51.100.1").outcome(), nat) << "is it masqueraded?";
  EXPECT_EQ(Played(listed, "c1", "198.51.100.10", 8080).outcome(), nat) << "a published port?";
  EXPECT_EQ(Played(listed, "c1", "10.1.0.3").outcome(), "delivered") << "to the next container";
  EXPECT_EQ(Played(listed, "host", "10.1.0.3").outcome(), "delivered");
  listed.edit("host/iptables-save.txt", "FORWARD ACCEPT", "FORWARD DROP");
  EXPECT_EQ(Played(listed, "c1", "198.51.100.1").outcome(),
            "out host nft_do_chain NETFILTER_DROP: -P FORWARD DROP");

  listed.set("host/iptables-save.txt", "-P PREROUTING ACCEPT\n-P INPUT ACCEPT\n-P OUTPUT ACCEPT\n"
                                       "-P POSTROUTING ACCEPT\n-A POSTROUTING -j MASQUERADE\n");
  EXPECT_EQ(Played(listed, "c1", "198.51.100.1").outcome(),
            "undecided: host: the table filter of iptables, which is not shown");
}

// --------------------------------------------------------------- the outside, which was not read

TestMachine no_outside(const char* rules) {
  TestMachine machine = two_containers();
  machine.without("o").set("host/iptables-save.txt", "");
  return *rules == '\0' ? machine : machine.rules("nat", rules);
}

TEST(Outside, AnswersAnAddressThatTheHostOwns) {
  const Played p(no_outside("-A POSTROUTING -s 10.1.0.0/24 ! -o br0 -j MASQUERADE\n"), "c1",
                 "203.0.113.9", 443);
  EXPECT_EQ(p.outcome(), "delivered");
  EXPECT_FALSE(p.account.reached);
  ASSERT_TRUE(p.account.uplink);
  EXPECT_EQ(*p.account.uplink, host::device(p.machine, "host", "eth0"));
  EXPECT_THAT(p.account.assumed, testing::Contains(HasSubstr("198.51.100.1 on host eth0 answers")));
}

TEST(Outside, DoesNotAnswerAPrivateSource) {
  const Played p(no_outside(""), "c1", "203.0.113.9", 443);
  EXPECT_EQ(p.outcome(),
            "back outside outside NOT_SPECIFIED: nothing translates the source of what "
            "leaves through eth0");
  EXPECT_TRUE(p.account.ended_outside);
}

TEST(Outside, DoesNotAnswerAnAddressOfTheUplinksSubnetThatNobodyOwns) {
  const Played p(no_outside("-A POSTROUTING -o eth0 -j SNAT --to-source 198.51.100.77\n"), "c1",
                 "203.0.113.9", 443);
  EXPECT_EQ(p.outcome(),
            "back outside outside NOT_SPECIFIED: nobody owns the source that what "
            "leaves through eth0 was given");
}

TEST(Outside, IsTakenToRouteWhatARuleChoseOnPurpose) {
  const Played p(no_outside("-A POSTROUTING -o eth0 -j SNAT --to-source 203.0.113.77\n"), "c1",
                 "192.0.2.9", 443);
  EXPECT_EQ(p.outcome(), "delivered");
  EXPECT_THAT(p.account.assumed,
              testing::Contains("the network beyond eth0 routes 203.0.113.77 to host"));
}

}  // namespace
}  // namespace wayout::why
