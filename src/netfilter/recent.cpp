#include "netfilter/recent.hpp"

#include <algorithm>
#include <bit>
#include <iterator>

namespace wayout::netfilter {
namespace {

constexpr std::size_t max_addresses = 100;   // ip_list_tot
constexpr std::size_t default_stamps = 32;   // without a hitcount
constexpr std::int64_t hz = 250;

std::int64_t jiffies(std::int64_t now_ms) { return now_ms * hz / 1000; }

wire::IpAddress masked(const wire::IpAddress& address, const wire::IpAddress& mask) {
  return mask.is_v4() && address.is_v4() ? wire::IpAddress::v4(address.v4() & mask.v4()) : address;
}

}  // namespace

void RecentTable::load(const RecentMatch& rule) {
  if (kept_ == 0) mask_ = rule.mask;
  const std::size_t wanted =
      rule.hitcount != 0 ? std::bit_ceil(std::size_t{rule.hitcount}) : default_stamps;
  kept_ = std::max(kept_, wanted);
}

bool RecentTable::matches(const RecentMatch& rule, const wire::IpAddress& address,
                          std::uint8_t ttl, std::int64_t now_ms) {
  using Mode = RecentMatch::Mode;
  const std::int64_t now = jiffies(now_ms);
  const wire::IpAddress key = masked(address, mask_);
  const Position entry = find(key, rule.rttl, ttl);
  if (entry == entries_.end()) {
    if (rule.mode != Mode::set) return rule.invert;
    if (entries_.size() >= max_addresses) entries_.pop_front();
    entries_.push_back({.address = key, .ttl = ttl, .stamps = {now}, .next = 1});
    return !rule.invert;
  }
  if (rule.mode == Mode::set) {
    touch(entry, ttl, now);
    return !rule.invert;
  }
  if (rule.mode == Mode::remove) {
    entries_.erase(entry);
    return !rule.invert;
  }
  const bool result = seen_enough(*entry, rule, now) != rule.invert;
  const bool updates = rule.mode == Mode::update && result;
  if (rule.reap) reap(rule, updates ? entry : entries_.end(), now);
  if (updates) touch(entry, ttl, now);
  return result;
}

RecentTable::Position RecentTable::find(const wire::IpAddress& address, bool with_ttl,
                                        std::uint8_t ttl) {
  return std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) {
    return e.address == address && (!with_ttl || e.ttl == ttl);
  });
}

void RecentTable::touch(Position entry, std::uint8_t ttl, std::int64_t now) {
  if (entry->next == kept_) entry->next = 0;
  if (entry->next == entry->stamps.size()) {
    entry->stamps.push_back(now);
  } else {
    entry->stamps[entry->next] = now;
  }
  ++entry->next;
  entry->ttl = ttl;
  entries_.splice(entries_.end(), entries_, entry);
}

bool RecentTable::seen_enough(const Entry& entry, const RecentMatch& rule,
                              std::int64_t now) const {
  const std::int64_t since = now - std::int64_t{rule.seconds} * hz;
  const auto hits = std::count_if(entry.stamps.begin(), entry.stamps.end(), [&](std::int64_t t) {
    return rule.seconds == 0 || t >= since;
  });
  return hits >= std::max<std::int64_t>(rule.hitcount, 1);
}

/// The entry not touched for longest goes when even its last time is too old; never one that is
/// about to be touched.
void RecentTable::reap(const RecentMatch& rule, Position asked, std::int64_t now) {
  const Position oldest = entries_.begin();
  if (oldest == asked) return;
  const std::int64_t since = now - std::int64_t{rule.seconds} * hz;
  if (oldest->stamps[oldest->next - 1] < since) entries_.erase(oldest);
}

}  // namespace wayout::netfilter
