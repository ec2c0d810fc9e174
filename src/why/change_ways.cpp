// Changes of routes, routing rules, devices, bridges and neighbours.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "why/change_parts.hpp"
#include "why/words.hpp"

namespace wayout::why {
namespace {

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

}  // namespace

std::string name_of(const host::Machine& machine, host::DeviceRef d) {
  return shell_word(machine.hosts[d.host].devices[d.device].name);
}

std::string link_of(const host::Machine& machine, host::DeviceRef d) {
  const bool like_option = machine.hosts[d.host].devices[d.device].name.starts_with('-');
  return (like_option ? "dev " : "") + name_of(machine, d);
}

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
            r.protocol = route::made_by_boot;
            routes.push_back(std::move(r));
          }};
}

Change add_link_route(const host::Machine& machine, std::uint32_t host,
                      const wire::Prefix& prefix, DeviceId device) {
  return {.host = host,
          .command = fmt::format("ip route replace {} dev {} scope link", prefix.text(true),
                                 name_of(machine, {host, device})),
          .lasting = keep_network,
          .parts = Parts::routing,
          .apply = [=](host::Host& h) {
            auto& routes = h.fib.tables[h.fib.table_position(route::table_main)].routes;
            std::erase_if(routes, [&](const route::Route& r) {
              return r.destination == prefix && r.metric == 0 && r.tos == 0;
            });
            route::Route r{.destination = prefix, .nexthops = {{.device = device}}};
            r.scope = route::Scope::link;
            r.protocol = route::made_by_boot;
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
  // Type, prefix, TOS, table and metric name a route; next hops and objects only get in the way.
  std::string command = "ip route del ";
  const bool by_object = route.nexthop_id != 0;  // then the type is the object's, not the route's
  switch (by_object ? RouteType::unicast : route.type) {
    case RouteType::blackhole: command += "blackhole "; break;
    case RouteType::unreachable: command += "unreachable "; break;
    case RouteType::prohibit: command += "prohibit "; break;
    case RouteType::throw_: command += "throw "; break;
    case RouteType::local: command += "local "; break;
    case RouteType::broadcast: command += "broadcast "; break;
    default: break;
  }
  command += route.destination.length == 0 ? "default" : route.destination.text(true);
  if (route.tos != 0) command += fmt::format(" tos 0x{:02x}", route.tos);
  if (table != route::table_main) command += fmt::format(" table {}", table);
  if (route.metric != 0) command += fmt::format(" metric {}", route.metric);
  return {.host = host,
          .command = std::move(command),
          .lasting = drop_from_network,
          .parts = Parts::routing,
          .weight = 2,
          .by_position = true,
          .blames = Cause::route(ref),
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
          .by_position = true,
          .apply = [=](host::Host& h) { h.fib.rules.erase(h.fib.rules.begin() + position); }};
}

Change add_main_rule(const host::Machine&, std::uint32_t host, const wire::Prefix& from,
                     std::uint32_t preference) {
  const std::string selector =
      from.length == 0 ? "" : fmt::format("from {} ", from.text(true));
  return {.host = host,
          .command = fmt::format("ip rule add {}table main pref {}", selector, preference),
          .lasting = keep_network,
          .parts = Parts::routing,
          .by_position = true,
          .apply = [=](host::Host& h) {
            route::Rule rule{.preference = preference, .table = route::table_main};
            if (from.length != 0) rule.from = from;
            auto& rules = h.fib.rules;
            const auto behind = std::find_if(rules.begin(), rules.end(), [&](const auto& r) {
              return r.preference > preference;
            });
            rules.insert(behind, rule);
          }};
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
          .allows = true,
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
            std::erase_if(h.bridging.fdb,
                          [&](const bridge::FdbEntry& e) { return e.port == d.device; });
            link::Device& master = h.devices[bridge];  // without a port it may have no MAC
            if (master.mac.is_zero()) master.mac = h.devices[d.device].mac;
            make_own_entry(h, bridge, d.device);
            if (!h.devices[bridge].carrier)
              h.devices[bridge].carrier = h.interfaces[bridge].carrier = true;
          }};
}

Change free_port(const host::Machine& machine, host::DeviceRef d) {
  constexpr int cuts_the_bridge_off = 3;
  return {.host = d.host,
          .command = fmt::format("ip link set {} nomaster", link_of(machine, d)),
          .lasting = keep_network,
          .parts = Parts::devices | Parts::bridging,
          .weight = cuts_the_bridge_off,
          .blames = Cause::bridge(BridgeCause::port_has_address, d.device),
          .apply = [=](host::Host& h) {
            const DeviceId bridge = std::exchange(h.devices[d.device].master, no_device);
            h.devices[d.device].port.reset();
            std::erase_if(h.bridging.fdb,
                          [&](const bridge::FdbEntry& e) { return e.port == d.device; });
            make_own_entry(h, bridge, bridge);
          }};
}

Change set_mac(const host::Machine& machine, host::DeviceRef d, const wire::MacAddress& mac) {
  return {.host = d.host,
          .command = fmt::format("ip link set {} address {}", link_of(machine, d), mac.text()),
          .lasting = keep_network,
          .parts = Parts::devices | Parts::bridging,
          .apply = [=](host::Host& h) {
            link::Device& device = h.devices[d.device];
            const wire::MacAddress old = std::exchange(device.mac, mac);
            if (device.kind != link::DeviceKind::bridge) return;
            std::erase_if(h.bridging.fdb, [&](const bridge::FdbEntry& e) {
              return e.bridge == d.device && e.port == d.device && e.mac == old;
            });
            make_own_entry(h, d.device, d.device);
          }};
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

Change add_local_route(const host::Machine& machine, host::DeviceRef d,
                       const wire::IpAddress& address) {
  return {.host = d.host,
          .command = fmt::format("ip route add local {} dev {} table local proto kernel scope host src {}",
                                 address.text(), name_of(machine, d), address.text()),
          .lasting = "",
          .parts = Parts::routing,
          .apply = [=](host::Host& h) {
            route::Route made{.destination = wire::Prefix::host(address),
                              .type = RouteType::local,
                              .scope = route::Scope::host,
                              .protocol = route::made_by_kernel,
                              .nexthops = {{.device = d.device}}};
            made.preferred_source = address;
            h.fib.tables[h.fib.table_position(route::table_local)].routes.push_back(std::move(made));
          }};
}

Change delete_address(const host::Machine& machine, host::DeviceRef d,
                      const route::InterfaceAddress& address) {
  return {.host = d.host,
          .command = fmt::format("ip addr del {}/{} dev {}", address.local.text(),
                                 address.prefix_length, name_of(machine, d)),
          .lasting = keep_network,
          .parts = Parts::devices | Parts::routing | Parts::connections,
          .prepares = true,  // for it to be given where it belongs
          .blames = Cause::bridge(BridgeCause::port_has_address, d.device),
          .apply = [=](host::Host& h) {
            forget_masqueraded(h, address.local);
            std::erase_if(h.interfaces[d.device].addresses,
                          [&](const auto& a) { return a.local == address.local; });
            // Masqueraded connections end with the address. Linux: net/netfilter/nf_nat_masquerade.c
            // masq_inet_event.
            std::erase_if(h.connections, [&](const conntrack::Connection& c) {
              return c.reply().destination == address.local && c.original().source != address.local;
            });
            // Another device may have the same address: routes that send from it stay then.
            const bool is_gone = h.interfaces.owner_of(address.local) == no_device;
            for (route::FibTable& table : h.fib.tables)
              std::erase_if(table.routes, [&](const route::Route& r) {
                const bool made_of_it = r.protocol == route::made_by_kernel &&
                                        !r.nexthops.empty() &&
                                        r.nexthops.front().device == d.device &&
                                        address.subnet().contains(r.destination.address);
                return made_of_it || (is_gone && r.preferred_source == address.local);
              });
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
          .command = fmt::format("bridge fdb del {} dev {} {}{}", entry.mac.text(),
                                 name_of(machine, {host, entry.port}),
                                 entry.port == entry.bridge ? "self" : "master",
                                 entry.vlan == 0 ? "" : fmt::format(" vlan {}", entry.vlan)),
          .lasting = "",
          .parts = Parts::bridging,
          .blames = Cause::bridge(BridgeCause::static_fdb, entry.port),
          .apply = [=](host::Host& h) {
            std::erase_if(h.bridging.fdb, [&](const bridge::FdbEntry& e) {
              return e.mac == entry.mac && e.port == entry.port && e.vlan == entry.vlan;
            });
          }};
}

}  // namespace wayout::why
