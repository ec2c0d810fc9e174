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

constexpr const char* keep_network =
    "put it where the interface is configured (networkd, ifupdown, NetworkManager, the container engine)";

constexpr const char* drop_from_network =
    "remove it from where the network is configured (networkd, ifupdown, NetworkManager, the "
    "container engine)";

/// Names of devices come from the host that was read: a shell must take each as one plain word.
std::string name_of(const host::Machine& machine, host::DeviceRef d) {
  return shell_word(machine.hosts[d.host].devices[d.device].name);
}

/// The same behind `ip link set`, which takes a word with a dash for an option.
std::string link_of(const host::Machine& machine, host::DeviceRef d) {
  const bool like_option = machine.hosts[d.host].devices[d.device].name.starts_with('-');
  return (like_option ? "dev " : "") + name_of(machine, d);
}

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

/// What names a routing rule in `ip rule del`: the line of `ip rule` without its remarks.
std::string rule_selector(std::string_view line) {
  std::string out;
  line.remove_prefix(line.find(':') + 1);
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    const std::string word(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
    if (word.empty() || word == "[detached]" || word == "[unresolved]") continue;
    if (word == "lookup" && line.starts_with("[l3mdev-table]")) continue;
    out += " " + (word == "[l3mdev-table]" ? "l3mdev" : shell_word(word));
  }
  return out;
}

/// `iptables -t nat`, and without a table for filter.
std::string iptables(const netfilter::Netfilter& netfilter, std::size_t ruleset,
                     netfilter::TableKind table) {
  std::string command = iptables_tool(netfilter, ruleset);
  if (table != netfilter::TableKind::filter)
    command += fmt::format(" -t {}", netfilter::table_name(table));
  return command;
}

/// The routes that the kernel makes of a device's addresses, where they are not there yet.
void add_routes_of(host::Host& h, DeviceId device) {
  route::Fib made;
  route::add_implied_routes(made, h.interfaces);
  for (route::FibTable& table : made.tables) {
    auto& routes = h.fib.tables[h.fib.table_position(table.id)].routes;
    for (route::Route& r : table.routes) {
      const bool is_there = std::any_of(routes.begin(), routes.end(), [&](const route::Route& o) {
        return o.type == r.type && o.destination == r.destination && !o.nexthops.empty() &&
               o.nexthops.front().device == device;
      });
      if (is_there || r.nexthops.front().device != device) continue;
      r.synthesized = false;
      routes.push_back(std::move(r));
    }
  }
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
          .lasting = how_to_keep_rules(machine.hosts[host]),
          .parts = Parts::rules,
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
          .lasting = how_to_drop_rules(machine.hosts[host]),
          .parts = Parts::rules,
          .weight = 2,
          .apply = [=](host::Host& h) {
            auto& rules =
                h.netfilter.rulesets[ref.ruleset].tables[ref.table].chains[ref.chain].rules;
            rules.erase(rules.begin() + ref.rule);
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
          .lasting = how_to_keep_rules(machine.hosts[host]),
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

Change add_route(const host::Machine& machine, std::uint32_t host, const wire::Prefix& prefix,
                 const wire::IpAddress& gateway, DeviceId device) {
  const std::string to = prefix.length == 0 ? "default" : prefix.text(true);
  return {.host = host,
          .command = fmt::format("ip route replace {} via {} dev {}", to, gateway.text(),
                                 name_of(machine, {host, device})),
          .lasting = keep_network,
          .parts = Parts::routing,
          .apply = [=](host::Host& h) {
            auto& routes = h.fib.tables[h.fib.table_position(route::table_main)].routes;
            std::erase_if(routes, [&](const route::Route& r) {
              return r.destination == prefix && r.metric == 0 && r.tos == 0;
            });
            route::Route r{.destination = prefix, .nexthops = {{.gateway = gateway, .device = device}}};
            r.protocol = 3;  // RTPROT_BOOT, as `ip route` without proto
            routes.push_back(std::move(r));
          }};
}

Change default_route(const host::Machine& machine, std::uint32_t host,
                     const wire::IpAddress& gateway, DeviceId device) {
  return add_route(machine, host, {wire::IpAddress::any(wire::Family::ipv4), 0}, gateway, device);
}

Change delete_route(const host::Machine& machine, std::uint32_t host, RouteRef ref) {
  const host::Host& h = machine.hosts[host];
  const route::Route& route = h.fib.route(ref);
  const std::uint32_t table = h.fib.tables[ref.table].id;
  // Type, prefix, table and metric name a route; next hops and objects only get in the way.
  std::string command = "ip route del ";
  const bool by_object = route.nexthop_id != 0;  // then the type is the object's, not the route's
  switch (by_object ? RouteType::unicast : route.type) {
    case RouteType::blackhole: command += "blackhole "; break;
    case RouteType::unreachable: command += "unreachable "; break;
    case RouteType::prohibit: command += "prohibit "; break;
    default: break;
  }
  command += route.destination.length == 0 ? "default" : route.destination.text(true);
  if (table != route::table_main) command += fmt::format(" table {}", table);
  if (route.metric != 0) command += fmt::format(" metric {}", route.metric);
  return {.host = host,
          .command = std::move(command),
          .lasting = drop_from_network,
          .parts = Parts::routing,
          .weight = 2,
          .apply = [=](host::Host& target) {
            auto& routes = target.fib.tables[ref.table].routes;
            routes.erase(routes.begin() + ref.route);
          }};
}

Change delete_routing_rule(const host::Machine& machine, std::uint32_t host,
                           std::uint32_t position) {
  const std::vector<route::Rule>& rules = machine.hosts[host].fib.rules;
  const route::Rule& rule = rules[position];
  // One of several with this preference: named by all that `ip rule` shows of it.
  const auto same = std::count_if(rules.begin(), rules.end(), [&](const route::Rule& r) {
    return r.preference == rule.preference;
  });
  const std::string line = routing_rule_line(machine.hosts[host], position);
  const std::string selector = same > 1 ? rule_selector(line) : "";
  return {.host = host,
          .command = fmt::format("ip rule del pref {}{}", rule.preference, selector),
          .lasting = drop_from_network,
          .parts = Parts::routing,
          .weight = 2,
          .apply = [=](host::Host& h) { h.fib.rules.erase(h.fib.rules.begin() + position); }};
}

Change add_local_rule(const host::Machine&, std::uint32_t host) {
  return {.host = host,
          .command = "ip rule add pref 0 lookup local",
          .lasting = keep_network,
          .parts = Parts::routing,
          .apply = [](host::Host& h) {
            h.fib.rules.insert(h.fib.rules.begin(), {.table = route::table_local});
          }};
}

Change disable_stp(const host::Machine& machine, host::DeviceRef d) {
  return {.host = d.host,
          .command = fmt::format("ip link set {} type bridge stp_state 0", link_of(machine, d)),
          .lasting = keep_network,
          .parts = Parts::devices,
          .weight = 2,
          .prepares = true,
          .apply = [=](host::Host& h) { h.devices[d.device].bridge.stp = false; }};
}

Change link_up(const host::Machine& machine, host::DeviceRef d) {
  return {.host = d.host,
          .command = fmt::format("ip link set {} up", link_of(machine, d)),
          .lasting = keep_network,
          .parts = Parts::devices | Parts::routing | Parts::bridging,
          .prepares = true,  // its routes were lost when it went down
          .apply = [=](host::Host& h) {
            h.devices[d.device].up = h.interfaces[d.device].up = true;
            h.devices[d.device].carrier = h.interfaces[d.device].carrier = true;
            if (h.devices[d.device].port)
              h.devices[d.device].port->state = link::PortState::forwarding;
            for (link::Device& port : h.devices.list)  // ports of a bridge that comes up
              if (port.master == d.device && port.port && port.running())
                port.port->state = link::PortState::forwarding;
            add_routes_of(h, d.device);
          }};
}

Change set_master(const host::Machine& machine, host::DeviceRef d, DeviceId bridge) {
  return {.host = d.host,
          .command = fmt::format("ip link set {} master {}", link_of(machine, d),
                                 name_of(machine, {d.host, bridge})),
          .lasting = keep_network,
          .parts = Parts::devices | Parts::bridging,
          .blames = Cause::bridge(BridgeCause::not_a_port, d.device),
          .apply = [=](host::Host& h) {
            h.devices[d.device].master = bridge;
            h.devices[d.device].port = link::BridgePort{};
            h.interfaces[d.device].addresses.clear();
            if (!h.devices[bridge].carrier)
              h.devices[bridge].carrier = h.interfaces[bridge].carrier = true;
          }};
}

Change set_mac(const host::Machine& machine, host::DeviceRef d, const wire::MacAddress& mac) {
  return {.host = d.host,
          .command = fmt::format("ip link set {} address {}", link_of(machine, d), mac.text()),
          .lasting = keep_network,
          .parts = Parts::devices,
          .apply = [=](host::Host& h) { h.devices[d.device].mac = mac; }};
}

Change set_mtu(const host::Machine& machine, host::DeviceRef d, std::uint32_t mtu_bytes) {
  return {.host = d.host,
          .command = fmt::format("ip link set {} mtu {}", link_of(machine, d), mtu_bytes),
          .lasting = keep_network,
          .parts = Parts::devices,
          .weight = 2,
          .apply = [=](host::Host& h) {
            h.devices[d.device].mtu_bytes = h.interfaces[d.device].mtu_bytes = mtu_bytes;
          }};
}

Change add_address(const host::Machine& machine, host::DeviceRef d, const wire::IpAddress& address,
                   std::uint8_t prefix_length) {
  return {.host = d.host,
          .command = fmt::format("ip addr add {}/{} dev {}", address.text(), prefix_length,
                                 name_of(machine, d)),
          .lasting = keep_network,
          .parts = Parts::devices | Parts::routing,
          .apply = [=](host::Host& h) {
            route::insert_address(h.interfaces[d.device],
                                  {.local = address, .peer = address, .prefix_length = prefix_length});
            add_routes_of(h, d.device);
          }};
}

Change set_port(const host::Machine& machine, host::DeviceRef port, const std::string& flag,
                const std::string& value, std::function<void(link::BridgePort&)> apply) {
  return {.host = port.host,
          .command = fmt::format("bridge link set dev {} {} {}", name_of(machine, port), flag, value),
          .lasting = keep_network,
          .parts = Parts::devices,
          .apply = [=](host::Host& h) {
            if (h.devices[port.device].port) apply(*h.devices[port.device].port);
          }};
}

Change delete_neighbour(const host::Machine& machine, host::DeviceRef d,
                        const wire::IpAddress& address) {
  return {.host = d.host,
          .command = fmt::format("ip neigh del {} dev {}", address.text(), name_of(machine, d)),
          .lasting = "",
          .parts = Parts::neighbours,
          .blames = Cause::neighbour(d.device),
          .apply = [=](host::Host& h) {
            std::erase_if(h.neighbours, [&](const link::Neighbour& n) {
              return n.device == d.device && n.address == address;
            });
          }};
}

Change delete_fdb(const host::Machine& machine, std::uint32_t host, const bridge::FdbEntry& entry) {
  return {.host = host,
          .command = fmt::format("bridge fdb del {} dev {} master", entry.mac.text(),
                                 name_of(machine, {host, entry.port})),
          .lasting = "",
          .parts = Parts::bridging,
          .apply = [=](host::Host& h) {
            std::erase_if(h.bridging.fdb, [&](const bridge::FdbEntry& e) {
              return e.mac == entry.mac && e.port == entry.port && e.vlan == entry.vlan;
            });
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
  return {.host = host,
          .command = std::move(command),
          .lasting = "",
          .parts = Parts::connections,
          .weight = 0,
          .apply = [t](host::Host& h) {
            std::erase_if(h.connections, [&](const conntrack::Connection& c) {
              const conntrack::Tuple& o = c.original();
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
