// What is in a set: the answers of the kernel (6.18, iptables 1.8.9 `-m set` in FORWARD, the
// counters of one rule for each row), for the packets below.
#include "netfilter/ipset.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "netfilter/read_ipset.hpp"

namespace wayout::netfilter {
namespace {

constexpr std::uint8_t icmp = 1, tcp = 6, udp = 17, gre = 47, sctp = 132, udplite = 136;

SetQuestion packet(std::uint8_t protocol, const char* source, std::optional<std::uint16_t> sport,
                   const char* destination, std::optional<std::uint16_t> dport) {
  return {.source = *wire::IpAddress::parse(source),
          .destination = *wire::IpAddress::parse(destination),
          .protocol = protocol,
          .source_port = sport,
          .destination_port = dport,
          .source_mac = wire::MacAddress::parse("02:00:00:00:00:11"),
          .destination_mac = wire::MacAddress::parse("02:00:00:00:00:01"),
          .ingress = "in0",
          .egress = "out0"};
}

constexpr std::uint16_t echo_request = 8 << 8, fragmentation_needed = 3 << 8 | 4;
const std::optional<std::uint16_t> cut_off;  // a later fragment has no ports

const std::vector<SetQuestion> packets = {
    packet(tcp, "10.0.0.1", 1000, "10.0.0.2", 80),
    packet(udp, "10.0.0.1", 53, "10.1.2.9", 53),
    packet(icmp, "10.0.0.5", echo_request, "10.1.9.9", echo_request),
    packet(gre, "10.0.0.1", 0, "10.0.0.2", 0),
    packet(tcp, "192.168.1.1", 80, "10.0.0.1", 100),
    packet(udp, "10.0.0.1", cut_off, "10.0.0.2", cut_off),
    packet(icmp, "10.0.0.1", fragmentation_needed, "10.0.0.2", fragmentation_needed),
    packet(sctp, "10.0.0.1", 5, "10.0.0.7", 22),
    packet(udp, "10.0.5.200", 22, "10.200.0.1", 101),
    packet(udplite, "10.0.0.1", 80, "10.0.0.2", 80),
    packet(gre, "10.0.0.1", 0, "10.0.0.2", 0),
};

struct Row {
  const char* set;
  const char* sides;
  const char* option;
  const char* answers;  ///< one digit a packet
};

std::string answers(const IpSets& sets, const Row& row) {
  SetMatch match{.set = row.set, .source = {}, .invert = false, .extra = {}};
  if (*row.option != 0) match.extra.emplace_back(row.option);
  for (const char* side = row.sides; *side != 0; side += side[3] == ',' ? 4 : 3) {
    match.source.push_back(*side == 's');
  }
  std::string text;
  for (const SetQuestion& one : packets) {
    switch (ipset_contains(sets, *sets.find(row.set), match, one)) {
      case SetAnswer::no:
        text += '0';
        break;
      case SetAnswer::yes:
        text += '1';
        break;
      case SetAnswer::unknown:
        text += '?';
        break;
    }
  }
  return text;
}

void expect_rows(const char* sets_text, const std::vector<Row>& rows) {
  const Result<IpSets> sets = read_ipset(sets_text, "sets");
  ASSERT_TRUE(sets) << sets.error().text();
  for (const Row& row : rows) {
    EXPECT_EQ(answers(*sets, row), row.answers) << row.set << ' ' << row.sides << ' ' << row.option;
  }
}

TEST(IpsetContains, EveryTypeAndSide) {
  expect_rows(R"(create hosts hash:ip
add hosts 10.0.0.1
add hosts 10.1.9.9
create block hash:ip netmask 24
add block 10.0.5.7
create odd hash:ip bitmask 255.0.0.255
add odd 10.9.9.2
create nets hash:net
add nets 10.0.0.0/8
add nets 10.1.0.0/16 nomatch
add nets 10.1.2.0/24
create services hash:ip,port
add services 10.0.0.1,tcp:80
add services 10.0.0.2,tcp:80
add services 10.1.2.9,udp:53
add services 10.0.0.5,icmp:8/0
add services 10.0.0.2,icmp:3/4
add services 10.0.0.2,gre:0
add services 10.0.0.1,sctp:5
add services 10.0.0.2,udplite:80
create netports hash:net,port
add netports 10.0.0.0/24,tcp:80
add netports 10.0.0.0/8,tcp:80 nomatch
add netports 10.0.0.0/8,tcp:100-102
add netports 10.200.0.0/16,udp:101
create flows hash:ip,port,ip
add flows 10.0.0.1,tcp:80,10.0.0.2
add flows 10.0.0.1,tcp:1000,10.0.0.2
create netflows hash:ip,port,net
add netflows 10.0.0.1,tcp:80,10.0.0.0/24
add netflows 10.0.0.1,tcp:80,10.0.0.0/30 nomatch
add netflows 192.168.1.1,tcp:100,10.0.0.0/30
create doors hash:net,iface
add doors 10.0.0.0/24,in0
add doors 10.0.0.0/25,out wildcard
add doors 10.0.0.0/26,physdev:in0
add doors 0.0.0.0/0,lo
create few bitmap:ip range 10.0.0.0/24
add few 10.0.0.5-10.0.0.7
create blocks bitmap:ip range 10.0.0.0/16 netmask 24
add blocks 10.0.5.0
create cards bitmap:ip,mac range 10.0.0.0/24
add cards 10.0.0.1,02:00:00:00:00:11
add cards 10.0.0.5,02:00:00:00:00:99
create ports bitmap:port range 0-1000
add ports 22
add ports 53
add ports 80-101
create both list:set
add both hosts
add both services
create six hash:ip family inet6
add six 2001:db8::1
)",
              {
                  {"hosts", "src", "", "11010111011"},
                  {"hosts", "dst", "", "00101000000"},
                  {"hosts", "src,dst", "", "11010111011"},
                  {"block", "src", "", "00000000100"},
                  {"block", "dst", "", "00000000000"},
                  {"odd", "src", "", "00000000000"},
                  {"odd", "dst", "", "10010110011"},
                  {"nets", "src", "", "11110111111"},
                  {"nets", "dst", "", "11011111111"},
                  {"services", "src,src", "", "00100001000"},
                  {"services", "src,dst", "", "10100000000"},
                  {"services", "dst,src", "", "01011010011"},
                  {"services", "dst,dst", "", "11010010011"},
                  {"services", "src", "", "00000000000"},
                  {"netports", "src,src", "", "00000000000"},
                  {"netports", "src,dst", "", "10000000000"},
                  {"netports", "dst,src", "", "00001000000"},
                  {"netports", "dst,dst", "", "10001000100"},
                  {"netports", "src", "", "00000000000"},
                  {"flows", "src,src,dst", "", "10000000000"},
                  {"flows", "src,dst,dst", "", "10000000000"},
                  {"flows", "dst,dst,src", "", "00000000000"},
                  {"flows", "src,dst", "", "00000000000"},
                  {"flows", "dst,src,src", "", "00000000000"},
                  {"flows", "src,dst,dst,src", "", "10000000000"},
                  {"netflows", "src,src,dst", "", "00000000000"},
                  {"netflows", "src,dst,dst", "", "00001000000"},
                  {"netflows", "dst,dst,src", "", "00000000000"},
                  {"netflows", "src,dst", "", "00000000000"},
                  {"netflows", "dst,src,src", "", "00000000000"},
                  {"netflows", "src,dst,dst,src", "", "00001000000"},
                  {"doors", "src,src", "", "00000000000"},
                  {"doors", "src,dst", "", "11110111011"},
                  {"doors", "dst,src", "", "00000000000"},
                  {"doors", "dst,dst", "", "10011111011"},
                  {"doors", "src", "", "00000000000"},
                  {"few", "src", "", "00100000000"},
                  {"few", "dst", "", "00000001000"},
                  {"blocks", "src", "", "00000000100"},
                  {"blocks", "dst", "", "00000000000"},
                  {"cards", "src,src", "", "11010111011"},
                  {"cards", "src,dst", "", "00000000000"},
                  {"cards", "dst,src", "", "00001000000"},
                  {"cards", "dst,dst", "", "00000000000"},
                  {"cards", "src", "", "00000000000"},
                  {"ports", "src", "", "01001000100"},
                  {"ports", "dst", "", "11001000100"},
                  {"both", "src", "", "11010111011"},
                  {"both", "dst", "", "00101000000"},
                  {"both", "src,src", "", "11110111011"},
                  {"both", "dst,dst", "", "11111010011"},
                  {"nets", "src", "--return-nomatch", "00000000000"},
                  {"nets", "dst", "--return-nomatch", "00100000000"},
                  {"netports", "dst,dst", "--return-nomatch", "00000000000"},
                  {"netflows", "src,dst,dst", "--return-nomatch", "10000000000"},
                  {"hosts", "src", "--return-nomatch", "11010111011"},
              });
}

// A network that matches ends the search, even when its interface does not.
TEST(IpsetContains, InterfacesAreOfTheLongestNetworkOnly) {
  expect_rows(R"(create d1 hash:net,iface
add d1 10.0.0.0/24,in0
create d2 hash:net,iface
add d2 10.0.0.0/24,in0
add d2 10.0.0.0/26,physdev:in0
create d3 hash:net,iface
add d3 10.0.0.0/24,in0
add d3 10.0.0.0/25,out wildcard
create d4 hash:net,iface
add d4 10.0.0.0/24,in0
add d4 10.0.0.0/25,out0
create d5 hash:net,iface
add d5 10.0.0.0/25,out0
add d5 10.0.0.0/26,physdev:in0
create d6 hash:net,iface
add d6 10.0.0.0/24,in0
add d6 10.0.0.0/24,out0
create d7 hash:net,iface
add d7 10.0.0.0/25,out wildcard
add d7 10.0.0.0/26,physdev:in0
create d8 hash:net,iface
add d8 10.0.0.0/24,in wildcard
add d8 10.0.0.0/24,out0
add d8 10.0.0.0/8,in0
create d9 hash:net,iface
add d9 10.0.0.0/24,out0
add d9 10.0.0.0/8,in0
create dd hash:net,iface
add dd 10.0.0.0/25,out0 nomatch
add dd 10.0.0.0/8,out0
create de hash:net,iface
add de 10.0.0.0/25,in0 nomatch
add de 10.0.0.0/8,out0
create dn hash:net
add dn 10.0.0.0/25 nomatch
add dn 10.0.0.0/8
create np hash:net,port
add np 10.0.0.0/24,tcp:1
add np 10.0.0.0/8,tcp:80
)",
              {
                  {"d1", "src,src", "", "11110111011"}, {"d1", "src,dst", "", "00000000000"},
                  {"d1", "dst,src", "", "10011111011"}, {"d1", "dst,dst", "", "00000000000"},
                  {"d1", "src", "", "00000000000"},     {"d2", "src,src", "", "11110111011"},
                  {"d2", "src,dst", "", "00000000000"}, {"d2", "dst,src", "", "10011111011"},
                  {"d2", "dst,dst", "", "00000000000"}, {"d2", "src", "", "00000000000"},
                  {"d3", "src,src", "", "00000000000"}, {"d3", "src,dst", "", "11110111011"},
                  {"d3", "dst,src", "", "00000000000"}, {"d3", "dst,dst", "", "10011111011"},
                  {"d3", "src", "", "00000000000"},     {"d4", "src,src", "", "00000000000"},
                  {"d4", "src,dst", "", "11110111011"}, {"d4", "dst,src", "", "00000000000"},
                  {"d4", "dst,dst", "", "10011111011"}, {"d4", "src", "", "00000000000"},
                  {"d5", "src,src", "", "00000000000"}, {"d5", "src,dst", "", "11110111011"},
                  {"d5", "dst,src", "", "00000000000"}, {"d5", "dst,dst", "", "10011111011"},
                  {"d5", "src", "", "00000000000"},     {"d6", "src,src", "", "11110111011"},
                  {"d6", "src,dst", "", "11110111011"}, {"d6", "dst,src", "", "10011111011"},
                  {"d6", "dst,dst", "", "10011111011"}, {"d6", "src", "", "00000000000"},
                  {"d7", "src,src", "", "00000000000"}, {"d7", "src,dst", "", "11110111011"},
                  {"d7", "dst,src", "", "00000000000"}, {"d7", "dst,dst", "", "10011111011"},
                  {"d7", "src", "", "00000000000"},     {"d8", "src,src", "", "11110111111"},
                  {"d8", "src,dst", "", "11110111011"}, {"d8", "dst,src", "", "11111111111"},
                  {"d8", "dst,dst", "", "10011111011"}, {"d8", "src", "", "00000000000"},
                  {"d9", "src,src", "", "00000000100"}, {"d9", "src,dst", "", "11110111011"},
                  {"d9", "dst,src", "", "01100000100"}, {"d9", "dst,dst", "", "10011111011"},
                  {"d9", "src", "", "00000000000"},     {"dd", "src,src", "", "00000000000"},
                  {"dd", "src,dst", "", "00000000100"}, {"dd", "dst,src", "", "00000000000"},
                  {"dd", "dst,dst", "", "01100000100"}, {"dd", "src", "", "00000000000"},
                  {"de", "src,src", "", "00000000000"}, {"de", "src,dst", "", "00000000100"},
                  {"de", "dst,src", "", "00000000000"}, {"de", "dst,dst", "", "01100000100"},
                  {"de", "src", "", "00000000000"},     {"np", "src,src", "", "00000000000"},
                  {"np", "src,dst", "", "10000000000"}, {"np", "dst,src", "", "00001000000"},
                  {"np", "dst,dst", "", "10000000000"}, {"np", "src", "", "00000000000"},
              });
}

TEST(IpsetContains, OtherFamilyIsNotIn) {
  expect_rows("create six hash:ip family inet6\nadd six 2001:db8::1\n",
              {{"six", "src", "", "00000000000"}});
}

TEST(IpsetContains, CountersAndUnknownTypesAreNotKnown) {
  expect_rows("create a hash:ip counters\nadd a 10.0.0.1 packets 3 bytes 4\ncreate t tree:ip\n",
              {{"a", "src", "--packets-gt",
                "??0?0??"
                "?0??"},
               {"t", "src", "", "???????????"}});
}

}  // namespace
}  // namespace wayout::netfilter
