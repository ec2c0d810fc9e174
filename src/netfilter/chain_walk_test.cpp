#include "netfilter/chain_walk.hpp"

#include <gmock/gmock.h>

#include "netfilter/test_bench.hpp"

namespace wayout::netfilter {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string filter(const std::string& rules) {
  return "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:A - [0:0]\n:B - [0:0]\n" + rules +
         "COMMIT\n";
}

/// How often FORWARD's rules, its policy, A's and B's rules counted one UDP packet.
std::string walked(const std::string& rules) {
  TestBench bench(filter(rules));
  Packet packet = TestBench::forwarded_udp();
  const Stop stop = bench.run(Hook::forward, packet);
  std::string text = stop ? "dropped:" : "accepted:";
  for (const char* chain : {"FORWARD", "A", "B"}) {
    const Table& table = bench.netfilter.rulesets[0].tables[0];
    const std::size_t size = table.chains[table.find(chain)].rules.size();
    text += std::string(" ") + chain + " ";
    for (std::uint32_t i = 1; i <= size; ++i)
      text += std::to_string(bench.counted(TableKind::filter, chain, i));
  }
  return text + " policy " + std::to_string(bench.counted(TableKind::filter, "FORWARD", 0));
}

TEST(ChainWalk, ReturnsAndCalls) {
  EXPECT_EQ(walked("-A FORWARD -j A\n-A FORWARD\n-A A -j RETURN\n-A A -j DROP\n"),
            "accepted: FORWARD 11 A 10 B  policy 1");
  EXPECT_EQ(walked("-A FORWARD -j A\n-A FORWARD -j DROP\n-A A -j B\n-A A\n-A B\n"),
            "dropped: FORWARD 11 A 11 B 1 policy 0");
  EXPECT_EQ(walked("-A FORWARD -j A\n-A FORWARD\n-A A -j B\n-A B -j ACCEPT\n"),
            "accepted: FORWARD 10 A 1 B 1 policy 0");
  EXPECT_EQ(walked("-A FORWARD -j RETURN\n-A FORWARD -j DROP\n"),
            "accepted: FORWARD 10 A  B  policy 1");
}

// A chain that was gone to ends where the one that last called would: at the top, in the policy.
TEST(ChainWalk, Goto) {
  EXPECT_EQ(walked("-A FORWARD -g A\n-A FORWARD -j DROP\n-A A\n"),
            "accepted: FORWARD 10 A 1 B  policy 1");
  EXPECT_EQ(walked("-A FORWARD -j A\n-A FORWARD\n-A A -g B\n-A A -j DROP\n-A B\n"),
            "accepted: FORWARD 11 A 10 B 1 policy 1");
}

TEST(ChainWalk, CountsBytesOfTheIpPacket) {
  TestBench bench(filter("-A FORWARD -p udp\n-A FORWARD -p tcp\n"));
  Packet packet = TestBench::forwarded(wire::make_udp(
      {.source = TestBench::client, .destination = TestBench::server}, 1, 2, from_hex("010203")));
  EXPECT_FALSE(bench.run(Hook::forward, packet));
  const auto counters = [&](std::uint32_t number) {
    const RuleRef ref = bench.ref(TableKind::filter, "FORWARD", number);
    return bench.state.counters[bench.netfilter.counter_of(ref)];
  };
  EXPECT_EQ(counters(1).bytes, 31U);
  EXPECT_EQ(counters(2).packets, 0U);
  EXPECT_EQ(counters(0).bytes, 31U);
}

TEST(ChainWalk, PolicyDrops) {
  for (const Backend backend : {Backend::legacy, Backend::nft}) {
    TestBench bench("*filter\n:FORWARD DROP [0:0]\nCOMMIT\n", backend);
    Packet packet = TestBench::forwarded_udp();
    const Stop stop = bench.run(Hook::forward, packet);
    EXPECT_EQ(stop.stage, backend == Backend::nft ? Stage::nft_do_chain : Stage::nf_hook_slow);
    EXPECT_EQ(stop.reason, DropReason::NETFILTER_DROP);
    EXPECT_EQ(stop.cause, Cause::rule(bench.ref(TableKind::filter, "FORWARD", 0)));
    EXPECT_EQ(stop.cause.kind(), CauseKind::policy);
  }
}

/// Walk a UDP packet while chance follows `script`: how it ended, and what was asked.
struct Explored {
  bool dropped = false;
  std::vector<Choice> asked;
};
Explored explore(const std::string& rules, std::vector<std::uint32_t> script) {
  TestBench bench(filter(rules));
  bench.chance = Chance(std::move(script));
  Packet packet = TestBench::forwarded_udp();
  const bool dropped = static_cast<bool>(bench.run(Hook::forward, packet));
  return {dropped, bench.chance.asked()};
}

TEST(ChainWalk, UnknownIsAskedFor) {
  const std::string limited = "-A FORWARD -m limit --limit 3/hour -j ACCEPT\n-A FORWARD -j DROP\n";
  EXPECT_TRUE(explore(limited, {0}).dropped);
  const Explored matched = explore(limited, {1});
  EXPECT_FALSE(matched.dropped);
  ASSERT_EQ(matched.asked.size(), 1U);
  EXPECT_EQ(matched.asked[0].asked_by.rule_ref().rule, 0U);
  EXPECT_EQ(matched.asked[0].options, 2U);
}

/// Each of `count` chains jumps to the next one, twice; the last one is empty.
std::string doubling(int count) {
  std::string chains, rules;
  const auto name = [](int i) { return "D" + std::to_string(i); };
  for (int i = 0; i <= count; ++i) chains += ":" + name(i) + " - [0:0]\n";
  for (int i = 0; i < count; ++i)
    for (int twice = 0; twice < 2; ++twice) rules += "-A " + name(i) + " -j " + name(i + 1) + "\n";
  return "*filter\n:FORWARD ACCEPT [0:0]\n" + chains + "-A FORWARD -j D0\n" + rules + "COMMIT\n";
}

TEST(ChainWalk, WhatDoublesIsNotFollowedForEver) {
  TestBench few(doubling(10));
  Packet packet = TestBench::forwarded_udp();
  EXPECT_FALSE(few.run(Hook::forward, packet));
  EXPECT_EQ(few.counted(TableKind::filter, "FORWARD", 0), 1U);

  TestBench many(doubling(22));
  Packet lost = TestBench::forwarded_udp();
  StepTrace trace;
  const Stop stop = many.run(Hook::forward, lost, trace);
  EXPECT_EQ(stop.fate, Fate::undecided);
  EXPECT_EQ(stop.cause, Cause::packet(PacketCause::too_many_rules));
  EXPECT_LE(trace.steps().size(), 11'000U);
  TestBench quiet(doubling(22));
  Packet again = TestBench::forwarded_udp();
  EXPECT_EQ(quiet.run(Hook::forward, again).cause, stop.cause) << "whoever listens";
}

TEST(ChainWalk, ALongChainIsWalkedToItsEnd) {
  std::string rules = "*filter\n:FORWARD ACCEPT [0:0]\n";
  for (int i = 0; i < 320'000; ++i) rules += "-A FORWARD -s 192.0.2.1/32\n";
  TestBench bench(rules + "-A FORWARD -j DROP\nCOMMIT\n");
  Packet packet = TestBench::forwarded_udp();
  EXPECT_EQ(bench.run(Hook::forward, packet).fate, Fate::dropped);
}

TEST(ChainWalk, AnyNumberOfChains) {
  std::string text = "*filter\n:FORWARD ACCEPT [0:0]\n";
  for (int i = 0; i < 70'000; ++i) text += ":N" + std::to_string(i) + " - [0:0]\n";
  TestBench bench(text + "-A FORWARD -j N69999\n-A N69999 -j DROP\n-A N4463 -j ACCEPT\nCOMMIT\n");
  Packet packet = TestBench::forwarded_udp();
  const Stop stop = bench.run(Hook::forward, packet);
  EXPECT_EQ(stop.fate, Fate::dropped);
  EXPECT_EQ(stop.cause, Cause::rule(bench.ref(TableKind::filter, "N69999", 1)));
  EXPECT_GT(stop.cause.rule_ref().chain, 65'535U);
}

TEST(ChainWalk, NobodyIsAskedWhatDecidesNothing) {
  EXPECT_THAT(explore("-A FORWARD -m limit --limit 3/hour -j LOG\n-A FORWARD -m limit --limit 3/hour\n",
                      {}).asked,
              IsEmpty());
  // A known part that says no settles it, wherever it stands.
  EXPECT_THAT(explore("-A FORWARD -m limit --limit 3/hour -m mark --mark 0x1 -j DROP\n", {}).asked,
              IsEmpty());
  EXPECT_THAT(explore("-A FORWARD -p tcp -m string --string a --algo bm --to 65535 -j DROP\n", {}).asked,
              IsEmpty());
}

TEST(ChainWalk, UnmodelledMatchIsTakenAsNoUnlessExplored) {
  const std::string rules = "-A FORWARD -m string --string a --algo bm --to 65535 -j DROP\n";
  EXPECT_TRUE(explore(rules, {1}).dropped);
  TestBench bench(filter(rules));
  Packet packet = TestBench::forwarded_udp();
  StepTrace trace;
  EXPECT_FALSE(bench.run(Hook::forward, packet, trace));
  EXPECT_THAT(bench.chance.asked(), IsEmpty());
  ASSERT_GE(trace.steps().size(), 1U);
  EXPECT_EQ(trace.steps()[0].did, Did::assumed);
  EXPECT_EQ(trace.steps()[0].value, 0U);
}

/// `did by-rule value` of every step.
std::vector<std::string> told(const StepTrace& trace) {
  std::vector<std::string> lines;
  for (const Step& step : trace.steps()) {
    const std::string number =
        step.by.kind() == CauseKind::policy ? "policy" : std::to_string(step.by.rule_ref().rule + 1);
    const char* did = step.did == Did::rule_matched     ? "matched "
                      : step.did == Did::rule_missed    ? "missed "
                      : step.did == Did::policy_applied ? "applied "
                      : step.did == Did::rewritten      ? "rewritten "
                      : step.did == Did::assumed        ? "assumed "
                                                        : "? ";
    lines.push_back(did + number + " " + std::to_string(step.value));
  }
  return lines;
}

TEST(ChainWalk, TellsEveryRule) {
  TestBench bench(filter("-A FORWARD -s 1.2.3.4/32 -j DROP\n-A FORWARD -i in0 -o lo -j DROP\n"
                         "-A FORWARD -p udp -m mark --mark 0x0 -m udp --dport 99 -j DROP\n"
                         "-A FORWARD -j MARK --set-xmark 0x7/0xffffffff\n"
                         "-A FORWARD -j LOG\n"));
  Packet packet = TestBench::forwarded_udp();
  StepTrace trace;
  EXPECT_FALSE(bench.run(Hook::forward, packet, trace));
  EXPECT_THAT(told(trace),
              ElementsAre("missed 1 0", "missed 2 3", "missed 3 7", "matched 4 8", "rewritten 4 7",
                          "matched 5 9", "applied policy 1"));
}

/// What the program of a queue accepts goes on behind the table. Linux: nf_queue.c nf_reinject.
TEST(ChainWalk, NothingIsAskedBehindAQueue) {
  TestBench bench(filter("-A FORWARD -j NFQUEUE --queue-num 0\n-A FORWARD -j DROP\n"));
  Packet packet = TestBench::forwarded_udp();
  StepTrace trace;
  EXPECT_FALSE(bench.run(Hook::forward, packet, trace));
  EXPECT_THAT(told(trace), ElementsAre("matched 1 11", "assumed 1 0"));
}

}  // namespace
}  // namespace wayout::netfilter
