#include "nat/rewrite.hpp"

#include <gtest/gtest.h>

#include "wire/checksum.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::nat {
namespace {

using conntrack::Tuple;
using wire::IpAddress;

const IpAddress client = IpAddress::v4(10, 0, 1, 2), router = IpAddress::v4(10, 0, 2, 1),
                server = IpAddress::v4(8, 8, 8, 8);
const std::vector<std::uint8_t> odd_payload{'a', 'b', 'c'};

using Bytes = std::vector<std::uint8_t>;

wire::Ipv4Fields from(const IpAddress& source) {
  return {.source = source, .destination = server, .id = 7};
}

/// A rewritten packet is the one that would have been made so.
TEST(Rewrite, EqualsThePacketMadeWithTheNewSource) {
  const auto tcp = [](const IpAddress& source, std::uint16_t port) {
    return wire::make_tcp(
        from(source), {.source_port = port, .destination_port = 80, .sequence = 9}, odd_payload);
  };
  Bytes packet = tcp(client, 5000);
  ASSERT_TRUE(
      rewrite(packet, Manip::source, {.source = router, .source_port = 61000, .protocol = 6}));
  EXPECT_EQ(packet, tcp(router, 61000));

  packet = wire::make_udp(from(client), 5000, 53, odd_payload);
  ASSERT_TRUE(rewrite(packet, Manip::source, {.source = router, .source_port = 1, .protocol = 17}));
  EXPECT_EQ(packet, wire::make_udp(from(router), 1, 53, odd_payload));

  packet = wire::make_icmp_echo(from(client), false, 77, 3, odd_payload);
  ASSERT_TRUE(rewrite(packet, Manip::source, {.source = router, .source_port = 78, .protocol = 1}));
  EXPECT_EQ(packet, wire::make_icmp_echo(from(router), false, 78, 3, odd_payload));
}

TEST(Rewrite, EqualsThePacketMadeWithTheNewDestination) {
  const auto udp = [](const IpAddress& destination, std::uint16_t port) {
    return wire::make_udp({.source = client, .destination = destination}, 5000, port, odd_payload);
  };
  Bytes packet = udp(server, 53);
  ASSERT_TRUE(rewrite(packet, Manip::destination,
                      {.destination = router, .destination_port = 5353, .protocol = 17}));
  EXPECT_EQ(packet, udp(router, 5353));
}

TEST(Rewrite, LeavesAnUnusedUdpChecksumUnused) {
  Bytes packet = wire::make_udp(from(client), 5000, 53, odd_payload);
  auto& header = *wire::header_at<wire::UdpHeader>(std::span(packet), 20);
  header.checksum = 0;
  ASSERT_TRUE(rewrite(packet, Manip::source, {.source = router, .source_port = 1, .protocol = 17}));
  EXPECT_EQ(header.checksum, 0);
}

TEST(Rewrite, KeepsAWrongChecksumWrongByTheSameAmount) {
  Bytes packet = wire::make_udp(from(client), 5000, 53, odd_payload);
  auto& header = *wire::header_at<wire::UdpHeader>(std::span(packet), 20);
  header.checksum = static_cast<std::uint16_t>(header.checksum + 5);
  ASSERT_TRUE(rewrite(packet, Manip::source, {.source = router, .source_port = 1, .protocol = 17}));
  const Bytes right = wire::make_udp(from(router), 1, 53, odd_payload);
  EXPECT_EQ(header.checksum, wire::header_at<wire::UdpHeader>(std::span(right), 20)->checksum + 5);
}

TEST(Rewrite, TakesWhatAnErrorQuotes) {
  const Bytes whole = wire::make_tcp(from(client), {.source_port = 5000, .destination_port = 80});
  const Tuple to{.source = router, .source_port = 61000, .protocol = 6};
  Bytes eight_bytes(whole.begin(), whole.begin() + 28);
  EXPECT_TRUE(rewrite(eight_bytes, Manip::source, to));
  EXPECT_EQ(eight_bytes[20] << 8 | eight_bytes[21], 61000);
  Bytes seven_bytes(whole.begin(), whole.begin() + 27);
  const Bytes before = seven_bytes;
  EXPECT_FALSE(rewrite(seven_bytes, Manip::source, to));
  EXPECT_EQ(seven_bytes, before);
  Bytes no_header(whole.begin(), whole.begin() + 19);
  EXPECT_FALSE(rewrite(no_header, Manip::source, to));
}

TEST(Rewrite, WantsTheHeadersThatItWritesTo) {
  const auto of = [](std::uint8_t protocol, std::size_t payload) {
    return rewritten_bytes(wire::make_ipv4(
        {.source = client, .destination = server, .protocol = protocol}, Bytes(payload)));
  };
  namespace p = wire::protocol;
  EXPECT_EQ(of(p::tcp, 20), 40U);
  EXPECT_EQ(of(p::tcp, 19), 28U);  // as an error quotes it
  EXPECT_EQ(of(p::sctp, 12), 32U);
  EXPECT_EQ(of(p::sctp, 11), 28U);
  for (const std::uint8_t protocol : {p::udp, p::udplite, p::icmp, p::gre})
    EXPECT_EQ(of(protocol, 40), 28U);
  EXPECT_EQ(of(p::esp, 40), 20U);
  EXPECT_EQ(rewritten_bytes(Bytes(19)), 0U);
}

TEST(Rewrite, ChangesOnlyTheAddressOfWhatHasNoPorts) {
  const Bytes payload{0, 0, 1, 0, 'x'};
  Bytes packet =
      wire::make_ipv4({.source = client, .destination = server, .protocol = 50}, payload);
  ASSERT_TRUE(rewrite(packet, Manip::source, {.source = router, .source_port = 9, .protocol = 50}));
  EXPECT_EQ(packet,
            wire::make_ipv4({.source = router, .destination = server, .protocol = 50}, payload));
}

TEST(Rewrite, NamesTheReceiversCallInGreVersionOne) {
  const auto gre = [](Bytes payload, Manip manip) {
    Bytes packet =
        wire::make_ipv4({.source = client, .destination = server, .protocol = 47}, payload);
    const bool done = rewrite(packet, manip,
                              {.source = router,
                               .destination = router,
                               .source_port = 8,
                               .destination_port = 9,
                               .protocol = 47});
    return done ? int{packet[27]} : -1;
  };
  const Bytes version_1{0x30, 1, 0x88, 0x0b, 0, 4, 0, 7}, version_0{0, 0, 8, 0, 0, 4, 0, 7},
      version_2{0, 2, 8, 0, 0, 4, 0, 7};
  EXPECT_EQ(gre(version_1, Manip::destination), 9);
  EXPECT_EQ(gre(version_1, Manip::source), 7);
  EXPECT_EQ(gre(version_0, Manip::destination), 7);
  EXPECT_EQ(gre(version_2, Manip::destination), -1);
}

}  // namespace
}  // namespace wayout::nat
