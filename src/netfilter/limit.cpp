#include "netfilter/limit.hpp"

#include <algorithm>
#include <array>

namespace wayout::netfilter {
namespace {

/// What a bucket is made of: a full one, the price of a packet, how fast it fills.
struct Terms {
  std::uint64_t full = 0, price = 0;
  std::uint64_t per_tick = 1;
  std::int64_t now = 0;  ///< in ticks
};

constexpr std::uint64_t limit_scale = 10000;  // LimitMatch::average is in 1/10000 s a packet
constexpr std::int64_t hz = 250;

/// xt_limit keeps 32-bit credits and chooses the largest power of two of them a jiffy with which a
/// packet a day can still be expressed; at 250 Hz that is 128.
constexpr std::uint64_t credits_per_jiffy = 128;

std::uint64_t credits_of(std::uint64_t average) {
  const std::uint64_t product = average * hz * credits_per_jiffy;
  const bool overflows = average > 0xffffffffU / (hz * credits_per_jiffy);
  return overflows ? average / limit_scale * hz * credits_per_jiffy : product / limit_scale;
}

Terms legacy_terms(const LimitMatch& limit, std::int64_t now_ms) {
  return {.full = credits_of(std::uint32_t{limit.average * limit.burst}),
          .price = credits_of(limit.average),
          .per_tick = credits_per_jiffy,
          .now = now_ms * hz / 1000};
}

/// iptables-nft writes a native `limit rate N/unit`: it takes the longest unit in which the rate
/// comes out without much of a remainder.
Terms nft_terms(const LimitMatch& limit, std::int64_t now_ms) {
  constexpr std::array<std::uint64_t, 4> unit_s = {86400, 3600, 60, 1};
  const std::uint64_t average = std::max<std::uint64_t>(limit.average, 1);
  std::size_t chosen = 0;
  for (std::size_t i = 1; i < unit_s.size(); ++i) {
    const std::uint64_t scale = unit_s[i] * limit_scale;
    if (average > scale || scale / average < scale % average) break;
    chosen = i;
  }
  const std::uint64_t rate =
      std::max<std::uint64_t>(unit_s[chosen] * limit_scale / average, 1);
  const std::uint64_t price = unit_s[chosen] * 1'000'000'000 / rate;
  return {.full = price * limit.burst, .price = price, .now = now_ms * 1'000'000};
}

}  // namespace

bool take_token(LimitBucket& bucket, const LimitMatch& limit, Backend backend,
                std::int64_t now_ms) {
  const Terms terms =
      backend == Backend::nft ? nft_terms(limit, now_ms) : legacy_terms(limit, now_ms);
  if (bucket.asked_last) {
    const auto ticks = static_cast<std::uint64_t>(terms.now - *bucket.asked_last);
    bucket.credit = std::min(terms.full, bucket.credit + ticks * terms.per_tick);
  } else {
    bucket.credit = terms.full;
  }
  bucket.asked_last = terms.now;
  if (bucket.credit < terms.price) return false;
  bucket.credit -= terms.price;
  return true;
}

}  // namespace wayout::netfilter
