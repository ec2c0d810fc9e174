#include "host/rules.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "netfilter/read.hpp"

namespace wayout::host {

Result<void> add_rules(const File& file, netfilter::Backend backend, Host& host) {
  netfilter::ReadOptions options;
  options.backend = backend;
  Result<netfilter::Ruleset> read = netfilter::read_rules(file.text, file.name, options);
  if (!read) return read.error();

  std::vector<netfilter::Ruleset>& rulesets = host.netfilter.rulesets;
  const auto same = std::ranges::find(rulesets, read->backend, &netfilter::Ruleset::backend);
  const auto position = static_cast<std::uint32_t>(same - rulesets.begin());
  host.rule_files.push_back({std::filesystem::path(file.name).filename().string(), position});
  if (same != rulesets.end()) return {};
  host.assumed.insert(host.assumed.end(), read->notes.begin(), read->notes.end());
  rulesets.push_back(std::move(*read));
  return {};
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
