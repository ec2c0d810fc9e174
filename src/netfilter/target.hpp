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

/// True when what the target does is not, or not always, known: where it is met that is assumed.
[[nodiscard]] bool may_be_assumed(const Target& target);

/// The sum over the headers and the payload is right, as far as the kernel asks (REJECT, SYNPROXY).
/// Linux: net/netfilter/utils.c nf_ip_checksum.
[[nodiscard]] bool sums_up(const Situation& at);

/// REJECT: the packet ends, and its sender is told.
/// Linux: net/ipv4/netfilter/ipt_REJECT.c; nf_reject_ipv4.c nf_send_reset, nf_send_unreach.
/// Ends: NETFILTER_DROP, always. Changes: Writable::made (the reset or the ICMP error).
/// Not modelled: ICMP rate limits; a hop limit or fwmark_reflect for the reset.
Verdict act(const RejectTarget& target, const Situation& at);

/// What compile() made of a target's words; of others nothing is done, and unless they pass that is
/// assumed.
/// Linux: net/netfilter/xt_DSCP.c, xt_HL.c, xt_TCPOPTSTRIP.c; net/ipv4/netfilter/ipt_ECN.c; and as
///   the functions below.
/// Ends: NETFILTER_DROP by TCPOPTSTRIP and ECN when the TCP header is not whole; as below.
/// Changes: packet (TOS, TTL, TCP flags and options, checksums); as below.
Verdict act(const KeptTarget& target, const Situation& at);

/// NFQUEUE, QUEUE: accepted or not by the program that reads the queue.
/// Linux: net/netfilter/xt_NFQUEUE.c; nf_queue.c nf_queue.
/// Ends: NOT_SPECIFIED at nf_queue where nobody reads it and that is not bypassed.
/// Not modelled: what a program decides, or whether there is one where nobody knows: assumed to
///   accept; a program that is too slow for its queue, or asked for no packets yet.
Verdict change(const QueueChange& queue, const Situation& at);

/// TEE: a copy that was never tracked, on its way to the gateway.
/// Linux: net/netfilter/xt_TEE.c; net/ipv4/netfilter/nf_dup_ipv4.c nf_dup_ipv4.
/// Changes: Writable::copies.
Verdict change(const TeeChange& to, const Situation& at);

/// TPROXY: the packet is a socket's of this host, whatever its destination is, and accepted.
/// Linux: net/netfilter/xt_TPROXY.c tproxy_tg4; nf_tproxy_ipv4.c nf_tproxy_get_sock_v4.
/// Ends: NETFILTER_DROP where no transparent socket listens.
/// Changes: packet.mark, assigned_by.
/// Not modelled: connected sockets; which of the listening sockets are transparent where nobody knows,
///   assumed to be.
Verdict change(const TproxyChange& to, const Situation& at);

/// SET: elements go into sets and come out of them; the mark becomes that of an element.
/// Linux: net/netfilter/xt_set.c set_target_v3.
/// Changes: State::sets; packet.mark.
/// Not modelled: as ipset_add(); priority and queue of an element.
Verdict change(const SetChange& to, const Situation& at);

/// SYNPROXY: a SYN is answered in the server's name and ends here.
/// Linux: net/ipv4/netfilter/ipt_SYNPROXY.c synproxy_tg4; nf_synproxy_core.c.
/// Ends: delivered for a SYN; NETFILTER_DROP for what has a wrong checksum or no whole header;
///   undecided for the client's ACK.
/// Changes: Writable::made (the SYN-ACK).
/// Not modelled: the cookie, which only the kernel knows: sequence number and time are 0.
Verdict change(const SynproxyChange& to, const Situation& at);

/// HMARK: the mark becomes a hash of the packet's, or its connection's, ends.
/// Linux: net/netfilter/xt_HMARK.c hmark_tg_v4.
/// Changes: packet.mark.
Verdict change(const HmarkChange& to, const Situation& at);

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
