#include "netfilter/print.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "netfilter/text/names.hpp"
#include "netfilter/text/parts.hpp"

namespace wayout::netfilter {
namespace {

const char* policy_name(Policy policy) {
  constexpr const char* names[] = {"-", "ACCEPT", "DROP"};
  return names[static_cast<std::size_t>(policy)];
}

void append_address(std::string& out, char option, const AddressMatch& match) {
  if (!match.asked()) return;
  const auto end = std::back_inserter(out);
  fmt::format_to(end, "{} -{} {}/", match.invert ? " !" : "", option, match.prefix.address.text());
  if (match.mask.is_set()) {
    out += match.mask.text();
  } else {
    fmt::format_to(end, "{}", match.prefix.length);
  }
}

void append_interface(std::string& out, char option, const InterfaceMatch& match) {
  const bool any = match.name.empty() && match.wildcard && !match.invert;
  if (!match.asked() || any) return;
  fmt::format_to(std::back_inserter(out), "{} -{} {}{}", match.invert ? " !" : "", option,
                 match.name, match.wildcard ? "+" : "");
}

void append_rule(std::string& out, const Chain& chain, const Rule& rule, wire::Family family) {
  out += "-A ";
  out += chain.name;
  append_address(out, 's', rule.source);
  append_address(out, 'd', rule.destination);
  append_interface(out, 'i', rule.in);
  append_interface(out, 'o', rule.out);
  if (rule.protocol) {
    fmt::format_to(std::back_inserter(out), "{} -p {}", rule.invert_protocol ? " !" : "",
                   text::protocol_text(static_cast<std::uint8_t>(*rule.protocol)));
  }
  if (rule.fragment) out += rule.invert_fragment ? " ! -f" : " -f";
  for (const Match& match : rule.matches)
    text::append(out, match, family);
  text::append(out, rule.target);
}

void append_table(std::string& out, const Table& table, wire::Family family, bool rule_counters) {
  const auto end = std::back_inserter(out);
  fmt::format_to(end, "*{}\n", table_name(table.kind));
  for (const Chain& chain : table.chains) {
    fmt::format_to(end, ":{} {} [{}:{}]\n", chain.name, policy_name(chain.policy),
                   chain.counters.packets, chain.counters.bytes);
  }
  for (const Chain& chain : table.chains) {
    for (const Rule& rule : chain.rules) {
      if (rule_counters) {
        fmt::format_to(end, "[{}:{}] ", rule.counters.packets, rule.counters.bytes);
      }
      append_rule(out, chain, rule, family);
      out += '\n';
    }
  }
  out += "COMMIT\n";
}

/// Where iptables-nft prints a table.
int nft_place(TableKind kind) {
  switch (kind) {
    case TableKind::mangle:
      return 0;
    case TableKind::security:
      return 1;
    case TableKind::raw:
      return 2;
    case TableKind::filter:
      return 3;
    case TableKind::nat:
      break;
  }
  return 4;
}

}  // namespace

std::string print_rule(const Chain& chain, const Rule& rule, wire::Family family) {
  std::string out;
  append_rule(out, chain, rule, family);
  return out;
}

std::string print_chain(const Chain& chain) {
  return chain.hook ? fmt::format("-P {} {}", chain.name, policy_name(chain.policy))
                    : fmt::format("-N {}", chain.name);
}

std::string print_save(const Ruleset& ruleset, bool rule_counters) {
  std::vector<const Table*> tables;
  for (const Table& table : ruleset.tables)
    tables.push_back(&table);
  if (ruleset.backend == Backend::nft) {
    std::stable_sort(tables.begin(), tables.end(), [](const Table* a, const Table* b) {
      return nft_place(a->kind) < nft_place(b->kind);
    });
  }
  std::string out;
  for (const Table* table : tables)
    append_table(out, *table, ruleset.family, rule_counters);
  return out;
}

}  // namespace wayout::netfilter
