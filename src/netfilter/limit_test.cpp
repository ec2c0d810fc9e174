#include "netfilter/limit.hpp"

#include <gtest/gtest.h>

namespace wayout::netfilter {
namespace {

// A packet every 50 ms for three seconds, and how many of the 60 a FORWARD rule counted on 6.18,
// the same with either backend.
TEST(Limit, LetsThroughWhatTheKernelLet) {
  struct Row {
    const char* rule;
    LimitMatch limit;
    int passed;
  };
  const Row rows[] = {
      {"--limit 5/s --limit-burst 3", {.average = 10000 / 5, .burst = 3}, 17},
      {"--limit 100/s --limit-burst 1", {.average = 10000 / 100, .burst = 1}, 60},
      {"--limit 7/min --limit-burst 2", {.average = 10000 * 60 / 7, .burst = 2}, 2},
      {"--limit 1/s --limit-burst 10", {.average = 10000, .burst = 10}, 12},
  };
  for (const Row& row : rows) {
    for (const Backend backend : {Backend::legacy, Backend::nft}) {
      LimitBucket bucket;
      int passed = 0;
      for (std::int64_t i = 0; i < 60; ++i)
        passed += static_cast<int>(take_token(bucket, row.limit, backend, 1000 + i * 50));
      EXPECT_EQ(passed, row.passed) << row.rule;
    }
  }
}

TEST(Limit, TokenIsThereAtItsJiffyOrItsNanosecond) {
  const LimitMatch limit{.average = 10000 / 5, .burst = 1};
  for (const Backend backend : {Backend::legacy, Backend::nft}) {
    LimitBucket bucket;
    EXPECT_TRUE(take_token(bucket, limit, backend, 0));
    EXPECT_FALSE(take_token(bucket, limit, backend, 199));
    EXPECT_TRUE(take_token(bucket, limit, backend, 200));
  }
}

// iptables-nft writes 90/min as `limit rate 90/minute`, whose token is there after 666.67 ms; the
// average that xt_limit is given, 6666, is worth 53.328 jiffies of credit: 213,312 / 128 = 166.6 of
// them, so the 167th jiffy brings it.
TEST(Limit, BackendsRoundDifferently) {
  const LimitMatch limit{.average = 10000 * 60 / 90, .burst = 1};
  LimitBucket legacy, nft;
  EXPECT_TRUE(take_token(legacy, limit, Backend::legacy, 0));
  EXPECT_TRUE(take_token(nft, limit, Backend::nft, 0));
  EXPECT_FALSE(take_token(legacy, limit, Backend::legacy, 667));
  EXPECT_TRUE(take_token(nft, limit, Backend::nft, 667));
  EXPECT_TRUE(take_token(legacy, limit, Backend::legacy, 668));
}

// 1/day: 864,000,000 * 250 * 128 does not fit into 32 bits; the kernel divides first then.
TEST(Limit, SlowestRateDoesNotOverflow) {
  const LimitMatch limit{.average = 10000U * 86400U, .burst = 1};
  for (const Backend backend : {Backend::legacy, Backend::nft}) {
    LimitBucket bucket;
    EXPECT_TRUE(take_token(bucket, limit, backend, 0));
    EXPECT_FALSE(take_token(bucket, limit, backend, 86'399'999));
    EXPECT_TRUE(take_token(bucket, limit, backend, 86'400'000));
  }
}

}  // namespace
}  // namespace wayout::netfilter
