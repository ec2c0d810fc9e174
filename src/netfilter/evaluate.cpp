#include "netfilter/evaluate.hpp"

#include <cassert>
#include <utility>

#include "nat/map.hpp"
#include "nat/translate.hpp"
#include "netfilter/chain_walk.hpp"

namespace wayout::netfilter {
namespace {

/// What an OUTPUT hook may change of what routing looks at.
struct RoutingKey {
  wire::IpAddress source, destination;
  std::uint32_t mark = 0;
  std::uint8_t tos = 0;
  bool operator==(const RoutingKey&) const = default;

  static RoutingKey of(const Situation& at) {
    return {at.ip().source_address(), at.ip().destination_address(), at.packet.mark, at.ip().tos};
  }
};

bool concerns(const ForeignHook& foreign, const Situation& at) {
  const auto fits = [](const wire::Prefix& selector, const wire::IpAddress& address) {
    return !selector.address.is_set() || selector.contains(address);
  };
  return fits(foreign.source, at.ip().source_address()) &&
         fits(foreign.destination, at.ip().destination_address());
}

template <Trace T>
void meet_foreign(const HookFunction& function, const Situation& at, T& trace) {
  const ForeignHook& foreign = at.around.netfilter.foreign[function.foreign];
  if (!concerns(foreign, at)) return;
  assume({.stage = Stage::nf_hook_slow,
          .did = Did::assumed,
          .hook = at.hook,
          .by = Cause::unmodelled(foreign.unmodelled),
          .packet = at.packet.number},
         at.changes.assumed, trace);
}

/// A table's chain at its hook; also one of NAT's.
template <Trace T>
Stop run_table(const HookFunction& function, Situation at, T& trace) {
  at.backend = at.around.netfilter.rulesets[function.chain.ruleset].backend;
  return walk_chains(function.chain, at, trace);
}

bool is_mapped(const Situation& at) {
  return nat::is_mapped(*at.connection(), nat::manip_of(at.hook));
}

/// What runs at this position. Of a pair it may be the other one.
const HookFunction& function_at(const std::vector<HookFunction>& functions, std::size_t position,
                                const Netfilter& netfilter, Writable& changes) {
  using Pair = HookFunction::Pair;
  const HookFunction& listed = functions[position];
  if (listed.pair == Pair::none || !changes.chance.explores()) return listed;
  const Ruleset& ruleset = netfilter.rulesets[listed.chain.ruleset];
  const TableKind kind = ruleset.tables[listed.chain.table].kind;
  std::optional<bool>& nft_first = changes.state.nft_first[std::to_underlying(kind)];
  if (!nft_first)
    nft_first = changes.chance.choose(Cause::unmodelled(*netfilter.unknown_order), 2) == 1;
  if (!*nft_first) return listed;
  return functions[listed.pair == Pair::first ? position + 1 : position - 1];
}

/// The nat chains in order, until one has set a mapping; ACCEPT alone does not end the search.
template <Trace T>
Stop ask_nat_chains(const Situation& at, T& trace) {
  const auto& chains = at.around.netfilter.compiled.nat_chains[std::to_underlying(at.hook)];
  for (std::size_t i = 0; i < chains.size(); ++i) {
    const HookFunction& chain = function_at(chains, i, at.around.netfilter, at.changes);
    if (chain.kind == HookFunction::Kind::foreign) {
      meet_foreign(chain, at, trace);
      continue;
    }
    if (Stop stop = run_table(chain, at, trace)) return stop;
    if (is_mapped(at)) return Stop::go_on();
  }
  nat::null_binding(at.changes.connections, at.packet.connection, nat::manip_of(at.hook),
                    at.changes.chance, at.changes.now_ms);
  return Stop::go_on();
}

/// Rules are asked for packets that may begin something; an ICMP error only follows its connection.
bool may_ask_chains(const Situation& at) {
  switch (at.packet.ctinfo) {
    case CtInfo::new_connection: return true;
    case CtInfo::related:
    case CtInfo::related_reply: return at.ip().protocol != wire::protocol::icmp;
    default: return false;
  }
}

/// Linux: net/netfilter/nf_nat_proto.c nf_nat_ipv4_fn; nf_nat_core.c nf_nat_inet_fn.
template <Trace T>
Stop run_nat(const Situation& at, T& trace) {
  if (at.connection() == nullptr) return Stop::go_on();
  if (may_ask_chains(at) && !is_mapped(at)) {
    if (Stop stop = ask_nat_chains(at, trace)) return stop;
  }
  return nat::translate(at.packet, at.hook, at.devices.out, at.changes.connections, trace);
}

/// Linux: nf_nat_proto.c nf_nat_ipv4_local_fn.
bool destination_is_mapped(const Situation& at) {
  const conntrack::Connection* connection = at.connection();
  if (connection == nullptr) return false;
  const conntrack::Direction way = at.direction();
  return connection->tuple(way).destination != connection->tuple(opposite(way)).source;
}

bool is_mangle(const HookFunction& function, const Netfilter& netfilter) {
  const RuleRef& chain = function.chain;
  return netfilter.rulesets[chain.ruleset].tables[chain.table].kind == TableKind::mangle;
}

/// One function of the hook. `reroute` is set when routing has to be asked again.
template <Trace T>
Stop call(const HookFunction& function, const Situation& at, bool& reroute, T& trace) {
  Packet& packet = at.packet;
  Writable& changes = at.changes;
  const conntrack::Config& tracking = at.around.conntrack_config;
  const bool local_out = at.hook == Hook::output;
  // On its way into a VRF device a packet is translated and confirmed only behind that.
  const bool into_vrf = at.hook == Hook::postrouting &&
                        at.around.devices[at.devices.out].kind == link::DeviceKind::vrf;
  switch (function.kind) {
    case HookFunction::Kind::table: {
      const RoutingKey before = RoutingKey::of(at);
      const Stop stop = run_table(function, at, trace);
      reroute = local_out && is_mangle(function, at.around.netfilter) &&
                before != RoutingKey::of(at);
      return stop;
    }
    case HookFunction::Kind::conntrack:
      if (!tracking.enabled) break;
      return changes.connections.track(packet, at.hook, tracking, changes.now_ms, changes.chance,
                                       trace);
    case HookFunction::Kind::nat: {
      if (into_vrf) break;
      const Stop stop = run_nat(at, trace);
      reroute = local_out && destination_is_mapped(at);
      return stop;
    }
    case HookFunction::Kind::foreign: meet_foreign(function, at, trace); break;
    case HookFunction::Kind::confirm:
      if (!tracking.enabled || into_vrf) break;
      return changes.connections.confirm(packet, changes.now_ms);
  }
  return Stop::go_on();
}

/// Visit every chain as `visit(RuleRef of its first rule, chain)`.
template <class Visit>
void for_each_chain(const Netfilter& netfilter, Visit&& visit) {
  for (std::size_t r = 0; r < netfilter.rulesets.size(); ++r) {
    const std::vector<Table>& tables = netfilter.rulesets[r].tables;
    for (std::size_t t = 0; t < tables.size(); ++t) {
      for (std::size_t c = 0; c < tables[t].chains.size(); ++c)
        visit(RuleRef{static_cast<std::uint8_t>(r), static_cast<std::uint8_t>(t),
                      static_cast<std::uint32_t>(c)},
              tables[t].chains[c]);
    }
  }
}

}  // namespace

State initial_state(const Netfilter& netfilter) {
  assert(netfilter.compiled.done);
  State state;
  state.recent.resize(netfilter.compiled.recent_lists);
  state.counters.reserve(netfilter.compiled.counters);
  for_each_chain(netfilter, [&](RuleRef, const Chain& chain) {
    for (const Rule& rule : chain.rules) {
      state.counters.push_back(rule.counters);
      for (const Match& match : rule.matches)
        if (const auto* recent = std::get_if<RecentMatch>(&match))
          state.recent[recent->list].load(*recent);
    }
    state.counters.push_back(chain.counters);
  });
  return state;
}

std::vector<Ruleset> counted(const Netfilter& netfilter, const State& state) {
  std::vector<Ruleset> rulesets = netfilter.rulesets;
  for_each_chain(netfilter, [&](RuleRef first, const Chain&) {
    Chain& chain = rulesets[first.ruleset].tables[first.table].chains[first.chain];
    const Counters* counters = &state.counters[netfilter.counter_of(first)];
    for (Rule& rule : chain.rules) rule.counters = *counters++;
    chain.counters = *counters;
  });
  return rulesets;
}

template <Trace T>
Stop run(Hook hook, Packet& packet, HookDevices devices, const Surroundings& around,
         Writable& changes, Cursor& cursor, T& trace) {
  assert(around.netfilter.compiled.done);
  assert(wire::header_at<wire::Ipv4Header>(packet.network()) != nullptr);
  const Situation at{.packet = packet,
                     .hook = hook,
                     .devices = devices,
                     .around = around,
                     .changes = changes};
  const auto& functions = around.netfilter.compiled.functions[std::to_underlying(hook)];
  while (cursor.next < functions.size()) {
    const HookFunction& function =
        function_at(functions, cursor.next++, around.netfilter, changes);
    if (Stop stop = call(function, at, cursor.reroute, trace)) return stop;
    if (cursor.reroute) return Stop::go_on();
  }
  cursor.done = true;
  return Stop::go_on();
}

template Stop run(Hook, Packet&, HookDevices, const Surroundings&, Writable&, Cursor&, NoTrace&);
template Stop run(Hook, Packet&, HookDevices, const Surroundings&, Writable&, Cursor&, StepTrace&);

}  // namespace wayout::netfilter
