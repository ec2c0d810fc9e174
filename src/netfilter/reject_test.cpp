#include <gtest/gtest.h>

#include "netfilter/test_bench.hpp"
#include "wire/checksum.hpp"

namespace wayout::netfilter {
namespace {

using Bytes = std::vector<std::uint8_t>;

TestBench bench_with(const std::string& kind, Backend backend = Backend::legacy) {
  return TestBench("*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp -j REJECT --reject-with " +
                       kind + "\n-A FORWARD -j REJECT --reject-with icmp-admin-prohibited\nCOMMIT\n",
                   backend);
}

/// What the router sends for a packet in FORWARD; nothing, or the one packet in hex.
std::string answer_to(TestBench& bench, const Bytes& ip) {
  Packet packet = TestBench::forwarded(ip);
  const Stop stop = bench.run(Hook::forward, packet);
  EXPECT_EQ(stop.reason, DropReason::NETFILTER_DROP);
  EXPECT_EQ(stop.cause.kind(), CauseKind::rule);
  return bench.made.empty() ? "" : to_hex(bench.made.back().network());
}

// Sent through a router of 6.18 with ip_default_ttl 99; what came back.
TEST(Reject, ResetsAsTheKernelSentThem) {
  struct Row {
    const char* what;
    const char* sent;
    const char* reset;
  };
  const Row rows[] = {
      {"SYN", "451c00280007000040065f9c0a0001020808080803e8005000000064000000005002200070350000",
       "45000028000040006306fcbe080808080a000102005003e800000000000000655014000090220000"},
      {"SYN with 3 bytes",
       "451c002b0007000040065f990a0001020808080803e80050000000640000000050022000abcf0000616263",
       "45000028000040006306fcbe080808080a000102005003e8000000000000006850140000901f0000"},
      {"ACK", "451c00280007000040065f9c0a0001020808080803e8005000000064000000c8501020006f5f0000",
       "45000028000040006306fcbe080808080a000102005003e8000000c800000000500400008fcf0000"},
      {"FIN", "451c00280007000040065f9c0a0001020808080803e8005000000064000000005001200070360000",
       "45000028000040006306fcbe080808080a000102005003e800000000000000655014000090220000"},
      {"RST", "451c00280007000040065f9c0a0001020808080803e8005000000064000000005004200070330000",
       ""},
      {"SYN with a wrong checksum",
       "451c00280007000040065f9c0a0001020808080803e8005000000000000000005002200000010000", ""},
  };
  for (const Row& row : rows) {
    TestBench bench = bench_with("tcp-reset");
    bench.default_ttl = 99;
    EXPECT_EQ(answer_to(bench, from_hex(row.sent)), row.reset) << row.what;
  }
}

TEST(Reject, ErrorQuotesThePacketAsItIsThere) {
  TestBench bench = bench_with("tcp-reset");
  bench.default_ttl = 99;
  const Bytes sent = from_hex("451c001d000700003f11609c0a0001020808080803e80035000968ad78");
  std::string answer = answer_to(bench, sent);
  ASSERT_EQ(answer.size(), 114U);
  answer.replace(8, 4, "d5dc");   // the id is the stack's own affair,
  answer.replace(20, 4, "6b09");  // and with it the checksum
  EXPECT_EQ(answer,
            "45dc0039d5dc000063016b090a0001010a000102030d181f00000000"
            "451c001d000700003f11609c0a0001020808080803e80035000968ad78");
}

wire::Ipv4Fields of_protocol(std::uint8_t protocol) {
  return {.source = TestBench::client, .destination = TestBench::server, .protocol = protocol};
}

// Which packets are answered with an ICMP error: one of each sent through `-j REJECT` of 6.18.
TEST(Reject, ErrorsOnlyForWhatSumsUp) {
  const Bytes letters = {'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'};
  struct Row {
    const char* what;
    Bytes packet;
    bool answered;
  };
  Bytes bad_echo = wire::make_icmp_echo(of_protocol(1), false, 1, 1);
  bad_echo[22] ^= 1;
  Bytes longer_udp = wire::make_udp(of_protocol(17), 1, 2);
  longer_udp.insert(longer_udp.end(), {'X', 'X'});
  const std::span<const std::uint8_t> udp_with_tail = std::span(longer_udp).subspan(20);
  const Bytes quoted = wire::make_udp(of_protocol(17), 1, 2);
  const Row rows[] = {
      {"protocol 253, any payload", wire::make_ipv4(of_protocol(253), letters), false},
      {"protocol 253, zeroes", wire::make_ipv4(of_protocol(253), Bytes(8)), true},
      {"protocol 253, sum 0xffff", wire::make_ipv4(of_protocol(253), Bytes{0xff, 0xff}), true},
      {"GRE", wire::make_ipv4(of_protocol(wire::protocol::gre), letters), true},
      {"ESP", wire::make_ipv4(of_protocol(wire::protocol::esp), letters), true},
      {"AH", wire::make_ipv4(of_protocol(wire::protocol::ah), letters), true},
      {"SCTP", wire::make_ipv4(of_protocol(wire::protocol::sctp), letters), true},
      {"UDP-Lite", wire::make_ipv4(of_protocol(wire::protocol::udplite), letters), true},
      {"DCCP", wire::make_ipv4(of_protocol(wire::protocol::dccp), letters), false},
      {"echo", wire::make_icmp_echo(of_protocol(1), false, 1, 1), true},
      {"echo with a wrong checksum", bad_echo, false},
      {"ICMP error", wire::make_icmp_error(of_protocol(1), 3, 1, 0, quoted), false},
      {"UDP of 4 bytes", wire::make_ipv4(of_protocol(17), Bytes(4)), false},
      {"UDP with bytes behind it", wire::make_ipv4(of_protocol(17), udp_with_tail), false},
  };
  for (const Row& row : rows) {
    TestBench bench = bench_with("icmp-port-unreachable");
    EXPECT_EQ(!answer_to(bench, row.packet).empty(), row.answered) << row.what;
  }
}

TEST(Reject, CodesByName) {
  const std::pair<const char*, int> kinds[] = {
      {"icmp-net-unreachable", 0}, {"icmp-host-unreachable", 1}, {"icmp-proto-unreachable", 2},
      {"icmp-port-unreachable", 3}, {"icmp-net-prohibited", 9}, {"icmp-host-prohibited", 10},
      {"icmp-admin-prohibited", 13}};
  for (const auto& [kind, code] : kinds) {
    TestBench bench = bench_with(kind);
    const Bytes tcp = wire::make_tcp(of_protocol(6), {.source_port = 1, .destination_port = 2});
    const Bytes answer = from_hex(answer_to(bench, tcp));
    ASSERT_GT(answer.size(), 22U) << kind;
    EXPECT_EQ(answer[20], 3) << kind;
    EXPECT_EQ(answer[21], code) << kind;
  }
}

// An echo reply of the router's own was rejected in OUTPUT: OUTPUT counted the reply, no error.
TEST(Reject, NothingAboutTheStacksOwnIcmp) {
  TestBench bench("*filter\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j REJECT\nCOMMIT\n");
  for (const bool by_the_stack : {true, false}) {
    Packet reply = Packet::from_ip(wire::make_icmp_echo(
        {.source = wire::IpAddress::v4(10, 0, 1, 1), .destination = TestBench::client}, true, 1, 1));
    reply.answers = by_the_stack ? 7 : 0;
    EXPECT_TRUE(bench.run(Hook::output, reply));
    EXPECT_EQ(bench.made.empty(), by_the_stack);
  }
}

// A DNATed client is answered from the address it asked: the answer carries the connection.
TEST(Reject, AnswerBelongsToTheConnection) {
  TestBench bench(
      "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j DNAT --to-destination 10.0.2.5\nCOMMIT\n"
      "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp -j REJECT --reject-with tcp-reset\n"
      "-A FORWARD -j REJECT\nCOMMIT\n");
  Packet tcp = TestBench::forwarded_tcp(80), udp = TestBench::forwarded_udp();
  for (Packet* packet : {&tcp, &udp}) {
    EXPECT_FALSE(bench.run(Hook::prerouting, *packet));
    EXPECT_TRUE(bench.run(Hook::forward, *packet));
    const Packet& answer = bench.made.back();
    EXPECT_NE(answer.connection, no_connection);
    EXPECT_EQ(answer.connection, packet->connection);
    EXPECT_EQ(answer.ctinfo, CtInfo::related_reply);
  }
  Packet& reset = bench.made.front();
  EXPECT_EQ(to_hex(reset.network().subspan(12, 4)), "0a000205");
  bench.hook_devices = {no_device, TestBench::in0};
  EXPECT_FALSE(bench.run(Hook::output, reset));
  EXPECT_FALSE(bench.run(Hook::postrouting, reset));
  EXPECT_EQ(to_hex(reset.network().subspan(12, 4)), "08080808");
}

// `c -> 10.0.1.1:80 DNAT to 10.0.1.12:81, reset` on a bridge: 02:00:00:00:00:12 >
// 02:00:00:00:00:11, 10.0.1.12.81 > 10.0.1.11.1002, and OUTPUT counted nothing.
TEST(Reject, ResetToABridgePortIsAFrame) {
  TestBench bench = bench_with("tcp-reset", Backend::nft);
  Packet packet = TestBench::forwarded_tcp(81);
  packet.bridge_port_in = TestBench::p1;
  bench.hook_devices = {TestBench::br0, TestBench::br0};
  const Stop stop = bench.run(Hook::forward, packet);
  EXPECT_EQ(stop.stage, Stage::nft_do_chain);
  ASSERT_EQ(bench.made.size(), 1U);
  const Packet& reset = bench.made[0];
  EXPECT_EQ(reset.device, TestBench::p1);
  const auto* ethernet = wire::header_at<wire::EthernetHeader>(reset.frame());
  const auto* old = wire::header_at<wire::EthernetHeader>(std::as_const(packet).frame());
  ASSERT_EQ(reset.link_header_bytes(), 14U);
  EXPECT_EQ(ethernet->source, old->destination);
  EXPECT_EQ(ethernet->destination, old->source);
}

TEST(Reject, ResetClosesTheConnection) {
  TestBench bench("*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp -m conntrack "
                  "--ctstate ESTABLISHED -j REJECT --reject-with tcp-reset\nCOMMIT\n");
  Packet syn = TestBench::forwarded_tcp(80);
  ASSERT_FALSE(bench.forward(syn));
  conntrack::Connection& connection = bench.connections[syn.connection];
  Packet reply = TestBench::forwarded(
      wire::make_tcp({.source = TestBench::server, .destination = TestBench::client},
                     {.source_port = 80, .destination_port = 1000, .acknowledgement = 1,
                      .flags = wire::TcpHeader::syn | wire::TcpHeader::ack}));
  ASSERT_TRUE(bench.forward(reply));
  EXPECT_EQ(connection.tcp.state, conntrack::TcpState::close);
  EXPECT_EQ(connection.expires_ms, bench.now_ms + 10'000);
}

}  // namespace
}  // namespace wayout::netfilter
