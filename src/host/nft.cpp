#include "host/nft.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "host/json.hpp"

namespace wayout::host {

using nlohmann::json;

namespace {

template <std::size_t size>
bool is_one_of(std::string_view word, const std::array<std::string_view, size>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// A member of an object, or null.
const json& member(const json& object, const char* key) {
  static const json null;
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found == object.end() ? null : *found;
}

/// What a rule, or a map of verdicts, may lead to.
struct Effect {
  bool harmless = true;             ///< by itself
  std::vector<std::string> chains;  ///< it may jump to
  std::vector<std::string> maps;    ///< of verdicts, by name
};

struct Chain {
  NftBaseChain base;
  std::vector<Effect> rules;
};

struct Table {
  std::map<std::string, Chain> chains;
  std::map<std::string, Effect> verdict_maps;
};

void add_verdict(const json& verdict, Effect& effect) {
  if (!verdict.is_object() || verdict.empty()) {
    effect.harmless = false;
    return;
  }
  const std::string& name = verdict.begin().key();
  const json& argument = verdict.begin().value();
  if (name == "accept" || name == "continue" || name == "return") return;
  const json& target = member(argument, "target");
  if ((name == "jump" || name == "goto") && target.is_string()) {
    effect.chains.push_back(target.get<std::string>());
  } else {
    effect.harmless = false;
  }
}

/// Pairs of key and verdict.
void add_verdicts(const json& elements, Effect& effect) {
  if (!elements.is_array()) {
    effect.harmless = false;
    return;
  }
  for (const json& element : elements) {
    if (element.is_array() && element.size() == 2) {
      add_verdict(element[1], effect);
    } else {
      effect.harmless = false;
    }
  }
}

void add_verdict_map(const json& statement, Effect& effect) {
  const json& data = member(statement, "data");
  if (data.is_string() && data.get_ref<const std::string&>().starts_with('@')) {
    effect.maps.push_back(data.get<std::string>().substr(1));
  } else if (data.is_object() && data.contains("set")) {
    add_verdicts(data["set"], effect);
  } else {
    effect.harmless = false;
  }
}

/// Setting these keys of a packet does not change its way.
bool sets_only_what_decides_nothing(const json& mangle) {
  const json& name = member(member(member(mangle, "key"), "meta"), "key");
  return name == "nftrace" || name == "priority";
}

void add_statement(const std::string& name, const json& argument, Effect& effect) {
  static constexpr std::array<std::string_view, 13> harmless = {
      "match",    "counter", "log", "limit", "quota",    "accept", "return",
      "continue", "comment", "set", "map",   "ct count", "last"};
  if (is_one_of(name, harmless)) return;
  if (name == "vmap") return add_verdict_map(argument, effect);
  if (name == "jump" || name == "goto") return add_verdict(json{{name, argument}}, effect);
  if (name == "mangle" && sets_only_what_decides_nothing(argument)) return;
  if (name == "xt" && member(argument, "type") == "match") return;
  effect.harmless = false;
}

Effect effect_of(const json& statements) {
  Effect effect;
  if (!statements.is_array()) {
    effect.harmless = false;
    return effect;
  }
  for (const json& statement : statements) {
    if (!statement.is_object() || statement.empty()) {
      effect.harmless = false;
    } else {
      add_statement(statement.begin().key(), statement.begin().value(), effect);
    }
  }
  return effect;
}

/// Anywhere inside: an expression or statement that needs connection tracking.
bool needs_conntrack(const json& value) {
  static constexpr std::array<std::string_view, 10> keys = {
      "ct",   "masquerade", "snat",       "dnat",           "redirect",
      "flow", "ct helper",  "ct timeout", "ct expectation", "ct count"};
  if (value.is_array()) return std::any_of(value.begin(), value.end(), needs_conntrack);
  if (!value.is_object()) return false;
  for (const auto& [key, inner] : value.items())
    if (is_one_of(key, keys) || needs_conntrack(inner)) return true;
  return false;
}

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

class NftReader {
 public:
  NftReader(const NftPlain& left_out, Host& host, const DeviceBook& book)
      : left_out_(left_out), host_(host), book_(book) {}

  void read(const JsonObject& element) {
    for (const auto& [kind, handler] : handlers)
      if (const auto object = element.object(kind))
        if (concerns_ipv4(object->text("family")) && !belongs_to_iptables(*object) &&
            !is_dormant(*object))
          (this->*handler)(*object);
  }

  void finish() {
    for (const auto& [key, table] : tables_)
      for (const auto& [name, chain] : table.chains)
        if (!chain.base.hook.empty()) add(table, chain);
  }

 private:
  void add(const Table& table, const Chain& chain) {
    NftBaseChain base = chain.base;
    base.passes = is_harmless(table, chain);
    if (!base.passes || !chain.rules.empty()) add_nft_chain(base, host_, book_);
  }

  using Handler = void (NftReader::*)(const JsonObject&);
  static const std::pair<const char*, Handler> handlers[4];

  static bool concerns_ipv4(const std::string& family) { return family != "ip6"; }

  bool belongs_to_iptables(const JsonObject& object) const {
    return object.text("family") == "ip" &&
           is_table_of_iptables(object.text(object.has("table") ? "table" : "name"), host_);
  }

  bool is_dormant(const JsonObject& object) const {
    return left_out_.dormant_tables.contains(
        object.text("family") + " " + object.text(object.has("table") ? "table" : "name"));
  }

  Table& table_of(const JsonObject& object) {
    return tables_[{object.text("family"), object.text("table")}];
  }

  void read_chain(const JsonObject& object) {
    NftBaseChain chain;
    chain.family = object.text("family");
    chain.table = object.text("table");
    chain.name = object.text("name");
    chain.type = object.text("type");
    chain.hook = object.text("hook");
    chain.priority = object.number<std::int32_t>("prio").value_or(0);
    chain.drops = object.text("policy") == "drop";
    const json& dev = member(object.raw(), "dev");
    if (dev.is_string()) chain.devices = {dev.get<std::string>()};
    if (dev.is_array()) chain.devices = object.texts("dev");
    const auto known =
        left_out_.chain_devices.find(fmt::format("{} {} {}", chain.family, chain.table, chain.name));
    if (chain.devices.empty() && known != left_out_.chain_devices.end()) chain.devices = known->second;
    table_of(object).chains[chain.name].base = std::move(chain);
  }

  void read_rule(const JsonObject& object) {
    const json& statements = member(object.raw(), "expr");
    table_of(object).chains[object.text("chain")].rules.push_back(effect_of(statements));
    if (needs_conntrack(statements)) host_.conntrack_needed_by_nft = true;
  }

  void read_map(const JsonObject& object) {
    if (member(object.raw(), "map") != "verdict") return;
    Effect& effect = table_of(object).verdict_maps[object.text("name")];
    if (object.has("elem")) add_verdicts(object.raw()["elem"], effect);
  }

  void read_flowtable(const JsonObject& object) {
    const json& dev = member(object.raw(), "dev");
    const std::vector<std::string> names =
        dev.is_string() ? std::vector{dev.get<std::string>()} : object.texts("dev");
    Unmodelled found;
    found.kind = Unmodelled::Kind::flowtable;
    found.text = fmt::format("nft flowtable {} {} {}", object.text("family"), object.text("table"),
                             object.text("name"));
    found.ingress = true;
    add_for_devices(found, names, host_, book_);
  }

  [[nodiscard]] bool is_harmless(const Table& table, const Chain& base) const {
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

  static bool follow(const Table& table, const Effect& effect, std::vector<const Chain*>& to_do) {
    for (const std::string& name : effect.chains) {
      const auto chain = table.chains.find(name);
      if (chain == table.chains.end()) return false;
      to_do.push_back(&chain->second);
    }
    return effect.harmless;
  }

  const NftPlain& left_out_;
  Host& host_;
  const DeviceBook& book_;
  std::map<std::pair<std::string, std::string>, Table> tables_;  ///< by family and name
};

const std::pair<const char*, NftReader::Handler> NftReader::handlers[4] = {
    {"chain", &NftReader::read_chain},
    {"rule", &NftReader::read_rule},
    {"map", &NftReader::read_map},
    {"flowtable", &NftReader::read_flowtable},
};

/// The words of a line without punctuation: `type filter hook ingress devices = { "a", "b" } …`.
std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  constexpr std::string_view separators = " \t\",;={}";
  for (std::size_t at = 0;
       (at = line.find_first_not_of(separators, at)) != std::string_view::npos;) {
    const std::size_t end = line.find_first_of(separators, at);
    words.emplace_back(line.substr(at, end - at));
    if (end == std::string_view::npos) break;
    at = end;
  }
  return words;
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

bool is_table_of_iptables(std::string_view name, const Host& host) {
  for (const netfilter::Ruleset& ruleset : host.netfilter.rulesets) {
    if (ruleset.backend != netfilter::Backend::nft) continue;
    for (const netfilter::Table& known : ruleset.tables)
      if (netfilter::table_name(known.kind) == name) return true;
  }
  return false;
}

NftPlain read_nft_plain(const File& listing) {
  NftPlain result;
  std::string table, chain;
  for_each_line(listing.text, [&](std::string_view line, std::size_t) {
    const std::vector<std::string> words = words_of(line);
    if (words.size() == 3 && words[0] == "table") {
      table = words[1] + " " + words[2];
      chain.clear();
    }
    if (words.size() == 2 && words[0] == "chain") chain = words[1];
    if (words.size() >= 2 && words[0] == "flags" && chain.empty() &&
        std::ranges::find(words, "dormant") != words.end())
      result.dormant_tables.insert(table);
    if (words.size() < 2 || words[0] != "type") return true;
    const auto first = std::ranges::find_if(
        words, [](const std::string& word) { return word == "device" || word == "devices"; });
    const auto last = std::ranges::find(words, std::string("priority"));
    if (first != words.end() && first < last) result.chain_devices[table + " " + chain].assign(first + 1, last);
    return true;
  });
  return result;
}

Result<void> read_nft_json(const File& file, const NftPlain& left_out, Host& host,
                           const DeviceBook& book) {
  NftReader reader(left_out, host, book);
  const Result<void> read =
      read_json_list(file, "nftables", [&](const JsonObject& element) { reader.read(element); });
  if (read) reader.finish();
  return read;
}

}  // namespace wayout::host
