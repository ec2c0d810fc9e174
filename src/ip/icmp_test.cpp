// Expectations recorded on Linux 6.18: a packet from 10.0.1.2 to 8.8.8.8 with TTL 1 into a router
// with a0 10.0.1.1/24 and b0 10.0.2.1/24; the message that came back, if one did.
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
using wire::IcmpHeader;
using wire::Ipv4Header;

class MakeError : public testing::Test {
 protected:
  MakeError() {
    world_.add_device("a0");
    world_.add_device("b0");
    world_.address("10.0.1.1/24 dev a0");
    world_.address("10.0.2.1/24 dev b0");
    world_.route("default via 10.0.2.254 dev b0");
    world_.index();
  }

  Packet offender(const Bytes& ip) {
    Packet packet = Packet::from_ip(ip);
    packet.local = false;
    packet.type = PacketType::host;
    packet.device = packet.ingress = world_.device("a0");
    packet.routing.type = RouteType::unicast;
    return packet;
  }

  wire::Ipv4Fields fields(const char* from = "10.0.1.2") {
    return {.source = TestWorld::ip(from), .destination = TestWorld::ip("8.8.8.8"), .ttl = 1,
            .id = 0x1234};
  }

  std::optional<Packet> answer(const Packet& packet, bool inbound = false) {
    Chance chance;
    return make_error(packet, {.type = IcmpHeader::time_exceeded}, world_.fib, world_.interfaces,
                      {.default_ttl = 64, .use_inbound_address = inbound}, chance);
  }

  static std::string source_of(const std::optional<Packet>& packet) {
    if (!packet) return "";
    return wire::header_at<Ipv4Header>(packet->network())->source_address().text();
  }

  TestWorld world_;
};

TEST_F(MakeError, Message) {
  wire::Ipv4Fields ip = fields();
  ip.tos = 0x13;
  const Bytes sent = wire::make_udp(ip, 1000, 53, Bytes(8));
  const auto made = answer(offender(sent));
  ASSERT_TRUE(made);
  const auto network = made->network();
  const auto* header = wire::header_at<Ipv4Header>(network);
  EXPECT_EQ(header->source_address().text(), "10.0.1.1");
  EXPECT_EQ(header->destination_address().text(), "10.0.1.2");
  EXPECT_EQ(header->tos, 0xd2);
  EXPECT_EQ(header->ttl, 64);
  EXPECT_EQ(header->total_length, 64);
  EXPECT_FALSE(header->has_dont_fragment());
  const auto* icmp = wire::header_at<IcmpHeader>(network, 20);
  EXPECT_EQ(icmp->type, 11);
  EXPECT_EQ(icmp->checksum, 0x1033);
  EXPECT_TRUE(std::equal(sent.begin(), sent.end(), network.begin() + 28));
  EXPECT_EQ(made->routing.egress, world_.device("a0"));
}

TEST_F(MakeError, QuotesWhatFitsInto576OrTheMtu) {
  const Bytes sent = wire::make_udp(fields(), 1000, 53, Bytes(600));
  EXPECT_EQ(answer(offender(sent))->network().size(), 576U);
  world_["a0"].mtu_bytes = 100;
  EXPECT_EQ(answer(offender(sent))->network().size(), 100U);
  world_["a0"].mtu_bytes = 48;
  EXPECT_FALSE(answer(offender(sent))) << "not even the header would fit";
}

TEST_F(MakeError, AboutWhichIcmpTypes) {
  for (std::uint8_t type = 0; type < 44; ++type) {
    const Bytes sent = wire::make_icmp_error(fields(), type, 0, 0, Bytes(28));
    const bool expected = type == 0 || type == 8 || (type >= 13 && type <= 18);
    EXPECT_EQ(answer(offender(sent)).has_value(), expected) << int{type};
  }
  wire::Ipv4Fields ip = fields();
  ip.protocol = wire::protocol::icmp;
  EXPECT_FALSE(answer(offender(wire::make_ipv4(ip, {}))));
  EXPECT_TRUE(answer(offender(wire::make_ipv4(ip, Bytes{8}))));
}

TEST_F(MakeError, NotAboutLaterFragmentsOrWhatWentToMany) {
  Bytes sent = wire::make_udp(fields(), 1000, 53, Bytes(8));
  sent[6] = 0x20;  // first of several
  EXPECT_TRUE(answer(offender(sent)));
  sent[7] = 5;
  EXPECT_FALSE(answer(offender(sent)));

  Packet packet = offender(wire::make_udp(fields(), 1000, 53, Bytes(8)));
  packet.type = PacketType::broadcast;
  EXPECT_FALSE(answer(packet));
  packet.type = PacketType::host;
  packet.routing.type = RouteType::broadcast;
  EXPECT_FALSE(answer(packet));
}

TEST_F(MakeError, SourceIsThatOfTheWayBack) {
  world_.address("10.0.1.77/24 dev a0");
  world_.address("172.16.0.1/24 dev a0");
  const Bytes sent = wire::make_udp(fields(), 1000, 53, Bytes(8));
  EXPECT_EQ(source_of(answer(offender(sent))), "10.0.1.1");
  world_.route("10.0.1.2/32 dev a0 scope link src 172.16.0.1");
  world_.route("77.0.0.0/8 via 10.0.2.254 dev b0");
  world_.route("unreachable 78.0.0.0/8");
  world_.index();
  EXPECT_EQ(source_of(answer(offender(sent))), "172.16.0.1");

  const auto elsewhere = offender(wire::make_udp(fields("77.1.1.1"), 1, 2, {}));
  EXPECT_EQ(source_of(answer(elsewhere)), "10.0.2.1");
  EXPECT_EQ(answer(elsewhere)->routing.egress, world_.device("b0")) << "it leaves by that way too";
  EXPECT_EQ(source_of(answer(elsewhere, /*inbound=*/true)), "10.0.1.1");
  EXPECT_FALSE(answer(offender(wire::make_udp(fields("78.1.1.1"), 1, 2, {}))));
}

TEST_F(MakeError, AnswersFromTheAddressThatWasAsked) {
  wire::Ipv4Fields ip = fields();
  ip.destination = TestWorld::ip("10.0.2.1");
  Packet packet = offender(wire::make_udp(ip, 1000, 53, Bytes(8)));
  packet.routing.type = RouteType::local;
  EXPECT_EQ(source_of(answer(packet)), "10.0.2.1");
  EXPECT_EQ(source_of(answer(packet, /*inbound=*/true)), "10.0.2.1");
}

}  // namespace
}  // namespace wayout::ip
