// Running a hook: every table there, in the kernel's order, with conntrack and NAT between them.
//
// A Netfilter is configuration: filled by readers, compile()d (hooks.hpp), then only asked. What
// changes while rules run is State. Several rulesets of one namespace (legacy tables and those of
// iptables-nft) are just more functions at the same hooks.
// Not here: single matches (match.hpp) and targets (target.hpp), the walk through a table's chains
// (chain_walk.hpp), the order (hooks.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "conntrack/table.hpp"
#include "ip/ip.hpp"
#include "link/device.hpp"
#include "netfilter/hooks.hpp"
#include "netfilter/ipset.hpp"
#include "netfilter/limit.hpp"
#include "netfilter/recent.hpp"
#include "netfilter/rule.hpp"
#include "packet/chance.hpp"
#include "packet/listener.hpp"
#include "packet/packet.hpp"
#include "packet/trace.hpp"
#include "route/fib.hpp"

namespace wayout::netfilter {

/// Something at a hook that is not modelled (a native nft base chain, IPVS): met there, it makes
/// the answer undecided.
struct ForeignHook {
  Hook hook = Hook::forward;
  std::int32_t priority = 0;
  std::uint32_t unmodelled = 0;           ///< position in Host::unmodelled
  bool nat = false;                       ///< a chain of type nat: asked by the NAT core
  wire::Prefix source = {}, destination = {};  ///< only packets between these; no family: all
};

/// Everything of a namespace that hangs on netfilter hooks.
struct Netfilter {
  std::vector<Ruleset> rulesets;          ///< IPv4; later in the list = registered later
  /// Set: both backends have tables, and nobody saw which registered first. Position in
  /// Host::unmodelled of what that is called, where it matters.
  std::optional<std::uint32_t> unknown_order;
  std::vector<ForeignHook> foreign;
  IpSets sets;
  /// The queues of NFQUEUE that a program reads; not set: not known.
  std::optional<std::vector<std::uint16_t>> queues_read;
  Compiled compiled;                      ///< by compile()

  [[nodiscard]] const Rule& rule(RuleRef ref) const {
    return rulesets[ref.ruleset].tables[ref.table].chains[ref.chain].rules[ref.rule];
  }
  [[nodiscard]] const Chain& chain(RuleRef ref) const {
    return rulesets[ref.ruleset].tables[ref.table].chains[ref.chain];
  }
  /// Where State::counters holds what this rule (or policy) counted. Needs compile().
  [[nodiscard]] std::uint32_t counter_of(RuleRef ref) const {
    const std::uint32_t base = compiled.counter_base[ref.ruleset][ref.table][ref.chain];
    return base + (ref.rule == RuleRef::policy
                       ? static_cast<std::uint32_t>(chain(ref).rules.size())
                       : ref.rule);
  }
  /// Conntrack runs only while something needs it: any state match or NAT target.
  /// Linux: net/netfilter/nf_conntrack_proto.c nf_ct_netns_get.
  [[nodiscard]] bool needs_conntrack() const;
};

/// A match depends on a port that is not known: it holds for some of those it can be.
struct PortDoubt {
  std::uint16_t number = 0;  ///< of Chance::stand_in()
  PortSet accepted;
};

/// What changes while rules run.
struct State {
  std::vector<Counters> counters;         ///< at Netfilter::counter_of()
  std::unordered_map<std::uint64_t, LimitBucket> limits;  ///< by counter << 8 | match
  std::vector<RecentTable> recent;        ///< at RecentMatch::list
  std::optional<IpSets> sets;             ///< as rules have changed them; not set: they have not
  /// By TableKind: nft runs before legacy after all; none: that has not mattered yet.
  std::array<std::optional<bool>, 5> nft_first;
  std::vector<RuleRef> calls;             ///< scratch of the chain walk: where to return to
  std::vector<PortDoubt> doubts;          ///< scratch: of the rule that is being judged
};

/// Counters as read, limits full, `recent` lists empty. Needs compile().
[[nodiscard]] State initial_state(const Netfilter& netfilter);

/// The rulesets with the counters of `state` in place of those read, to be printed.
[[nodiscard]] std::vector<Ruleset> counted(const Netfilter& netfilter, const State& state);

/// Why a rule did not match, in Step::value of Did::rule_missed: one of these, or
/// `first_match + n` for the n-th match.
enum class Missed : std::uint32_t {
  source, destination, in_interface, out_interface, protocol, fragment, first_match
};

/// What a rule or policy that matched did, in Step::value of Did::rule_matched.
enum class RuleEffect : std::uint32_t {
  go_on, accept, drop, reject, jump, goto_, return_, nat, mark, log, notrack, queue, copy, set, proxy
};

/// What rules read of the host besides the packet.
struct Surroundings {
  const Netfilter& netfilter;
  const link::Devices& devices;
  const route::Interfaces& interfaces;
  const route::Fib& fib;
  const conntrack::Config& conntrack_config;
  ip::AnswerPolicy answers;                   ///< of what REJECT sends
  /// Sockets that listen here; not set: not known.
  std::optional<std::span<const Listener>> listeners = std::nullopt;
};

/// What a hook may change besides the packet. Packets that targets make (resets, ICMP errors) go to
/// `made`, to be sent by the path: IP packets to be sent from here; but one with a link header is
/// a whole frame, to leave through the device it names without passing any hook.
struct Writable {
  State& state;
  conntrack::Table& connections;
  Chance& chance;
  std::vector<Packet>& made;
  std::vector<Assumption>& assumed;
  std::int64_t now_ms = 0;
  /// Where TEE puts its copies: IP packets that know their way (or, without a route, have none) and
  /// leave before the packet goes on. Null: this packet is such a copy, and is not copied again.
  std::vector<Packet>* copies = nullptr;
};

/// The devices a hook sees. Bridge: `in`/`out` are the bridge, the ports are in the packet.
struct HookDevices {
  DeviceId in = no_device;
  DeviceId out = no_device;
};

/// How far a hook has been run. After OUTPUT mangle or nat changed what routing looks at, run()
/// returns early with `reroute` set: the caller routes the packet again and calls once more.
struct Cursor {
  std::uint32_t next = 0;  ///< position in the hook's list of functions
  bool reroute = false;
  bool done = false;
};

/// Run everything registered at `hook` from the cursor on, in priority order, later registered
/// first among equals: raw, conntrack, mangle, nat, filter, security, confirm. Where nobody knows
/// who registered later, an exploring chance is asked, once a table.
///
/// Linux: net/netfilter/core.c nf_hook_slow; net/ipv4/netfilter/ip_tables.c ipt_do_table;
///   nf_nat_core.c nf_nat_inet_fn.
/// Ends: NETFILTER_DROP at nf_hook_slow (legacy) or nft_do_chain (iptables-nft) with the rule or
///   policy as cause, or PacketCause::hotdrop; Fate::undecided for chains without end
///   (chain_walk.hpp); what conntrack and nat end.
/// Changes: packet (NAT, marks, TOS, TTL, TCP header), counters, connections, sets, made, copies,
///   assumed, cursor.
/// Not modelled: a ForeignHook, or a KeptTarget that is not run, is told as Did::assumed (by
///   Cause::unmodelled or the rule), kept in Writable::assumed, and the packet goes on.
template <Trace T>
Stop run(Hook hook, Packet& packet, HookDevices devices, const Surroundings& around,
         Writable& changes, Cursor& cursor, T& trace);

}  // namespace wayout::netfilter
