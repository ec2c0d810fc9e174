// What the target of a matched rule does.
//
// Each function answers for a target module of the kernel; the module's name is the target's. The
// functions stand in target.cpp, those of some length in a file of their own (reject.cpp,
// nat_target.cpp, tcpmss.cpp).
#pragma once

#include <cstdint>
#include <optional>

#include "netfilter/situation.hpp"

namespace wayout::netfilter {

/// Where the packet goes from a matched rule.
struct Verdict {
  enum class Kind : std::uint8_t {
    go_on,    ///< to the next rule
    accept,   ///< out of the table
    return_,  ///< to the caller of this chain
    jump,     ///< to the target's chain, and back
    goto_,    ///< to the target's chain
    stop,     ///< it ends with `stop`
  };
  Kind kind = Kind::go_on;
  Stop stop = {};
  std::optional<std::uint32_t> rewritten = std::nullopt;  ///< the new mark, MSS, …
  bool assumed = false;  ///< what the target does is not modelled; taken to go on

  static Verdict accept() { return {.kind = Kind::accept}; }
  static Verdict end(Stop stop) { return {.kind = Kind::stop, .stop = stop}; }
};

/// Do what the target says to the packet, its connection, and Writable::made.
Verdict act(const Target& target, const Situation& at);

/// In one word, for the trace.
[[nodiscard]] RuleEffect effect_of(const Target& target);

/// True when the way of this packet is the same whether the rule matches or not.
[[nodiscard]] bool only_counts(const Target& target);

/// Linux: net/ipv4/netfilter/ipt_REJECT.c; nf_reject_ipv4.c nf_send_reset, nf_send_unreach.
/// Not modelled: ICMP rate limits; a hop limit or fwmark_reflect for the reset.
Verdict act(const RejectTarget& target, const Situation& at);

/// TOS, DSCP, TTL and TCPOPTSTRIP; of others nothing is done, and unless they pass that is told.
Verdict act(const UnmodelledTarget& target, const Situation& at);

/// Linux: net/netfilter/xt_nat.c, xt_MASQUERADE.c, xt_REDIRECT.c, xt_NETMAP.c; nf_nat_redirect.c.
/// Ends: NETFILTER_DROP with NatCause::no_address when MASQUERADE or REDIRECT finds none.
Verdict act(const NatTarget& target, const Situation& at);

/// Linux: net/netfilter/xt_TCPMSS.c tcpmss_tg4.
/// Ends: NETFILTER_DROP when the TCP header is not whole, or no MSS is left of the path's MTU.
Verdict act(const TcpmssTarget& target, const Situation& at);

}  // namespace wayout::netfilter
