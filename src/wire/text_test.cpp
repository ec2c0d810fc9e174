// What describe_frame says is compared with literal lines, and those with the tcpdump installed.

#include "wire/text.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

#include "wire/checksum.hpp"
#include "wire/craft.hpp"

namespace wayout::wire {
namespace {

using Bytes = std::vector<std::uint8_t>;

const MacAddress from = {{2, 0, 0, 0, 0, 1}};
const MacAddress to = {{2, 0, 0, 0, 0, 2}};
const Ipv4Fields ip = {.source = IpAddress::v4(10, 0, 0, 2),
                       .destination = IpAddress::v4(10, 0, 0, 1)};

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Bytes frame(const Bytes& packet) {
  return make_frame(from, to, ethertype::ipv4, packet);
}

Bytes tcp(std::uint8_t flags, const Bytes& payload = {}) {
  return make_tcp(ip,
                  {.source_port = 40000,
                   .destination_port = 443,
                   .sequence = 5,
                   .acknowledgement = 7,
                   .flags = flags},
                  payload);
}

/// A SYN whose options are these bytes (a multiple of four).
Bytes tcp_with_options(const Bytes& options) {
  Bytes packet = tcp(TcpHeader::syn, options);
  header_at<TcpHeader>(packet, sizeof(Ipv4Header))->offset_reserved =
      static_cast<std::uint8_t>((sizeof(TcpHeader) + options.size()) / 4 << 4);
  return packet;
}

Bytes udp(const Bytes& payload) {
  return make_udp(ip, 40000, 5555, payload);
}

Bytes udp_of_length(std::uint16_t length) {
  Bytes packet = udp(Bytes(5, 'x'));
  header_at<UdpHeader>(packet, sizeof(Ipv4Header))->length = length;
  return packet;
}

const Ipv4Fields asked = {.source = IpAddress::v4(10, 0, 0, 1),
                          .destination = IpAddress::v4(8, 8, 8, 8)};

Bytes icmp_error(std::uint8_t type, std::uint8_t code, std::uint32_t rest = 0) {
  return make_icmp_error(ip, type, code, rest, make_udp(asked, 1000, 53));
}

/// The packet with its fragment word set; the header checksum follows.
Bytes fragment(Bytes packet, std::uint16_t word) {
  auto* header = header_at<Ipv4Header>(packet);
  header->fragment = word;
  header->checksum = ipv4_header_checksum(Bytes(packet.begin(), packet.begin() + 20));
  return packet;
}

Bytes with_byte(Bytes bytes, std::size_t at, std::uint8_t value) {
  bytes[at] = value;
  return bytes;
}

Bytes cut(Bytes bytes, std::size_t length) {
  bytes.resize(length);
  return bytes;
}

Bytes protocol_of(std::uint8_t protocol, const Bytes& payload) {
  Ipv4Fields fields = ip;
  fields.protocol = protocol;
  return make_ipv4(fields, payload);
}

Bytes ipv6(std::uint8_t next_header, const Bytes& payload) {
  Bytes header(40, 0);
  auto* fields = header_at<Ipv6Header>(header);
  fields->version_class_flow = 6U << 28;
  fields->payload_length = static_cast<std::uint16_t>(payload.size());
  fields->next_header = next_header;
  fields->hop_limit = 64;
  fields->source = IpAddress::parse("fd00::2")->bytes();
  fields->destination = IpAddress::parse("fd00::1")->bytes();
  return header + payload;
}

Bytes arp(std::uint16_t operation, const MacAddress& target_mac) {
  return make_arp(operation, from, to, from, ip.source, target_mac, ip.destination);
}

Bytes tagged(std::uint16_t tci, std::uint16_t inner_type, const Bytes& inner) {
  const Bytes tag = {static_cast<std::uint8_t>(tci >> 8), static_cast<std::uint8_t>(tci),
                     static_cast<std::uint8_t>(inner_type >> 8),
                     static_cast<std::uint8_t>(inner_type)};
  return tag + inner;
}

struct Row {
  Bytes frame;
  std::string line;
};

/// Every wording this room knows.
std::vector<Row> rows() {
  using T = TcpHeader;
  using I = IcmpHeader;
  const std::string macs = "02:00:00:00:00:01 > 02:00:00:00:00:02, ";
  const Bytes hello = {'h', 'e', 'l', 'l', 'o'};
  std::vector<Row> rows;
  const auto add = [&](const Bytes& packet, const std::string& text) {
    const auto length = std::to_string(packet.size() + 14);
    rows.push_back(
        {frame(packet), macs + "ethertype IPv4 (0x0800), length " + length + ": " + text});
  };
  const auto add_frame = [&](const Bytes& bytes, const std::string& text) {
    rows.push_back({bytes, macs + text});
  };

  const std::string ports = "10.0.0.2.40000 > 10.0.0.1.443: ";
  add(tcp(T::syn), ports + "Flags [S], seq 5, win 64240, length 0");
  add(tcp(T::syn | T::ack), ports + "Flags [S.], seq 5, ack 7, win 64240, length 0");
  add(tcp(T::ack), ports + "Flags [.], ack 7, win 64240, length 0");
  add(tcp(T::psh | T::ack, hello), ports + "Flags [P.], seq 5:10, ack 7, win 64240, length 5");
  add(tcp(T::fin | T::ack), ports + "Flags [F.], seq 5, ack 7, win 64240, length 0");
  add(tcp(T::rst), ports + "Flags [R], seq 5, win 64240, length 0");
  add(tcp(0), ports + "Flags [none], win 64240, length 0");
  add(tcp(T::fin | T::psh | T::urg), ports + "Flags [FPU], seq 5, win 64240, urg 0, length 0");
  add(tcp(T::syn | T::ece | T::cwr), ports + "Flags [SEW], seq 5, win 64240, length 0");
  add(tcp_with_options({2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7}),
      ports +
          "Flags [S], seq 5, win 64240, options [mss 1460,sackOK,TS val 1 ecr 2,nop,wscale 7], "
          "length 0");
  add(tcp_with_options({1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 9}),
      ports + "Flags [S], seq 5, win 64240, options [nop,nop,sack 2 {1:2}{5:9}], length 0");
  add(tcp_with_options({253, 5, 'a', 'b', 'c', 0, 0, 0}),
      ports + "Flags [S], seq 5, win 64240, options [unknown-253 0x616263,eol], length 0");
  add(protocol_of(protocol::tcp, hello), "10.0.0.2.26725 > 10.0.0.1.27756:  [|tcp]");

  const std::string datagram = "10.0.0.2.40000 > 10.0.0.1.5555: ";
  add(udp(hello), datagram + "UDP, length 5");
  add(udp({}), datagram + "UDP, length 0");
  add(udp_of_length(4), datagram + "truncated-udplength 4");
  add(udp_of_length(400), datagram + "UDP, bad length 392 > 5");
  add(protocol_of(protocol::udp, hello), "10.0.0.2.26725 > 10.0.0.1.27756: truncated-udp 5");

  const std::string plain = "10.0.0.2 > 10.0.0.1: ";
  add(make_icmp_echo(ip, false, 7, 3, hello), plain + "ICMP echo request, id 7, seq 3, length 13");
  add(make_icmp_echo(ip, true, 7, 3, hello), plain + "ICMP echo reply, id 7, seq 3, length 13");
  const char* unreachable[] = {"net 8.8.8.8 unreachable",
                               "host 8.8.8.8 unreachable",
                               "8.8.8.8 protocol 17 unreachable",
                               "8.8.8.8 udp port 53 unreachable",
                               "8.8.8.8 unreachable - need to frag (mtu 1400)",
                               "8.8.8.8 unreachable - source route failed",
                               "net 8.8.8.8 unreachable - unknown",
                               "host 8.8.8.8 unreachable - unknown",
                               "8.8.8.8 unreachable - source host isolated",
                               "net 8.8.8.8 unreachable - admin prohibited",
                               "host 8.8.8.8 unreachable - admin prohibited",
                               "net 8.8.8.8 unreachable - tos prohibited",
                               "host 8.8.8.8 unreachable - tos prohibited",
                               "host 8.8.8.8 unreachable - admin prohibited filter",
                               "host 8.8.8.8 unreachable - host precedence violation",
                               "host 8.8.8.8 unreachable - precedence cutoff",
                               "8.8.8.8 unreachable - #16"};
  for (std::uint8_t code = 0; code < std::size(unreachable); ++code) {
    add(icmp_error(I::unreachable, code, code == 4 ? 1400 : 0),
        plain + "ICMP " + unreachable[code] + ", length 36");
  }
  add(icmp_error(I::unreachable, 4), plain + "ICMP 8.8.8.8 unreachable - need to frag, length 36");
  add(make_icmp_error(ip, I::unreachable, 3, 0, make_tcp(asked, {.destination_port = 80})),
      plain + "ICMP 8.8.8.8 tcp port 80 unreachable, length 48");
  add(make_icmp_error(ip, I::unreachable, 3, 0, make_icmp_echo(asked, false, 1, 1)),
      plain + "ICMP 8.8.8.8 protocol 1 port 63485 unreachable, length 36");
  const std::uint32_t gateway = 0x0a000009;
  const char* redirect[] = {"redirect 8.8.8.8 to net 10.0.0.9", "redirect 8.8.8.8 to host 10.0.0.9",
                            "redirect-tos 8.8.8.8 to net 10.0.0.9",
                            "redirect-tos 8.8.8.8 to host 10.0.0.9",
                            "redirect-#4 8.8.8.8 to 10.0.0.9"};
  for (std::uint8_t code = 0; code < std::size(redirect); ++code) {
    add(icmp_error(I::redirect, code, gateway), plain + "ICMP " + redirect[code] + ", length 36");
  }
  add(icmp_error(I::time_exceeded, 0), plain + "ICMP time exceeded in-transit, length 36");
  add(icmp_error(I::time_exceeded, 1), plain + "ICMP ip reassembly time exceeded, length 36");
  add(icmp_error(I::time_exceeded, 2), plain + "ICMP time exceeded-#2, length 36");
  add(icmp_error(I::parameter_problem, 0, 20U << 24),
      plain + "ICMP parameter problem - octet 20, length 36");
  add(icmp_error(I::parameter_problem, 1), plain + "ICMP parameter problem - code 1, length 36");
  add(icmp_error(I::source_quench, 0), plain + "ICMP source quench, length 36");
  add(icmp_error(99, 0), plain + "ICMP type-#99, length 36");

  add(fragment(udp_of_length(500), Ipv4Header::more_fragments), datagram + "UDP, length 492");
  add(fragment(udp(hello), Ipv4Header::more_fragments | 10), plain + "ip-proto-17");
  add(fragment(tcp(T::syn), 10), plain + "ip-proto-6");
  add(protocol_of(253, hello), plain + " ip-proto-253 5");
  add(udp(hello) + Bytes(13, 0), datagram + "UDP, length 5");  // Ethernet padding
  add(cut(udp(hello), 30), "truncated-ip - 3 bytes missing! " + datagram + "UDP, length 5");
  add(with_byte(udp(hello), 0, 0x43), "bad-hlen 12");
  add(with_byte(udp(hello), 3, 10), "bad-len 10");
  add(cut(udp(hello), 3), " [|ip]");

  add_frame(arp(ArpHeader::request, {}),
            "ethertype ARP (0x0806), length 42: Request who-has 10.0.0.1 tell 10.0.0.2, length 28");
  add_frame(arp(ArpHeader::request, to),
            "ethertype ARP (0x0806), length 42: Request who-has 10.0.0.1 (02:00:00:00:00:02) tell "
            "10.0.0.2, length 28");
  add_frame(arp(ArpHeader::reply, to),
            "ethertype ARP (0x0806), length 42: Reply 10.0.0.2 is-at 02:00:00:00:00:01, length 28");
  add_frame(cut(arp(ArpHeader::reply, to), 17), "ethertype ARP (0x0806), length 17:  [|arp]");

  add_frame(make_frame(from, to, ethertype::vlan, tagged(0x2005, ethertype::ipv4, udp(hello))),
            "ethertype 802.1Q (0x8100), length 51: vlan 5, p 1, ethertype IPv4 (0x0800), " +
                datagram + "UDP, length 5");
  add_frame(make_frame(from, to, ethertype::qinq,
                       tagged(0x1005, ethertype::vlan, tagged(6, ethertype::ipv4, udp(hello)))),
            "ethertype 802.1Q-QinQ (0x88a8), length 55: vlan 5, p 0, DEI, ethertype 802.1Q "
            "(0x8100), vlan 6, p 0, ethertype IPv4 (0x0800), " +
                datagram + "UDP, length 5");

  const auto segment = tcp(T::syn);
  add_frame(
      make_frame(from, to, ethertype::ipv6,
                 ipv6(protocol::tcp, Bytes(segment.begin() + 20, segment.end()))),
      "ethertype IPv6 (0x86dd), length 74: fd00::2.40000 > fd00::1.443: Flags [S], seq 5, win "
      "64240, length 0");
  add_frame(make_frame(from, to, ethertype::ipv6, ipv6(253, hello)),
            "ethertype IPv6 (0x86dd), length 59: fd00::2 > fd00::1:  ip-proto-253 5");
  return rows;
}

TEST(DescribeFrame, SaysTheseLines) {
  for (const Row& row : rows())
    EXPECT_EQ(describe_frame(row.frame), row.line);
}

TEST(DescribeFrame, SurvivesEveryCut) {
  for (const Row& row : rows()) {
    for (std::size_t length = 0; length < row.frame.size(); ++length) {
      EXPECT_FALSE(describe_frame(cut(row.frame, length)).empty());
    }
  }
}

TEST(DescribeIp, ChoosesByVersion) {
  EXPECT_EQ(describe_ip(udp({})), "IP 10.0.0.2.40000 > 10.0.0.1.5555: UDP, length 0");
  EXPECT_EQ(describe_ip(ipv6(253, {})), "IP6 fd00::2 > fd00::1:  ip-proto-253 0");
  EXPECT_EQ(describe_ip(Bytes{0x50}), "IP5 (invalid)");
  EXPECT_EQ(describe_ip({}), " [|ip]");
}

TEST(DescribeFrame, TellsOnlyTheHeaderOfTheUnknown) {
  EXPECT_EQ(describe_frame(make_frame(from, to, 0x1234, Bytes(9, 'a'))),
            "02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype Unknown (0x1234), length 23: ");
  EXPECT_EQ(describe_frame(make_frame(from, to, 9, Bytes(9, 'a'))),
            "02:00:00:00:00:01 > 02:00:00:00:00:02, 802.3, length 9");
  EXPECT_EQ(describe_frame(Bytes(13, 0)), " [|ether]");
}

// ---------------------------------------------------------------- tcpdump itself

/// A classic pcap of these frames (all numbers in this machine's order).
void write_pcap(const std::string& path, const std::vector<Row>& rows) {
  std::ofstream file(path, std::ios::binary);
  const auto put = [&](std::initializer_list<std::uint32_t> words) {
    for (const std::uint32_t word : words) {
      file.write(reinterpret_cast<const char*>(&word), sizeof word);
    }
  };
  put({0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1});  // magic, version 2.4, snap length, Ethernet
  for (const Row& row : rows) {
    const auto length = static_cast<std::uint32_t>(row.frame.size());
    put({0, 0, length, length});
    file.write(reinterpret_cast<const char*>(row.frame.data()), length);
  }
}

std::vector<std::string> lines_of(const std::string& command) {
  std::vector<std::string> lines;
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return lines;
  std::array<char, 1024> line{};
  while (std::fgets(line.data(), line.size(), pipe) != nullptr) {
    lines.emplace_back(line.data());
    lines.back().pop_back();
  }
  pclose(pipe);
  return lines;
}

TEST(DescribeFrame, AgreesWithTcpdump) {
  if (std::system("tcpdump --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "no tcpdump here";
  const auto all = rows();
  const std::string path = testing::TempDir() + "wayout_text_" + std::to_string(getpid()) + ".pcap";
  write_pcap(path, all);
  // -t: no time; -S: absolute sequence numbers.
  const auto lines = lines_of("tcpdump -n -e -S -t -r - <" + path + " 2>/dev/null");
  std::remove(path.c_str());
  ASSERT_EQ(lines.size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(describe_frame(all[i].frame), lines[i]);
}

}  // namespace
}  // namespace wayout::wire
