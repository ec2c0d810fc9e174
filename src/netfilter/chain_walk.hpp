// The walk of one packet through the chains of one table.
#pragma once

#include <cstdint>

#include "netfilter/situation.hpp"

namespace wayout::netfilter {

/// Chains that call each other twice double the way a level; the kernel walks it whatever it takes.
/// We follow as many rules as the host has, and this many more.
inline constexpr std::uint64_t most_rules_again = 300'000;

/// From the built-in chain `chain` to a verdict: rules in order, calls and returns, the policy at
/// the end. A rule counts after all its matches agreed and before its target acts.
///
/// A rule whose outcome is not known (see Outcome::unknown) is decided by chance when that explores
/// and something depends on it; otherwise it is taken not to match.
///
/// Linux: net/ipv4/netfilter/ip_tables.c ipt_do_table; net/netfilter/nf_tables_core.c nft_do_chain.
/// Ends: NETFILTER_DROP at nf_hook_slow or nft_do_chain, by the rule or the policy, or
///   PacketCause::hotdrop; Fate::undecided by PacketCause::too_many_rules after most_rules_again;
///   nothing when the table accepts.
/// Changes: what targets change; the counters of what matched; Writable::assumed.
/// Not modelled: a KeptTarget that is not run: the packet goes on, and that is assumed.
template <Trace T>
Stop walk_chains(RuleRef chain, Situation at, T& trace);

}  // namespace wayout::netfilter
