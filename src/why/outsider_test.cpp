#include "why/outsider.hpp"

#include <gmock/gmock.h>

#include "why/conversation.hpp"
#include "why/test_question.hpp"

namespace wayout::why {
namespace {

using host::two_containers;

/// c1 asks an outside that was not read; the host has these rules.
std::string asked(const std::string& rules, Probe probe = Probe::tcp) {
  host::TestMachine text = two_containers();
  const host::Machine machine = text.without("o").rules("filter", rules).read();
  return outcome(machine, explore(machine, ask(machine, "c1", "203.0.113.9", 80, probe)));
}

TEST(Outsider, WhatRulesAskOfItIsNotKnown) {
  const auto undecided = testing::StartsWith("undecided: host: iptables -t filter -A FORWARD -i eth0");
  EXPECT_THAT(asked("-A FORWARD -i eth0 -p tcp -m tcp --tcp-option 8 -j DROP\n"), undecided);
  EXPECT_THAT(asked("-A FORWARD -i eth0 -p tcp -m tcp --tcp-flags SYN SYN ! --tcp-option 4 -j DROP\n"), undecided);
  EXPECT_THAT(asked("-A FORWARD -i eth0 -m ttl --ttl-lt 60 -j DROP\n"), undecided);
  EXPECT_THAT(asked("-A FORWARD -i eth0 -m ttl --ttl-gt 100 -j DROP\n", Probe::udp), undecided);
  EXPECT_THAT(asked("-A FORWARD -i eth0 -p tcp -m tcp --tcp-flags SYN,ACK SYN,ACK -m tcpmss "
                    "--mss 1:1400 -j DROP\n"),
              undecided);
}

TEST(Outsider, EveryRuleThatAsksCounts) {
  EXPECT_THAT(asked("-A FORWARD -i eth0 -m ttl --ttl-lt 5 -j DROP\n"
                    "-A FORWARD -i eth0 -m ttl --ttl-gt 120 -j LOG\n"
                    "-A FORWARD -i eth0 -m ttl --ttl-lt 50 -j DROP\n"),
              testing::StartsWith("undecided: host: iptables -t filter -A FORWARD -i eth0 -m ttl"));
}

TEST(Outsider, WhatEveryEndHasIsKnown) {
  EXPECT_EQ(asked("-A FORWARD -i eth0 -p tcp -m tcp --tcp-flags SYN SYN ! --tcp-option 2 -j DROP\n"),
            "delivered");
  EXPECT_EQ(asked("-A FORWARD -i eth0 -m ttl --ttl-lt 5 -j DROP\n"), "delivered");
  EXPECT_EQ(asked("-A FORWARD -i eth0 -m ttl --ttl-gt 100 -j ACCEPT\n"), "delivered")
      << "both outcomes are the same";
}

TEST(SegmentSize, TcpLearnsTheMtuOfItsWay) {
  const auto big = [](const host::TestMachine& text, bool dont_fragment = false) {
    const host::Machine machine = text.read();
    Question question = ask(machine, "c1", "203.0.113.9");
    question.size_bytes = 1500;
    question.dont_fragment = dont_fragment;
    const Account account = explore(machine, question);
    return outcome(machine, account) + (account.assumed.empty() ? "" : " " + account.assumed.back());
  };
  host::TestMachine narrow = two_containers();
  narrow.without("o").edit("host/ip-addr.txt", "mtu 1500", "mtu 1400", "eth0@");
  EXPECT_THAT(big(narrow), testing::StartsWith("delivered"));
  EXPECT_THAT(big(narrow), testing::EndsWith("TCP, told that 1500 bytes are too many for host, goes on "
                                             "with smaller segments"));
  EXPECT_THAT(big(narrow, true), testing::StartsWith("out host ip_forward PKT_TOO_BIG"));
  host::TestMachine silent = narrow;
  silent.rules("filter", "-A OUTPUT -p icmp -j DROP\n");
  EXPECT_THAT(big(silent), testing::StartsWith("out host ip_forward PKT_TOO_BIG"));
  silent.append("c1/sysctl.txt", "net.ipv4.ip_no_pmtu_disc = 1\n");
  EXPECT_THAT(big(silent), testing::StartsWith("delivered")) << "without DF it is cut in two";
}

}  // namespace
}  // namespace wayout::why
