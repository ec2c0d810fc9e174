#include "why/keep.hpp"

#include <algorithm>

namespace wayout::why {
namespace {

/// Who makes the rules of a host, and makes them anew.
enum class RuleOwner { nobody, ufw, firewalld };

RuleOwner rule_owner(const host::Host& host) {
  for (const netfilter::Ruleset& ruleset : host.netfilter.rulesets)
    for (const netfilter::Table& table : ruleset.tables)
      for (const netfilter::Chain& chain : table.chains) {
        if (chain.name.starts_with("ufw-")) return RuleOwner::ufw;
        const bool of_zones = chain.name.ends_with("_ZONES") || chain.name.ends_with("_direct");
        if (of_zones || chain.name.starts_with("FWDI_")) return RuleOwner::firewalld;
      }
  const bool in_nft = std::ranges::any_of(host.unmodelled, [](const host::Unmodelled& found) {
    return found.kind == host::Unmodelled::Kind::nft_chain &&
           found.text.find(" firewalld ") != std::string::npos;
  });
  return in_nft ? RuleOwner::firewalld : RuleOwner::nobody;
}

}  // namespace

std::string how_to_keep_rules(const host::Host& host) {
  switch (rule_owner(host)) {
    case RuleOwner::ufw:
      return "write it to /etc/ufw/before.rules, above its COMMIT: ufw makes its rules anew";
    case RuleOwner::firewalld:
      return "give it to firewalld, which makes its rules anew: firewall-cmd --permanent --direct "
             "--add-rule ipv4 TABLE CHAIN 0 …, then firewall-cmd --reload";
    case RuleOwner::nobody: break;
  }
  return "save the rules, e.g. netfilter-persistent save";
}

std::string how_to_drop_rules(const host::Host& host) {
  switch (rule_owner(host)) {
    case RuleOwner::ufw:
      return "remove it from where ufw has it (ufw status numbered and ufw delete, or the files "
             "*.rules in /etc/ufw): ufw makes its rules anew";
    case RuleOwner::firewalld:
      return "remove it from where firewalld has it (firewall-cmd --permanent …, then "
             "firewall-cmd --reload): firewalld makes its rules anew";
    case RuleOwner::nobody: break;
  }
  return "save the rules, e.g. netfilter-persistent save";
}

}  // namespace wayout::why
