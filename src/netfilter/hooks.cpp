#include "netfilter/hooks.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>

#include "netfilter/evaluate.hpp"

namespace wayout::netfilter {
namespace {

constexpr Hook all_hooks[] = {Hook::prerouting, Hook::input, Hook::forward, Hook::output,
                              Hook::postrouting};

std::int32_t nat_priority(Hook hook) {
  return nat::manip_of(hook) == nat::Manip::source ? priority::nat_source
                                                   : priority::nat_destination;
}

std::int32_t table_priority(TableKind kind, Backend backend, Hook hook) {
  switch (kind) {
    case TableKind::raw: return priority::raw;
    case TableKind::mangle: return priority::mangle;
    case TableKind::nat: return nat_priority(hook);
    case TableKind::filter: return priority::filter;
    case TableKind::security: break;
  }
  return backend == Backend::nft ? priority::nft_security : priority::security;
}

/// Positions of the rulesets, the one registered last in front.
std::vector<std::size_t> running_order(const Netfilter& netfilter) {
  std::vector<std::size_t> order;
  for (std::size_t r = netfilter.rulesets.size(); r-- > 0;) order.push_back(r);
  if (netfilter.unknown_order)
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return netfilter.rulesets[a].backend < netfilter.rulesets[b].backend;
    });
  return order;
}

/// What the rulesets and foreign chains register at a hook: first registered last, and what nobody
/// knows the time of first, so that it is met before anything of its priority can end the packet.
struct Registered {
  std::vector<HookFunction> plain, nat;
};

Registered registered_at(const Netfilter& netfilter, Hook hook) {
  Registered at;
  for (std::uint32_t i = 0; i < netfilter.foreign.size(); ++i) {
    const ForeignHook& foreign = netfilter.foreign[i];
    if (foreign.hook != hook) continue;
    (foreign.nat ? at.nat : at.plain)
        .push_back({.kind = HookFunction::Kind::foreign,
                    .priority = foreign.priority,
                    .foreign = i});
  }
  for (const std::size_t r : running_order(netfilter)) {
    const Backend backend = netfilter.rulesets[r].backend;
    const std::vector<Table>& tables = netfilter.rulesets[r].tables;
    for (std::size_t t = 0; t < tables.size(); ++t) {
      const Chain* chain = tables[t].at(hook);
      if (chain == nullptr) continue;
      const RuleRef ref{.ruleset = static_cast<std::uint8_t>(r),
                        .table = static_cast<std::uint8_t>(t),
                        .chain = static_cast<std::uint32_t>(chain - tables[t].chains.data()),
                        .rule = RuleRef::policy};
      (tables[t].kind == TableKind::nat ? at.nat : at.plain)
          .push_back({.priority = table_priority(tables[t].kind, backend, hook), .chain = ref});
    }
  }
  return at;
}

/// The NAT core is at every one of its hooks as soon as one nat chain is anywhere.
bool has_nat(const Netfilter& netfilter) {
  const auto is_nat = [](const Table& table) { return table.kind == TableKind::nat; };
  return std::any_of(netfilter.foreign.begin(), netfilter.foreign.end(),
                     [](const ForeignHook& foreign) { return foreign.nat; }) ||
         std::any_of(netfilter.rulesets.begin(), netfilter.rulesets.end(), [&](const Ruleset& r) {
           return std::any_of(r.tables.begin(), r.tables.end(), is_nat);
         });
}

void add_core(std::vector<HookFunction>& functions, Hook hook, bool nat) {
  using Kind = HookFunction::Kind;
  if (hook == Hook::prerouting || hook == Hook::output)
    functions.push_back({.kind = Kind::conntrack, .priority = priority::conntrack});
  if (hook == Hook::input || hook == Hook::postrouting)
    functions.push_back({.kind = Kind::confirm, .priority = priority::confirm});
  if (nat && hook != Hook::forward)
    functions.push_back({.kind = Kind::nat, .priority = nat_priority(hook)});
}

void sort_by_priority(std::vector<HookFunction>& functions) {
  std::stable_sort(functions.begin(), functions.end(),
                   [](const HookFunction& a, const HookFunction& b) {
                     return a.priority < b.priority;
                   });
}

/// Tables that have something to say and stand at the same place in an order nobody knows.
void mark_pairs(std::vector<HookFunction>& functions, const Netfilter& netfilter) {
  if (!netfilter.unknown_order) return;
  const auto says_something = [&](const HookFunction& function) {
    if (function.kind != HookFunction::Kind::table) return false;
    const Chain& chain = netfilter.chain(function.chain);
    return !chain.rules.empty() || chain.policy == Policy::drop;
  };
  for (std::size_t i = 0; i + 1 < functions.size(); ++i) {
    HookFunction &first = functions[i], &second = functions[i + 1];
    if (first.priority != second.priority || !says_something(first) || !says_something(second))
      continue;
    first.pair = HookFunction::Pair::first;
    second.pair = HookFunction::Pair::second;
  }
}

/// Looks for a chain that calls itself by way of others, from the built-in ones on.
class CircleSearch {
 public:
  explicit CircleSearch(const Table& table)
      : table_(table), marks_(table.chains.size(), Mark::unseen) {}

  /// Position of a chain on a circle, or chains.size().
  std::size_t run() {
    for (std::size_t i = 0; i < table_.chains.size(); ++i) {
      if (!table_.chains[i].hook || marks_[i] != Mark::unseen) continue;
      if (const std::size_t found = descend(i); found != table_.chains.size()) return found;
    }
    return table_.chains.size();
  }

 private:
  enum class Mark : std::uint8_t { unseen, on_path, done };
  struct Place {
    std::size_t chain = 0, rule = 0;
  };

  std::size_t descend(std::size_t start) {
    std::vector<Place> path{{start}};
    marks_[start] = Mark::on_path;
    while (!path.empty()) {
      Place& place = path.back();
      const std::vector<Rule>& rules = table_.chains[place.chain].rules;
      if (place.rule == rules.size()) {
        marks_[place.chain] = Mark::done;
        path.pop_back();
        continue;
      }
      const auto* jump = std::get_if<JumpTarget>(&rules[place.rule++].target);
      if (jump == nullptr || marks_[jump->chain] == Mark::done) continue;
      if (marks_[jump->chain] == Mark::on_path) return jump->chain;
      marks_[jump->chain] = Mark::on_path;
      path.push_back({jump->chain});
    }
    return table_.chains.size();
  }

  const Table& table_;
  std::vector<Mark> marks_;
};

/// Linux: each module's checkentry that calls nf_defrag_ipv4_enable.
bool needs_whole_packets(const Target& target) {
  const auto* kept = std::get_if<KeptTarget>(&target);
  return kept != nullptr && std::holds_alternative<TproxyChange>(kept->does);
}

std::uint32_t place_counters(const std::vector<Ruleset>& rulesets, Compiled& compiled) {
  std::uint32_t next = 0;
  for (const Ruleset& ruleset : rulesets) {
    auto& tables = compiled.counter_base.emplace_back();
    for (const Table& table : ruleset.tables) {
      auto& chains = tables.emplace_back();
      for (const Chain& chain : table.chains) {
        chains.push_back(next);
        next += static_cast<std::uint32_t>(chain.rules.size()) + 1;
      }
    }
  }
  return next;
}

/// Turns the words by which rules name things into numbers.
class Numbering {
 public:
  explicit Numbering(const IpSets& sets) : sets_(sets) {}

  void number(Rule& rule) {
    for (Match& match : rule.matches)
      std::visit([this](auto& kind) { number(kind); }, match);
    auto* kept = std::get_if<KeptTarget>(&rule.target);
    if (kept == nullptr) return;
    kept->does = kept_change(kept->name, kept->tokens);
    if (auto* change = std::get_if<SetChange>(&kept->does))
      for (auto* use : {&change->add, &change->remove, &change->map})
        if (*use) (*use)->position = position_of((*use)->set);
  }
  /// How many there are.
  [[nodiscard]] std::uint32_t recent_lists() const {
    return static_cast<std::uint32_t>(lists_.size());
  }

 private:
  template <class Other>
  void number(Other&) {}
  void number(KeptMatch& match) { match.asks = kept_question(match.name, match.tokens); }
  void number(SetMatch& match) { match.position = position_of(match.set); }
  [[nodiscard]] std::uint32_t position_of(const std::string& name) const {
    const IpSet* set = sets_.find(name);
    return set == nullptr ? SetMatch::not_there : static_cast<std::uint32_t>(set - sets_.list.data());
  }
  void number(RecentMatch& match) {
    match.list = lists_.try_emplace(match.name, recent_lists()).first->second;
  }

  const IpSets& sets_;
  std::unordered_map<std::string, std::uint32_t> lists_;
};

/// Linux: each module's checkentry that calls nf_ct_netns_get.
bool needs_conntrack(const Match& match) {
  constexpr std::string_view others[] = {"cluster", "connbytes", "connlabel", "connlimit",
                                         "helper"};
  const auto* kept = std::get_if<KeptMatch>(&match);
  if (kept != nullptr)
    return std::find(std::begin(others), std::end(others), kept->name) != std::end(others);
  return std::holds_alternative<ConntrackMatch>(match) ||
         std::holds_alternative<ConnmarkMatch>(match);
}

bool needs_conntrack(const Target& target) {
  const auto* ct = std::get_if<CtTarget>(&target);
  if (ct != nullptr) return !ct->notrack;
  const auto* kept = std::get_if<KeptTarget>(&target);
  if (kept != nullptr) return kept->name == "CONNSECMARK" || kept->name == "SYNPROXY";
  return std::holds_alternative<NatTarget>(target) ||
         std::holds_alternative<ConnmarkTarget>(target);
}

void number_rules(Netfilter& netfilter, Compiled& compiled) {
  Numbering numbering(netfilter.sets);
  for (Ruleset& ruleset : netfilter.rulesets)
    for (Table& table : ruleset.tables)
      for (Chain& chain : table.chains)
        for (Rule& rule : chain.rules) {
          numbering.number(rule);
          compiled.reassembles = compiled.reassembles || needs_whole_packets(rule.target);
        }
  compiled.recent_lists = numbering.recent_lists();
}

}  // namespace

Result<void> compile(Netfilter& netfilter) {
  for (const Ruleset& ruleset : netfilter.rulesets) {
    for (const Table& table : ruleset.tables) {
      const std::size_t circle = CircleSearch(table).run();
      if (circle == table.chains.size()) continue;
      return Error{.file = ruleset.file,
                   .message = "table " + std::string(table_name(table.kind)) + ": chain " +
                              table.chains[circle].name + " calls itself in a circle"};
    }
  }
  Compiled compiled;
  const bool nat = has_nat(netfilter);
  for (const Hook hook : all_hooks) {
    Registered at = registered_at(netfilter, hook);
    add_core(at.plain, hook, nat);
    sort_by_priority(at.plain);
    sort_by_priority(at.nat);
    mark_pairs(at.plain, netfilter);
    mark_pairs(at.nat, netfilter);
    compiled.functions[static_cast<std::size_t>(hook)] = std::move(at.plain);
    compiled.nat_chains[static_cast<std::size_t>(hook)] = std::move(at.nat);
  }
  compiled.counters = place_counters(netfilter.rulesets, compiled);
  number_rules(netfilter, compiled);
  compiled.done = true;
  netfilter.compiled = std::move(compiled);
  return {};
}

bool Netfilter::needs_conntrack() const {
  for (const Ruleset& ruleset : rulesets)
    for (const Table& table : ruleset.tables)
      for (const Chain& chain : table.chains)
        for (const Rule& rule : chain.rules) {
          if (netfilter::needs_conntrack(rule.target)) return true;
          for (const Match& match : rule.matches)
            if (netfilter::needs_conntrack(match)) return true;
        }
  return false;
}

}  // namespace wayout::netfilter
