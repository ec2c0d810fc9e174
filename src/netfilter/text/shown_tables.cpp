#include "netfilter/text/shown_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "netfilter/read_listing.hpp"
#include "netfilter/text/extension.hpp"
#include "netfilter/text/section.hpp"

namespace wayout::netfilter::text {
namespace {

constexpr Hook all_hooks[] = {Hook::prerouting, Hook::input, Hook::forward, Hook::output,
                              Hook::postrouting};

HookSet hooks_set(TableKind kind) {
  HookSet set = 0;
  for (const Hook hook : hooks_of(kind))
    set |= static_cast<HookSet>(1U << static_cast<int>(hook));
  return set;
}

/// A word of letters; everything else is cut away.
std::string_view next_letters(std::string_view& rest) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const auto begin = std::find_if(rest.begin(), rest.end(), letter);
  const auto end = std::find_if_not(begin, rest.end(), letter);
  const std::string_view word(begin, end);
  rest.remove_prefix(static_cast<std::size_t>(end - rest.begin()));
  return word;
}

/// Kernels before 2.6.36 have no INPUT in nat.
bool is_older_nat(TableKind kind, const std::set<std::string>& shown) {
  return kind == TableKind::nat && shown.contains(hook_name(Hook::prerouting)) &&
         shown.contains(hook_name(Hook::output)) && shown.contains(hook_name(Hook::postrouting));
}

void note_unknown_targets(const Chain& chain, TableKind kind, Ruleset& ruleset) {
  std::set<std::string> noted;
  for (const Rule& rule : chain.rules) {
    const auto* target = std::get_if<KeptTarget>(&rule.target);
    if (target == nullptr || find_target(target->name, ruleset.family) != nullptr) continue;
    if (target->name == "QUEUE" || !noted.insert(target->name).second) continue;
    ruleset.notes.push_back(fmt::format("{}: {} jumps to {}, which is not shown", table_name(kind),
                                        chain.name, target->name));
  }
}

/// The table that a text names; filter for a command of iptables that names none.
std::optional<TableKind> heading_table(std::string_view line) {
  std::string_view rest = line;
  bool is_command = false;
  for (std::string_view word = next_letters(rest); !word.empty(); word = next_letters(rest)) {
    std::string lowered(word);
    std::transform(lowered.begin(), lowered.end(), lowered.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (const auto kind = table_kind(lowered)) return kind;
    is_command = is_command || lowered == "iptables" || lowered == "ip6tables";
  }
  if (is_command) return TableKind::filter;
  return std::nullopt;
}

/// What a command says instead of a listing, or beside it: `iptables v1.8.9 (legacy): can't initialize
/// iptables table …`, `bash: iptables: command not found`. It may name a table, too.
bool is_complaint(std::string_view line) {
  if (line.starts_with("Warning: ") || line.find("is incompatible, use") != std::string_view::npos)
    return true;
  std::string_view rest = line;
  for (std::string_view word = first_word(rest); !word.empty(); word = first_word(rest)) {
    if (word.find("tables") == std::string_view::npos) continue;
    std::string_view behind = rest;
    const std::string_view next = first_word(behind);
    if (next.size() > 1 && next[0] == 'v' && next[1] >= '0' && next[1] <= '9') return true;
  }
  const std::size_t colon = line.rfind(": ");
  return colon != std::string_view::npos && !heading_table(line.substr(colon + 2));
}

}  // namespace

std::optional<TableKind> heading_of(std::string_view line,
                                    std::optional<std::string_view> command) {
  const std::string_view said = command.value_or(line);
  return is_complaint(said) ? std::nullopt : heading_table(said);
}

TableKind table_of_hooks(HookSet shown, TableKind hint) {
  const auto may_be = [shown](TableKind kind) { return (shown & ~hooks_set(kind)) == 0; };
  if (shown == 0 || shown == hooks_set(hint)) return hint;
  for (const TableKind kind :
       {TableKind::filter, TableKind::nat, TableKind::mangle, TableKind::raw}) {
    if (shown == hooks_set(kind)) return kind;
  }
  if (may_be(hint)) return hint;
  // Older kernels have no INPUT in nat; one chain alone is most often of filter or nat.
  for (const TableKind kind : {TableKind::filter, TableKind::nat}) {
    if (may_be(kind)) return kind;
  }
  return TableKind::mangle;
}

void Outputs::heading(TableKind table) {
  if (!list_.back().lines.empty()) list_.emplace_back();
  list_.back().named = table;
}

void Outputs::chain(std::string_view name) {
  const auto* hook = std::find_if(std::begin(all_hooks), std::end(all_hooks),
                                  [name](Hook h) { return name == hook_name(h); });
  if (hook == std::end(all_hooks)) {
    list_.back().past_built_in = true;
    return;
  }
  const auto bit = static_cast<HookSet>(1U << static_cast<int>(*hook));
  // In every table PREROUTING is the first, and INPUT the first or behind it.
  const HookSet before = *hook == Hook::prerouting ? 0
                         : *hook == Hook::input
                             ? static_cast<HookSet>(1U << static_cast<int>(Hook::prerouting))
                             : static_cast<HookSet>(~bit);
  if (list_.back().past_built_in || (list_.back().shown & ~before) != 0) list_.emplace_back();
  list_.back().shown |= bit;
}

void Outputs::line(std::string_view text, std::uint32_t number) {
  list_.back().lines.push_back({text, number});
}

TableBuilder& ShownTables::table(TableKind kind) {
  const auto at = std::find_if(tables_.begin(), tables_.end(),
                               [kind](const Shown& shown) { return shown.builder.kind() == kind; });
  if (at != tables_.end()) return at->builder;
  return tables_.emplace_back(Shown{TableBuilder(kind), {}}).builder;
}

void ShownTables::show(TableKind kind, const std::string& chain, Problem& problem) {
  TableBuilder& builder = table(kind);
  const auto at = std::find_if(tables_.begin(), tables_.end(),
                               [kind](const Shown& shown) { return shown.builder.kind() == kind; });
  at->chains.insert(chain);
  if (!builder.find(chain)) builder.define(chain, 1, problem);
}

std::vector<TableKind> ShownTables::absent() const {
  std::vector<TableKind> kinds;
  for (const TableKind kind : {TableKind::raw, TableKind::mangle, TableKind::nat, TableKind::filter,
                               TableKind::security}) {
    if (std::none_of(tables_.begin(), tables_.end(),
                     [kind](const Shown& shown) { return shown.builder.kind() == kind; }))
      kinds.push_back(kind);
  }
  return kinds;
}

Result<Ruleset> ShownTables::finish(Ruleset ruleset) && {
  ruleset.not_shown = absent();
  for (Shown& shown : tables_) {
    TableBuilder::Finished finished = std::move(shown.builder).finish();
    if (finished.bad_line != 0) {
      return Error{ruleset.file, finished.bad_line, 0, finished.message};
    }
    Table& table = finished.table;
    const bool older_nat = is_older_nat(table.kind, shown.chains);
    for (Chain& chain : table.chains) {
      note_unknown_targets(chain, table.kind, ruleset);
      if (shown.chains.contains(chain.name) || (older_nat && chain.hook == Hook::input)) continue;
      ruleset.notes.push_back(
          fmt::format("{}: the chain {} is not shown", table_name(table.kind), chain.name));
      chain.rules.emplace_back().target = KeptTarget{std::string(chain_not_shown), {}, false};
    }
    ruleset.tables.push_back(std::move(table));
  }
  return ruleset;
}

}  // namespace wayout::netfilter::text
