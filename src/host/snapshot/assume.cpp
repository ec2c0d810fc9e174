#include "host/snapshot/assume.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "host/device_book.hpp"
#include "host/finish.hpp"
#include "host/snapshot/links_text.hpp"
#include "host/snapshot/route_list.hpp"
#include "host/snapshot/routes_text.hpp"
#include "host/sysctls.hpp"

namespace wayout::host::snapshot {

using link::DeviceKind;

namespace {

/// Where the address lies.
struct Place {
  std::uint32_t host = 0;
  DeviceId subnet = no_device;  ///< a bridge, or the veth itself
  DeviceId veth = no_device;    ///< the host's end
  route::InterfaceAddress gateway;
  wire::MacAddress mac;         ///< as a neighbour of the host; zero: not known
};

/// The device of a host whose subnet holds the address, with its own address there.
std::optional<Place> find_subnet(const Machine& machine, const wire::IpAddress& address) {
  for (std::uint32_t h = 0; h < machine.hosts.size(); ++h) {
    const Host& host = machine.hosts[h];
    for (DeviceId d = 1; d < host.devices.size(); ++d) {
      const DeviceKind kind = host.devices[d].kind;
      if (kind != DeviceKind::bridge && kind != DeviceKind::veth) continue;
      for (const route::InterfaceAddress& own : host.interfaces[d].addresses)
        if (own.prefix_length < 32 && wire::Prefix{own.peer, own.prefix_length}.contains(address))
          return Place{h, d, no_device, own, {}};
    }
  }
  return std::nullopt;
}

/// The first or the last address of a subnet that has such.
bool is_no_hosts(const wire::IpAddress& address, const wire::Prefix& subnet) {
  if (subnet.length >= 31 || !address.is_v4()) return false;
  const std::uint32_t host_bits = ~std::uint32_t{0} >> subnet.length;
  const std::uint32_t in_subnet = address.v4() & host_bits;
  return in_subnet == 0 || in_subnet == host_bits;
}

/// A running veth whose other end was not read.
bool leads_away(const Machine& machine, const Place& place, DeviceId device) {
  const link::Device& veth = machine.hosts[place.host].devices[device];
  return veth.kind == DeviceKind::veth && veth.up &&
         machine.peer({place.host, device}).device == no_device &&
         (device == place.subnet || veth.master == place.subnet);
}

void find_veth(const Machine& machine, const wire::IpAddress& address, Place& place) {
  const Host& host = machine.hosts[place.host];
  for (const link::Neighbour& neighbour : host.neighbours)
    if (neighbour.address == address && neighbour.device == place.subnet) place.mac = neighbour.mac;
  for (const bridge::FdbEntry& entry : host.bridging.fdb)
    if (!place.mac.is_zero() && entry.mac == place.mac && leads_away(machine, place, entry.port))
      place.veth = entry.port;
  for (DeviceId d = 1; place.veth == no_device && d < host.devices.size(); ++d)
    if (leads_away(machine, place, d)) place.veth = d;
}

/// As `ip addr` would show its devices; the numbers are those that the host's end tells.
std::string addresses_text(const wire::IpAddress& address, const Place& place,
                           const link::Device& veth) {
  const std::uint32_t number = veth.peer_ifindex.value_or(2);
  const std::string mac = place.mac.is_zero() ? "02:00:00:00:00:02" : place.mac.text();
  return fmt::format(
      "{}: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536\n    link/loopback 00:00:00:00:00:00\n"
      "    loopback\n    inet 127.0.0.1/8 scope host lo\n"
      "{}: eth0@if{}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu {}\n    link/ether {} promiscuity 0\n"
      "    veth\n    inet {}/{} scope global eth0\n",
      number == 1 ? 2 : 1, number, veth.ifindex, veth.mtu_bytes, mac, address.text(),
      place.gateway.prefix_length);
}

Result<Host> make_host(const wire::IpAddress& address, const Place& place, const Host& outer) {
  Host host;
  host.name = address.text();
  const link::Device& veth = outer.devices[place.veth];
  // The host may have a name for where its veth leads.
  const auto named = outer.namespace_ids.find(veth.peer_netnsid.value_or(-1));
  if (named != outer.namespace_ids.end()) host.aliases.push_back(named->second);
  host.assumed.push_back(fmt::format(
      "{} is a namespace of its own behind {}, with the default route via {}, without rules: "
      "there is no listing of it",
      host.name, veth.name, place.gateway.local.text()));
  DeviceBook book(host);
  const File addresses{"(assumed)", addresses_text(address, place, veth)};
  Result<void> read = read_links_text(addresses, host, book);
  if (read) read = read_addresses_text(addresses, host, book);
  TableBook tables(host);
  const NexthopObjects objects;
  RouteList routes(host, book, tables, objects);
  const File route{"(assumed)",
                   fmt::format("default via {} dev eth0\n", place.gateway.local.text())};
  if (read) read = read_routes_text(route, routes);
  host.fib.rules = route::Fib::default_rules();
  if (read) read = apply_sysctls(host, File{});
  if (!read) return read.error();
  complete(host);
  return host;
}

}  // namespace

Result<std::uint32_t> assume_namespace(Machine& machine, const wire::IpAddress& address) {
  const auto fail = [&](std::string_view why) {
    return Error{"", 0, 0,
                 fmt::format("no namespace has the address {}, {}; add a folder with what `ip addr` "
                             "and `ip route` print there",
                             address.text(), why)};
  };
  std::optional<Place> place = find_subnet(machine, address);
  if (!place) return fail("and no bridge or veth its subnet");
  const wire::Prefix subnet{place->gateway.peer, place->gateway.prefix_length};
  if (is_no_hosts(address, subnet))
    return Error{"", 0, 0, fmt::format("{} is the {} address of {}, which nobody sends from",
                                       address.text(),
                                       address == subnet.masked().address ? "network" : "broadcast",
                                       subnet.masked().text())};
  find_veth(machine, address, *place);
  Host& outer = machine.hosts[place->host];
  if (place->veth == no_device)
    return fail(fmt::format("and no veth behind {} leads to one that was not read",
                            outer.devices[place->subnet].name));
  link::Device& veth = outer.devices[place->veth];
  if (veth.ifindex == 0) return fail("and the numbers of the devices are not known");
  if (!veth.peer_ifindex) veth.peer_ifindex = 2;
  Result<Host> made = make_host(address, *place, outer);
  if (!made) return made.error();
  machine.hosts.push_back(std::move(*made));
  if (const Result<void> finished = finish(machine); !finished) return finished.error();
  return static_cast<std::uint32_t>(machine.hosts.size() - 1);
}

}  // namespace wayout::host::snapshot
