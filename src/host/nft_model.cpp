#include "host/nft_model.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>

namespace wayout::host {

namespace {

std::optional<Hook> hook_named(std::string_view name) {
  if (name == "prerouting") return Hook::prerouting;
  if (name == "input") return Hook::input;
  if (name == "forward") return Hook::forward;
  if (name == "output") return Hook::output;
  if (name == "postrouting") return Hook::postrouting;
  return std::nullopt;
}

/// Without a name it may be any device.
void add_for_devices(const Unmodelled& found, const std::vector<std::string>& names, Host& host,
                     const DeviceBook& book) {
  for (DeviceId id = 1; id < host.devices.size(); ++id) {
    const bool named =
        std::ranges::any_of(names, [&](const std::string& name) { return book.find(name) == id; });
    if (!named && !names.empty()) continue;
    host.unmodelled.push_back(found);
    host.unmodelled.back().device = id;
  }
}

}  // namespace

void add_nft_chain(const NftBaseChain& chain, Host& host, const DeviceBook& book) {
  Unmodelled found;
  found.kind = Unmodelled::Kind::nft_chain;
  std::string where = fmt::format("hook {}", chain.hook);
  if (!chain.devices.empty()) where += fmt::format(", device {}", fmt::join(chain.devices, " "));
  where += fmt::format(", priority {}", chain.priority);
  if (chain.drops) where += ", policy drop";
  found.text = fmt::format("nft chain {} {} {} ({})", chain.family, chain.table, chain.name, where);
  found.priority = chain.priority;
  found.nat = chain.type == "nat";
  found.passes = chain.passes;
  if (chain.family == "bridge") found.family = Unmodelled::Family::bridge;
  if (chain.family == "arp") found.family = Unmodelled::Family::arp;
  if (chain.hook == "ingress" || chain.hook == "egress") {
    found.ingress = chain.hook == "ingress";
    found.egress = !found.ingress;
    return add_for_devices(found, chain.devices, host, book);
  }
  found.hook = hook_named(chain.hook);
  host.unmodelled.push_back(std::move(found));
}

namespace nft_model {

namespace {

bool follow(const Table& table, const Effect& effect, std::vector<const Chain*>& to_do) {
  for (const std::string& name : effect.chains) {
    const auto chain = table.chains.find(name);
    if (chain == table.chains.end()) return false;
    to_do.push_back(&chain->second);
  }
  return effect.harmless;
}

bool is_harmless(const Table& table, const Chain& base) {
  if (base.base.drops) return false;
  std::set<const Chain*> seen;
  std::vector<const Chain*> to_do = {&base};
  while (!to_do.empty()) {
    const Chain* chain = to_do.back();
    to_do.pop_back();
    if (!seen.insert(chain).second) continue;
    for (const Effect& rule : chain->rules) {
      if (!follow(table, rule, to_do)) return false;
      for (const std::string& name : rule.maps) {
        const auto map = table.verdict_maps.find(name);
        if (map == table.verdict_maps.end() || !follow(table, map->second, to_do)) return false;
      }
    }
  }
  return true;
}

}  // namespace

void add_base_chains(const Tables& tables, Host& host, const DeviceBook& book) {
  for (const auto& [key, table] : tables)
    for (const auto& [name, chain] : table.chains) {
      if (chain.base.hook.empty()) continue;
      NftBaseChain base = chain.base;
      base.passes = is_harmless(table, chain);
      if (!base.passes || !chain.rules.empty()) add_nft_chain(base, host, book);
    }
}

void add_flowtable(const std::string& family, const std::string& table, const std::string& name,
                   const std::vector<std::string>& devices, Host& host, const DeviceBook& book) {
  Unmodelled found;
  found.kind = Unmodelled::Kind::flowtable;
  found.text = fmt::format("nft flowtable {} {} {}", family, table, name);
  found.ingress = true;
  add_for_devices(found, devices, host, book);
}

}  // namespace nft_model
}  // namespace wayout::host
