// Packets in pieces, on their way to an outside that was not read. What the kernel did with them is
// recorded in tests/cases, *-outside-not-read.
#include "why/arrival.hpp"

#include <gmock/gmock.h>

#include "why/conversation.hpp"
#include "why/test_question.hpp"

namespace wayout::why {
namespace {

using host::TestMachine;
using host::two_containers;

/// The host alone with c1, which has a public address: nothing translates, nothing is tracked.
TestMachine routed(const char* rules) {
  TestMachine text = two_containers();
  text.without("o").without("c2").set("host/iptables-save.txt", "");
  text.edit("c1/ip-addr.txt", "10.1.0.2/24", "25.1.0.2/24")
      .set("c1/ip-route.txt", "default via 25.1.0.1 dev eth0\n25.1.0.0/24 dev eth0 scope link\n")
      .edit("host/ip-addr.txt", "10.1.0.1/24", "25.1.0.1/24")
      .edit("host/ip-route.txt", "10.1.0.0/24 dev br0 proto kernel scope link src 10.1.0.1",
            "25.1.0.0/24 dev br0 proto kernel scope link src 25.1.0.1");
  return text.rules("filter", rules);
}

struct Asked {
  Asked(const TestMachine& text, Probe probe) : machine(text.read()) {
    Question question = ask(machine, "c1", "203.0.113.9", 53, probe);
    question.size_bytes = 3000;
    account = explore(machine, question);
  }
  [[nodiscard]] std::string outcome() const { return why::outcome(machine, account); }

  host::Machine machine;
  Account account;
};

TEST(Arrival, WhatLeftInPiecesHasThePortsOfTheFirst) {
  TestMachine text = two_containers();
  text.without("o");
  for (const Probe probe : {Probe::udp, Probe::icmp}) {
    const Asked p(text, probe);
    EXPECT_EQ(p.outcome(), "delivered") << probe_name(probe);
    ASSERT_TRUE(p.account.seen);
    EXPECT_EQ(p.account.seen->source.text(), "198.51.100.10");
    EXPECT_EQ(p.account.seen->sport, 49321) << probe_name(probe);
  }
}

TEST(Arrival, APieceThatIsDroppedIsTheEndOfAll) {
  const std::string later = "-A FORWARD -i br0 -f -j DROP\n";
  EXPECT_EQ(Asked(routed(later.c_str()), Probe::icmp).outcome(),
            "out host nft_do_chain NETFILTER_DROP: -A FORWARD -i br0 -f -j DROP");
  EXPECT_EQ(Asked(routed("-A FORWARD -i br0 ! -f -j DROP\n"), Probe::icmp).outcome(),
            "out host nft_do_chain NETFILTER_DROP: -A FORWARD -i br0 ! -f -j DROP");
  EXPECT_EQ(Asked(routed(""), Probe::icmp).outcome(), "delivered");
}

TEST(Arrival, TheAnswerComesInPiecesToo) {
  EXPECT_EQ(Asked(routed("-A FORWARD -i eth0 -f -j DROP\n"), Probe::icmp).outcome(),
            "back host nft_do_chain NETFILTER_DROP: -A FORWARD -i eth0 -f -j DROP");
  EXPECT_EQ(Asked(routed("-A FORWARD -i eth0 -f -j DROP\n"), Probe::udp).outcome(), "delivered")
      << "an answer over UDP is taken to be short";
}

}  // namespace
}  // namespace wayout::why
