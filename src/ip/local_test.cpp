// Expectations recorded on Linux 6.18: packets from 10.0.1.2 to 10.0.1.1, a host on which nothing
// listens; the reason and location from the tracepoint skb:kfree_skb, and what came back.
#include <gmock/gmock.h>

#include "ip/ip.hpp"
#include "wire/checksum.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::ip {
namespace {

using Bytes = std::vector<std::uint8_t>;
using wire::IcmpHeader;
using wire::Ipv4Header;
using wire::TcpHeader;

const LocalPolicy nobody_listens{.listening = false};

wire::Ipv4Fields fields(std::uint8_t protocol = 0) {
  return {.source = wire::IpAddress::v4(10, 0, 1, 2),
          .destination = wire::IpAddress::v4(10, 0, 1, 1),
          .protocol = protocol,
          .tos = 0x13};
}

LocalAnswer answer(const Bytes& bytes, const LocalPolicy& policy = nobody_listens,
                   RouteType type = RouteType::local, PacketType link = PacketType::host) {
  Packet packet = Packet::from_ip(bytes);
  packet.local = false;
  packet.type = link;
  packet.routing.type = type;
  NoTrace trace;
  return deliver(packet, policy, trace);
}

Bytes icmp(Bytes message, bool right = true) {
  if (right && message.size() >= 4) {
    message[2] = message[3] = 0;
    const std::uint16_t sum = wire::checksum_finish(wire::checksum_add(message));
    message[2] = static_cast<std::uint8_t>(sum >> 8);
    message[3] = static_cast<std::uint8_t>(sum);
  }
  return wire::make_ipv4(fields(wire::protocol::icmp), message);
}

TEST(DeliverIcmp, EchoComesBackAsItIs) {
  const LocalAnswer got = answer(icmp({8, 5, 0, 0, 0, 5, 0, 6, 'h', 'e', 'l', 'l', 'o'}));
  EXPECT_EQ(got.stop.fate, Fate::delivered);
  ASSERT_TRUE(got.reply);
  const auto network = got.reply->network();
  const auto* ip = wire::header_at<Ipv4Header>(network);
  EXPECT_EQ(ip->source_address().text(), "10.0.1.1");
  EXPECT_EQ(ip->destination_address().text(), "10.0.1.2");
  EXPECT_EQ(ip->tos, 0x13) << "ECN bits and all";
  EXPECT_EQ(ip->ttl, 64);
  EXPECT_FALSE(ip->has_dont_fragment());
  const Bytes expected = {0, 5, 0xbc, 0x1d, 0, 5, 0, 6, 'h', 'e', 'l', 'l', 'o'};
  EXPECT_TRUE(std::ranges::equal(network.subspan(20), expected)) << "its code too";
}

TEST(SettleTtl, OnlyWhereNobodyChoseOne) {
  struct Row {
    std::uint8_t given, hop_limit;
    RouteType type;
    std::uint8_t ttl;
  };
  for (const Row& row : {Row{0, 0, RouteType::unicast, 99}, Row{0, 3, RouteType::unicast, 3},
                         Row{7, 3, RouteType::unicast, 7}, Row{0, 3, RouteType::multicast, 1}}) {
    wire::Ipv4Fields ip = fields(wire::protocol::udp);
    ip.ttl = row.given;
    Packet packet = Packet::from_ip(wire::make_udp(ip, 1, 2, Bytes()));
    packet.routing.hop_limit = row.hop_limit;
    packet.routing.type = row.type;
    settle_ttl(packet, 99);
    const auto network = packet.network();
    EXPECT_EQ(wire::header_at<Ipv4Header>(network)->ttl, row.ttl);
    EXPECT_EQ(wire::checksum_finish(wire::checksum_add(network.first(20))), 0);
  }
}

TEST(DeliverIcmp, TheMarkOnlyWhereItIsReflected) {
  for (const bool reflect : {false, true}) {
    Packet packet = Packet::from_ip(icmp({8, 0, 0, 0, 0, 5, 0, 6}));
    packet.mark = 5;
    packet.type = PacketType::host;
    packet.routing.type = RouteType::local;
    NoTrace trace;
    const LocalAnswer got = deliver(packet, {.reflect_mark = reflect}, trace);
    ASSERT_TRUE(got.reply);
    EXPECT_EQ(got.reply->mark, reflect ? 5U : 0U);
  }
}

TEST(DeliverIcmp, ReasonsByType) {
  for (const int type : {40, 19, 255})
    EXPECT_EQ(answer(icmp({static_cast<std::uint8_t>(type), 0, 0, 0, 0, 0, 0, 0})).stop.reason,
              DropReason::UNHANDLED_PROTO);
  for (const std::uint8_t type : {1, 6, 7, 9, 10, 14, 15, 16, 17, 18, 42}) {
    const LocalAnswer got = answer(icmp({type, 0, 0, 0, 0, 0, 0, 0}));
    EXPECT_EQ(got.stop.fate, Fate::delivered) << int{type};
    EXPECT_FALSE(got.reply);
    EXPECT_FALSE(got.error);
  }
  EXPECT_EQ(answer(icmp({5, 0, 0, 0, 0, 0, 0, 0})).stop.reason, DropReason::PKT_TOO_SMALL);
  EXPECT_EQ(answer(icmp({8, 0, 0, 0})).stop.reason, DropReason::NOT_SPECIFIED) << "cut short";
  EXPECT_EQ(answer(icmp({8, 0}, false)).stop.reason, DropReason::ICMP_CSUM);
  EXPECT_EQ(answer(icmp({}, false)).stop.reason, DropReason::ICMP_CSUM);
  EXPECT_EQ(answer(icmp({8, 0, 1, 2, 0, 5, 0, 6}, false)).stop.reason, DropReason::ICMP_CSUM);
}

TEST(DeliverIcmp, Broadcast) {
  const auto broadcast = [](std::uint8_t type, const LocalPolicy& policy = nobody_listens) {
    return answer(icmp({type, 0, 0, 0, 0, 5, 0, 6}), policy, RouteType::broadcast);
  };
  EXPECT_EQ(broadcast(8).stop.reason, DropReason::INVALID_PROTO);
  EXPECT_EQ(broadcast(8).stop.cause, Cause::sysctl(Sysctl::icmp_echo_ignore_broadcasts));
  EXPECT_EQ(broadcast(13).stop.reason, DropReason::INVALID_PROTO);
  EXPECT_EQ(broadcast(15).stop.reason, DropReason::INVALID_PROTO);
  EXPECT_EQ(broadcast(3).stop.reason, DropReason::INVALID_PROTO);
  EXPECT_EQ(broadcast(17).stop.fate, Fate::delivered);
  const LocalAnswer allowed = broadcast(8, {.ignore_broadcast_echo = false});
  ASSERT_TRUE(allowed.reply);
  EXPECT_TRUE(
      wire::header_at<Ipv4Header>(allowed.reply->network())->source_address().is_unspecified())
      << "left to the routing decision";
}

TEST(DeliverIcmp, IgnoredWhenToldSo) {
  const LocalAnswer got = answer(icmp({8, 0, 0, 0, 0, 5, 0, 6}), {.ignore_echo = true});
  EXPECT_FALSE(got.reply);
  EXPECT_EQ(got.stop.cause, Cause::sysctl(Sysctl::icmp_echo_ignore_all));
}

Bytes udp(std::uint16_t length, std::size_t bytes, std::uint16_t checksum = 0) {
  Bytes segment = {0x03, 0xe8, 0, 9, static_cast<std::uint8_t>(length >> 8),
                   static_cast<std::uint8_t>(length), static_cast<std::uint8_t>(checksum >> 8),
                   static_cast<std::uint8_t>(checksum), 'a', 'b', 'c', 'd'};
  segment.resize(bytes);
  return wire::make_ipv4(fields(wire::protocol::udp), segment);
}

TEST(DeliverUdp, Reasons) {
  const LocalAnswer closed = answer(udp(12, 12));
  EXPECT_EQ(closed.stop.reason, DropReason::NO_SOCKET);
  EXPECT_EQ(closed.stop.stage, Stage::udp4_lib_rcv);
  ASSERT_TRUE(closed.error);
  EXPECT_EQ(closed.error->code, 3);
  EXPECT_EQ(answer(udp(20, 12)).stop.reason, DropReason::PKT_TOO_SMALL);
  EXPECT_EQ(answer(udp(7, 12)).stop.reason, DropReason::PKT_TOO_SMALL);
  EXPECT_EQ(answer(udp(30, 12, 77)).stop.reason, DropReason::PKT_TOO_SMALL) << "before the sum";
  EXPECT_EQ(answer(udp(8, 4)).stop.reason, DropReason::NOT_SPECIFIED);
  EXPECT_EQ(answer(udp(12, 12, 77)).stop.reason, DropReason::UDP_CSUM);
  const LocalAnswer many = answer(udp(12, 12), nobody_listens, RouteType::broadcast);
  EXPECT_EQ(many.stop.reason, DropReason::NOT_SPECIFIED);
  EXPECT_FALSE(many.error);
  EXPECT_EQ(answer(udp(12, 12), {}).stop.fate, Fate::delivered);
}

TEST(DeliverUdp, WhatLiesBehindItsLengthIsCutOff) {
  Packet packet = Packet::from_ip(udp(8, 12));
  packet.routing.type = RouteType::local;
  NoTrace trace;
  EXPECT_EQ(deliver(packet, nobody_listens, trace).stop.reason, DropReason::NO_SOCKET);
  EXPECT_EQ(packet.network().size(), 28U) << "and not quoted in the error";
}

Bytes tcp(std::uint8_t flags, std::size_t payload = 0) {
  return wire::make_tcp(fields(), {.source_port = 1000, .destination_port = 9, .sequence = 100,
                                   .acknowledgement = 200, .flags = flags},
                        Bytes(payload));
}

struct ResetRow {
  std::uint8_t flags;
  std::size_t payload;
  std::uint8_t answered;  ///< flags of the reset
  std::uint32_t sequence, acknowledgement;
};

TEST(DeliverTcp, Resets) {
  constexpr std::uint8_t rst = TcpHeader::rst, rst_ack = TcpHeader::rst | TcpHeader::ack;
  for (const ResetRow& row : {
           ResetRow{TcpHeader::syn, 0, rst_ack, 0, 101},
           ResetRow{TcpHeader::ack, 0, rst, 200, 0},
           ResetRow{TcpHeader::syn | TcpHeader::ack, 0, rst, 200, 0},
           ResetRow{TcpHeader::fin, 0, rst_ack, 0, 101},
           ResetRow{TcpHeader::fin | TcpHeader::ack, 0, rst, 200, 0},
           ResetRow{0, 0, rst_ack, 0, 100},
           ResetRow{TcpHeader::syn | TcpHeader::fin, 0, rst_ack, 0, 102},
           ResetRow{TcpHeader::syn, 3, rst_ack, 0, 104},
           ResetRow{TcpHeader::ack, 3, rst, 200, 0},
       }) {
    const LocalAnswer got = answer(tcp(row.flags, row.payload));
    EXPECT_EQ(got.stop.reason, DropReason::NO_SOCKET);
    EXPECT_EQ(got.stop.stage, Stage::tcp_v4_rcv);
    ASSERT_TRUE(got.reply) << int{row.flags};
    const auto network = got.reply->network();
    const auto* ip = wire::header_at<Ipv4Header>(network);
    EXPECT_EQ(ip->total_length, 40);
    EXPECT_TRUE(ip->has_dont_fragment());
    EXPECT_EQ(ip->id, 0);
    EXPECT_EQ(ip->tos, 0x10) << "without ECN";
    const auto* reset = wire::header_at<TcpHeader>(network, 20);
    EXPECT_EQ(reset->flags, row.answered) << int{row.flags};
    EXPECT_EQ(reset->sequence, row.sequence);
    EXPECT_EQ(reset->acknowledgement, row.acknowledgement);
    EXPECT_EQ(reset->window, 0);
    EXPECT_TRUE(wire::transport_checksum_ok(ip->source_address(), ip->destination_address(), 6,
                                            network.subspan(20)));
  }
}

TEST(DeliverTcp, NoResetAbout) {
  for (const std::uint8_t flags : {TcpHeader::rst, std::uint8_t(TcpHeader::rst | TcpHeader::ack)})
    EXPECT_FALSE(answer(tcp(flags)).reply);
  const LocalAnswer broadcast = answer(tcp(TcpHeader::syn), nobody_listens, RouteType::broadcast);
  EXPECT_EQ(broadcast.stop.reason, DropReason::NO_SOCKET);
  EXPECT_FALSE(broadcast.reply);
  EXPECT_EQ(answer(tcp(TcpHeader::syn), nobody_listens, RouteType::local, PacketType::broadcast)
                .stop.reason,
            DropReason::NOT_SPECIFIED);
}

TEST(DeliverTcp, Malformed) {
  Bytes bytes = tcp(TcpHeader::syn);
  bytes[32] = 0x40;  // header of 16 bytes
  EXPECT_EQ(answer(bytes).stop.reason, DropReason::PKT_TOO_SMALL);
  bytes[32] = 0xf0;  // of 60
  EXPECT_EQ(answer(bytes).stop.reason, DropReason::NOT_SPECIFIED);
  EXPECT_EQ(answer(wire::make_ipv4(fields(wire::protocol::tcp), Bytes(10))).stop.reason,
            DropReason::NOT_SPECIFIED);
  bytes = tcp(TcpHeader::syn);
  bytes[36] ^= 1;
  EXPECT_EQ(answer(bytes).stop.reason, DropReason::TCP_CSUM);
}

TEST(Deliver, ProtocolsWithoutHandler) {
  for (const std::uint8_t protocol : {4, 41, 47, 50, 51, 132, 33, 200, 255, 0}) {
    const LocalAnswer got = answer(wire::make_ipv4(fields(protocol), Bytes(40)));
    EXPECT_EQ(got.stop.reason, DropReason::IP_NOPROTO) << int{protocol};
    EXPECT_EQ(got.stop.stage, Stage::ip_local_deliver_finish);
    ASSERT_TRUE(got.error);
    EXPECT_EQ(got.error->code, 2);
  }
}

TEST(Deliver, TtlOfAnswersIsTheHosts) {
  const LocalPolicy policy{.listening = false, .ttl = 99};
  EXPECT_EQ(answer(icmp({8, 0, 0, 0, 0, 5, 0, 6}), policy).reply->network()[8], 99);
  EXPECT_EQ(answer(tcp(TcpHeader::syn), policy).reply->network()[8], 99);
}

}  // namespace
}  // namespace wayout::ip
