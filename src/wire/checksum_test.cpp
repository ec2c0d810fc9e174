#include "wire/checksum.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "wire/headers.hpp"

namespace wayout::wire {
namespace {

using Bytes = std::vector<std::uint8_t>;

TEST(Checksum, ExampleOfRfc1071) {
  const Bytes bytes = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(checksum_add(bytes), 0x2ddf0U);
  EXPECT_EQ(checksum_finish(checksum_add(bytes)), 0x220dU);
}

TEST(Checksum, OddByteIsTheUpperHalf) {
  EXPECT_EQ(checksum_add(Bytes{0x12, 0x34, 0x56}), 0x1234U + 0x5600U);
  EXPECT_EQ(checksum_add(Bytes{0x01}, 7), 0x0107U);
  EXPECT_EQ(checksum_add(Bytes{}), 0U);
}

TEST(Checksum, Ipv4HeaderWhateverStandsInTheField) {
  Bytes header = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                  0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
  EXPECT_EQ(ipv4_header_checksum(header), 0xb861U);
  header[10] = header[11] = 0xee;
  EXPECT_EQ(ipv4_header_checksum(header), 0xb861U);
}

// UDP datagrams and a TCP SYN as Linux 6.18 put them on the wire.
TEST(Checksum, TransportOfBothFamilies) {
  struct Row {
    const char *source, *destination;
    std::uint8_t protocol;
    std::size_t offset;
    Bytes segment;
    std::uint16_t checksum;
  };
  const Row rows[] = {
      // "hi\n" from port 40000 to 53, odd length
      {"10.0.0.2",
       "10.0.0.1",
       protocol::udp,
       offsetof(UdpHeader, checksum),
       {0x9c, 0x40, 0x00, 0x35, 0x00, 0x0b, 0x00, 0x00, 0x68, 0x69, 0x0a},
       0xdcf6},
      {"fd00::2",
       "fd00::1",
       protocol::udp,
       offsetof(UdpHeader, checksum),
       {0x9c, 0x40, 0x00, 0x35, 0x00, 0x0b, 0x00, 0x00, 0x68, 0x69, 0x0a},
       0xf6f4},
      // SYN from port 40001 to 443
      {"10.0.0.2",
       "10.0.0.1",
       protocol::tcp,
       offsetof(TcpHeader, checksum),
       {0x9c, 0x41, 0x01, 0xbb, 0xa9, 0xb8, 0x9a, 0x0d, 0x00, 0x00, 0x00, 0x00, 0xa0, 0x02,
        0xfa, 0xf0, 0x00, 0x00, 0x00, 0x00, 0x02, 0x04, 0x05, 0xb4, 0x04, 0x02, 0x08, 0x0a,
        0x8c, 0xdf, 0x23, 0x3b, 0x00, 0x00, 0x00, 0x00, 0x01, 0x03, 0x03, 0x0a},
       0xa72c},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.source);
    const auto source = *IpAddress::parse(row.source);
    const auto destination = *IpAddress::parse(row.destination);
    EXPECT_EQ(transport_checksum(source, destination, row.protocol, row.segment, row.offset),
              row.checksum);
    Bytes segment = row.segment;
    *header_at<be16>(segment, row.offset) = row.checksum;
    EXPECT_TRUE(transport_checksum_ok(source, destination, row.protocol, segment));
    EXPECT_EQ(transport_checksum(source, destination, row.protocol, segment, row.offset),
              row.checksum);
    segment.back() ^= 1;
    EXPECT_FALSE(transport_checksum_ok(source, destination, row.protocol, segment));
  }
}

TEST(Checksum, UdpZeroMeansNotUsedAndTcpZeroDoesNot) {
  const auto a = IpAddress::v4(10, 0, 0, 1);
  const Bytes segment(20, 0);
  EXPECT_TRUE(transport_checksum_ok(a, a, protocol::udp, segment));
  EXPECT_FALSE(transport_checksum_ok(a, a, protocol::udplite, segment));
  EXPECT_FALSE(transport_checksum_ok(a, a, protocol::tcp, segment));
}

TEST(Checksum, UdpLiteCoversWhatItsLengthSays) {
  const auto a = IpAddress::v4(10, 0, 0, 1);
  Bytes segment = {0, 1, 0, 2, 0, 8, 0, 0, 0xaa, 0xbb};  // coverage 8: the header only
  const auto checksum =
      transport_checksum(a, a, protocol::udplite, segment, offsetof(UdpHeader, checksum));
  *header_at<be16>(segment, offsetof(UdpHeader, checksum)) = checksum;
  segment[8] = 0;
  EXPECT_TRUE(transport_checksum_ok(a, a, protocol::udplite, segment));
  segment[0] = 9;
  EXPECT_FALSE(transport_checksum_ok(a, a, protocol::udplite, segment));
}

TEST(Checksum, UpdateIsTheSameAsComputingAnew) {
  EXPECT_EQ(checksum_update16(0xdd2f, 0x5555, 0x3285), 0x0000U);  // the example of RFC 1624

  Bytes header = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                  0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
  auto* ip = header_at<Ipv4Header>(header);
  for (const std::uint32_t source : {0U, 1U, 0x0a000001U, 0xc0a80001U, 0xfffffffeU, 0xffffffffU}) {
    const auto updated = checksum_update32(ip->checksum, ip->source, source);
    ip->source = source;
    EXPECT_EQ(updated, ipv4_header_checksum(header)) << source;
    ip->checksum = updated;
  }
}

TEST(Checksum, AWrongOneStaysWrongByTheSameAmount) {
  const std::uint16_t right = 0xb861, wrong = 0xb864;
  const auto right_after = checksum_update32(right, 0xc0a80001, 0x0a000001);
  const auto wrong_after = checksum_update32(wrong, 0xc0a80001, 0x0a000001);
  EXPECT_EQ(wrong_after - right_after, wrong - right);
}

TEST(Checksum, Crc32cExamplesOfRfc3720) {
  Bytes rising(32);
  std::iota(rising.begin(), rising.end(), std::uint8_t{0});
  EXPECT_EQ(crc32c(Bytes(32, 0x00)), 0x8a9136aaU);
  EXPECT_EQ(crc32c(Bytes(32, 0xff)), 0x62a8ab43U);
  EXPECT_EQ(crc32c(rising), 0x46dd794eU);
}

TEST(Checksum, OfSctpCountsItsFieldAsZeroAndLiesLittleEndian) {
  Bytes packet(16, 0x5a);
  Bytes zeroed = packet;
  std::fill(zeroed.begin() + 8, zeroed.begin() + 12, 0);
  const std::uint32_t checksum = sctp_checksum(packet);
  EXPECT_EQ(checksum, crc32c(zeroed));
  header_at<SctpHeader>(std::span(packet))->checksum = checksum;
  EXPECT_EQ(packet[8], checksum & 0xff);
  EXPECT_EQ(packet[11], checksum >> 24);
  EXPECT_EQ(sctp_checksum(packet), checksum);
}

}  // namespace
}  // namespace wayout::wire
