// Expectations recorded on Linux 6.18: one frame at a time into a veth of a router, the reason and
// location from the tracepoint skb:kfree_skb, what came back or went on from packet sockets.
#include <gmock/gmock.h>

#include "ip/ip.hpp"
#include "route/test_world.hpp"
#include "wire/checksum.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::ip {
namespace {

using Bytes = std::vector<std::uint8_t>;
using route::TestWorld;

Bytes datagram(std::size_t payload = 8) {
  return wire::make_udp(
      {.source = TestWorld::ip("10.0.1.2"), .destination = TestWorld::ip("8.8.8.8")}, 1000, 53,
      Bytes(payload));
}

wire::Ipv4Header& header(Bytes& bytes) {
  return *wire::header_at<wire::Ipv4Header>(std::span(bytes));
}

Bytes summed(Bytes bytes) {
  header(bytes).checksum = wire::ipv4_header_checksum(
      std::span<const std::uint8_t>(bytes).first(header(bytes).header_bytes()));
  return bytes;
}

Stop received(const Bytes& bytes, std::size_t* left = nullptr,
              PacketType type = PacketType::host) {
  Packet packet = Packet::from_ip(bytes);
  packet.type = type;
  NoTrace trace;
  const Stop stop = receive(packet, trace);
  if (left != nullptr) *left = packet.network().size();
  return stop;
}

TEST(Receive, ChecksInTheirOrder) {
  EXPECT_FALSE(received(datagram()));
  EXPECT_EQ(received(datagram(), nullptr, PacketType::other_host).reason, DropReason::OTHERHOST);

  Bytes cut = datagram();
  cut.resize(19);
  EXPECT_EQ(received(cut).reason, DropReason::IP_INHDR);
  Bytes version = datagram();
  version[0] = 0x65;
  EXPECT_EQ(received(version).reason, DropReason::IP_INHDR);
  Bytes short_header = datagram();
  short_header[0] = 0x44;
  EXPECT_EQ(received(short_header).reason, DropReason::IP_INHDR);
  Bytes long_header = datagram();
  long_header[0] = 0x4f;
  EXPECT_EQ(received(long_header).reason, DropReason::IP_INHDR) << "60 bytes of 36";
  Bytes wrong = datagram();
  wrong[10] ^= 1;
  EXPECT_EQ(received(wrong).reason, DropReason::IP_CSUM);
  Bytes truncated = datagram();
  truncated.resize(truncated.size() - 1);
  EXPECT_EQ(received(truncated).reason, DropReason::PKT_TOO_SMALL);
  truncated[10] ^= 1;
  EXPECT_EQ(received(truncated).reason, DropReason::IP_CSUM) << "the checksum is tested first";
  Bytes tiny = datagram();
  header(tiny).total_length = 19;
  EXPECT_EQ(received(summed(tiny)).reason, DropReason::IP_INHDR);
}

TEST(Receive, TrimsPaddingAndIgnoresTtl) {
  Bytes padded = datagram();
  const std::size_t whole = padded.size();
  padded.resize(60);
  std::size_t left = 0;
  EXPECT_FALSE(received(padded, &left));
  EXPECT_EQ(left, whole);
  Bytes dead = datagram();
  header(dead).ttl = 0;
  EXPECT_FALSE(received(summed(dead)));
}

TEST(CheckClass, UnicastInAFrameForMany) {
  TestWorld world;
  world.add_device("a0");
  Packet packet = Packet::from_ip(datagram());
  packet.device = packet.ingress = world.device("a0");
  packet.type = PacketType::broadcast;
  packet.routing.type = RouteType::local;
  EXPECT_FALSE(check_class(packet, world.interfaces)) << "allowed unless the sysctl says so";
  world["a0"].conf.drop_unicast_in_l2_multicast = true;
  const Stop stop = check_class(packet, world.interfaces);
  EXPECT_EQ(stop.reason, DropReason::UNICAST_IN_L2_MULTICAST);
  EXPECT_EQ(stop.cause, Cause::sysctl(Sysctl::drop_unicast_in_l2_multicast, packet.device));
  packet.routing.type = RouteType::broadcast;
  EXPECT_FALSE(check_class(packet, world.interfaces));
}

}  // namespace
}  // namespace wayout::ip
