#include "netfilter/read_ipset.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wayout::netfilter {
namespace {

using testing::ElementsAre;

// As ipset 7.17 prints them.
constexpr const char* save =
    R"(create a hash:ip family inet hashsize 1024 maxelem 65536 timeout 300 counters comment bucketsize 12 initval 0x964f4dd4
add a 10.0.0.1 timeout 99 packets 0 bytes 0 comment "hello nomatch world"
create c hash:ip,port family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0xbcdbe806
add c 10.0.0.1,ospf:0
add c 10.0.0.1,icmp:200/7
add c 10.0.0.1,icmp:fragmentation-needed
add c 10.0.0.1,tcp:80
create f hash:ip,port,net family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x6e4e38b7
add f 10.0.0.1,tcp:80,10.0.0.0/25 nomatch
create g hash:net,iface family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x3013cb62
add g 10.0.0.0/24,et wildcard
add g 10.0.0.0/24,physdev:eth1
create hn bitmap:ip range 10.0.0.0-10.0.255.255 netmask 24
add hn 10.0.5.0
create i bitmap:ip,mac range 10.0.0.0-10.0.0.255
add i 10.0.0.5,01:02:03:0A:0B:0C
add i 10.0.0.6
create j bitmap:port range 0-1000
add j 22
create mn hash:net family inet6 hashsize 1024 maxelem 65536 bucketsize 12 initval 0x6f965a15
add mn 2001:db8::/32
create k list:set size 8
add k c
add k a
)";

TEST(ReadIpset, WhatIpsetSavePrints) {
  const auto sets = read_ipset(save, "ipset.txt");
  ASSERT_TRUE(sets) << sets.error().text();
  EXPECT_TRUE(sets->known);
  ASSERT_EQ(sets->list.size(), 9U);
  EXPECT_EQ(sets->find("nowhere"), nullptr);

  const SetElement& timed = sets->find("a")->elements.at(0);
  EXPECT_EQ(timed.expires_ms, 99'000);
  EXPECT_FALSE(timed.nomatch);  // that word is in the comment

  const IpSet& services = *sets->find("c");
  EXPECT_THAT(services.parts, ElementsAre(SetPart::ip, SetPart::port));
  EXPECT_EQ(services.elements.at(0).protocol, 89);
  EXPECT_EQ(services.elements.at(1).port_low, 200 << 8 | 7);
  EXPECT_EQ(services.elements.at(2).port_high, 3 << 8 | 4);
  EXPECT_EQ(services.elements.at(3).port_low, 80);

  const SetElement& flow = sets->find("f")->elements.at(0);
  EXPECT_EQ(flow.second.text(), "10.0.0.0/25");
  EXPECT_TRUE(flow.nomatch);

  EXPECT_TRUE(sets->find("g")->elements.at(0).wildcard);
  EXPECT_TRUE(sets->find("g")->elements.at(1).physdev);
  EXPECT_EQ(sets->find("g")->elements.at(1).interface, "eth1");
  EXPECT_EQ(sets->find("hn")->mask.text(), "255.255.255.0");
  EXPECT_EQ(sets->find("i")->elements.at(0).mac->text(), "01:02:03:0a:0b:0c");
  EXPECT_FALSE(sets->find("i")->elements.at(1).mac);
  EXPECT_EQ(sets->find("mn")->family, wire::Family::ipv6);
  EXPECT_EQ(sets->find("k")->elements.at(0).set, "c");
}

TEST(ReadIpset, WhatIpsetListPrints) {
  const auto sets = read_ipset(R"(Name: g
Type: hash:net,iface
Revision: 8
Header: family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x3013cb62
Size in memory: 752
References: 0
Number of entries: 2
Members:
10.0.0.0/24,eth0
0.0.0.0/0,lo timeout 7

Name: k
Type: list:set
Revision: 3
Header: size 8
Size in memory: 176
References: 0
Number of entries: 1
Members:
g
)",
                               "ipset.txt");
  ASSERT_TRUE(sets) << sets.error().text();
  ASSERT_EQ(sets->list.size(), 2U);
  EXPECT_EQ(sets->find("g")->elements.at(1).first.text(), "0.0.0.0/0");
  EXPECT_EQ(sets->find("k")->elements.at(0).set, "g");
}

TEST(ReadIpset, ATypeWeDoNotKnowIsKeptByName) {
  const auto sets = read_ipset("create t hash:ip,color\nadd t 10.0.0.1,red\n", "ipset.txt");
  ASSERT_TRUE(sets) << sets.error().text();
  EXPECT_TRUE(sets->find("t")->unmodelled);
}

TEST(ReadIpset, MistakesAreToldWithTheirPlace) {
  const auto error = [](const char* text) {
    const auto sets = read_ipset(text, "ipset.txt");
    return sets ? "read" : sets.error().text();
  };
  EXPECT_EQ(error("add a 10.0.0.1\n"), "ipset.txt:1:5: no set \"a\"");
  EXPECT_EQ(error("create a hash:ip\nadd a 10.0.0.300\n"),
            "ipset.txt:2:7: \"10.0.0.300\" is no element of a hash:ip");
  EXPECT_EQ(error("create a hash:ip,port\nadd a 10.0.0.1,tcp:80,10.0.0.2\n"),
            "ipset.txt:2:7: \"10.0.0.1,tcp:80,10.0.0.2\" is no element of a hash:ip,port");
  EXPECT_EQ(error("create a hash:ip\ncreate a hash:ip\n"),
            "ipset.txt:2:8: this set is there already");
  EXPECT_EQ(error("# iptables-save\n*filter\n"),
            "ipset.txt:2:1: neither ipset save nor ipset list");
  EXPECT_EQ(error("create a hash:ip netmask 40\n"), "ipset.txt:1:26: no netmask");
}

}  // namespace
}  // namespace wayout::netfilter
