#include "why/change.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "host/escape.hpp"
#include "host/provenance.hpp"
#include "netfilter/print.hpp"
#include "why/keep.hpp"
#include "why/question.hpp"
#include "why/words.hpp"

namespace wayout::why {
namespace {

/// A line of iptables-save for a shell: what iptables puts in double quotes, where a shell would
/// expand it, goes in single ones. iptables quotes whole words only.
std::string for_shell(std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < line.size();) {
    if (line[i] == ' ') {
      out += line[i++];
      continue;
    }
    std::string word;
    bool quoted = line[i] == '"';
    if (quoted) ++i;
    for (; i < line.size() && (quoted || line[i] != ' '); ++i) {
      if (line[i] == '"' && quoted) quoted = false;
      else if (line[i] == '\\' && quoted && i + 1 < line.size()) word += line[++i];
      else word += line[i];
    }
    out += word == "!" ? word : shell_word(word);
  }
  return out;
}

/// The name of a device in a rule as iptables prints it, without any quotes; cleared where a shell
/// would not take it so, and then told here.
std::string take_odd_device(char option, netfilter::InterfaceMatch& match) {
  const std::string name = match.name + (match.wildcard ? "+" : "");
  if (match.name.empty() || shell_word(name) == name) return "";
  std::string text = fmt::format(" {}-{} {}", match.invert ? "! " : "", option, shell_word(name));
  match = {};
  return text;
}

/// The part of `-A CHAIN …` behind the chain.
std::string rule_spec(const netfilter::Chain& chain, netfilter::Rule rule) {
  std::string odd = take_odd_device('i', rule.in);
  odd += take_odd_device('o', rule.out);
  const std::string text = netfilter::print_rule(chain, rule, wire::Family::ipv4);
  const std::string head = fmt::format("-A {}", chain.name);
  return odd + for_shell(std::string_view(text).substr(std::min(head.size(), text.size())));
}

/// `iptables -t nat`, and without a table for filter.
std::string iptables(const netfilter::Netfilter& netfilter, std::size_t ruleset,
                     netfilter::TableKind table) {
  std::string command = iptables_tool(netfilter, ruleset);
  if (table != netfilter::TableKind::filter)
    command += fmt::format(" -t {}", netfilter::table_name(table));
  return command;
}

void set_conf(route::Ipv4Conf& conf, Sysctl sysctl, int value) {
  switch (sysctl) {
    case Sysctl::forwarding: conf.forwarding = value != 0; break;
    case Sysctl::rp_filter: conf.rp_filter = value; break;
    case Sysctl::accept_local: conf.accept_local = value != 0; break;
    case Sysctl::route_localnet: conf.route_localnet = value != 0; break;
    case Sysctl::src_valid_mark: conf.src_valid_mark = value != 0; break;
    case Sysctl::arp_ignore: conf.arp_ignore = value; break;
    case Sysctl::arp_filter: conf.arp_filter = value != 0; break;
    case Sysctl::proxy_arp: conf.proxy_arp = value != 0; break;
    case Sysctl::accept_source_route: conf.accept_source_route = value != 0; break;
    case Sysctl::bc_forwarding: conf.bc_forwarding = value != 0; break;
    default: break;
  }
}

}  // namespace

Change set_sysctl(const host::Machine& machine, std::uint32_t host, Sysctl sysctl, DeviceId device,
                  int value) {
  std::string key{sysctl_pattern(sysctl)};
  if (const std::size_t star = key.find('*'); star != std::string::npos) {
    std::string name = device == all_devices ? "all" : machine.hosts[host].devices[device].name;
    std::replace(name.begin(), name.end(), '.', '/');
    key.replace(star, 1, name);
  }
  Change c{.host = host,
           .command = fmt::format("sysctl -w {}", shell_word(fmt::format("{}={}", key, value))),
           .lasting = host::how_to_keep_sysctl(key, std::to_string(value),
                                               machine.hosts[host].boot_root),
           .parts = Parts::devices | Parts::bridging,
           .apply = {}};
  c.apply = [=](host::Host& h) {
    if (sysctl == Sysctl::bridge_nf_call_iptables) h.bridging.nf_call_iptables = value != 0;
    else if (sysctl == Sysctl::icmp_echo_ignore_all) h.ip.icmp_echo_ignore_all = value != 0;
    else if (sysctl == Sysctl::ip_default_ttl) h.ip.default_ttl = static_cast<std::uint8_t>(value);
    else if (sysctl == Sysctl::ipfrag_high_thresh) h.ip.fragments.high_thresh_bytes = value;
    else if (sysctl == Sysctl::mcast_solicit) h.devices[device].neighbours.mcast_solicit = value;
    else if (device == all_devices) set_conf(h.interfaces.all, sysctl, value);
    else if (device != no_device) set_conf(h.interfaces[device].conf, sysctl, value);
    h.sysctls[key] = std::to_string(value);
  };
  return c;
}

Change enable_forwarding(const host::Machine& machine, std::uint32_t host) {
  return {.host = host,
          .command = "sysctl -w net.ipv4.ip_forward=1",
          .lasting = host::how_to_keep_sysctl("net.ipv4.ip_forward", "1",
                                              machine.hosts[host].boot_root),
          .parts = Parts::devices,
          .apply = [](host::Host& h) {
            h.interfaces.all.forwarding = h.interfaces.defaults.forwarding = true;
            for (route::Interface& i : h.interfaces.list) i.conf.forwarding = true;
            for (auto& [key, value] : h.sysctls)
              if (key == "net.ipv4.ip_forward" ||
                  (key.starts_with("net.ipv4.conf.") && key.ends_with(".forwarding")))
                value = "1";
          }};
}

Change insert_rule(const host::Machine& machine, std::uint32_t host, RuleRef ref, std::uint32_t at,
                   netfilter::Rule rule) {
  const netfilter::Netfilter& nf = machine.hosts[host].netfilter;
  const netfilter::Ruleset& ruleset = nf.rulesets[ref.ruleset];
  const netfilter::Chain& chain = nf.chain(ref);
  const bool last = at >= chain.rules.size();
  const std::string name = shell_word(chain.name);
  const std::string place = last      ? fmt::format("-A {}", name)
                            : at == 0 ? fmt::format("-I {}", name)
                                      : fmt::format("-I {} {}", name, at + 1);
  return {.host = host,
          .command = fmt::format("{} {}{}", iptables(nf, ref.ruleset, ruleset.tables[ref.table].kind),
                                 place, rule_spec(chain, rule)),
          .lasting = how_to_keep_rules(machine.hosts[host], chain.name),
          .parts = Parts::rules,
          .by_position = true,
          .apply = [=](host::Host& h) {
            auto& rules =
                h.netfilter.rulesets[ref.ruleset].tables[ref.table].chains[ref.chain].rules;
            rules.insert(rules.begin() + std::min<std::ptrdiff_t>(at, std::ssize(rules)), rule);
          }};
}

Change delete_rule(const host::Machine& machine, std::uint32_t host, RuleRef ref) {
  const netfilter::Netfilter& nf = machine.hosts[host].netfilter;
  const netfilter::Ruleset& ruleset = nf.rulesets[ref.ruleset];
  const netfilter::Chain& chain = nf.chain(ref);
  // What a terminal must not see cannot be pasted either: then the rule goes by its number.
  const std::string line = netfilter::print_rule(chain, nf.rule(ref), wire::Family::ipv4);
  const std::string spec = host::escaped(line) == line ? rule_spec(chain, nf.rule(ref))
                                                       : fmt::format(" {}", ref.rule + 1);
  return {.host = host,
          .command = fmt::format("{} -D {}{}", iptables(nf, ref.ruleset, ruleset.tables[ref.table].kind),
                                 shell_word(chain.name), spec),
          .lasting = how_to_drop_rules(machine.hosts[host], chain.name),
          .parts = Parts::rules,
          .weight = 2,
          .by_position = true,
          .apply = [=](host::Host& h) {
            auto& rules =
                h.netfilter.rulesets[ref.ruleset].tables[ref.table].chains[ref.chain].rules;
            rules.erase(rules.begin() + ref.rule);
          }};
}

Change replace_rule(const host::Machine& machine, std::uint32_t host, RuleRef ref,
                    netfilter::Rule rule) {
  const netfilter::Netfilter& nf = machine.hosts[host].netfilter;
  const netfilter::Ruleset& ruleset = nf.rulesets[ref.ruleset];
  const netfilter::Chain& chain = nf.chain(ref);
  return {.host = host,
          .command = fmt::format("{} -R {} {}{}",
                                 iptables(nf, ref.ruleset, ruleset.tables[ref.table].kind),
                                 shell_word(chain.name), ref.rule + 1, rule_spec(chain, rule)),
          .lasting = how_to_keep_rules(machine.hosts[host], chain.name),
          .parts = Parts::rules,
          .by_position = true,
          .blames = Cause::rule(ref),
          .apply = [=](host::Host& h) {
            h.netfilter.rulesets[ref.ruleset].tables[ref.table].chains[ref.chain].rules[ref.rule] =
                rule;
          }};
}

Change add_rule(const host::Machine& machine, std::uint32_t host, netfilter::TableKind kind,
                Hook hook, bool first, netfilter::Rule rule) {
  const netfilter::Netfilter& nf = machine.hosts[host].netfilter;
  // The ruleset that already has this table, else the first, else a new one as iptables makes it.
  std::size_t ruleset = nf.rulesets.size();
  for (std::size_t i = nf.rulesets.size(); i-- > 0;)
    for (const netfilter::Table& table : nf.rulesets[i].tables)
      if (table.kind == kind && table.at(hook) != nullptr) ruleset = i;
  if (ruleset == nf.rulesets.size() && !nf.rulesets.empty()) ruleset = 0;
  const netfilter::Chain chain{.name = hook_name(hook), .policy = netfilter::Policy::accept,
                               .hook = hook, .counters = {}, .rules = {}};
  return {.host = host,
          .command = fmt::format("{} {} {}{}", iptables(nf, ruleset, kind), first ? "-I" : "-A",
                                 chain.name, rule_spec(chain, rule)),
          .lasting = how_to_keep_rules(machine.hosts[host], chain.name),
          .parts = Parts::rules,
          .apply = [=](host::Host& h) {
            auto& rulesets = h.netfilter.rulesets;
            if (rulesets.size() <= ruleset)
              rulesets.resize(ruleset + 1, {.backend = netfilter::Backend::nft, .file = {}, .tables = {}});
            auto& tables = rulesets[ruleset].tables;
            auto table = std::find_if(tables.begin(), tables.end(),
                                      [&](const auto& t) { return t.kind == kind; });
            if (table == tables.end()) table = tables.insert(tables.end(), {.kind = kind, .chains = {}});
            auto found = std::find_if(table->chains.begin(), table->chains.end(),
                                      [&](const auto& c) { return c.hook == hook; });
            if (found == table->chains.end()) found = table->chains.insert(found, chain);
            found->rules.insert(first ? found->rules.begin() : found->rules.end(), rule);
          }};
}

namespace {

/// Of the protocols that a question can be asked with.
const char* protocol_word(std::uint8_t protocol) {
  for (const Probe probe : {Probe::tcp, Probe::udp})
    if (protocol_of(probe) == protocol) return probe_name(probe);
  return probe_name(Probe::icmp);
}

}  // namespace

Change forget_connections(const conntrack::Connection& one, std::uint32_t host) {
  const conntrack::Tuple t = one.original();
  std::string command = fmt::format("conntrack -D -s {} -d {} -p {}", t.source.text(),
                                    t.destination.text(), protocol_word(t.protocol));
  if (conntrack::has_ports(t.protocol)) command += fmt::format(" --dport {}", t.destination_port);
  const bool tcp = t.protocol == wire::protocol::tcp;
  if (tcp) command += " --state SYN_SENT";
  return {.host = host,
          .command = std::move(command),
          .lasting = "",
          .parts = Parts::connections,
          .weight = 0,
          .apply = [t, tcp](host::Host& h) {
            std::erase_if(h.connections, [&](const conntrack::Connection& c) {
              const conntrack::Tuple& o = c.original();
              if (tcp && c.tcp.state != conntrack::TcpState::syn_sent) return false;
              return o.protocol == t.protocol && o.source == t.source &&
                     o.destination == t.destination &&
                     (!conntrack::has_ports(t.protocol) || o.destination_port == t.destination_port);
            });
          }};
}

Change delete_connection(const host::Machine& machine, std::uint32_t host,
                         const conntrack::Connection& connection) {
  static_cast<void>(machine);
  const conntrack::Tuple& t = connection.original();
  std::string command = fmt::format("conntrack -D -s {} -d {}", t.source.text(), t.destination.text());
  if (t.protocol == 6 || t.protocol == 17)
    command += fmt::format(" -p {} --sport {} --dport {}", t.protocol == 6 ? "tcp" : "udp",
                           t.source_port, t.destination_port);
  else if (t.protocol == 1) command += fmt::format(" -p icmp --icmp-id {}", t.source_port);
  return {.host = host,
          .command = std::move(command),
          .lasting = "",
          .parts = Parts::connections,
          .apply = [t](host::Host& h) {
            std::erase_if(h.connections, [&](const auto& c) { return c.original() == t; });
          }};
}

}  // namespace wayout::why
