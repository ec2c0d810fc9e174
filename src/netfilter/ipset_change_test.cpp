// What `-j SET` makes of sets: what `ipset save` of Linux 6.18 showed after the rule had met one
// datagram 10.0.1.2:1000 > 10.0.2.2:53 from in0 to out0.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "netfilter/ipset.hpp"
#include "netfilter/read_ipset.hpp"
#include "netfilter/test_bench.hpp"

namespace wayout::netfilter {
namespace {

SetQuestion datagram() {
  return {.source = wire::IpAddress::v4(10, 0, 1, 2),
          .destination = wire::IpAddress::v4(10, 0, 2, 2),
          .protocol = wire::protocol::udp,
          .source_port = 1000,
          .destination_port = 53,
          .source_mac = wire::MacAddress::parse("02:00:00:00:00:11"),
          .destination_mac = wire::MacAddress::parse("02:00:00:00:00:01"),
          .ingress = "in0",
          .egress = "out0"};
}

IpSets read(const std::string& text) {
  auto sets = read_ipset(text, "ipset.txt");
  EXPECT_TRUE(sets);
  return sets ? std::move(*sets) : IpSets{};
}

SetUse use(const IpSets& sets, const char* name, const char* sides) {
  SetUse use{.set = name, .source = {}};
  for (const char* side = sides; *side != 0; side += side[3] == ',' ? 4 : 3)
    use.source.push_back(*side == 's');
  use.position = static_cast<std::uint32_t>(sets.find(name) - sets.list.data());
  return use;
}

/// `10.0.1.2/32 17:53 -10.0.2.0/24 in0 50s`, one after the other.
std::string held(const IpSets& sets, const char* name, std::int64_t now_ms = 0) {
  std::string text;
  for (const SetElement& element : sets.find(name)->elements) {
    if (!element.is_there(now_ms)) continue;
    if (!text.empty()) text += "; ";
    if (element.first.address.is_set()) text += element.first.text();
    if (element.port_low != 0 || element.protocol != 0)
      text += " " + std::to_string(element.protocol) + ":" + std::to_string(element.port_low);
    if (element.second.address.is_set()) text += " " + element.second.text();
    if (!element.interface.empty()) text += " " + element.interface;
    if (element.mac) text += " " + element.mac->text();
    if (element.nomatch) text += " nomatch";
    if (element.expires_ms) text += " " + std::to_string(*element.expires_ms / 1000) + "s";
  }
  return text;
}

TEST(IpsetAdd, WhatGoesIn) {
  const struct {
    const char* set;  ///< called s
    const char* sides;
    bool again;
    std::optional<std::uint32_t> timeout_s;
    const char* held;
  } rows[] = {
      {"create s hash:ip", "src", false, {}, "10.0.1.2/32"},
      {"create s hash:ip", "src,dst", false, {}, "10.0.1.2/32"},
      {"create s hash:ip", "src", false, 50, "10.0.1.2/32"},
      {"create s hash:ip timeout 100", "src", false, {}, "10.0.1.2/32 100s"},
      {"create s hash:ip timeout 100", "src", false, 50, "10.0.1.2/32 50s"},
      {"create s hash:ip timeout 100", "src", false, 0, "10.0.1.2/32"},
      {"create s hash:ip timeout 100\nadd s 10.0.1.2 timeout 10", "src", false, 50, "10.0.1.2/32 10s"},
      {"create s hash:ip timeout 100\nadd s 10.0.1.2 timeout 10", "src", true, 50, "10.0.1.2/32 50s"},
      {"create s hash:ip timeout 100\nadd s 10.0.1.2 timeout 10", "src", true, {}, "10.0.1.2/32 100s"},
      {"create s hash:ip netmask 24", "src", false, {}, "10.0.1.0/32"},
      {"create s hash:ip maxelem 2\nadd s 1.1.1.1\nadd s 1.1.1.2", "src", false, {}, "1.1.1.1/32; 1.1.1.2/32"},
      {"create s hash:net", "src", false, {}, "10.0.1.2/32"},
      {"create s hash:net\nadd s 9.9.9.0/24\nadd s 9.8.0.0/16", "src", false, {},
       "9.9.9.0/24; 9.8.0.0/16; 10.0.1.0/24"},
      {"create s hash:net\nadd s 10.0.1.0/24", "src", false, {}, "10.0.1.0/24"},
      {"create s hash:net\nadd s 10.0.1.2 nomatch", "src", false, {}, "10.0.1.2/32 nomatch"},
      {"create s hash:net\nadd s 10.0.1.2 nomatch", "src", true, {}, "10.0.1.2/32"},
      {"create s hash:ip,port", "src,dst", false, {}, "10.0.1.2/32 17:53"},
      {"create s hash:ip,port", "dst,src", false, {}, "10.0.2.2/32 17:1000"},
      {"create s hash:ip,port", "src", false, {}, ""},
      {"create s hash:ip,port,ip", "src,dst,dst", false, {}, "10.0.1.2/32 17:53 10.0.2.2/32"},
      {"create s hash:ip,port,net", "src,dst,dst", false, {}, "10.0.1.2/32 17:53 10.0.2.2/32"},
      {"create s hash:ip,port,net\nadd s 1.1.1.1,udp:5,2.2.2.0/24", "src,dst,dst", false, {},
       "1.1.1.1/32 17:5 2.2.2.0/24; 10.0.1.2/32 17:53 10.0.2.0/24"},
      {"create s hash:net,port\nadd s 2.2.2.0/24,udp:1", "src,dst", false, {},
       "2.2.2.0/24 17:1; 10.0.1.0/24 17:53"},
      {"create s hash:net,iface", "src,src", false, {}, "10.0.1.2/32 in0"},
      {"create s hash:net,iface", "dst,dst", false, {}, "10.0.2.2/32 out0"},
      {"create s bitmap:ip range 10.0.1.0-10.0.1.255", "src", false, {}, "10.0.1.2/32"},
      {"create s bitmap:ip range 10.0.1.0-10.0.1.255", "dst", false, {}, ""},
      {"create s bitmap:ip range 10.0.0.0-10.0.255.255 netmask 24", "src", false, {}, "10.0.1.0/32"},
      {"create s bitmap:port range 50-60", "dst", false, {}, " 0:53"},
      {"create s bitmap:port range 50-60", "src", false, {}, ""},
      {"create s bitmap:ip,mac range 10.0.1.0-10.0.1.255", "src,src", false, {},
       "10.0.1.2/32 02:00:00:00:00:11"},
  };
  for (const auto& row : rows) {
    IpSets sets = read(std::string(row.set) + "\n");
    ipset_add(sets, use(sets, "s", row.sides), datagram(), row.again, row.timeout_s, 0);
    EXPECT_EQ(held(sets, "s"), row.held) << row.set << " " << row.sides;
  }
}

TEST(IpsetAdd, AListGivesItToTheFirstMemberThatTakesIt) {
  IpSets sets = read("create a hash:ip\ncreate b hash:ip\ncreate l list:set\nadd l a\nadd l b\n");
  const SetUse list = use(sets, "l", "src");
  EXPECT_TRUE(ipset_add(sets, list, datagram(), false, {}, 0));
  EXPECT_EQ(held(sets, "b"), "");
  EXPECT_TRUE(ipset_add(sets, list, datagram(), false, {}, 0));
  EXPECT_EQ(held(sets, "a"), "10.0.1.2/32");
  EXPECT_EQ(held(sets, "b"), "10.0.1.2/32");
  EXPECT_FALSE(ipset_add(sets, list, datagram(), false, {}, 0));
  EXPECT_TRUE(ipset_remove(sets, list, datagram(), 0));
  EXPECT_EQ(held(sets, "a"), "");
  EXPECT_EQ(held(sets, "b"), "10.0.1.2/32");
}

TEST(IpsetRemove, TheElementThatWouldGoIn) {
  const struct {
    const char* set;
    const char* held;
  } rows[] = {
      {"create s hash:ip\nadd s 10.0.1.2\nadd s 10.0.1.3", "10.0.1.3/32"},
      {"create s hash:net\nadd s 10.0.1.0/24\nadd s 10.0.0.0/16\nadd s 9.9.9.9",
       "10.0.1.0/24; 10.0.0.0/16; 9.9.9.9/32"},
      {"create s hash:net\nadd s 10.0.1.0/24\nadd s 10.0.0.0/16", "10.0.0.0/16"},
  };
  for (const auto& row : rows) {
    IpSets sets = read(std::string(row.set) + "\n");
    ipset_remove(sets, use(sets, "s", "src"), datagram(), 0);
    EXPECT_EQ(held(sets, "s"), row.held) << row.set;
  }
}

TEST(Ipset, ElementsEndWithTheirTime) {
  IpSets sets = read("create s hash:ip timeout 100 maxelem 1\nadd s 10.0.1.2 timeout 2\n");
  const SetMatch match{.set = "s", .source = {true}, .invert = false, .extra = {}};
  const auto answer = [&](std::int64_t now_ms) {
    return ipset_contains(sets, *sets.find("s"), match, datagram(), now_ms);
  };
  EXPECT_EQ(answer(0), SetAnswer::yes);
  EXPECT_EQ(answer(2000), SetAnswer::yes);
  EXPECT_EQ(answer(2004), SetAnswer::no);
  EXPECT_TRUE(ipset_add(sets, use(sets, "s", "src"), datagram(), false, 3, 5000)) << "room again";
  EXPECT_EQ(answer(8000), SetAnswer::yes);
  EXPECT_EQ(answer(8004), SetAnswer::no);
}

// ---------------------------------------------------------------- rules

TEST(SetTarget, MapsTheMarkOfAnElement) {
  const struct {
    const char* sets;
    std::uint32_t mark;  ///< from 0xabcd
  } rows[] = {
      {"create s hash:ip skbinfo\nadd s 10.0.1.2 skbmark 0x12/0xff", 0xab12},
      {"create s hash:ip skbinfo\nadd s 10.0.1.2 skbmark 0x12", 0x12},
      {"create s hash:ip skbinfo\nadd s 10.0.1.3 skbmark 0x12", 0xabcd},
      {"create s hash:ip skbinfo\nadd s 10.0.1.2", 0xabcd},
      {"create s hash:ip\nadd s 10.0.1.2", 0xabcd},
  };
  for (const auto& row : rows) {
    TestBench bench("*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j SET --map-set s src --map-mark\nCOMMIT\n");
    bench.netfilter.sets = read(std::string(row.sets) + "\n");
    ASSERT_TRUE(compile(bench.netfilter));
    Packet packet = TestBench::forwarded_udp();
    packet.mark = 0xabcd;
    EXPECT_FALSE(bench.run(Hook::forward, packet));
    EXPECT_EQ(packet.mark, row.mark) << row.sets;
    EXPECT_TRUE(bench.assumed.empty());
  }
}

TEST(SetTarget, LaterRulesSeeWhatItDidAndTheConfigurationStays) {
  TestBench bench(
      "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m set --match-set s src\n"
      "-A FORWARD -j SET --add-set s src\n-A FORWARD -m set --match-set s src -j DROP\nCOMMIT\n");
  bench.netfilter.sets = read("create s hash:ip\n");
  ASSERT_TRUE(compile(bench.netfilter));
  Packet packet = TestBench::forwarded_udp();
  EXPECT_TRUE(bench.run(Hook::forward, packet));
  EXPECT_EQ(bench.counted(TableKind::filter, "FORWARD", 1), 0U);
  EXPECT_TRUE(bench.netfilter.sets.find("s")->elements.empty());
  Packet second = TestBench::forwarded_udp();
  EXPECT_TRUE(bench.run(Hook::forward, second));
  EXPECT_EQ(bench.counted(TableKind::filter, "FORWARD", 1), 1U);
}

}  // namespace
}  // namespace wayout::netfilter
