#include <gtest/gtest.h>

#include "netfilter/test_bench.hpp"

namespace wayout::netfilter {
namespace {

using Bytes = std::vector<std::uint8_t>;
using wire::IpAddress;

constexpr auto public_address = IpAddress::v4(203, 0, 113, 7);
constexpr auto backend = IpAddress::v4(10, 0, 2, 5);

constexpr const char* options[] = {
    "--ctstate NEW", "--ctstate ESTABLISHED", "! --ctstate NEW", "--ctstate INVALID",
    "--ctstate SNAT", "! --ctstate SNAT", "--ctstate DNAT", "--ctstate INVALID --ctproto 6",
    "--ctproto 17", "! --ctproto 6", "--ctorigsrc 10.0.1.0/24", "--ctorigdst 8.8.8.8/32",
    "--ctreplsrc 10.0.2.5/32", "--ctrepldst 203.0.113.7/32", "! --ctrepldst 203.0.113.7/32",
    "--ctorigsrcport 1000", "--ctorigdstport 50:60", "--ctreplsrcport 8053",
    "--ctrepldstport 1000", "--ctdir ORIGINAL", "--ctdir REPLY", "--ctstatus CONFIRMED",
    "--ctstatus SEEN_REPLY", "--ctstatus NONE", "! --ctstatus NONE", "--ctexpire 0",
    "--ctexpire 1:30", "--ctexpire 31:130"};

/// A rule in FORWARD for each option, behind DNAT and SNAT.
class MatchConnection : public testing::Test {
 protected:
  static std::string rules() {
    std::string text =
        "*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
        "-A PREROUTING -p udp -m udp --dport 53 -j DNAT --to-destination 10.0.2.5:8053\n"
        "-A POSTROUTING -j SNAT --to-source 203.0.113.7\nCOMMIT\n*filter\n:FORWARD ACCEPT [0:0]\n";
    for (const char* option : options)
      text += std::string("-A FORWARD -m conntrack ") + option + "\n";
    return text + "COMMIT\n";
  }

  /// A digit a rule: 1 when it counted this packet on its way.
  std::string rules_for(const Bytes& ip, bool untracked = false) {
    std::vector<Counters>& counters = bench_.state.counters;
    counters.assign(counters.size(), {});
    Packet packet = TestBench::forwarded(ip);
    if (untracked) packet.ctinfo = CtInfo::untracked;
    EXPECT_FALSE(bench_.forward(packet));
    std::string digits;
    for (std::uint32_t i = 0; i < std::size(options); ++i)
      digits += bench_.counted(TableKind::filter, "FORWARD", i + 1) != 0 ? '1' : '0';
    return digits;
  }

  TestBench bench_{rules()};
};

Bytes request() {
  return wire::make_udp({.source = TestBench::client, .destination = TestBench::server}, 1000, 53,
                        Bytes{'x'});
}

// Each packet sent through a router of 6.18 with these rules, and which of them counted it.
TEST_F(MatchConnection, AsTheKernelCounted) {
  EXPECT_EQ(rules_for(request()), "1000011011111011111100001100") << "first packet";
  EXPECT_EQ(rules_for(request()), "1000101011111101111101001010") << "again, without an answer";
  const Bytes reply =
      wire::make_udp({.source = backend, .destination = public_address}, 8053, 1000, Bytes{'x'});
  EXPECT_EQ(rules_for(reply), "0110101011111101111011101010") << "reply";
  EXPECT_EQ(rules_for(request()), "0110101011111101111101101010") << "after the reply";
  const Bytes quoted =
      wire::make_udp({.source = public_address, .destination = backend}, 1000, 8053, Bytes{'x'});
  const Bytes error = wire::make_icmp_error({.source = backend, .destination = public_address}, 3,
                                            3, 0, quoted);
  EXPECT_EQ(rules_for(error), "0010101011111101111011101010") << "error about it";
}

TEST_F(MatchConnection, WithoutAConnectionOnlyStatesCount) {
  const Bytes syn_ack =
      wire::make_tcp({.source = TestBench::client, .destination = TestBench::server},
                     {.source_port = 1000, .destination_port = 99,
                      .flags = wire::TcpHeader::syn | wire::TcpHeader::ack});
  EXPECT_EQ(rules_for(syn_ack), "0011010100000000000000000000") << "INVALID";
  const Bytes other =
      wire::make_udp({.source = TestBench::client, .destination = TestBench::server}, 1001, 53);
  EXPECT_EQ(rules_for(other, true), "0010010000000000000000000000") << "UNTRACKED";
}

// Between `CT --zone` and tracking the packet has the rule's template; as a router of 6.18 counted.
TEST(MatchTemplate, IsSeenBetweenCtAndTracking) {
  constexpr const char* rows[] = {
      "1 -m conntrack --ctstate NEW", "0 -m conntrack --ctstate INVALID",
      "0 -m conntrack --ctstate UNTRACKED", "0 -m conntrack --ctstate ESTABLISHED",
      "1 -m conntrack ! --ctstate DNAT", "0 -m conntrack --ctproto 17",
      "1 -m conntrack ! --ctproto 17", "0 -m conntrack --ctorigsrc 10.0.0.0/8",
      "1 -m conntrack --ctorigsrc 0.0.0.0/8", "1 -m conntrack ! --ctreplsrc 10.0.0.0/8",
      "1 -m conntrack --ctorigsrcport 0", "1 -m conntrack --ctdir ORIGINAL",
      "0 -m conntrack --ctdir REPLY", "0 -m conntrack --ctstatus NONE",
      "1 -m conntrack --ctstatus CONFIRMED", "0 -m conntrack --ctstatus SEEN_REPLY",
      "1 -m conntrack --ctexpire 0", "0 -m conntrack --ctexpire 1:100", "1 -m state --state NEW",
      "1 -m connmark --mark 0x0", "0 -m connmark ! --mark 0x0"};
  std::string text = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j CT --zone 6\n";
  for (const std::string_view row : rows)
    text.append("-A PREROUTING ").append(row.substr(2)).append("\n");
  TestBench bench(text + "COMMIT\n");
  Packet packet = TestBench::forwarded_udp();
  EXPECT_FALSE(bench.run(Hook::prerouting, packet));
  for (std::uint32_t i = 0; i < std::size(rows); ++i)
    EXPECT_EQ(bench.counted(TableKind::raw, "PREROUTING", i + 2), rows[i][0] == '1' ? 1U : 0U)
        << rows[i];
  EXPECT_EQ(bench.connections[packet.connection].zones.original, 6);
}

TEST(MatchConnmark, IsFalseWithoutAConnection) {
  TestBench bench("*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m connmark --mark 0x0\n"
                  "-A FORWARD -m connmark ! --mark 0x0\n-A FORWARD -m connmark --mark 0x2/0x6\n"
                  "COMMIT\n");
  Packet packet = TestBench::forwarded_udp();
  EXPECT_FALSE(bench.run(Hook::forward, packet));  // not tracked before
  EXPECT_EQ(bench.counted(TableKind::filter, "FORWARD", 1), 0U);
  EXPECT_EQ(bench.counted(TableKind::filter, "FORWARD", 2), 0U);

  EXPECT_FALSE(bench.run(Hook::prerouting, packet));
  bench.connections[packet.connection].mark = 0xb;
  EXPECT_FALSE(bench.run(Hook::forward, packet));
  EXPECT_EQ(bench.counted(TableKind::filter, "FORWARD", 1), 0U);
  EXPECT_EQ(bench.counted(TableKind::filter, "FORWARD", 2), 1U);
  EXPECT_EQ(bench.counted(TableKind::filter, "FORWARD", 3), 1U);
}

}  // namespace
}  // namespace wayout::netfilter
