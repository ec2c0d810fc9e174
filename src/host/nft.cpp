#include "host/nft.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "host/json.hpp"
#include "host/nft_model.hpp"

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

using nft_model::Chain;
using nft_model::Effect;
using nft_model::Table;

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

  void finish() { nft_model::add_base_chains(tables_, host_, book_); }

 private:
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
    nft_model::add_flowtable(object.text("family"), object.text("table"), object.text("name"),
                             names, host_, book_);
  }

  const NftPlain& left_out_;
  Host& host_;
  const DeviceBook& book_;
  nft_model::Tables tables_;
};

const std::pair<const char*, NftReader::Handler> NftReader::handlers[4] = {
    {"chain", &NftReader::read_chain},
    {"rule", &NftReader::read_rule},
    {"map", &NftReader::read_map},
    {"flowtable", &NftReader::read_flowtable},
};

}  // namespace

bool is_table_of_iptables(std::string_view name, const Host& host) {
  for (const netfilter::Ruleset& ruleset : host.netfilter.rulesets) {
    if (ruleset.backend != netfilter::Backend::nft) continue;
    for (const netfilter::Table& known : ruleset.tables)
      if (netfilter::table_name(known.kind) == name) return true;
  }
  return false;
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
