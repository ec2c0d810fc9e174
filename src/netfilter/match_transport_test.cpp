#include <gtest/gtest.h>

#include "netfilter/test_bench.hpp"
#include "wire/checksum.hpp"

namespace wayout::netfilter {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr wire::Ipv4Fields fields(std::uint8_t protocol = 0) {
  return {.source = TestBench::client, .destination = TestBench::server, .protocol = protocol};
}

Bytes tcp(std::uint8_t flags, std::uint16_t mss = 0) {
  return wire::make_tcp(fields(),
                        {.source_port = 1000, .destination_port = 80, .flags = flags, .mss = mss});
}

Bytes udp() { return wire::make_udp(fields(), 1000, 53); }

Bytes icmp(std::uint8_t type, std::uint8_t code) {
  return wire::make_icmp_error(fields(), type, code, 0, {});
}

/// The first bytes behind the IP header.
Bytes cut(const Bytes& ip, std::size_t transport_bytes) {
  const std::span<const std::uint8_t> transport = std::span(ip).subspan(20, transport_bytes);
  return wire::make_ipv4(fields(ip[9]), transport);
}

/// The same, `offset` units of 8 bytes into a packet.
Bytes fragment(const Bytes& ip, std::uint16_t offset) {
  Bytes copy = ip;
  auto* header = wire::header_at<wire::Ipv4Header>(copy);
  header->fragment = offset == 0 ? wire::Ipv4Header::more_fragments : offset;
  header->checksum = wire::ipv4_header_checksum(std::span(copy).first(20));
  return copy;
}

/// A SYN whose header claims to be `words` of 4 bytes long, with `options` behind the fixed part.
Bytes tcp_header_of(std::uint8_t words, const Bytes& options = {}) {
  Bytes segment = tcp(wire::TcpHeader::syn);
  segment[20 + 12] = static_cast<std::uint8_t>(words << 4);
  Bytes payload(segment.begin() + 20, segment.end());
  payload.insert(payload.end(), options.begin(), options.end());
  return wire::make_ipv4(fields(wire::protocol::tcp), payload);
}

/// In the order of the columns below.
std::vector<Bytes> packets_of(std::string_view protocol) {
  using H = wire::TcpHeader;
  if (protocol == "icmp")
    return {icmp(8, 0), icmp(3, 1), cut(icmp(8, 0), 7), fragment(icmp(8, 0), 5)};
  if (protocol == "udp") return {udp(), cut(udp(), 4), cut(udp(), 2), cut(udp(), 7), fragment(udp(), 5)};
  const Bytes syn = tcp(H::syn);
  return {syn, tcp(H::syn | H::ece | H::cwr), tcp(H::syn | H::fin), tcp(H::syn | H::ack), tcp(0),
          tcp(H::syn, 1460), cut(syn, 8), cut(syn, 4), cut(syn, 19), cut(syn, 14),
          tcp_header_of(4), tcp_header_of(6), tcp_header_of(6, {3, 9, 2, 4}), fragment(syn, 1),
          fragment(syn, 8), fragment(syn, 0)};
}

/// y: the rule counted the packet; n: it did not, and the packet went on; d: the packet was dropped.
std::string outcomes(const std::string& rule, Backend backend, std::string_view protocol) {
  std::string text;
  for (const Bytes& bytes : packets_of(protocol)) {
    TestBench bench("*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD " + rule + "\nCOMMIT\n", backend);
    Packet packet = TestBench::forwarded(bytes);
    const Stop stop = bench.run(Hook::forward, packet);
    const bool counted = bench.counted(TableKind::filter, "FORWARD", 1) != 0;
    text += stop ? 'd' : counted ? 'y' : 'n';
    if (stop) {
      EXPECT_EQ(stop.cause, Cause::packet(PacketCause::hotdrop));
    }
  }
  return text;
}

struct Row {
  const char* rule;
  const char* legacy;
  const char* nft;  ///< null: as legacy
};

void expect_as_recorded(std::string_view protocol, std::span<const Row> rows) {
  for (const Row& row : rows) {
    EXPECT_EQ(outcomes(row.rule, Backend::legacy, protocol), row.legacy) << row.rule;
    EXPECT_EQ(outcomes(row.rule, Backend::nft, protocol), row.nft != nullptr ? row.nft : row.legacy)
        << row.rule << " (nft)";
  }
}

// All rows: one rule in FORWARD of 6.18 (iptables 1.8.9), conntrack not in use, each packet of
// packets_of() sent through. The nft column differs where iptables-nft writes payload expressions.

TEST(MatchTransport, Tcp) {
  const Row rows[] = {
      {"-p tcp -m tcp", "yyyyyyddddyyydny", nullptr},
      {"-p tcp -m tcp --dport 80", "yyyyyyddddyyydny", "yyyyyyyyyyyyyyyy"},
      {"-p tcp -m tcp ! --dport 80", "nnnnnnddddnnndnn", "nnnnnnnnnnnnnnnn"},
      {"-p tcp -m tcp --sport 1000:1001 --dport 0:80", "yyyyyyddddyyydny", "yyyyyyyyyyyyyyyy"},
      {"-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN", "yynnnyddddyyydny", "yynnnynnyyyyyyyy"},
      {"-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN", "nnyyynddddnnndnn",
       "nnyyynnnnnnnnnnn"},
      {"-p tcp -m tcp --tcp-flags ALL SYN", "yynnnyddddyyydny", "yynnnynnyyyyyyyy"},
      {"-p tcp -m tcp --tcp-option 2", "nnnnnyddddddndnn", nullptr},
      {"-p tcp -m tcp ! --tcp-option 2", "yyyyynddddddydny", nullptr},
      {"-p tcp -m tcp --dport 80 --tcp-option 2", "nnnnnyddddddndnn", nullptr},
      {"-p tcp -m tcp --tcp-option 9", "nnnnnnddddddndnn", nullptr},
  };
  expect_as_recorded("tcp", rows);
}

TEST(MatchTransport, Udp) {
  const Row rows[] = {
      {"-p udp -m udp", "ydddn", nullptr},
      {"-p udp -m udp --dport 53", "ydddn", "yynyy"},
      {"-p udp -m udp ! --dport 53", "ndddn", "nnnnn"},
      {"-p udp -m udp --sport 1000", "ydddn", "yyyyy"},
      {"-p udp", "yyyyy", nullptr},
      {"-f", "nnnny", nullptr},
      {"! -f", "yyyyn", nullptr},
      {"-p udp -f", "nnnny", nullptr},
  };
  expect_as_recorded("udp", rows);
}

TEST(MatchTransport, Icmp) {
  const Row rows[] = {
      {"-p icmp -m icmp --icmp-type any", "yydn", nullptr},
      {"-p icmp -m icmp --icmp-type 8", "yndn", nullptr},
      {"-p icmp -m icmp ! --icmp-type 8", "nydn", nullptr},
      {"-p icmp -m icmp --icmp-type 3/1", "nydn", nullptr},
      {"-p icmp -m icmp --icmp-type 3/2", "nndn", nullptr},
      {"-p icmp -m icmp --icmp-type 3", "nydn", nullptr},
  };
  expect_as_recorded("icmp", rows);
}

TEST(MatchTransport, Multiport) {
  const Row tcp_rows[] = {
      {"-p tcp -m multiport --dports 22,70:90", "yyyyyyyyyyyyynny", nullptr},
      {"-p tcp -m multiport ! --dports 22,80", "nnnnnnnnnnnnnnnn", nullptr},
      {"-p tcp -m multiport --ports 1000", "yyyyyyyyyyyyynny", nullptr},
  };
  expect_as_recorded("tcp", tcp_rows);
  const Row udp_rows[] = {
      {"-p udp -m multiport --sports 1000", "yydyn", nullptr},
      {"-p udp -m multiport ! --ports 1000", "nndnn", nullptr},
  };
  expect_as_recorded("udp", udp_rows);
}

TEST(MatchTransport, WhatOnlyTheSenderOfALaterFragmentKnows) {
  const struct {
    const char* rule;
    bool counts;
    bool asks;  ///< chance, whose first answer is no
  } rows[] = {
      {"-p udp -m udp --dport 53", false, false},
      {"-p udp -m udp ! --dport 53", true, false},
      {"-p udp -m udp --dport 0", false, true},
      {"-p udp -m udp --dport 1024:65535", false, true},
      {"-p udp -m udp --sport 1000 --dport 1024:65535", false, false},
      {"-p udp -f", true, false},
  };
  for (const auto& row : rows) {
    TestBench bench(std::string("*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD ") + row.rule +
                        " -j ACCEPT\nCOMMIT\n",
                    Backend::nft);
    bench.chance = Chance{std::vector<std::uint32_t>{}};
    Packet packet = TestBench::forwarded(fragment(udp(), 5));
    EXPECT_FALSE(bench.run(Hook::forward, packet));
    EXPECT_EQ(bench.counted(TableKind::filter, "FORWARD", 1) != 0, row.counts) << row.rule;
    EXPECT_EQ(!bench.chance.asked().empty(), row.asks) << row.rule;
  }
}

}  // namespace
}  // namespace wayout::netfilter
