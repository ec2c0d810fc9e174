// The rules' half of the Fib: which rule matches a flow, and what it leads to.
#include <algorithm>

#include "route/fib.hpp"

namespace wayout::route {
namespace {

constexpr std::uint32_t main_preference = 32766, default_preference = 32767;
constexpr std::uint32_t one_trie[] = {table_local, table_main};

Rule to_table(std::uint32_t preference, std::uint32_t table) {
  Rule rule;
  rule.preference = preference;
  rule.table = table;
  return rule;
}

bool prefix_fits(const wire::Prefix& prefix, const wire::IpAddress& address,
                 wire::Family family) {
  if (prefix.length == 0) return true;
  // A source that is not chosen yet is compared as 0.0.0.0.
  return prefix.contains(address.is_set() ? address : wire::IpAddress::any(family));
}

/// Tells the sockets of this host apart, whatever their source; not 0.
std::uint64_t socket_of(const Flow& flow) {
  const std::uint64_t to = flow.destination.is_v4() ? flow.destination.v4() : 0;
  const std::uint64_t ends = to << 32 | std::uint64_t{flow.sport} << 16 | flow.dport;
  return ends == 0 ? 1 : ends;
}

/// Everything that flow and rule say by themselves, but for the ports.
bool headers_fit(const Rule& rule, const Flow& flow) {
  const wire::Family family = flow.destination.family();
  // No packet has the metadata of a tunnel here: devices that would add them are ends.
  return rule.tunnel_id == 0 && ((flow.mark ^ rule.fwmark) & rule.fwmask) == 0 &&
         prefix_fits(rule.from, flow.source, family) &&
         prefix_fits(rule.to, flow.destination, family) &&
         tos_fits(rule.tos, flow) &&
         (rule.ip_protocol == 0 || rule.ip_protocol == flow.protocol);
}

/// Rules for packets of this host find ports in the socket's flow; others make them be looked for.
/// Linux: include/net/fib_rules.h fib_rule_requires_fldissect.
bool wants_ports(const Rule& rule, bool of_loopback) {
  return !of_loopback && (rule.ip_protocol != 0 || rule.sport_high != 0 || rule.dport_high != 0);
}

/// The same rule as the kernel's own one, however its unset parts were read.
bool is_default(const Rule& rule, const Rule& standard) {
  Rule plain = rule;
  plain.protocol = standard.protocol;
  if (plain.from.length == 0) plain.from = {};
  if (plain.to.length == 0) plain.to = {};
  return plain == standard;
}

/// The table to name when nothing was found: the only one asked besides local and default.
class AskedTables {
 public:
  void add(std::uint32_t table) {
    if (table == table_local || table == table_default) return;
    if (only_ != 0 && only_ != table) several_ = true;
    only_ = table;
  }
  [[nodiscard]] std::uint32_t only() const { return several_ ? 0 : only_; }

 private:
  std::uint32_t only_ = 0;
  bool several_ = false;
};

}  // namespace

std::vector<Rule> Fib::default_rules() {
  return {to_table(0, table_local), to_table(main_preference, table_main),
          to_table(default_preference, table_default)};
}

void Fib::index_rules(const std::vector<std::string>& device_names) {
  const auto device = [&](const std::string& name) {
    const auto it = name.empty() ? device_names.end() : std::ranges::find(device_names, name);
    return it == device_names.end() ? no_device
                                    : static_cast<DeviceId>(it - device_names.begin());
  };
  rule_facts_.clear();
  rules_want_ports_ = false;
  for (std::uint32_t i = 0; i < rules.size(); ++i) {
    RuleFacts facts{device(rules[i].iif), device(rules[i].oif), std::nullopt};
    // Only forward: the kernel refuses to jump back.
    for (std::uint32_t j = i + 1; rules[i].action == RuleAction::goto_ && j < rules.size(); ++j) {
      if (rules[j].preference != rules[i].goto_preference) continue;
      facts.target = j;
      break;
    }
    const bool of_loopback = facts.iif != no_device && facts.iif == loopback_;
    rules_want_ports_ = rules_want_ports_ || wants_ports(rules[i], of_loopback);
    rule_facts_.push_back(facts);
  }
  default_rules_ = std::ranges::equal(rules, default_rules(), is_default);
}

Flow Fib::as_received(Flow flow) const {
  if (!rules_want_ports_) {
    flow.protocol = 0;
    flow.sport = flow.dport = 0;
  }
  return flow;
}

Flow Fib::in_l3_domain(Flow flow) const {
  if (flow.egress != no_device && flow.egress < devices_.size()) {
    const DeviceFacts& device = devices_[flow.egress];
    if (flow.l3mdev == no_device) {
      flow.l3mdev = device.l3_domain;
      flow.l3mdev_of_egress = true;
    }
    if (device.vrf_table != 0) flow.egress = no_device;
  } else if (flow.ingress != no_device && flow.ingress != loopback_ && flow.l3mdev == no_device &&
             flow.ingress < devices_.size()) {
    flow.l3mdev = devices_[flow.ingress].l3_domain;
  }
  return flow;
}

bool Fib::devices_match(std::uint32_t position, const Flow& flow) const {
  const Rule& rule = rules[position];
  const RuleFacts& facts = rule_facts_[position];
  if (!rule.iif.empty()) {
    if (facts.iif == no_device) return false;
    const DeviceId ingress = flow.ingress == no_device ? loopback_ : flow.ingress;
    const bool fits = devices_[facts.iif].vrf_table != 0
                          ? !flow.l3mdev_of_egress && flow.l3mdev == facts.iif
                          : ingress == facts.iif;
    if (!fits) return false;
  }
  if (!rule.oif.empty()) {
    if (facts.oif == no_device) return false;
    const bool fits = devices_[facts.oif].vrf_table != 0
                          ? flow.l3mdev_of_egress && flow.l3mdev == facts.oif
                          : flow.egress == facts.oif;
    if (!fits) return false;
  }
  return !rule.l3mdev ||
         (flow.l3mdev < devices_.size() && devices_[flow.l3mdev].vrf_table != 0);
}

bool Fib::rule_matches(std::uint32_t position, const Flow& flow, Chance& chance) const {
  const Rule& rule = rules[position];
  bool fits = devices_match(position, flow) && headers_fit(rule, flow);
  bool known = !rule.unmodelled;
  if (fits && rule.uid_range) {
    if (flow.uid)
      fits = rule.uid_range->first <= *flow.uid && *flow.uid <= rule.uid_range->second;
    else
      known = false;
  }
  // Last, for a port that stands for several is asked about.
  const auto port_fits = [&](std::uint16_t low, std::uint16_t high, std::uint16_t port) {
    return high == 0 || chance.is_among(port, PortSet{{low, high}}, Cause::routing_rule(position));
  };
  fits = fits && port_fits(rule.sport_low, rule.sport_high, flow.sport) &&
         port_fits(rule.dport_low, rule.dport_high, flow.dport);
  // connect() asks twice, as one and the same program.
  if (fits && !known)
    fits = chance.choose_for(socket_of(flow), Cause::routing_rule(position), 2) == 0;
  return fits != rule.invert;
}

/// The route found leaves by a device of the group that the rule leaves out.
/// Linux: net/ipv4/fib_rules.c fib4_rule_suppress.
bool Fib::suppresses_group(std::uint32_t position, const FibResult& found, const Flow& flow,
                           Chance& chance) const {
  const auto& nexthops = route(found.route).nexthops;
  const DeviceId device =
      found.nexthop < nexthops.size() ? nexthops[found.nexthop].device : no_device;
  if (device == no_device || device >= devices_.size()) return false;
  if (const auto group = devices_[device].group) return *group == rules[position].suppress_ifgroup;
  return chance.choose_for(socket_of(flow), Cause::routing_rule(position), 2) == 0;
}

/// What the rule's action answers; without an answer (no route and by nothing) the next rule is
/// asked.
FibResult Fib::apply_rule(std::uint32_t position, const Flow& flow, Chance& chance,
                          bool ignore_linkstate) const {
  const Rule& rule = rules[position];
  FibResult result;
  result.rule = position;
  result.by_rule = true;
  result.cause = Cause::routing_rule(position);
  switch (rule.action) {
    case RuleAction::blackhole: result.kind = FibResult::Kind::blackhole; return result;
    case RuleAction::unreachable: result.kind = FibResult::Kind::unreachable; return result;
    case RuleAction::prohibit: result.kind = FibResult::Kind::prohibit; return result;
    case RuleAction::goto_:
    case RuleAction::nop: return {};
    case RuleAction::to_table: break;
  }
  const std::uint32_t table = rule.l3mdev ? devices_[flow.l3mdev].vrf_table : rule.table;
  result = lookup_table(table, flow, ignore_linkstate);
  result.rule = position;
  if (result.kind == FibResult::Kind::no_route) return {};
  if (result.kind == FibResult::Kind::found) {
    if (result.prefix_length <= rule.suppress_prefix_length) return {};
    if (rule.suppress_ifgroup >= 0 && suppresses_group(position, result, flow, chance)) return {};
  }
  return result;
}

FibResult Fib::lookup_local(const Flow& flow) const {
  const std::size_t tables_in_trie = default_rules_ ? 2 : 1;
  return lookup_trie(std::span(one_trie).first(tables_in_trie), flow, /*ignore_linkstate=*/false);
}

FibResult Fib::lookup_merged(const Flow& flow, Chance& chance, bool ignore_linkstate) const {
  FibResult result = lookup_trie(one_trie, flow, ignore_linkstate);
  result.rule = result.by_route && tables[result.route.table].id == table_main ? 1 : 0;
  if (result.rule == 1 && chance.explores()) {
    // Rules that came and went leave the tables apart for good, and nobody can see it.
    const FibResult local = lookup_table(table_local, flow, ignore_linkstate);
    if (local.kind != FibResult::Kind::no_route &&
        chance.choose_for(1, Cause::routing_rule(0), 2) == 1)
      return local;
  }
  if (result.kind != FibResult::Kind::no_route) return result;
  result = lookup_table(table_default, flow, ignore_linkstate);
  result.rule = 2;
  if (result.kind == FibResult::Kind::no_route) {
    result = {};
    result.cause = Cause::no_route(table_main);
  }
  return result;
}

FibResult Fib::lookup(const Flow& asked, Chance& chance, bool ignore_linkstate) const {
  if (rule_facts_.size() != rules.size()) return {};  // not indexed
  const Flow flow = in_l3_domain(asked);
  if (default_rules_) return lookup_merged(flow, chance, ignore_linkstate);

  AskedTables tables_asked;
  for (std::uint32_t i = 0; i < rules.size();) {
    if (!rule_matches(i, flow, chance)) {
      ++i;
      continue;
    }
    const FibResult result = apply_rule(i, flow, chance, ignore_linkstate);
    if (result.by_route || result.by_rule) return result;
    if (rules[i].action == RuleAction::to_table)
      tables_asked.add(rules[i].l3mdev ? devices_[flow.l3mdev].vrf_table : rules[i].table);
    i = rule_facts_[i].target.value_or(i + 1);
  }
  FibResult nothing;
  nothing.cause = Cause::no_route(tables_asked.only());
  return nothing;
}

}  // namespace wayout::route
