// The small numbers by which rooms name things of a host without knowing them.
//
// A DeviceId is a position in Host::devices (and in Host::interfaces), not the kernel's ifindex:
// the two lists run in parallel, and position 0 is "no device", an entry with an empty name.
#pragma once

#include <cstdint>

namespace wayout {

using DeviceId = std::uint32_t;
inline constexpr DeviceId no_device = 0;

/// A position in conntrack::Table's pool; 0: the packet has no entry.
using ConnectionId = std::uint32_t;
inline constexpr ConnectionId no_connection = 0;

/// One route: which table of the Fib, and which route in it.
struct RouteRef {
  std::uint32_t table = 0;  ///< position in Fib::tables
  std::uint32_t route = 0;  ///< position in FibTable::routes
  constexpr bool operator==(const RouteRef&) const = default;
};

/// One rule of one iptables chain, or (rule == policy) the chain's policy.
struct RuleRef {
  static constexpr std::uint32_t policy = 0xffffffff;
  std::uint8_t ruleset = 0;   ///< position in Netfilter::rulesets
  std::uint8_t table = 0;     ///< position in Ruleset::tables
  std::uint32_t chain = 0;    ///< position in Table::chains
  std::uint32_t rule = 0;     ///< position in Chain::rules (number printed - 1)
  constexpr bool operator==(const RuleRef&) const = default;
};

/// The five places where netfilter is asked (enum nf_inet_hooks, same order).
enum class Hook : std::uint8_t { prerouting, input, forward, output, postrouting };

/// `PREROUTING`, `INPUT`, …
constexpr const char* hook_name(Hook hook) {
  constexpr const char* names[] = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"};
  return names[static_cast<std::uint8_t>(hook)];
}

}  // namespace wayout
