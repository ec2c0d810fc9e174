// Changes of what a device answers for on its wire: addresses, ARP, entries of its own.
#include <algorithm>

#include <fmt/format.h>

#include "why/change_parts.hpp"

namespace wayout::why {
namespace {

/// The default route of the main table through this device, if there is one with a gateway.
const route::Route* default_through(const host::Host& host, DeviceId device) {
  for (const route::FibTable& table : host.fib.tables)
    for (const route::Route& route : table.routes)
      if (table.id == route::table_main && route.destination.length == 0 &&
          route.nexthops.size() == 1 && route.nexthops.front().device == device &&
          route.nexthops.front().gateway.is_set())
        return &route;
  return nullptr;
}

}  // namespace

void forget_masqueraded(host::Host& h, const wire::IpAddress& address) {
  const auto gives_it = [&](const netfilter::Rule& rule) {
    const auto* target = std::get_if<netfilter::NatTarget>(&rule.target);
    return target != nullptr && target->kind == netfilter::NatTarget::Kind::snat &&
           target->range.min_address == address;
  };
  for (const netfilter::Ruleset& ruleset : h.netfilter.rulesets)
    for (const netfilter::Table& table : ruleset.tables)
      for (const netfilter::Chain& chain : table.chains)
        if (std::ranges::any_of(chain.rules, gives_it)) return;
  std::erase_if(h.connections, [&](const conntrack::Connection& c) {
    return c.reply().destination == address && c.original().source != address;
  });
}

void make_own_entry(host::Host& h, DeviceId bridge, DeviceId port) {
  auto& fdb = h.bridging.fdb;
  const wire::MacAddress mac = h.devices[port].mac;
  const auto is_it = [&](const bridge::FdbEntry& e) {
    return e.bridge == bridge && e.mac == mac && e.vlan == 0;
  };
  if (port == bridge && std::ranges::any_of(fdb, [&](const auto& e) { return is_it(e) && e.local; }))
    return;  // a port's entry stands for both
  std::erase_if(fdb, is_it);
  fdb.push_back({.mac = mac, .bridge = bridge, .port = port, .local = true, .is_static = true});
}

Change arp_on(const host::Machine& machine, host::DeviceRef d) {
  return {.host = d.host,
          .command = fmt::format("ip link set {} arp on", link_of(machine, d)),
          .lasting = keep_network,
          .parts = Parts::devices | Parts::neighbours,
          .blames = Cause::on_device(DeviceCause::arp_off, d.device),
          .apply = [=](host::Host& h) {
            h.devices[d.device].arp = true;
            // The kernel asks anew for everybody on it. Linux: net/ipv4/arp.c arp_netdev_event.
            std::erase_if(h.neighbours,
                          [&](const link::Neighbour& n) { return n.device == d.device; });
          }};
}

Change move_address(const host::Machine& machine, host::DeviceRef port,
                    const route::InterfaceAddress& address) {
  const host::Host& h = machine.hosts[port.host];
  const DeviceId bridge = h.devices[port.device].master;
  const std::string text = fmt::format("{}/{}", address.local.text(), address.prefix_length);
  const std::string to = name_of(machine, {port.host, bridge});
  std::string command = fmt::format("ip addr del {} dev {} && ip addr add {} dev {}", text,
                                    name_of(machine, port), text, to);
  std::optional<route::Route> lost;
  if (const route::Route* route = default_through(h, port.device)) lost = *route;
  if (lost)
    command += fmt::format(" && ip route replace default via {} dev {}",
                           lost->nexthops.front().gateway.text(), to);
  const Change taken = delete_address(machine, port, address);
  const Change given =
      add_address(machine, {port.host, bridge}, address.local, address.prefix_length);
  return {.host = port.host,
          .command = std::move(command),
          .lasting = keep_network,
          .parts = taken.parts | given.parts,
          .blames = Cause::bridge(BridgeCause::port_has_address, port.device),
          .apply = [=](host::Host& target) {
            taken.apply(target);
            for (route::FibTable& table : target.fib.tables)  // without an address it has no routes
              std::erase_if(table.routes, [&](const route::Route& r) {
                return table.id != route::table_local && !r.nexthops.empty() &&
                       r.nexthops.front().device == port.device;
              });
            given.apply(target);
            if (!lost) return;
            route::Route again{.destination = lost->destination, .protocol = route::made_by_boot};
            again.nexthops.push_back(
                {.gateway = lost->nexthops.front().gateway, .device = bridge});
            target.fib.tables[target.fib.table_position(route::table_main)].routes.push_back(again);
          }};
}

Change add_proxy(const host::Machine& machine, host::DeviceRef d, const wire::IpAddress& address) {
  return {.host = d.host,
          .command = fmt::format("ip neigh add proxy {} dev {}", address.text(), name_of(machine, d)),
          .lasting = keep_network,
          .parts = Parts::neighbours,
          .blames = Cause::address(AddressCause::not_answered, d.device),
          .apply = [=](host::Host& h) {
            h.neighbours.push_back({.address = address, .device = d.device, .proxy = true});
          }};
}

Change add_own_fdb(const host::Machine& machine, host::DeviceRef bridge) {
  const wire::MacAddress mac = machine.hosts[bridge.host].devices[bridge.device].mac;
  return {.host = bridge.host,
          .command = fmt::format("bridge fdb replace {} dev {} self local", mac.text(),
                                 name_of(machine, bridge)),
          .lasting = "",
          .parts = Parts::bridging,
          .blames = Cause::bridge(BridgeCause::no_own_entry, bridge.device),
          .apply = [=](host::Host& h) { make_own_entry(h, bridge.device, bridge.device); }};
}

}  // namespace wayout::why
