// Changes of VXLAN tunnels: where frames are sent, from which address, and who is beyond.
#include <fmt/format.h>

#include <algorithm>

#include "why/change_parts.hpp"

namespace wayout::why {

Change set_remote(const host::Machine& machine, std::uint32_t host, const bridge::FdbEntry& entry) {
  const bool of_all = entry.mac.is_zero();  // the kernel replaces entries of one receiver only
  std::string command =
      fmt::format("bridge fdb {} {} dev {} dst {}", of_all ? "append" : "replace", entry.mac.text(),
                  name_of(machine, {host, entry.port}), entry.remote.text());
  if (entry.remote_port != 0) command += fmt::format(" port {}", entry.remote_port);
  if (entry.remote_vni != 0) command += fmt::format(" vni {}", entry.remote_vni);
  if (entry.remote_via != no_device)
    command += fmt::format(" via {}", name_of(machine, {host, entry.remote_via}));
  return {.host = host,
          .command = command + " self permanent",
          .lasting = keep_network,
          .parts = Parts::bridging,
          .apply = [=](host::Host& h) {
            bridge::FdbEntry made = entry;
            made.is_static = true, made.local = false;
            if (!of_all)
              std::erase_if(h.bridging.fdb, [&](const bridge::FdbEntry& e) {
                return e.port == entry.port && e.bridge == no_device && e.mac == entry.mac;
              });
            h.bridging.fdb.push_back(made);
          }};
}

Change set_tunnel_source(const host::Machine& machine, host::DeviceRef tunnel,
                         const wire::IpAddress& address) {
  return {.host = tunnel.host,
          .command = fmt::format("ip link set {} type vxlan local {}", link_of(machine, tunnel),
                                 address.text()),
          .lasting = keep_network,
          .parts = Parts::devices,
          .apply = [=](host::Host& h) { h.devices[tunnel.device].vxlan.local = address; }};
}

Change set_neighbour(const host::Machine& machine, host::DeviceRef d,
                     const wire::IpAddress& address, const wire::MacAddress& mac) {
  return {.host = d.host,
          .command = fmt::format("ip neigh replace {} lladdr {} dev {} nud permanent",
                                 address.text(), mac.text(), name_of(machine, d)),
          .lasting = keep_network,
          .parts = Parts::neighbours,
          .apply = [=](host::Host& h) {
            std::erase_if(h.neighbours, [&](const link::Neighbour& n) {
              return n.device == d.device && n.address == address && !n.proxy;
            });
            h.neighbours.push_back({.address = address,
                                    .device = d.device,
                                    .mac = mac,
                                    .state = link::NudState::permanent});
          }};
}

Change add_tunnel_route(const host::Machine& machine, std::uint32_t host,
                        const wire::Prefix& prefix, const wire::IpAddress& gateway,
                        DeviceId tunnel) {
  Change change = add_route(machine, host, prefix, gateway, tunnel);
  change.command += " onlink";
  change.prepares = true;  // of the gateway's MAC address
  change.apply = [add = change.apply](host::Host& h) {
    add(h);
    route::Route& made = h.fib.tables[h.fib.table_position(route::table_main)].routes.back();
    made.nexthops.front().onlink = true;
  };
  return change;
}

}  // namespace wayout::why
