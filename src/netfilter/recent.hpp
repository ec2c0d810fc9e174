// `-m recent`: lists of addresses and when they were seen last.
//
// A list is made by the first rule that names it and shared by all that do. It holds 100 addresses;
// the one not touched for longest makes room. Of each address it keeps the last few times.
#pragma once

#include <cstdint>
#include <list>
#include <vector>

#include "netfilter/rule.hpp"
#include "wire/address.hpp"

namespace wayout::netfilter {

class RecentTable {
 public:
  /// A rule that uses this list is loaded: the first one's mask counts, and the largest hitcount
  /// says how many times are kept.
  /// Linux: net/netfilter/xt_recent.c recent_mt_check.
  void load(const RecentMatch& rule);

  /// Ask, and remember, what the rule says. `ttl` as seen before forwarding.
  /// Linux: xt_recent.c recent_mt.
  bool matches(const RecentMatch& rule, const wire::IpAddress& address, std::uint8_t ttl,
               std::int64_t now_ms);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    wire::IpAddress address;
    std::uint8_t ttl = 0;
    std::vector<std::int64_t> stamps;  ///< jiffies; a ring of at most kept_ once it is full
    std::size_t next = 0;              ///< where the next stamp goes
  };
  using Position = std::list<Entry>::iterator;

  Position find(const wire::IpAddress& address, bool with_ttl, std::uint8_t ttl);
  void touch(Position entry, std::uint8_t ttl, std::int64_t now);
  [[nodiscard]] bool seen_enough(const Entry& entry, const RecentMatch& rule,
                                 std::int64_t now) const;
  void reap(const RecentMatch& rule, Position asked, std::int64_t now);

  std::list<Entry> entries_;  ///< the one not touched for longest first
  wire::IpAddress mask_;      ///< not set: all ones
  std::size_t kept_ = 0;      ///< stamps an address; 0: no rule loaded yet
};

}  // namespace wayout::netfilter
