#include "netfilter/evaluate.hpp"

#include <gmock/gmock.h>

#include "netfilter/test_bench.hpp"

namespace wayout::netfilter {
namespace {

using wire::IpAddress;

constexpr const char* accept_all =
    "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j ACCEPT\nCOMMIT\n";
constexpr const char* drop_all = "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j DROP\nCOMMIT\n";

std::string source_nat_to(const std::string& address) {
  return "*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
         "-A POSTROUTING -j SNAT --to-source " + address + "\nCOMMIT\n";
}

IpAddress source_of(const Packet& packet) {
  return wire::header_at<wire::Ipv4Header>(packet.network())->source_address();
}
IpAddress destination_of(const Packet& packet) {
  return wire::header_at<wire::Ipv4Header>(packet.network())->destination_address();
}

// Legacy ACCEPT and an nft DROP at the same hook, and the other way round: the packet is dropped.
TEST(Evaluate, AcceptEndsOnlyItsOwnTable) {
  for (const auto& [first, second] : {std::pair(accept_all, drop_all), {drop_all, accept_all}}) {
    TestBench bench(first, Backend::legacy);
    bench.add(second, Backend::nft);
    Packet packet = TestBench::forwarded_udp();
    const Stop stop = bench.run(Hook::forward, packet);
    EXPECT_EQ(stop.stage, first == drop_all ? Stage::nf_hook_slow : Stage::nft_do_chain);
  }
}

// Two SNAT rules in legacy and nft: the one loaded last wins, the other counts nothing.
TEST(Evaluate, FirstMappingWins) {
  TestBench bench(source_nat_to("203.0.113.1"), Backend::legacy);
  bench.add(source_nat_to("203.0.113.2"), Backend::nft);
  Packet packet = TestBench::forwarded_udp();
  EXPECT_FALSE(bench.forward(packet));
  EXPECT_EQ(source_of(packet), IpAddress::v4(203, 0, 113, 2));
  EXPECT_EQ(bench.counted(TableKind::nat, "POSTROUTING", 1, 0), 0U);
  EXPECT_EQ(bench.counted(TableKind::nat, "POSTROUTING", 1, 1), 1U);
  EXPECT_EQ(bench.connections[packet.connection].source_rule,
            bench.ref(TableKind::nat, "POSTROUTING", 1, 1));
}

TEST(Evaluate, AcceptWithoutMappingGoesToTheNextNatChain) {
  TestBench bench(source_nat_to("203.0.113.1"), Backend::legacy);
  bench.add("*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j ACCEPT\nCOMMIT\n", Backend::nft);
  Packet packet = TestBench::forwarded_udp();
  EXPECT_FALSE(bench.forward(packet));
  EXPECT_EQ(source_of(packet), IpAddress::v4(203, 0, 113, 1));
}

TEST(Evaluate, NatRulesAreAskedOnce) {
  TestBench bench(source_nat_to("203.0.113.1"));
  for (int i = 0; i < 3; ++i) {
    Packet packet = TestBench::forwarded_udp();
    EXPECT_FALSE(bench.forward(packet));
    EXPECT_EQ(source_of(packet), IpAddress::v4(203, 0, 113, 1));
  }
  Packet reply = TestBench::forwarded(wire::make_udp(
      {.source = TestBench::server, .destination = IpAddress::v4(203, 0, 113, 1)}, 53, 1000));
  EXPECT_FALSE(bench.forward(reply));
  EXPECT_EQ(destination_of(reply), TestBench::client);
  EXPECT_EQ(bench.counted(TableKind::nat, "POSTROUTING", 1), 1U);
  EXPECT_EQ(bench.counted(TableKind::nat, "PREROUTING", 0), 1U);
}

TEST(Evaluate, InvalidPacketsAreNotTranslated) {
  TestBench bench(source_nat_to("203.0.113.1"));
  Packet packet =
      TestBench::forwarded_tcp(80, wire::TcpHeader::syn | wire::TcpHeader::ack);
  EXPECT_FALSE(bench.forward(packet));
  EXPECT_EQ(packet.connection, no_connection);
  EXPECT_EQ(source_of(packet), TestBench::client);
  EXPECT_EQ(bench.counted(TableKind::nat, "POSTROUTING", 0), 0U);
}

// With another rule that needs conntrack the entry goes on translating while a nat table is there;
// without any nat table it does not.
TEST(Evaluate, WithoutANatTableNothingIsTranslated) {
  TestBench bench(source_nat_to("203.0.113.1"));
  Packet first = TestBench::forwarded_udp();
  EXPECT_FALSE(bench.forward(first));

  const auto forward_under = [&](const char* rules) {
    bench.netfilter.rulesets.clear();
    bench.add(rules, Backend::legacy);
    Packet packet = TestBench::forwarded_udp();
    EXPECT_FALSE(bench.forward(packet));
    EXPECT_EQ(packet.connection, first.connection);
    return source_of(packet);
  };
  EXPECT_EQ(forward_under("*nat\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n"
                          "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m state --state NEW\nCOMMIT\n"),
            IpAddress::v4(203, 0, 113, 1));
  EXPECT_EQ(forward_under("*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m state --state NEW\nCOMMIT\n"),
            TestBench::client);
}

TEST(Evaluate, ConntrackRunsOnlyWhenNeeded) {
  TestBench bench("*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j ACCEPT\nCOMMIT\n");
  Packet packet = TestBench::forwarded_udp();
  EXPECT_FALSE(bench.forward(packet));
  EXPECT_EQ(packet.connection, no_connection);
  EXPECT_EQ(bench.connections.size(), 0U);
}

Packet sent_from_here() {
  Packet packet = Packet::from_ip(wire::make_udp(
      {.source = IpAddress::v4(10, 0, 2, 1), .destination = TestBench::server}, 1000, 53));
  packet.routing = TestBench::forwarded_udp().routing;
  return packet;
}

TEST(Evaluate, OutputIsRoutedAgainAfterAChange) {
  struct Row {
    const char* rules;
    int reroutes;
  };
  const Row rows[] = {
      {"*mangle\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j MARK --set-xmark 0x1/0xffffffff\nCOMMIT\n", 1},
      {"*mangle\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j MARK --set-xmark 0x0/0xffffffff\nCOMMIT\n", 0},
      {"*filter\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j MARK --set-xmark 0x1/0xffffffff\nCOMMIT\n", 0},
      {"*nat\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j DNAT --to-destination 10.0.1.2\nCOMMIT\n", 1},
      {"*nat\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p udp -j DNAT --to-destination :99\nCOMMIT\n", 0},
      {"*nat\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j ACCEPT\n-A OUTPUT -j DNAT --to-destination "
       "10.0.1.2\nCOMMIT\n",
       0},
  };
  for (const Row& row : rows) {
    TestBench bench(row.rules);
    Packet packet = sent_from_here();
    EXPECT_FALSE(bench.run(Hook::output, packet));
    EXPECT_EQ(bench.reroutes, row.reroutes) << row.rules;
  }
}

TEST(Evaluate, ForeignHookIsToldAndPassed) {
  TestBench bench(drop_all);
  bench.netfilter.foreign = {{.hook = Hook::forward, .priority = -10, .unmodelled = 4},
                             {.hook = Hook::forward, .priority = 10, .unmodelled = 5}};
  ASSERT_TRUE(compile(bench.netfilter));
  Packet packet = TestBench::forwarded_udp();
  StepTrace trace;
  EXPECT_TRUE(bench.run(Hook::forward, packet, trace));
  ASSERT_GE(trace.steps().size(), 1U);
  EXPECT_EQ(trace.steps()[0].did, Did::assumed);
  EXPECT_EQ(trace.steps()[0].by, Cause::unmodelled(4));
  for (const Step& step : trace.steps()) EXPECT_FALSE(step.by == Cause::unmodelled(5));
}

// Legacy drops what nft marks: it depends on who is asked first.
TEST(Evaluate, AnOrderNobodyKnowsIsAskedForOnce) {
  for (const std::uint32_t nft_first : {0U, 1U}) {
    TestBench bench("*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m mark --mark 0x1 -j DROP\nCOMMIT\n");
    bench.netfilter.unknown_order = 7;
    bench.add("*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j MARK --set-xmark 0x1/0xffffffff\nCOMMIT\n",
              Backend::nft);
    bench.chance = Chance(std::vector{nft_first});
    for (int i = 0; i < 2; ++i) {
      Packet packet = TestBench::forwarded_udp();
      EXPECT_EQ(bench.run(Hook::forward, packet).fate == Fate::dropped, nft_first == 1);
    }
    ASSERT_EQ(bench.chance.asked().size(), 1U);
    EXPECT_EQ(bench.chance.asked()[0].asked_by, Cause::unmodelled(7));
  }
}

TEST(Evaluate, CountersGoBackIntoTheRulesets) {
  TestBench bench("*filter\n:FORWARD DROP [7:70]\n[3:300] -A FORWARD -p udp\n"
                  "[5:500] -A FORWARD -p tcp\nCOMMIT\n");
  Packet packet = TestBench::forwarded_udp();
  EXPECT_TRUE(bench.run(Hook::forward, packet));
  const std::vector<Ruleset> rulesets = counted(bench.netfilter, bench.state);
  const Table& filter = rulesets[0].tables[0];
  const Chain& chain = filter.chains[filter.find("FORWARD")];
  EXPECT_EQ(chain.rules[0].counters.packets, 4U);
  EXPECT_EQ(chain.rules[0].counters.bytes, 328U);
  EXPECT_EQ(chain.rules[1].counters.packets, 5U);
  EXPECT_EQ(chain.counters.packets, 8U);
}

}  // namespace
}  // namespace wayout::netfilter
