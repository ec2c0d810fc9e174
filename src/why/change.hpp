// One change of configuration: the command an administrator would type, and what it does to a Host.
//
// The two belong together: a command is only ever suggested when its effect on the model was tried.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "host/host.hpp"
#include "packet/packet.hpp"

namespace wayout::why {

/// Which parts of a Host a change touches; only those are saved, rebuilt and put back.
struct Parts {
  static constexpr unsigned devices = 1;     ///< devices and interfaces
  static constexpr unsigned routing = 2;     ///< rules, tables, routes
  static constexpr unsigned rules = 4;       ///< iptables
  static constexpr unsigned bridging = 8;    ///< fdb, VLANs, bridge sysctls
  static constexpr unsigned neighbours = 16;
  static constexpr unsigned connections = 32;
};

struct Change {
  std::uint32_t host = 0;
  std::string command;
  std::string lasting;     ///< how to make it survive a reboot; "": it does by itself
  unsigned parts = 0;
  int weight = 1;          ///< the blunter, the heavier
  bool last_resort = false;  ///< tried only where nothing before it helped
  bool prepares = false;   ///< worth going on from, though the packet still ends where it did
  bool allows = false;     ///< without it the kernel refuses the next change
  bool by_position = false;  ///< apply() counts on rules or routes standing where they stood
  std::string besides = "";  ///< what else it does, where that may not be wanted; "": nothing
  /// What was wrong if this alone lifts it, where the packet's end does not show it.
  std::optional<Cause> blames = std::nullopt;
  std::function<void(host::Host&)> apply;
};

/// `sysctl -w`: per-device keys take a DeviceId (all_devices for conf.all).
[[nodiscard]] Change set_sysctl(const host::Machine& machine, std::uint32_t host, Sysctl sysctl,
                                DeviceId device, int value);
/// `sysctl -w net.ipv4.ip_forward=1`, which sets it for every device.
[[nodiscard]] Change enable_forwarding(const host::Machine& machine, std::uint32_t host);

/// A rule put before position `at` (from 0) of a chain; at the end when `at` is its size.
[[nodiscard]] Change insert_rule(const host::Machine& machine, std::uint32_t host, RuleRef chain,
                                 std::uint32_t at, netfilter::Rule rule);
/// `iptables -D`.
[[nodiscard]] Change delete_rule(const host::Machine& machine, std::uint32_t host, RuleRef rule);
/// `iptables -R`: this rule in the place of another.
[[nodiscard]] Change replace_rule(const host::Machine& machine, std::uint32_t host, RuleRef at,
                                  netfilter::Rule rule);
/// `ipset add SET ADDRESS`; with `nomatch` the address is none of the set's any more.
[[nodiscard]] Change add_to_set(const host::Machine& machine, std::uint32_t host,
                                const std::string& set, const wire::IpAddress& address,
                                bool nomatch);
/// `ipset del SET ADDRESS`: an element of just this address.
[[nodiscard]] Change delete_from_set(const host::Machine& machine, std::uint32_t host,
                                     const std::string& set, const wire::IpAddress& address);
/// A rule in a built-in chain of a table that may not exist yet.
[[nodiscard]] Change add_rule(const host::Machine& machine, std::uint32_t host,
                              netfilter::TableKind table, Hook hook, bool first,
                              netfilter::Rule rule);

/// `ip route add|replace default via GATEWAY dev DEVICE`.
[[nodiscard]] Change default_route(const host::Machine& machine, std::uint32_t host,
                                   const wire::IpAddress& gateway, DeviceId device);
/// `ip route add PREFIX via GATEWAY dev DEVICE`.
[[nodiscard]] Change add_route(const host::Machine& machine, std::uint32_t host,
                               const wire::Prefix& prefix, const wire::IpAddress& gateway,
                               DeviceId device);
/// `ip route replace PREFIX dev DEVICE scope link`: who is there is asked on the wire itself.
[[nodiscard]] Change add_link_route(const host::Machine& machine, std::uint32_t host,
                                    const wire::Prefix& prefix, DeviceId device);
[[nodiscard]] Change delete_route(const host::Machine& machine, std::uint32_t host, RouteRef route);
/// `ip route replace PREFIX via GATEWAY dev DEVICE`, in the table and with the metric of `route`, whose
/// place it takes.
[[nodiscard]] Change replace_route(const host::Machine& machine, std::uint32_t host, RouteRef route,
                                   const wire::IpAddress& gateway, DeviceId device);
/// `ip route change …` without the MTU that was set on the route.
[[nodiscard]] Change without_route_mtu(const host::Machine& machine, std::uint32_t host,
                                       RouteRef route);
/// `ip rule add from ADDRESS table main pref N`; the length of `from` 0: from all.
[[nodiscard]] Change add_main_rule(const host::Machine& machine, std::uint32_t host,
                                   const wire::Prefix& from, std::uint32_t preference);
/// `ip rule add to PREFIX table main pref N`: in front of a table that knows its default only.
[[nodiscard]] Change add_main_rule_to(std::uint32_t host, const wire::Prefix& to,
                                      std::uint32_t preference);
[[nodiscard]] Change delete_routing_rule(const host::Machine& machine, std::uint32_t host,
                                         std::uint32_t position);

/// `ip route add default via GATEWAY dev DEVICE table N`, in a table that has none.
[[nodiscard]] Change add_table_default(const host::Machine& machine, std::uint32_t host,
                                       std::uint32_t table, const wire::IpAddress& gateway,
                                       DeviceId device);
/// `ip rule add from ADDRESS|fwmark MARK [ipproto PROTOCOL sport PORT] lookup N pref P`.
[[nodiscard]] Change add_table_rule(const host::Machine& machine, std::uint32_t host,
                                    const route::Rule& rule);

/// `ip route add local default dev lo table N; ip rule add fwmark MARK lookup N`, as far as they are
/// missing: packets with this mark are for this host, wherever they are sent to.
[[nodiscard]] Change make_mark_local(const host::Machine& machine, std::uint32_t host,
                                     std::uint32_t mark, std::uint32_t mask);

/// `ip rule add pref 0 lookup local`, which every namespace is born with.
[[nodiscard]] Change add_local_rule(const host::Machine& machine, std::uint32_t host);

/// `ip link set BRIDGE type bridge stp_state 0`: its ports can then be told to forward.
[[nodiscard]] Change disable_stp(const host::Machine& machine, host::DeviceRef bridge);
/// `ip link set DEVICE up`; routes of its addresses come back with it.
[[nodiscard]] Change link_up(const host::Machine& machine, host::DeviceRef device);
[[nodiscard]] Change set_master(const host::Machine& machine, host::DeviceRef device,
                                DeviceId bridge);
/// `ip link set DEVICE nomaster`; its addresses are asked on the wire again.
[[nodiscard]] Change free_port(const host::Machine& machine, host::DeviceRef port);
/// `ip link set DEVICE arp on`.
[[nodiscard]] Change arp_on(const host::Machine& machine, host::DeviceRef device);
/// `ip link set DEVICE address MAC`.
[[nodiscard]] Change set_mac(const host::Machine& machine, host::DeviceRef device,
                             const wire::MacAddress& mac);
[[nodiscard]] Change set_mtu(const host::Machine& machine, host::DeviceRef device,
                             std::uint32_t mtu_bytes);
[[nodiscard]] Change add_address(const host::Machine& machine, host::DeviceRef device,
                                 const wire::IpAddress& address, std::uint8_t prefix_length);
/// `ip route add local ADDRESS dev DEVICE table local …`: what the kernel made of the device's address.
[[nodiscard]] Change add_local_route(const host::Machine& machine, host::DeviceRef device,
                                     const wire::IpAddress& address);
/// `ip addr del` of a bridge port, with what the kernel made of it. Not for one that has a
/// secondary in its subnet.
[[nodiscard]] Change delete_address(const host::Machine& machine, host::DeviceRef device,
                                    const route::InterfaceAddress& address);
/// `ip addr del` of a bridge port and `ip addr add` to its bridge, in one line: the host is off the
/// network between the two. A default route through the port is lost with its last address, and goes
/// along.
[[nodiscard]] Change move_address(const host::Machine& machine, host::DeviceRef port,
                                  const route::InterfaceAddress& address);
/// `ip neigh add proxy ADDRESS dev DEVICE`.
[[nodiscard]] Change add_proxy(const host::Machine& machine, host::DeviceRef device,
                               const wire::IpAddress& address);
/// `bridge link set dev PORT FLAG VALUE`.
[[nodiscard]] Change set_port(const host::Machine& machine, host::DeviceRef port,
                              const std::string& flag, const std::string& value,
                              std::function<void(link::BridgePort&)> apply);
[[nodiscard]] Change delete_neighbour(const host::Machine& machine, host::DeviceRef device,
                                      const wire::IpAddress& address);
[[nodiscard]] Change delete_fdb(const host::Machine& machine, std::uint32_t host,
                                const bridge::FdbEntry& entry);
/// `bridge fdb replace MAC dev VXLAN dst REMOTE self permanent`, of the MAC address zero, which stands
/// for all that have no entry, `append`. `entry.port` is the VXLAN device.
[[nodiscard]] Change set_remote(const host::Machine& machine, std::uint32_t host,
                                const bridge::FdbEntry& entry);
/// `ip link set VXLAN type vxlan local ADDRESS`: where its datagrams come from.
[[nodiscard]] Change set_tunnel_source(const host::Machine& machine, host::DeviceRef tunnel,
                                       const wire::IpAddress& address);
/// `ip neigh replace ADDRESS lladdr MAC dev DEVICE nud permanent`.
[[nodiscard]] Change set_neighbour(const host::Machine& machine, host::DeviceRef device,
                                   const wire::IpAddress& address, const wire::MacAddress& mac);
/// `ip route replace PREFIX via GATEWAY dev VXLAN onlink`: the gateway is the other end's address.
[[nodiscard]] Change add_tunnel_route(const host::Machine& machine, std::uint32_t host,
                                      const wire::Prefix& prefix, const wire::IpAddress& gateway,
                                      DeviceId tunnel);
/// `bridge fdb replace MAC dev BRIDGE self local`: the entry that the kernel makes of a bridge's own MAC.
[[nodiscard]] Change add_own_fdb(const host::Machine& machine, host::DeviceRef bridge);
/// `conntrack -D` of all entries of one sender and one destination, by any port of the sender's; of
/// TCP only attempts that were never answered, which may be other people's connections otherwise.
[[nodiscard]] Change forget_connections(const conntrack::Connection& one, std::uint32_t host);
/// `conntrack -D` of one entry as listed.
[[nodiscard]] Change delete_connection(const host::Machine& machine, std::uint32_t host,
                                       const conntrack::Connection& connection);

}  // namespace wayout::why
