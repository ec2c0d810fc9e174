#include "why/keep.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace wayout::why {
namespace {

/// Who makes all rules of a host, and makes them anew.
enum class RuleOwner { nobody, ufw, firewalld, shorewall };

RuleOwner rule_owner(const host::Host& host) {
  for (const netfilter::Ruleset& ruleset : host.netfilter.rulesets)
    for (const netfilter::Table& table : ruleset.tables)
      for (const netfilter::Chain& chain : table.chains) {
        if (chain.name.starts_with("ufw-")) return RuleOwner::ufw;
        const bool of_zones = chain.name.ends_with("_ZONES") || chain.name.ends_with("_direct");
        if (of_zones || chain.name.starts_with("FWDI_")) return RuleOwner::firewalld;
        if (chain.name == "shorewall") return RuleOwner::shorewall;
      }
  const bool in_nft = std::ranges::any_of(host.unmodelled, [](const host::Unmodelled& found) {
    return found.kind == host::Unmodelled::Kind::nft_chain &&
           found.text.find(" firewalld ") != std::string::npos;
  });
  return in_nft ? RuleOwner::firewalld : RuleOwner::nobody;
}

/// A program that makes chains of its own, known by their names, and where it leaves room.
struct ChainOwner {
  const char* prefix;
  const char* who;
  const char* keep;  ///< for a new rule
  const char* drop;  ///< for one that goes
};

constexpr ChainOwner chain_owners[] = {
    {"DOCKER", "docker", "put it in DOCKER-USER, which docker leaves alone",
     "change what it is made of: the published port, or the network's options"},
    {"NETAVARK", "netavark", "put it in FORWARD, in front of the jump to netavark's chains",
     "change what it is made of: podman's network, or the published port"},
    {"CNI-", "the CNI plugins", "put it in a chain of your own, in front of the jump to theirs",
     "change what it is made of: the network's configuration, or the published port"},
    {"KUBE-", "Kubernetes", "put it in a chain of your own, in front of the jump to its chains",
     "change what it is made of: the Service, its endpoints, or kube-proxy's options"},
    {"cali-", "Calico", "make it a NetworkPolicy", "change the NetworkPolicy it is made of"},
    {"FLANNEL-", "flannel", "put it in a chain of your own, in front of the jump to its chains",
     "change flannel's network configuration"},
    {"LIBVIRT_", "libvirt", "put it in FORWARD, in front of the jump to libvirt's chains, e.g. by "
     "/etc/libvirt/hooks/network",
     "change the network it is made of: virsh net-edit"},
    {"f2b-", "fail2ban", "put it in INPUT, in front of the jump to fail2ban's chains",
     "tell fail2ban: fail2ban-client unban ADDRESS"},
};

const ChainOwner* owner_of(std::string_view chain) {
  if (chain == "DOCKER-USER") return nullptr;
  const auto* found = std::ranges::find_if(
      chain_owners, [&](const ChainOwner& owner) { return chain.starts_with(owner.prefix); });
  return found == std::end(chain_owners) ? nullptr : found;
}

constexpr const char* save = "save the rules, e.g. netfilter-persistent save";

}  // namespace

std::string how_to_keep_rules(const host::Host& host, std::string_view chain) {
  if (const ChainOwner* owner = owner_of(chain))
    return fmt::format("{}: {} makes the chain {} anew", owner->keep, owner->who, chain);
  switch (rule_owner(host)) {
    case RuleOwner::ufw:
      return "write it to /etc/ufw/before.rules, above its COMMIT: ufw makes its rules anew";
    case RuleOwner::firewalld:
      return "give it to firewalld, which makes its rules anew: firewall-cmd --permanent --direct "
             "--add-rule ipv4 TABLE CHAIN 0 …, then firewall-cmd --reload";
    case RuleOwner::shorewall:
      return "write it to /etc/shorewall/rules (or policy): shorewall makes its rules anew";
    case RuleOwner::nobody: break;
  }
  return save;
}

std::string how_to_drop_rules(const host::Host& host, std::string_view chain) {
  if (const ChainOwner* owner = owner_of(chain))
    return fmt::format("{}: {} makes the chain {} anew", owner->drop, owner->who, chain);
  switch (rule_owner(host)) {
    case RuleOwner::ufw:
      return "remove it from where ufw has it (ufw status numbered and ufw delete, or the files "
             "*.rules in /etc/ufw): ufw makes its rules anew";
    case RuleOwner::firewalld:
      return "remove it from where firewalld has it (firewall-cmd --permanent …, then "
             "firewall-cmd --reload): firewalld makes its rules anew";
    case RuleOwner::shorewall:
      return "remove it from /etc/shorewall/rules (or policy): shorewall makes its rules anew";
    case RuleOwner::nobody: break;
  }
  return save;
}

std::string how_to_keep_set(std::string_view set, const std::string& element) {
  if (set.starts_with("f2b-"))
    return fmt::format("fail2ban keeps a list of its own: fail2ban-client unban {}", element);
  if (set.starts_with("cali"))
    return "change the NetworkPolicy or the labels that it is made of: Calico makes its sets anew";
  if (set.starts_with("KUBE-"))
    return "change the Service that it is made of: kube-proxy makes its sets anew";
  return "save the sets, e.g. ipset save, where they are loaded from";
}

}  // namespace wayout::why
