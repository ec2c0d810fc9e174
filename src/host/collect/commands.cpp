#include "host/collect/commands.hpp"

#include <algorithm>

namespace wayout::host::collect {

std::span<const Command> commands() {
  static const std::vector<Command> list = {
      {"ip-link.json", {"ip", "-details", "-json", "link", "show"}},
      {"ip-addr.json", {"ip", "-details", "-json", "addr", "show"}},
      {"ip-rule.json", {"ip", "-details", "-json", "rule", "show"}},
      {"ip-route.json", {"ip", "-4", "-details", "-json", "route", "show", "table", "all"}},
      {"ip-nexthop.json", {"ip", "-json", "nexthop", "show"}},
      {"ip-neigh.json", {"ip", "-json", "neigh", "show", "nud", "all"}},
      {"ip-neigh-proxy.json", {"ip", "-json", "neigh", "show", "proxy"}},
      {"igmp.txt", {"cat", "/proc/net/igmp"}},
      {"ip-netns.json", {"ip", "-json", "netns", "list-id"}},
      {"ip-6-rule.json", {"ip", "-6", "-details", "-json", "rule", "show"}},
      {"ip-6-route.json", {"ip", "-6", "-details", "-json", "route", "show", "table", "all"}},
      {"bridge-fdb.json", {"bridge", "-details", "-json", "fdb", "show"}},
      {"bridge-vlan.json", {"bridge", "-json", "vlan", "show"}},
      {"sysctl.txt", {"sysctl", "-a"}},
      {"iptables-save.txt", {"iptables-save", "-c"}},
      {"iptables-nft-save.txt", {"iptables-nft-save", "-c"}, Condition::other_nft},
      {"iptables-legacy-save.txt", {"iptables-legacy-save", "-c"}, Condition::legacy_v4},
      {"ip6tables-save.txt", {"ip6tables-save", "-c"}},
      {"ip6tables-legacy-save.txt", {"ip6tables-legacy-save", "-c"}, Condition::legacy_v6},
      {"nft.json", {"nft", "-j", "list", "ruleset"}},
      {"nft.txt", {"nft", "list", "ruleset"}},
      {"ipset.txt", {"ipset", "save"}},
      {"conntrack.txt", {"conntrack", "-L", "-o", "extended"}},
      {"ss.txt", {"ss", "-Hlntu"}},
      {"ss-options.txt", {"ss", "-Hlntu", "--inet-sockopt"}},
      // Nothing to find, nobody reads a queue.
      {"nfqueue.txt",
       {"find", "/proc/net/netfilter/", "-name", "nfnetlink_queue", "-exec", "cat", "{}", "+"}},
      {"tc-qdisc.json", {"tc", "-json", "qdisc", "show"}},
      {"bpftool-net.json", {"bpftool", "-j", "net", "show"}},
      {"ip-xfrm-policy.txt", {"ip", "xfrm", "policy"}},
      {"ip-vs.txt", {"cat", "/proc/net/ip_vs"}},
      {"ebtables-legacy-save.txt", {"ebtables-legacy-save"}, Condition::ebtables},
  };
  return list;
}

std::optional<Command> plain_form(const Command& command) {
  const bool has_plain_reader = command.argv[0] == "ip" || command.argv[0] == "bridge";
  constexpr std::string_view suffix = ".json";
  if (!has_plain_reader || !command.file.ends_with(suffix)) return std::nullopt;
  Command plain = command;
  plain.file.replace(plain.file.size() - suffix.size(), suffix.size(), ".txt");
  std::erase(plain.argv, "-json");
  return plain;
}

}  // namespace wayout::host::collect
