// Running a hook: every table there, in the kernel's order, with conntrack and NAT between them.
#pragma once

#include <cstdint>
#include <vector>

#include "conntrack/table.hpp"
#include "link/device.hpp"
#include "netfilter/ipset.hpp"
#include "netfilter/rule.hpp"
#include "packet/chance.hpp"
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
};

/// Everything of a namespace that hangs on netfilter hooks.
struct Netfilter {
  std::vector<Ruleset> rulesets;          ///< IPv4; later in the list = registered later
  std::vector<ForeignHook> foreign;
  IpSets sets;

  [[nodiscard]] const Rule& rule(RuleRef ref) const {
    return rulesets[ref.ruleset].tables[ref.table].chains[ref.chain].rules[ref.rule];
  }
  [[nodiscard]] const Chain& chain(RuleRef ref) const {
    return rulesets[ref.ruleset].tables[ref.table].chains[ref.chain];
  }
  /// Conntrack runs only while something needs it: any state match or NAT target.
  /// Linux: net/netfilter/nf_conntrack_proto.c nf_ct_netns_get.
  [[nodiscard]] bool needs_conntrack() const;
};

/// What changes while rules run. Counters lie flat: index = base of the chain + rule number, the
/// policy's after the last rule.
struct State {
  std::vector<Counters> counters;
  std::vector<std::uint32_t> chain_base;  ///< by running number of the chain over all tables
};

/// Why a rule did not match, in Step::value of Did::rule_missed: one of these, or
/// `first_match + n` for the n-th match.
enum class Missed : std::uint32_t {
  source, destination, in_interface, out_interface, protocol, fragment, first_match
};

/// What a rule or policy that matched did, in Step::value of Did::rule_matched.
enum class RuleEffect : std::uint32_t {
  go_on, accept, drop, reject, jump, goto_, return_, nat, mark, log, notrack, queue
};

/// What rules read of the host besides the packet.
struct Surroundings {
  const Netfilter& netfilter;
  const link::Devices& devices;
  const route::Interfaces& interfaces;
  const route::Fib& fib;
  const conntrack::Config& conntrack_config;
};

/// What a hook may change besides the packet. Packets that targets make (resets, ICMP errors) go to
/// `made`, to be sent by the path.
struct Writable {
  State& state;
  conntrack::Table& connections;
  Chance& chance;
  std::vector<Packet>& made;
  std::int64_t now_ms = 0;
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
/// first among equals: raw, conntrack, mangle, nat, filter, security, confirm.
///
/// Linux: net/netfilter/core.c nf_hook_slow; net/ipv4/netfilter/ip_tables.c ipt_do_table;
///   nf_nat_core.c nf_nat_inet_fn.
/// Ends: NETFILTER_DROP at nf_hook_slow (legacy) or nft_do_chain (iptables-nft) with the rule or
///   policy as cause; NOT_SPECIFIED at nf_queue.
/// Changes: packet (NAT, marks, MSS), counters, connections, made, cursor.
/// Not modelled: a ForeignHook or an UnmodelledTarget that is met is told as Did::assumed (by
///   Cause::unmodelled or the rule) and the packet goes on; the teller makes it "undecided".
template <Trace T>
Stop run(Hook hook, Packet& packet, HookDevices devices, const Surroundings& around,
         Writable& changes, Cursor& cursor, T& trace);

}  // namespace wayout::netfilter
