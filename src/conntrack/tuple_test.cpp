#include "conntrack/tuple.hpp"

#include <gtest/gtest.h>

#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::conntrack {
namespace {

using wire::IpAddress;

const IpAddress client = IpAddress::v4(10, 0, 1, 2), server = IpAddress::v4(8, 8, 8, 8);

std::optional<Tuple> tuple_of_ip(std::uint8_t protocol, std::vector<std::uint8_t> payload) {
  const auto ip =
      wire::make_ipv4({.source = client, .destination = server, .protocol = protocol}, payload);
  const auto segment = segment_of(ip);
  return segment ? tuple_of(*segment) : std::nullopt;
}

TEST(Tuple, HoldsPortsOfTransportProtocols) {
  for (const std::uint8_t protocol : {6, 17, 132, 136}) {
    const auto tuple = tuple_of_ip(protocol, {0x13, 0x88, 0x00, 0x50});
    ASSERT_TRUE(tuple);
    EXPECT_EQ(*tuple, (Tuple{client, server, 5000, 80, protocol}));
    EXPECT_EQ(*inverse(*tuple), (Tuple{server, client, 80, 5000, protocol}));
    EXPECT_FALSE(tuple_of_ip(protocol, {0x13, 0x88, 0x00}));
  }
}

TEST(Tuple, HoldsIdAndTypeOfIcmp) {
  const auto tuple = tuple_of_ip(1, {8, 5, 0, 0, 0, 77, 0, 1});
  ASSERT_TRUE(tuple);
  EXPECT_EQ(tuple->source_port, 77);
  EXPECT_EQ(tuple->icmp_type(), 8);
  EXPECT_EQ(tuple->icmp_code(), 5);
  EXPECT_FALSE(tuple_of_ip(1, {8, 5, 0, 0, 0, 77, 0}));
}

TEST(Tuple, OnlyIcmpQueriesHaveAnInverse) {
  const auto inverse_type = [](std::uint8_t type) -> int {
    const auto answer = inverse({.source = client,
                                 .destination = server,
                                 .source_port = 7,
                                 .destination_port = static_cast<std::uint16_t>(type << 8 | 3),
                                 .protocol = 1});
    if (!answer) return -1;
    EXPECT_EQ(answer->source_port, 7);
    EXPECT_EQ(answer->icmp_code(), 3);
    return answer->icmp_type();
  };
  EXPECT_EQ(inverse_type(8), 0);
  EXPECT_EQ(inverse_type(0), 8);
  EXPECT_EQ(inverse_type(13), 14);
  EXPECT_EQ(inverse_type(16), 15);
  EXPECT_EQ(inverse_type(17), 18);
  for (const std::uint8_t type : {3, 4, 5, 9, 10, 11, 12, 30})
    EXPECT_EQ(inverse_type(type), -1);
}

TEST(Tuple, TellsGreByCallIdInVersionOneOnly) {
  EXPECT_EQ(tuple_of_ip(47, {0x30, 1, 0x88, 0x0b, 0, 4, 0, 7})->destination_port, 7);
  EXPECT_EQ(tuple_of_ip(47, {0x30, 1, 0x88, 0x0b, 0, 4})->destination_port, 0);
  EXPECT_EQ(tuple_of_ip(47, {0x20, 0, 0x08, 0x00, 0, 4, 0, 7})->destination_port, 0);
  EXPECT_TRUE(tuple_of_ip(47, {}));
  EXPECT_FALSE(tuple_of_ip(47, {0x30, 1, 0x08, 0x00, 0, 4, 0, 7}));
}

TEST(Tuple, OfOtherProtocolsIsTheAddresses) {
  EXPECT_EQ(*tuple_of_ip(50, {1, 2, 3, 4}), (Tuple{client, server, 0, 0, 50}));
  EXPECT_EQ(*tuple_of_ip(33, {0, 7, 0, 8}), (Tuple{client, server, 0, 0, 33}));
}

TEST(Segment, IsNotFoundBehindAHeaderThatDoesNotFit) {
  auto ip = wire::make_udp({.source = client, .destination = server}, 1, 2);
  EXPECT_TRUE(segment_of(ip));
  EXPECT_FALSE(segment_of(std::span(ip).first(19)));
  auto later_fragment = ip;
  later_fragment[7] = 1;
  EXPECT_FALSE(segment_of(later_fragment));
  auto first_fragment = ip;
  first_fragment[6] = 0x20;
  EXPECT_TRUE(segment_of(first_fragment));
  auto long_header = ip;
  long_header[0] = 0x4f;
  EXPECT_FALSE(segment_of(long_header));
  auto short_header = ip;
  short_header[0] = 0x44;
  EXPECT_FALSE(segment_of(short_header));
  EXPECT_FALSE(segment_of({}));
}

}  // namespace
}  // namespace wayout::conntrack
