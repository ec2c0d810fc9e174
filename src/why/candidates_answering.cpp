// Changes of who answers on a wire: addresses, proxies, ARP itself, entries of a bridge's own MAC.
#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "why/candidates.hpp"

namespace wayout::why {
namespace {

/// The host leads packets for `address` away from the wire of `device`, by a route of its own.
bool leads_on(const host::Host& host, DeviceId device, const wire::IpAddress& address) {
  Chance chance{std::vector<std::uint32_t>{}};
  const route::FibResult way = host.fib.lookup({.destination = address}, chance);
  if (way.kind != route::FibResult::Kind::found || !way.by_route ||
      way.type != RouteType::unicast || way.prefix_length == 0)
    return false;
  const auto& nexthops = host.fib.route(way.route).nexthops;
  return way.nexthop < nexthops.size() && nexthops[way.nexthop].device != device;
}

bool has_address(const route::Interfaces& interfaces, DeviceId device,
                 const wire::IpAddress& address) {
  return std::ranges::any_of(interfaces[device].addresses,
                             [&](const route::InterfaceAddress& a) { return a.local == address; });
}

/// Some rule publishes something on just this address.
bool publishes_on(const host::Host& host, const wire::IpAddress& address) {
  const auto does = [&](const netfilter::Rule& rule) {
    const auto* target = std::get_if<netfilter::NatTarget>(&rule.target);
    using Kind = netfilter::NatTarget::Kind;
    return target != nullptr && (target->kind == Kind::dnat || target->kind == Kind::redirect) &&
           rule.destination.asked() && !rule.destination.invert &&
           rule.destination.prefix == wire::Prefix::host(address);
  };
  for (const netfilter::Ruleset& ruleset : host.netfilter.rulesets)
    for (const netfilter::Table& table : ruleset.tables)
      for (const netfilter::Chain& chain : table.chains)
        if (std::ranges::any_of(chain.rules, does)) return true;
  return false;
}

}  // namespace

Changes for_missing_proxy(const host::Machine& machine, host::DeviceRef end,
                          const wire::IpAddress& address) {
  const host::Host& host = machine.hosts[end.host];
  const bool is_of_the_wire = std::ranges::any_of(
      host.interfaces[end.device].addresses,
      [&](const route::InterfaceAddress& a) { return a.subnet().contains(address); });
  if (host.devices[end.device].port || !is_of_the_wire || !leads_on(host, end.device, address))
    return {};
  return {add_proxy(machine, end, address)};
}

Changes for_taken_address(const Scene& s, std::uint32_t taker, const wire::IpAddress& address) {
  Changes out;
  const host::Host& host = s.machine.hosts[taker];
  const bool is_anothers = std::ranges::any_of(s.machine.hosts, [&](const host::Host& other) {
    return &other != &host && other.interfaces.owner_of(address) != no_device;
  });
  if (!is_anothers) return out;
  if (const DeviceId owner = host.interfaces.owner_of(address); owner != no_device) {
    for (const route::InterfaceAddress& a : host.interfaces[owner].addresses) {
      if (a.local != address) continue;
      out.push_back(delete_address(s.machine, {taker, owner}, a));
      out.back().blames = Cause::address(AddressCause::own_source, owner);
    }
    return out;
  }
  for (std::uint32_t t = 0; t < host.fib.tables.size(); ++t)
    for (std::uint32_t r = 0; r < host.fib.tables[t].routes.size(); ++r)
      if (const route::Route& route = host.fib.tables[t].routes[r];
          (route.type == RouteType::local || route.type == RouteType::broadcast) &&
          route.destination == wire::Prefix::host(address))
        out.push_back(delete_route(s.machine, taker, {t, r}));
  return out;
}

Changes for_added_address(const Scene& s, const wire::IpAddress& address) {
  const DeviceId owner = s.h.interfaces.owner_of(address);
  const bool is_of_subnet =
      owner != no_device &&
      std::ranges::any_of(s.h.interfaces[owner].addresses, [&](const route::InterfaceAddress& a) {
        return a.local == address && a.prefix_length != 32;
      });
  return is_of_subnet ? Changes{} : for_taken_address(s, s.host, address);
}

Changes for_missing_answer(const Scene& s, host::DeviceRef asking, const wire::IpAddress& address) {
  Changes out;
  for (const host::DeviceRef& end : ends_on_segment(s.machine, asking)) {
    const host::Host& host = s.machine.hosts[end.host];
    for (Change& c : for_missing_proxy(s.machine, end, address)) out.push_back(std::move(c));
    if (publishes_on(host, address) && host.interfaces.owner_of(address) == no_device)
      for (const route::InterfaceAddress& a : host.interfaces[end.device].addresses)
        if (a.prefix_length < 32 && a.subnet().contains(address)) {
          out.push_back(add_address(s.machine, end, address, a.prefix_length));
          out.back().blames = Cause::address(AddressCause::not_answered, end.device);
          break;
        }
    if (has_address(host.interfaces, end.device, address) &&
        route::address_type(host.fib, address) != RouteType::local)
      out.push_back(add_local_route(s.machine, end, address));
    // Whoever takes the asking address for its own takes the question so, and is silent.
    for (const auto& mine : s.machine.hosts[asking.host].interfaces[asking.device].addresses) {
      if (end.host == asking.host) continue;
      for (Change& c : for_taken_address(s, end.host, mine.local)) out.push_back(std::move(c));
    }
  }
  return out;
}

Changes for_arp_off(const Scene& s) {
  Changes out;
  std::set<host::DeviceRef, decltype([](const auto& a, const auto& b) {
             return std::pair(a.host, a.device) < std::pair(b.host, b.device);
           })> known;
  const auto look_at = [&](host::DeviceRef d) {
    if (d.device == no_device || d.device >= s.machine.hosts[d.host].devices.size()) return;
    const link::Device& device = s.machine.hosts[d.host].devices[d.device];
    using Kind = link::DeviceKind;
    const bool asks = device.kind == Kind::veth || device.kind == Kind::bridge ||
                      device.kind == Kind::nic || device.kind == Kind::vlan ||
                      device.kind == Kind::macvlan;
    if (asks && device.ethernet && !device.arp && !device.port && known.insert(d).second)
      out.push_back(arp_on(s.machine, d));
  };
  for (const Step& step : s.account.steps) {
    if (step.did != Did::routed && step.did != Did::received && step.did != Did::sent) continue;
    look_at({step.host, step.device});
    const DeviceId master = step.device < s.machine.hosts[step.host].devices.size()
                                ? s.machine.hosts[step.host].devices[step.device].master
                                : no_device;
    look_at({step.host, master});
  }
  return out;
}

Changes for_lost_own_entry(const Scene& s) {
  Changes out;
  std::set<std::uint32_t> met;
  for (const Step& step : s.account.steps) met.insert(step.host);
  for (const std::uint32_t i : met) {
    const host::Host& host = s.machine.hosts[i];
    if (!host.bridging.fdb_is_whole) continue;
    for (DeviceId d = 1; d < host.devices.size(); ++d) {
      if (host.devices[d].kind != link::DeviceKind::bridge || !host.devices[d].up ||
          host.devices[d].mac.is_zero())
        continue;
      const bool has_it = std::ranges::any_of(host.bridging.fdb, [&](const bridge::FdbEntry& e) {
        return e.bridge == d && e.mac == host.devices[d].mac && e.local;
      });
      if (!has_it) out.push_back(add_own_fdb(s.machine, {i, d}));
    }
  }
  return out;
}

namespace {

/// The bridges of the host at the other end of `cable` that are a gateway of this end, and of which the
/// cable is no port.
std::vector<DeviceId> bridges_missed(const Scene& s, std::uint32_t end, host::DeviceRef cable) {
  std::vector<DeviceId> out;
  const host::Host& there = s.machine.hosts[cable.host];
  const DeviceId master = there.devices[cable.device].master;
  for (const route::FibTable& table : s.machine.hosts[end].fib.tables)
    for (const route::Route& route : table.routes) {
      if (route.destination.length != 0 || route.nexthops.size() != 1) continue;
      const wire::IpAddress& gateway = route.nexthops.front().gateway;
      const DeviceId bridge =
          gateway.is_set() ? there.interfaces.owner_of(gateway) : no_device;
      if (bridge == no_device || bridge == master ||
          there.devices[bridge].kind != link::DeviceKind::bridge ||
          has_address(there.interfaces, master, gateway))
        continue;
      out.push_back(bridge);
    }
  return out;
}

/// The host's end of a container's veth, as long as it is nothing else.
std::optional<host::DeviceRef> plain_cable(const host::Machine& machine, host::DeviceRef end) {
  const host::DeviceRef cable = machine.peer(end);
  if (cable.device == no_device || cable.host == end.host) return std::nullopt;
  const host::Host& there = machine.hosts[cable.host];
  if (there.devices[cable.device].kind != link::DeviceKind::veth ||
      !there.interfaces[cable.device].addresses.empty() || !machine.uppers(cable).empty())
    return std::nullopt;
  return cable;
}

}  // namespace

Changes for_stray_end(const Scene& s) {
  constexpr int moves_it = 4;  // from another network
  Changes out;
  std::vector<wire::IpAddress> ends{s.account.asked.source, s.account.asked.destination};
  if (s.account.seen) ends.push_back(s.account.seen->destination);
  for (std::uint32_t i = 0; i < s.machine.hosts.size(); ++i) {
    for (const wire::IpAddress& address : ends) {
      const DeviceId own = s.machine.hosts[i].interfaces.owner_of(address);
      if (own == no_device) continue;
      const auto cable = plain_cable(s.machine, {i, own});
      if (!cable) continue;
      for (const DeviceId bridge : bridges_missed(s, i, *cable)) {
        out.push_back(set_master(s.machine, *cable, bridge));
        out.back().prepares = true;  // a rule may drop it as before, on another device now
        if (s.machine.hosts[cable->host].devices[cable->device].master != no_device)
          out.back().weight = moves_it;
      }
    }
  }
  return out;
}

}  // namespace wayout::why
