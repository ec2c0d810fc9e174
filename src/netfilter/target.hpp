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

/// Do what the target says.
/// Linux: net/netfilter/xt_MARK.c, xt_CONNMARK.c, xt_CT.c and the modules of the functions below.
/// Ends: NETFILTER_DROP by DROP; as the functions below.
/// Changes: the packet, its connection, Writable::made.
/// Not modelled: the mark that CONNMARK leaves on a CT rule's template, and its shifts: assumed.
Verdict act(const Target& target, const Situation& at);

/// In one word, for the trace.
[[nodiscard]] RuleEffect effect_of(const Target& target);

/// True when the way of this packet is the same whether the rule matches or not.
[[nodiscard]] bool only_counts(const Target& target);

/// REJECT: the packet ends, and its sender is told.
/// Linux: net/ipv4/netfilter/ipt_REJECT.c; nf_reject_ipv4.c nf_send_reset, nf_send_unreach.
/// Ends: NETFILTER_DROP, always. Changes: Writable::made (the reset or the ICMP error).
/// Not modelled: ICMP rate limits; a hop limit or fwmark_reflect for the reset.
Verdict act(const RejectTarget& target, const Situation& at);

/// TOS, DSCP, TTL and TCPOPTSTRIP; of others nothing is done, and unless they pass that is assumed.
/// Linux: net/netfilter/xt_DSCP.c, xt_HL.c, xt_TCPOPTSTRIP.c.
/// Ends: NETFILTER_DROP by TCPOPTSTRIP when the TCP header is not whole.
/// Changes: packet (TOS, TTL, TCP options, checksums).
Verdict act(const KeptTarget& target, const Situation& at);

/// The connection of the packet gets its mapping.
/// Linux: net/netfilter/xt_nat.c, xt_MASQUERADE.c, xt_REDIRECT.c, xt_NETMAP.c; nf_nat_redirect.c.
/// Ends: NETFILTER_DROP with NatCause::no_address when MASQUERADE finds none, or with
///   NatCause::no_redirect_address when REDIRECT does.
/// Changes: the connection.
Verdict act(const NatTarget& target, const Situation& at);

/// A SYN's MSS is lowered, or put in.
/// Linux: net/netfilter/xt_TCPMSS.c tcpmss_tg4.
/// Ends: NETFILTER_DROP when the TCP header is not whole, or no MSS is left of the path's MTU.
/// Changes: packet (MSS, checksum, length).
Verdict act(const TcpmssTarget& target, const Situation& at);

}  // namespace wayout::netfilter
