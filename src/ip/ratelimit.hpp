// How many ICMP errors a host sends: a bucket for each destination, and one for all of them.
//
// Explicit state with time handed in. Not here: the errors themselves (ip.hpp).
#pragma once

#include <cstdint>
#include <unordered_map>

#include "ip/ip.hpp"

namespace wayout::ip {

/// net.ipv4.icmp_*, kernel defaults.
struct IcmpLimits {
  std::int64_t interval_ms = 1000;          ///< icmp_ratelimit: one message this often; 0: no limit
  std::uint32_t type_mask = 0x1818;         ///< icmp_ratemask: bit per type: 3, 4, 11, 12
  std::uint32_t global_per_second = 1000;   ///< icmp_msgs_per_sec
  std::uint32_t global_burst = 50;          ///< icmp_msgs_burst
  std::int64_t error_cost_ms = 1000;        ///< route/error_cost: of an error route's message
  std::int64_t error_burst_ms = 5000;       ///< route/error_burst
};

/// Buckets as full as time and traffic left them.
class IcmpBuckets {
 public:
  /// A message about an error route takes a token of its own first, from the same bucket of the
  /// destination. Linux: net/ipv4/route.c ip_error.
  [[nodiscard]] bool allow_error_route(const wire::IpAddress& destination,
                                       const IcmpLimits& limits, std::int64_t now_ms);

  /// Whether an ICMP message may go to `destination` now; takes the tokens. What is not limited
  /// (other types, frag-needed, by loopback) needs none.
  /// Linux: net/ipv4/icmp.c icmpv4_global_allow, icmpv4_xrlim_allow; net/ipv4/inetpeer.c
  ///   inet_peer_xrlim_allow.
  /// Not modelled: chance in the global bucket (a message costs 0, 1 or 2 tokens; here always 1).
  [[nodiscard]] bool allow(const IcmpError& error, const wire::IpAddress& destination,
                           bool by_loopback, const IcmpLimits& limits, std::int64_t now_ms);

 private:
  /// A peer's tokens, counted in milliseconds.
  struct Peer {
    std::int64_t tokens_ms = 0;
    std::int64_t last_ms = 0;
    bool seen = false;
  };
  struct Global {
    std::uint32_t credit = 0;
    std::int64_t last_ms = 0;
    bool seen = false;
  };

  static void refill(Peer& peer, std::int64_t most_ms, std::int64_t now_ms);
  static bool take(Peer& peer, std::int64_t cost_ms);
  bool global_has_credit(const IcmpLimits& limits, std::int64_t now_ms);

  std::unordered_map<wire::IpAddress, Peer> peers_;
  Global global_;
};

}  // namespace wayout::ip
