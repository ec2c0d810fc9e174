#include "host/rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "netfilter/read.hpp"
#include "netfilter/read_listing.hpp"

namespace wayout::host {

namespace {

/// A save without any table; of a listing it is known that there are some.
bool is_empty(const netfilter::Ruleset& ruleset) {
  return ruleset.tables.empty() && ruleset.not_shown.empty();
}

}  // namespace

Result<void> add_rules(const File& file, netfilter::Backend backend, Host& host) {
  netfilter::ReadOptions options;
  options.backend = backend;
  Result<netfilter::Ruleset> read = netfilter::read_rules(file.text, file.name, options);
  if (!read) return read.error();

  std::vector<netfilter::Ruleset>& rulesets = host.netfilter.rulesets;
  const auto same = std::ranges::find(rulesets, read->backend, &netfilter::Ruleset::backend);
  const auto position = static_cast<std::uint32_t>(same - rulesets.begin());
  host.rule_files.push_back({std::filesystem::path(file.name).filename().string(), position});
  if (same != rulesets.end() && !is_empty(*same)) {
    netfilter::add_tables_of(*same, std::move(*read));
    return {};
  }
  host.assumed.insert(host.assumed.end(), read->notes.begin(), read->notes.end());
  if (same != rulesets.end())
    *same = std::move(*read);
  else
    rulesets.push_back(std::move(*read));
  return {};
}

Result<void> add_listed_rules(const File& file, Host& host) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  if (std::ranges::all_of(file.text, is_blank))
    return file.error_at(0, "is empty, which no listing of iptables is: the command has failed");
  return add_rules(file, netfilter::Backend::nft, host);
}

void note_empty_saves(Host& host) {
  for (const netfilter::Ruleset& ruleset : host.netfilter.rulesets)
    if (is_empty(ruleset))
      host.assumed.push_back(fmt::format("no iptables rules: {} is empty",
                                         std::filesystem::path(ruleset.file).filename().string()));
}

void add_rules_not_shown(Host& host) {
  for (netfilter::Ruleset& ruleset : host.netfilter.rulesets) {
    const std::size_t before = ruleset.notes.size();
    netfilter::add_tables_not_shown(ruleset);
    host.assumed.insert(host.assumed.end(),
                        ruleset.notes.begin() + static_cast<std::ptrdiff_t>(before),
                        ruleset.notes.end());
  }
}

void note_rule_order(Host& host) {
  const auto with_tables = std::ranges::count_if(
      host.netfilter.rulesets, [](const netfilter::Ruleset& r) { return !r.tables.empty(); });
  if (with_tables < 2) return;
  host.assumed.push_back(
      "iptables-legacy runs before iptables-nft: which was loaded first cannot be seen");
  host.netfilter.unknown_order = static_cast<std::uint32_t>(host.unmodelled.size());
  Unmodelled order;
  order.text = "the order in which iptables-legacy and iptables-nft were loaded";
  host.unmodelled.push_back(std::move(order));
}

}  // namespace wayout::host
