// The words for causes: which line of configuration, as the tools that show it print it.
//
// Nothing here decides; it turns indices into a Host back into what an engineer typed or would see.
#pragma once

#include <cstdint>
#include <string>

#include "host/host.hpp"
#include "packet/stop.hpp"
#include "packet/trace.hpp"

namespace wayout::why {

/// `sysctl`, `rule`, `policy`, `route`, …: the contract's word for a cause.
[[nodiscard]] const char* cause_kind(const Cause& cause);

/// `net.ipv4.conf.br0.forwarding`: the key that is in force, which may be the one of `all`.
[[nodiscard]] std::string sysctl_key(const host::Host& host, const Cause& cause);
/// Its value, as read or the kernel's default.
[[nodiscard]] std::string sysctl_value(const host::Host& host, const Cause& cause);

/// One line of configuration: `-A FORWARD -i br0 -j DROP`, `default via 10.0.0.1 dev eth0`,
/// `net.ipv4.ip_forward = 0`. For what is missing, a phrase that says so.
[[nodiscard]] std::string cause_line(const host::Host& host, const Cause& cause);

/// `default via 10.0.0.1 dev eth0`, as `ip route` prints it.
[[nodiscard]] std::string route_line(const host::Host& host, RouteRef route);
/// `32766: from all lookup main`, as `ip rule` prints it.
[[nodiscard]] std::string routing_rule_line(const host::Host& host, std::uint32_t position);
/// `-m tcp --dport 80`.
[[nodiscard]] std::string match_line(const netfilter::Match& match);

/// `iptables`, or which one: with rules in both backends `iptables` may be either, so says its name.
[[nodiscard]] const char* iptables_tool(const netfilter::Netfilter& netfilter, std::size_t ruleset);

/// Where a rule stands: `filter`, `FORWARD`, number from 1 (0: policy), tool of its backend.
struct RulePlace {
  std::string table, chain;
  std::uint32_t number = 0;
  std::string command;   ///< see iptables_tool
};
[[nodiscard]] RulePlace rule_place(const host::Host& host, RuleRef ref);

/// A sentence about how it ended, without the namespace: `forwarding is off for packets that come
/// in on br0`. `stop` is what ended it; `cause_host` owns the cause.
[[nodiscard]] std::string sentence(const host::Host& cause_host, const Stop& stop);

/// A word as a shell takes it: as it is, in single quotes, or spelled out (`$'a\x1bb'`) where it
/// has characters that no terminal shows.
[[nodiscard]] std::string shell_word(const std::string& word);

/// What an unmodelled thing or an undecided rule is called.
[[nodiscard]] std::string unknown_line(const host::Host& host, const Cause& cause);

}  // namespace wayout::why
