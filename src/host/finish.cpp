#include "host/finish.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "host/join.hpp"
#include "host/registration.hpp"

namespace wayout::host {

using link::DeviceKind;

namespace {

void add_unmodelled_device(Host& host, DeviceId id, Unmodelled::Kind kind, std::string text) {
  Unmodelled found;
  found.kind = kind;
  found.text = std::move(text);
  found.device = id;
  found.ingress = true;
  found.egress = kind != Unmodelled::Kind::xdp;
  host.unmodelled.push_back(std::move(found));
}

void find_unmodelled_devices(Host& host) {
  for (DeviceId id = 1; id < host.devices.size(); ++id) {
    const link::Device& device = host.devices[id];
    const link::Device& master = host.devices[device.master];
    if (device.xdp)
      add_unmodelled_device(host, id, Unmodelled::Kind::xdp,
                            fmt::format("XDP program on {}", device.name));
    const bool known_master = device.master == no_device || master.kind == DeviceKind::bridge ||
                              master.kind == DeviceKind::vrf || master.kind == DeviceKind::bond;
    if (!known_master)
      add_unmodelled_device(
          host, id, Unmodelled::Kind::other,
          fmt::format("{} is a port of {} ({})", device.name, master.name, master.kind_name));
    if (!device.vxlan.others.empty())
      add_unmodelled_device(host, id, Unmodelled::Kind::tunnel,
                            fmt::format("VXLAN device {} with the options {}", device.name,
                                        fmt::join(device.vxlan.others, ", ")));
    if (device.kind == DeviceKind::vxlan && device.vxlan.remote.is_multicast())
      add_unmodelled_device(host, id, Unmodelled::Kind::tunnel,
                            fmt::format("VXLAN device {} and its group {}", device.name,
                                        device.vxlan.remote.text()));
    if (device.kind_name == "netkit")
      add_unmodelled_device(host, id, Unmodelled::Kind::bpf,
                            fmt::format("netkit device {} and its BPF programs", device.name));
  }
}

/// route::Interface holds what layer 3 asks of a device, so that route/ need not know link/.
void mirror_device(const link::Devices& devices, DeviceId id, route::Interface& interface) {
  const link::Device& device = devices[id];
  interface.up = device.up;
  interface.carrier = device.carrier;
  interface.loopback = device.kind == DeviceKind::loopback;
  interface.mtu_bytes = device.mtu_bytes;
  interface.vrf = devices[device.master].kind == DeviceKind::vrf ? device.master : no_device;
  interface.vrf_table = device.kind == DeviceKind::vrf ? device.vrf_table : 0;
  interface.group = device.group;
}

void mirror_devices(Host& host) {
  host.interfaces.list.resize(host.devices.list.size());
  for (DeviceId id = 1; id < host.devices.size(); ++id)
    mirror_device(host.devices, id, host.interfaces[id]);
  const std::vector<DeviceId> order = registration_order(host);
  for (std::uint32_t position = 0; position < order.size(); ++position)
    host.interfaces[order[position]].order = position;
}

std::vector<std::string> device_names(const Host& host) {
  std::vector<std::string> names;
  names.reserve(host.devices.size());
  for (const link::Device& device : host.devices.list)
    names.push_back(device.name);
  return names;
}

/// True when a rule of the nat tables has this kind of target, and a range with `address` in it.
bool translates(const Host& host, netfilter::NatTarget::Kind kind, const wire::IpAddress& address) {
  const auto fits = [&](const netfilter::Rule& rule) {
    const auto* target = std::get_if<netfilter::NatTarget>(&rule.target);
    if (target == nullptr || target->kind != kind) return false;
    const nat::Range& range = target->range;
    return !range.map_addresses || (range.min_address <= address && address <= range.max_address);
  };
  for (const netfilter::Ruleset& ruleset : host.netfilter.rulesets)
    for (const netfilter::Table& table : ruleset.tables)
      for (const netfilter::Chain& chain : table.chains)
        if (std::ranges::any_of(chain.rules, fits)) return true;
  return false;
}

/// A listing does not show which entries were masqueraded, and on which device; the kernel drops
/// packets of such a one that would leave by another. Where only MASQUERADE can have chosen an
/// address of a device, it has.
void find_masqueraded(Host& host) {
  using Kind = netfilter::NatTarget::Kind;
  std::map<wire::IpAddress, DeviceId> chosen;
  for (conntrack::Connection& connection : host.connections) {
    if (!connection.has(conntrack::Status::source_nat)) continue;
    const wire::IpAddress address = connection.reply().destination;
    const auto [known, is_new] = chosen.try_emplace(address, no_device);
    if (is_new && translates(host, Kind::masquerade, address) &&
        !translates(host, Kind::snat, address))
      known->second = host.interfaces.owner_of(address);
    connection.masquerade_device = known->second;
  }
}

/// What hangs on a netfilter hook is met there, among the tables.
void hang_on_hooks(Host& host) {
  host.netfilter.foreign.clear();
  for (std::uint32_t i = 0; i < host.unmodelled.size(); ++i) {
    const Unmodelled& found = host.unmodelled[i];
    if (found.hook && found.family == Unmodelled::Family::ip)
      host.netfilter.foreign.push_back(
          {*found.hook, found.priority, i, found.nat, found.source, found.destination});
  }
}

Result<void> finish(Host& host) {
  mirror_devices(host);
  host.fib.index(host.interfaces, device_names(host));
  hang_on_hooks(host);
  host.conntrack_config.enabled = host.netfilter.needs_conntrack() || host.conntrack_needed_by_nft;
  return netfilter::compile(host.netfilter);
}

/// Entries that the kernel makes by itself, for groups and on loopback, and forgets again: they say
/// nothing that link::known_without_asking does not. Linux: net/ipv4/arp.c arp_constructor;
/// net/ipv6/ndisc.c ndisc_constructor.
void forget_self_made_neighbours(Host& host) {
  std::erase_if(host.neighbours, [&](const link::Neighbour& n) {
    return n.state == link::NudState::noarp && !n.proxy &&
           (n.address.is_multicast() || host.devices[n.device].kind == DeviceKind::loopback);
  });
}

}  // namespace

void complete(Host& host) {
  mirror_devices(host);
  forget_self_made_neighbours(host);
  std::ranges::stable_sort(host.fib.rules, {}, &route::Rule::preference);
  route::add_implied_routes(host.fib, host.interfaces);
  find_unmodelled_devices(host);
  find_masqueraded(host);
}

Result<void> finish(Machine& machine) {
  for (Host& host : machine.hosts) {
    Result<void> finished = finish(host);
    if (!finished) return finished;
  }
  join(machine);
  return {};
}

}  // namespace wayout::host
