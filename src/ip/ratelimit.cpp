#include "ip/ratelimit.hpp"

#include <algorithm>

#include "wire/headers.hpp"

namespace wayout::ip {
namespace {

constexpr std::int64_t burst_factor = 6;             // XRLIM_BURST_FACTOR
constexpr std::int64_t fullest_ms = 60'000;          // as long as a new peer seems to have waited
constexpr std::int64_t second_ms = 1000, refill_ms = 20;  // HZ / 50
constexpr std::uint32_t mean_cost = 1;               // the kernel takes 0, 1 or 2 at random

bool is_limited(const IcmpError& error, const IcmpLimits& limits) {
  constexpr std::uint8_t last_known = 18, fragmentation_needed = 4;
  if (error.type > last_known) return false;
  if (error.type == wire::IcmpHeader::unreachable && error.code == fragmentation_needed)
    return false;
  return (limits.type_mask >> error.type & 1) != 0;
}

}  // namespace

/// Fill the bucket up to `most_ms`.
void IcmpBuckets::refill(Peer& peer, std::int64_t most_ms, std::int64_t now_ms) {
  const std::int64_t waited_ms = peer.seen ? now_ms - peer.last_ms : fullest_ms;
  if (waited_ms == 0) return;
  peer.tokens_ms = std::min(peer.tokens_ms + waited_ms, most_ms);
  peer.last_ms = now_ms;
  peer.seen = true;
}

bool IcmpBuckets::take(Peer& peer, std::int64_t cost_ms) {
  if (peer.tokens_ms < cost_ms) return false;
  peer.tokens_ms -= cost_ms;
  return true;
}

bool IcmpBuckets::global_has_credit(const IcmpLimits& limits, std::int64_t now_ms) {
  if (global_.credit > 0) return true;
  const std::int64_t waited_ms =
      global_.seen ? std::min(now_ms - global_.last_ms, second_ms) : second_ms;
  const std::int64_t more = limits.global_per_second * waited_ms / second_ms;
  if (waited_ms < refill_ms || more == 0) return false;
  global_.credit = static_cast<std::uint32_t>(std::min<std::int64_t>(more, limits.global_burst));
  global_.last_ms = now_ms;
  global_.seen = true;
  return true;
}

bool IcmpBuckets::allow_error_route(const wire::IpAddress& destination, const IcmpLimits& limits,
                                    std::int64_t now_ms) {
  Peer& peer = peers_[destination];
  refill(peer, limits.error_burst_ms, now_ms);
  return take(peer, limits.error_cost_ms);
}

bool IcmpBuckets::allow(const IcmpError& error, const wire::IpAddress& destination,
                        bool by_loopback, const IcmpLimits& limits, std::int64_t now_ms) {
  if (by_loopback || !is_limited(error, limits)) return true;
  if (!global_has_credit(limits, now_ms)) return false;
  // Without a limit the bucket is emptied as time goes on all the same, and an error route's message
  // finds it so.
  Peer& peer = peers_[destination];
  refill(peer, burst_factor * limits.interval_ms, now_ms);
  if (!take(peer, limits.interval_ms)) return false;
  global_.credit -= std::min(global_.credit, mean_cost);
  return true;
}

}  // namespace wayout::ip
