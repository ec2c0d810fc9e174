#include <gtest/gtest.h>

#include "netfilter/test_bench.hpp"
#include "wire/checksum.hpp"

namespace wayout::netfilter {
namespace {

using Bytes = std::vector<std::uint8_t>;

/// A SYN with `options` behind its fixed header, which claims `words` of 4 bytes (0: what it has).
Bytes syn(const Bytes& options = {}, std::uint8_t words = 0, std::uint8_t tos = 0,
          std::uint8_t ttl = 64) {
  const wire::Ipv4Fields ip{.source = TestBench::client, .destination = TestBench::server,
                            .protocol = wire::protocol::tcp, .tos = tos, .ttl = ttl};
  const Bytes whole = wire::make_tcp(ip, {.source_port = 1000, .destination_port = 2000});
  Bytes segment(whole.begin() + 20, whole.end());
  segment.insert(segment.end(), options.begin(), options.end());
  segment[12] = static_cast<std::uint8_t>((words != 0 ? words : segment.size() / 4) << 4);
  return wire::make_ipv4(ip, segment);
}

/// Cut behind the first bytes of the TCP header.
Bytes cut(std::size_t transport_bytes) {
  const Bytes whole = syn();
  return wire::make_ipv4({.source = TestBench::client, .destination = TestBench::server,
                          .protocol = wire::protocol::tcp},
                         std::span(whole).subspan(20, transport_bytes));
}

/// In the order of the columns below.
std::vector<Packet> packets() {
  std::vector<Packet> out;
  for (const Bytes& bytes :
       {syn(), syn({2, 4, 5, 0xb4}), syn({1, 1, 4, 2, 2, 4, 5, 0xb4}),
        syn({0, 1, 1, 1, 2, 4, 5, 0xb4}), cut(12), syn({}, 4), syn({}, 6), syn({}, 0, 8),
        syn({}, 0, 0xb8), syn({}, 0, 0, 5), syn()})
    out.push_back(TestBench::forwarded(bytes));
  out.back().type = PacketType::broadcast;
  return out;
}

/// y: the rule counted the packet; n: it did not, and the packet went on; d: it was dropped.
std::string outcomes(const std::string& match) {
  std::string text;
  for (Packet& packet : packets()) {
    TestBench bench("*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp " + match + "\nCOMMIT\n");
    const Stop stop = bench.run(Hook::prerouting, packet);
    text += stop ? 'd' : bench.counted(TableKind::raw, "PREROUTING", 1) != 0 ? 'y' : 'n';
  }
  return text;
}

// All rows: one rule in raw PREROUTING of 6.18 (iptables 1.8.9, legacy).
TEST(MatchKept, WhatIsAskedOfThePacket) {
  const struct {
    const char* match;
    const char* recorded;
  } rows[] = {
      {"-m tcpmss --mss 1000:1460", "nyyydddnnnn"},
      {"-m tcpmss ! --mss 1000:1460", "ynnndddyyyy"},
      {"-m tcpmss --mss 1460", "nyyydddnnnn"},
      {"-m tcpmss --mss 100:200", "nnnndddnnnn"},
      {"-m length --length 40", "ynnnnyyyyyy"},
      {"-m length ! --length 40:44", "nnyyynnnnnn"},
      {"-m length --length 45:65535", "nnyynnnnnnn"},
      {"-m ttl --ttl-eq 64", "yyyyyyyyyny"},
      {"-m ttl ! --ttl-eq 64", "nnnnnnnnnyn"},
      {"-m ttl --ttl-lt 64", "nnnnnnnnnyn"},
      {"-m ttl --ttl-gt 5", "yyyyyyyyyny"},
      {"-m tos --tos 0x08/0xff", "nnnnnnnynnn"},
      {"-m tos --tos 0x10/0x3f", "nnnnnnnnnnn"},
      {"-m tos ! --tos 0x08/0x3f", "yyyyyyynyyy"},
      {"-m dscp --dscp 46", "nnnnnnnnynn"},
      {"-m dscp ! --dscp 0x2", "yyyyyyynyyy"},
      {"-m pkttype --pkt-type unicast", "yyyyyyyyyyn"},
      {"-m pkttype --pkt-type broadcast", "nnnnnnnnnny"},
      {"-m pkttype ! --pkt-type multicast", "yyyyyyyyyyy"},
  };
  for (const auto& row : rows) EXPECT_EQ(outcomes(row.match), row.recorded) << row.match;
}

/// By options: none, --loose, --validmark, --accept-local, both of --loose and --accept-local.
std::string ways_back(const char* source, const std::string& invert, std::uint32_t mark = 0) {
  std::string text;
  for (const char* options :
       {"", "--loose", "--validmark", "--accept-local", "--loose --accept-local"}) {
    TestBench bench("*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -m rpfilter " +
                    std::string(options) + invert + "\nCOMMIT\n");
    const auto table = bench.fib.table_position(77);
    route::Route marked;
    marked.destination = {wire::IpAddress::v4(10, 5, 0, 0), 24};
    marked.nexthops = {{.gateway = TestBench::client, .device = TestBench::in0}};
    bench.fib.tables[table].routes.push_back(marked);
    route::Route hole = marked;
    hole.destination = {wire::IpAddress::v4(10, 6, 0, 0), 24};
    hole.type = RouteType::blackhole;
    hole.nexthops.clear();
    bench.fib.tables[bench.fib.table_position(route::table_main)].routes.push_back(hole);
    route::Rule rule;
    rule.preference = 50;
    rule.fwmark = 7;
    rule.fwmask = 0xffffffff;
    rule.table = 77;
    bench.fib.rules.insert(bench.fib.rules.begin() + 1, rule);
    std::vector<std::string> names;
    for (const link::Device& device : bench.devices.list) names.push_back(device.name);
    bench.fib.index(bench.interfaces, names);
    Packet packet = TestBench::forwarded(wire::make_udp(
        {.source = *wire::IpAddress::parse(source), .destination = TestBench::server}, 1, 2));
    packet.mark = mark;
    EXPECT_FALSE(bench.run(Hook::prerouting, packet));
    text += bench.counted(TableKind::mangle, "PREROUTING", 1) != 0 ? 'y' : 'n';
  }
  return text;
}

// Recorded from 6.18, in a router with the same kinds of routes.
TEST(MatchKept, Rpfilter) {
  const struct {
    const char* source;
    std::uint32_t mark;
    const char* recorded;
  } rows[] = {
      {"10.0.1.2", 0, "yyyyy"},         {"10.0.2.9", 0, "nynny"},  {"10.5.0.5", 0, "nynny"},
      {"10.5.0.5", 7, "nyyny"},         {"10.6.0.6", 0, "nnnnn"},  {"10.0.1.1", 0, "nnnyy"},
      {"10.0.2.1", 0, "nnnny"},         {"127.0.0.1", 0, "nnnny"}, {"10.0.1.255", 0, "nnnnn"},
  };
  for (const auto& row : rows) {
    std::string inverted = row.recorded;
    for (char& c : inverted) c = c == 'y' ? 'n' : 'y';
    EXPECT_EQ(ways_back(row.source, "", row.mark), row.recorded) << row.source;
    EXPECT_EQ(ways_back(row.source, " --invert", row.mark), inverted) << row.source;
  }
}

}  // namespace
}  // namespace wayout::netfilter
