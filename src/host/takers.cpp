#include "host/takers.hpp"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host/words.hpp"

namespace wayout::host {

namespace {

/// The word after `key`; "" when there is none.
std::string_view after(const std::vector<std::string_view>& words, std::string_view key) {
  for (std::size_t i = 0; i + 1 < words.size(); ++i)
    if (words[i] == key) return words[i + 1];
  return {};
}

// ---------------------------------------------------------------- IPVS

struct Service {
  wire::IpAddress address;
  std::string port;  ///< decimal
};

std::optional<std::uint32_t> hexadecimal(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (status != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// `0A000001:0050`, or `10.0.0.1:80` as ipvsadm prints it; nothing for `[2001:…]:0050`: IPv6.
std::optional<Service> service(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  if (const auto dotted = wire::IpAddress::parse(text.substr(0, colon)))
    return Service{*dotted, std::string(text.substr(colon + 1))};
  const auto address = hexadecimal(text.substr(0, colon));
  const auto port = hexadecimal(text.substr(colon + 1));
  if (!address || !port) return std::nullopt;
  return Service{wire::IpAddress::v4(*address), std::to_string(*port)};
}

void add_ipvs(Host& host, std::string text, Hook hook, const wire::IpAddress& source,
              const wire::IpAddress& destination) {
  // NF_IP_PRI_NAT_SRC - 2 (INPUT), NF_IP_PRI_NAT_DST + 2 (OUTPUT), 99 (FORWARD).
  Unmodelled found;
  found.kind = Unmodelled::Kind::ipvs;
  found.text = std::move(text);
  found.hook = hook;
  found.priority = hook == Hook::output ? -98 : hook == Hook::input ? 98 : 99;
  if (source.is_set()) found.source = wire::Prefix::host(source);
  if (destination.is_set()) found.destination = wire::Prefix::host(destination);
  host.unmodelled.push_back(std::move(found));
}

// ---------------------------------------------------------------- ebtables

struct EbtablesChain {
  bool drops = false;  ///< its policy
  std::size_t rules = 0;
};

std::optional<Hook> ebtables_hook(std::string_view chain) {
  if (chain == "PREROUTING" || chain == "BROUTING") return Hook::prerouting;
  if (chain == "INPUT") return Hook::input;
  if (chain == "FORWARD") return Hook::forward;
  if (chain == "OUTPUT") return Hook::output;
  if (chain == "POSTROUTING") return Hook::postrouting;
  return std::nullopt;
}

struct EbtablesTable {
  std::string name;
  std::map<std::string, EbtablesChain, std::less<>> chains;
  std::set<std::string, std::less<>> targets;

  [[nodiscard]] bool only_accepts() const {
    for (const auto& [chain, content] : chains)
      if (content.drops) return false;
    for (const std::string& target : targets)
      if (target != "ACCEPT" && target != "CONTINUE" && target != "RETURN" &&
          !chains.contains(target))
        return false;
    return true;
  }
};

void add_ebtables(const EbtablesTable& table, Host& host) {
  if (table.only_accepts()) return;
  for (const auto& [name, chain] : table.chains) {
    const auto hook = ebtables_hook(name);
    if (!hook || (chain.rules == 0 && !chain.drops)) continue;
    Unmodelled found;
    found.kind = Unmodelled::Kind::ebtables;
    found.text = fmt::format("ebtables {} {} ({} rules, policy {})", table.name, name, chain.rules,
                             chain.drops ? "DROP" : "ACCEPT");
    found.hook = hook;
    found.family = Unmodelled::Family::bridge;
    host.unmodelled.push_back(std::move(found));
  }
}

}  // namespace

void add_ipsec_policy(const wire::Prefix& source, const wire::Prefix& destination,
                      std::string_view direction, Host& host) {
  Unmodelled found;
  found.kind = Unmodelled::Kind::ipsec_policy;
  found.text =
      fmt::format("IPsec policy {} → {} dir {}", source.text(), destination.text(), direction);
  found.hook = direction == "in"    ? Hook::input
               : direction == "fwd" ? Hook::forward
                                    : Hook::postrouting;
  found.source = source;
  found.destination = destination;
  host.unmodelled.push_back(std::move(found));
}

Result<void> read_ipsec_policies(const File& file, Host& host) {
  std::optional<std::pair<wire::Prefix, wire::Prefix>> selector;
  std::optional<Error> error;
  for_each_line(file.text, [&](std::string_view line, std::size_t number) {
    const std::vector<std::string_view> words = split(line);
    if (line.starts_with("src ")) {
      const auto source = wire::Prefix::parse(after(words, "src"));
      const auto destination = wire::Prefix::parse(after(words, "dst"));
      selector.reset();
      if (source && destination && source->address.is_v4()) selector = {*source, *destination};
    } else if (selector && words.size() >= 2 && words[0] == "dir") {
      add_ipsec_policy(selector->first, selector->second, words[1], host);
      selector.reset();
    } else if (!words.empty() && !line.starts_with('\t') && !line.starts_with(' ') &&
               !is_prompt(line)) {
      error = Error{file.name, number, 1,
                    "expected a line like \"src 10.0.0.0/8 dst 10.1.0.0/16\""};
    }
    return !error.has_value();
  });
  if (error) return *error;
  return {};
}

Result<void> read_ipvs(const File& file, Host& host) {
  std::string current;
  std::optional<Error> error;
  for_each_line(file.text, [&](std::string_view line, std::size_t number) {
    const std::vector<std::string_view> words = split(line);
    const auto fail = [&] {
      error = Error{file.name, number, 1, "expected a service or a server of /proc/net/ip_vs"};
      return false;
    };
    if (words.empty() || is_prompt(line) || line.starts_with("IP Virtual Server")) return true;
    if (words[0] == "Prot") return true;
    if (words.size() < 2) return fail();
    if (words[0] == "TCP" || words[0] == "UDP" || words[0] == "SCTP") {
      current.clear();
      const auto found = service(words[1]);
      if (!found) return words[1].starts_with('[') || fail();
      current = fmt::format("IPVS service {} {}:{}", words[0], found->address.text(), found->port);
      add_ipvs(host, current, Hook::input, {}, found->address);
      add_ipvs(host, current, Hook::output, {}, found->address);
    } else if (words[0] == "FWM") {
      current = fmt::format("IPVS service for mark {}", words[1]);
      add_ipvs(host, current, Hook::input, {}, {});
      add_ipvs(host, current, Hook::output, {}, {});
    } else if (words[0] == "->") {
      const auto server = service(words[1]);
      if (server && !current.empty() && words.size() >= 3 && words[2] == "Masq")
        add_ipvs(host, current, Hook::forward, server->address, {});
    } else {
      return fail();
    }
    return true;
  });
  if (error) return *error;
  return {};
}

Result<void> read_ebtables(const File& file, Host& host) {
  EbtablesTable table;
  std::optional<Error> error;
  for_each_line(file.text, [&](std::string_view line, std::size_t number) {
    const std::vector<std::string_view> words = split(line);
    if (words.empty() || line.starts_with('#') || words[0] == "COMMIT") return true;
    if (line.starts_with('*')) {
      add_ebtables(table, host);
      table = {};
      table.name = words[0].substr(1);
    } else if (line.starts_with(':') && words.size() >= 2) {
      table.chains[std::string(words[0].substr(1))].drops = words[1] == "DROP";
    } else if (!after(words, "-A").empty()) {  // counters may stand before it
      ++table.chains[std::string(after(words, "-A"))].rules;
      if (!after(words, "-j").empty()) table.targets.emplace(after(words, "-j"));
    } else {
      error = Error{file.name, number, 1, "expected a table, a chain or a rule of ebtables-save"};
    }
    return !error.has_value();
  });
  if (error) return *error;
  add_ebtables(table, host);
  return {};
}

}  // namespace wayout::host
