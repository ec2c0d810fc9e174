#include "netfilter/target.hpp"

#include <gtest/gtest.h>

#include "netfilter/test_bench.hpp"

namespace wayout::netfilter {
namespace {

using wire::IpAddress;

std::string rules(const char* table, const char* chain, const std::string& lines) {
  return std::string("*") + table + "\n:" + chain + " ACCEPT [0:0]\n" + lines + "COMMIT\n";
}

TEST(Target, MarkKeepsWhatTheMaskLeaves) {
  TestBench bench(rules("mangle", "FORWARD", "-A FORWARD -j MARK --set-xmark 0x2/0x6\n"));
  Packet packet = TestBench::forwarded_udp();
  packet.mark = 0xf5;
  EXPECT_FALSE(bench.run(Hook::forward, packet));
  EXPECT_EQ(packet.mark, 0xf3U);
}

TEST(Target, ConnmarkSetSaveRestore) {
  struct Row {
    const char* option;
    std::uint32_t packet_mark, connection_mark;  ///< from 0x35 and 0x12
  };
  const Row rows[] = {
      {"--set-xmark 0x1/0xf", 0x35, 0x11},
      {"--save-mark --nfmask 0xf --ctmask 0xf", 0x35, 0x15},
      {"--restore-mark --nfmask 0xf0 --ctmask 0xf0", 0x15, 0x12},
      {"--restore-mark --nfmask 0xffffffff --ctmask 0xffffffff", 0x12, 0x12},
  };
  for (const Row& row : rows) {
    TestBench bench(rules("mangle", "FORWARD",
                          std::string("-A FORWARD -j CONNMARK ") + row.option + "\n"));
    Packet packet = TestBench::forwarded_udp();
    EXPECT_FALSE(bench.run(Hook::prerouting, packet));
    packet.mark = 0x35;
    bench.connections[packet.connection].mark = 0x12;
    EXPECT_FALSE(bench.run(Hook::forward, packet));
    EXPECT_EQ(packet.mark, row.packet_mark) << row.option;
    EXPECT_EQ(bench.connections[packet.connection].mark, row.connection_mark) << row.option;
  }
}

TEST(Target, FirstCtRuleDecidesHowIsTracked) {
  const std::string needs_conntrack = rules("filter", "FORWARD", "-A FORWARD -m state --state NEW\n");
  TestBench untracked(rules("raw", "PREROUTING",
                            "-A PREROUTING -j CT --notrack\n-A PREROUTING -j CT --zone 5\n") +
                      needs_conntrack);
  Packet packet = TestBench::forwarded_udp();
  EXPECT_FALSE(untracked.run(Hook::prerouting, packet));
  EXPECT_EQ(packet.ctinfo, CtInfo::untracked);
  EXPECT_EQ(packet.connection, no_connection);

  TestBench zoned(rules("raw", "PREROUTING",
                        "-A PREROUTING -j CT --zone-orig 5\n-A PREROUTING -j CT --notrack\n") +
                  needs_conntrack);
  Packet other = TestBench::forwarded_udp();
  EXPECT_FALSE(zoned.run(Hook::prerouting, other));
  ASSERT_NE(other.connection, no_connection);
  EXPECT_EQ(zoned.connections[other.connection].zones, (conntrack::Zones{5, 0}));
}

IpAddress tuple_address(TestBench& bench, const Packet& packet, nat::Manip manip) {
  const conntrack::Tuple& reply = bench.connections[packet.connection].reply();
  return manip == nat::Manip::source ? reply.destination : reply.source;
}

TEST(Target, MasqueradeTakesTheAddressTowardsTheNextHop) {
  TestBench bench(rules("nat", "POSTROUTING", "-A POSTROUTING -j MASQUERADE\n"));
  route::InterfaceAddress other;
  other.local = other.peer = IpAddress::v4(203, 0, 113, 5);
  other.prefix_length = 24;
  auto& addresses = bench.interfaces[TestBench::out0].addresses;
  addresses.insert(addresses.begin(), other);
  Packet packet = TestBench::forwarded_udp();
  EXPECT_FALSE(bench.forward(packet));
  const conntrack::Connection& connection = bench.connections[packet.connection];
  EXPECT_EQ(tuple_address(bench, packet, nat::Manip::source), IpAddress::v4(10, 0, 2, 1));
  EXPECT_EQ(connection.masquerade_device, TestBench::out0);
  EXPECT_EQ(connection.source_rule, bench.ref(TableKind::nat, "POSTROUTING", 1));
}

TEST(Target, MasqueradeWithoutAnAddressDrops) {
  TestBench bench(rules("nat", "POSTROUTING", "-A POSTROUTING -j MASQUERADE\n"), Backend::nft);
  for (route::Interface& interface : bench.interfaces.list) interface.addresses.clear();
  Packet packet = TestBench::forwarded_udp();
  const Stop stop = bench.forward(packet);
  EXPECT_EQ(stop.stage, Stage::nft_do_chain);
  EXPECT_EQ(stop.cause, Cause::nat(NatCause::no_address, TestBench::out0));
  EXPECT_EQ(bench.counted(TableKind::nat, "POSTROUTING", 1), 1U);
}

TEST(Target, RedirectTakesTheFirstAddressListed) {
  const std::string redirect = rules("nat", "PREROUTING", "-A PREROUTING -j REDIRECT\n") +
                               rules("filter", "FORWARD", "");
  TestBench bench(redirect);
  auto& addresses = bench.interfaces[TestBench::in0].addresses;
  route::InterfaceAddress host;
  host.local = host.peer = IpAddress::v4(10, 7, 0, 1);
  host.scope = route::Scope::host;
  addresses.insert(addresses.begin(), host);
  Packet packet = TestBench::forwarded_udp();
  EXPECT_FALSE(bench.run(Hook::prerouting, packet));
  EXPECT_EQ(tuple_address(bench, packet, nat::Manip::destination), IpAddress::v4(10, 7, 0, 1));

  TestBench without(redirect);
  without.interfaces[TestBench::in0].addresses.clear();
  Packet lost = TestBench::forwarded_udp();
  EXPECT_EQ(without.run(Hook::prerouting, lost).cause,
            Cause::nat(NatCause::no_redirect_address, TestBench::in0));

  TestBench output(rules("nat", "OUTPUT", "-A OUTPUT -p udp -j REDIRECT --to-ports 99\n"));
  Packet local = Packet::from_ip(wire::make_udp(
      {.source = IpAddress::v4(10, 0, 2, 1), .destination = TestBench::server}, 1000, 53));
  EXPECT_FALSE(output.run(Hook::output, local));
  EXPECT_EQ(tuple_address(output, local, nat::Manip::destination), IpAddress::v4(127, 0, 0, 1));
  EXPECT_EQ(output.connections[local.connection].reply().source_port, 99);
}

TEST(Target, NetmapKeepsTheHostPart) {
  TestBench bench(rules("nat", "PREROUTING", "-A PREROUTING -j NETMAP --to 192.0.2.64/28\n"));
  Packet packet = TestBench::forwarded_udp();  // to 8.8.8.8
  EXPECT_FALSE(bench.run(Hook::prerouting, packet));
  EXPECT_EQ(tuple_address(bench, packet, nat::Manip::destination), IpAddress::v4(192, 0, 2, 72));
}

TEST(Target, OnlyCounting) {
  EXPECT_TRUE(only_counts(NoTarget{}));
  EXPECT_TRUE(only_counts(LogTarget{}));
  EXPECT_TRUE(only_counts(KeptTarget{.name = "NFLOG", .tokens = {}, .passes = true}));
  EXPECT_FALSE(only_counts(KeptTarget{.name = "TPROXY", .tokens = {}}));
  EXPECT_FALSE(only_counts(MarkTarget{}));
  EXPECT_FALSE(only_counts(ReturnTarget{}));
}

}  // namespace
}  // namespace wayout::netfilter
