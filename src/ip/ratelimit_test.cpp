// Expectations recorded on Linux 6.18: bursts of 12 packets from one source, and how many errors
// came back.
#include "ip/ratelimit.hpp"

#include <gtest/gtest.h>

namespace wayout::ip {
namespace {

const wire::IpAddress peer = wire::IpAddress::v4(10, 0, 1, 2);

int answered(const IcmpError& error, int sent, IcmpBuckets& buckets, std::int64_t now_ms,
             const IcmpLimits& limits = {}) {
  int count = 0;
  for (int i = 0; i < sent; ++i) count += buckets.allow(error, peer, false, limits, now_ms) ? 1 : 0;
  return count;
}

TEST(IcmpBuckets, BurstsOfTwelve) {
  const IcmpError time_exceeded{.type = 11}, port{.type = 3, .code = 3},
      fragmentation_needed{.type = 3, .code = 4}, echo_reply{.type = 0};
  IcmpBuckets a, b, c, d;
  EXPECT_EQ(answered(time_exceeded, 12, a, 0), 6);
  EXPECT_EQ(answered(port, 12, b, 0), 6);
  EXPECT_EQ(answered(fragmentation_needed, 12, c, 0), 12);
  EXPECT_EQ(answered(echo_reply, 12, d, 0), 12);
}

TEST(IcmpBuckets, OneASecondAfterwards) {
  const IcmpError error{.type = 11};
  IcmpBuckets buckets;
  EXPECT_EQ(answered(error, 12, buckets, 0), 6);
  EXPECT_EQ(answered(error, 12, buckets, 999), 0);
  EXPECT_EQ(answered(error, 12, buckets, 1000), 1);
  EXPECT_EQ(answered(error, 12, buckets, 4000), 3);
  EXPECT_EQ(answered(error, 12, buckets, 100'000), 6);
}

TEST(IcmpBuckets, ErrorRoutesPayTwice) {
  const IcmpError error{.type = 3, .code = 1};
  IcmpBuckets buckets;
  int count = 0;
  for (int i = 0; i < 12; ++i) {
    const bool sent = buckets.allow_error_route(peer, {}, 0) &&
                      buckets.allow(error, peer, false, {}, 0);
    count += sent ? 1 : 0;
  }
  EXPECT_EQ(count, 2);
}

TEST(IcmpBuckets, WithoutALimitAMessageStillEmptiesTheBucket) {
  const IcmpLimits limits{.interval_ms = 0};
  IcmpBuckets buckets;
  EXPECT_TRUE(buckets.allow({.type = 3, .code = 3}, peer, false, limits, 100));
  EXPECT_FALSE(buckets.allow_error_route(peer, limits, 101));
  EXPECT_TRUE(buckets.allow_error_route(peer, limits, 1101));
}

TEST(IcmpBuckets, ManyDestinationsShareTheGlobalOne) {
  const IcmpError error{.type = 11};
  const IcmpLimits limits{.interval_ms = 0};
  IcmpBuckets buckets;
  EXPECT_EQ(answered(error, 200, buckets, 0, limits), 50);
  EXPECT_EQ(answered(error, 200, buckets, 19, limits), 0) << "filled every 20 ms";
  EXPECT_EQ(answered(error, 200, buckets, 20, limits), 20);
  EXPECT_TRUE(buckets.allow(error, peer, /*by_loopback=*/true, limits, 20));
}

}  // namespace
}  // namespace wayout::ip
