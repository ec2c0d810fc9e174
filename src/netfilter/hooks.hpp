// What runs at each netfilter hook of a namespace, in the kernel's order.
//
// The order is configuration: compile() works it out once, run() (evaluate.hpp) follows it for
// every packet. The nat chains stand apart: they are no hook functions of their own, the NAT core
// asks them, and only for the first packet of a connection.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "packet/ids.hpp"
#include "wayout/result.hpp"

namespace wayout::netfilter {

/// Priorities of include/uapi/linux/netfilter_ipv4.h; the smaller runs first. iptables-nft puts its
/// security table elsewhere, behind the NAT of INPUT.
namespace priority {
inline constexpr std::int32_t raw = -300, conntrack = -200, mangle = -150, nat_destination = -100,
                              filter = 0, security = 50, nat_source = 100, nft_security = 150,
                              confirm = 0x7fffffff;
}

/// One function registered at a hook (struct nf_hook_ops), or one nat chain that NAT asks there.
struct HookFunction {
  enum class Kind : std::uint8_t {
    table,      ///< `chain`: a built-in chain
    conntrack,  ///< tracks the packet
    nat,        ///< the NAT core
    foreign,    ///< `foreign`: something that is not modelled
    confirm,    ///< the connection becomes visible
  };
  /// Two tables of the same place, when nobody knows which of them registered later.
  enum class Pair : std::uint8_t { none, first, second };
  Kind kind = Kind::table;
  Pair pair = Pair::none;
  std::int32_t priority = 0;
  RuleRef chain = {};         ///< of the chain's policy
  std::uint32_t foreign = 0;  ///< position in Netfilter::foreign
};

/// What compile() works out of a Netfilter.
struct Compiled {
  bool done = false;
  std::array<std::vector<HookFunction>, 5> functions;   ///< by Hook, in running order
  std::array<std::vector<HookFunction>, 5> nat_chains;  ///< by Hook, in asking order
  /// By ruleset, table, chain: where the chain's counters begin in State::counters. The policy's
  /// stand behind those of the last rule.
  std::vector<std::vector<std::vector<std::uint32_t>>> counter_base;
  std::uint32_t counters = 0;                           ///< how many there are
  std::uint32_t recent_lists = 0;                       ///< how many lists `-m recent` has
  bool reassembles = false;  ///< some rule needs whole packets (TPROXY), conntrack or not
};

struct Netfilter;

/// Fill `netfilter.compiled`, and what rules are asked by in place of words: the numbers of kept
/// matches and targets, of sets and of `recent` lists. Call after the last change to the rest of
/// it, and again after every further one.
/// Among equal priorities the function registered later runs first: a later ruleset before an
/// earlier one, or when that is not known (Netfilter::unknown_order) legacy before nft, as a pair;
/// something foreign, whose time of registration nobody knows, before both.
/// Fails for chains that call each other in a circle, as the kernel does (ELOOP) when they can be
/// reached from a built-in chain.
/// Linux: net/netfilter/core.c nf_hook_entries_grow; nf_nat_core.c nf_nat_register_fn;
///   ip_tables.c mark_source_chains.
[[nodiscard]] Result<void> compile(Netfilter& netfilter);

}  // namespace wayout::netfilter
