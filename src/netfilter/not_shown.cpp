// Tables that a listing does not show: what may be in them stands in their place.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "netfilter/read_listing.hpp"

namespace wayout::netfilter {
namespace {

Chain& add_chain(Table& table, Hook hook) {
  Chain& chain = table.chains.emplace_back();
  chain.name = hook_name(hook);
  chain.policy = Policy::accept;
  chain.hook = hook;
  return chain;
}

KeptTarget unknown_target() { return {std::string(table_not_shown), {}, false}; }

Table filter_not_shown() {
  Table table{TableKind::filter, {}};
  for (const Hook hook : hooks_of(table.kind))
    add_chain(table, hook).rules.emplace_back().target = unknown_target();
  return table;
}

/// A destination of this host may be a published port; that of others is taken to stay. The source
/// of what leaves may become this host's.
Table nat_not_shown() {
  Table table{TableKind::nat, {}};
  for (const Hook hook : hooks_of(table.kind)) {
    Chain& chain = add_chain(table, hook);
    if (hook == Hook::input) continue;
    Rule& rule = chain.rules.emplace_back();
    if (hook == Hook::postrouting) {
      rule.matches.emplace_back(KeptMatch{std::string(table_not_shown), {}});
      rule.target = NatTarget{};
    } else {
      AddrtypeMatch to_this_host;
      to_this_host.destination_types =
          static_cast<std::uint16_t>(1U << static_cast<unsigned>(RouteType::local));
      rule.matches.emplace_back(to_this_host);
      rule.target = unknown_target();
    }
  }
  return table;
}

bool has(const std::vector<TableKind>& kinds, TableKind kind) {
  return std::ranges::find(kinds, kind) != kinds.end();
}

}  // namespace

void add_tables_of(Ruleset& listing, Ruleset&& other) {
  std::erase_if(listing.not_shown, [&](TableKind kind) {
    const auto table = std::ranges::find(other.tables, kind, &Table::kind);
    if (table == other.tables.end()) return !has(other.not_shown, kind);
    listing.tables.push_back(std::move(*table));
    return true;
  });
}

bool is_of_table_not_shown(const Rule& rule) {
  const auto* target = std::get_if<KeptTarget>(&rule.target);
  if (target != nullptr) return target->name == table_not_shown;
  return std::ranges::any_of(rule.matches, [](const Match& match) {
    const auto* unmodelled = std::get_if<KeptMatch>(&match);
    return unmodelled != nullptr && unmodelled->name == table_not_shown;
  });
}

void add_tables_not_shown(Ruleset& ruleset) {
  std::vector<TableKind> not_shown = std::move(ruleset.not_shown);
  ruleset.not_shown.clear();
  if (has(not_shown, TableKind::nat)) {
    ruleset.tables.push_back(nat_not_shown());
    ruleset.notes.emplace_back(
        "nat: the table is not shown; what is for other hosts is taken to keep its destination");
  }
  if (has(not_shown, TableKind::filter)) {
    ruleset.tables.push_back(filter_not_shown());
    ruleset.notes.emplace_back("filter: the table is not shown");
  }
  std::vector<const char*> empty;
  for (const TableKind kind : not_shown)
    if (kind != TableKind::nat && kind != TableKind::filter) empty.push_back(table_name(kind));
  if (!empty.empty())
    ruleset.notes.push_back(fmt::format("not shown, and taken as empty: the table{} {}",
                                        empty.size() == 1 ? "" : "s", fmt::join(empty, ", ")));
}

}  // namespace wayout::netfilter
