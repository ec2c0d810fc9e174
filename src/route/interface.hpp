// What layer 3 knows of a device (struct in_device): addresses in list order and IPv4 sysctls.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "packet/ids.hpp"
#include "wire/address.hpp"

namespace wayout::route {

/// RT_SCOPE_*: the larger the value, the nearer.
enum class Scope : std::uint8_t { universe = 0, site = 200, link = 253, host = 254, nowhere = 255 };

struct InterfaceAddress {
  wire::IpAddress local;
  wire::IpAddress peer;              ///< point-to-point peer; equals local when there is none
  std::uint8_t prefix_length = 32;   ///< of peer
  wire::IpAddress broadcast;         ///< not set: none
  Scope scope = Scope::universe;
  bool secondary = false;
  bool deprecated = false;
  bool noprefixroute = false;

  [[nodiscard]] wire::Prefix subnet() const {
    return wire::Prefix{peer.is_set() ? peer : local, prefix_length}.masked();
  }
};

/// net.ipv4.conf.<device>.*, kernel defaults.
struct Ipv4Conf {
  bool forwarding = false;
  int rp_filter = 0;
  bool accept_local = false;
  bool route_localnet = false;
  bool src_valid_mark = false;
  bool accept_source_route = false;
  bool bc_forwarding = false;
  bool mc_forwarding = false;
  bool send_redirects = true;
  bool shared_media = true;
  bool proxy_arp = false;
  bool proxy_arp_pvlan = false;
  int arp_ignore = 0;
  int arp_announce = 0;
  bool arp_filter = false;
  int arp_accept = 0;
  bool drop_gratuitous_arp = false;
  bool ignore_routes_with_linkdown = false;
  bool drop_unicast_in_l2_multicast = false;
  bool disable_policy = false;
  bool log_martians = false;
  bool promote_secondaries = false;
};

struct Interface {
  bool up = false;                   ///< IFF_UP of the device
  bool carrier = true;
  bool loopback = false;
  std::uint32_t mtu_bytes = 1500;
  DeviceId vrf = no_device;          ///< the VRF it is enslaved to
  std::uint32_t vrf_table = 0;       ///< when it is a VRF itself: its table
  std::uint32_t order = 0;           ///< of registration, for "first device" rules
  std::optional<std::uint32_t> group;  ///< `ip link … group`; not set: not known
  std::vector<InterfaceAddress> addresses;  ///< in the kernel's list order
  Ipv4Conf conf;
};

/// All interfaces of a namespace, by DeviceId, with conf.all and conf.default.
struct Interfaces {
  std::vector<Interface> list = std::vector<Interface>(1);
  Ipv4Conf all;
  Ipv4Conf defaults;

  [[nodiscard]] const Interface& operator[](DeviceId id) const { return list[id]; }
  [[nodiscard]] Interface& operator[](DeviceId id) { return list[id]; }
  [[nodiscard]] DeviceId size() const { return static_cast<DeviceId>(list.size()); }

  /// How `all` and the device's own value combine (include/linux/inetdevice.h).
  [[nodiscard]] int max(DeviceId id, int Ipv4Conf::*field) const {
    return std::max(all.*field, list[id].conf.*field);
  }
  [[nodiscard]] bool either(DeviceId id, bool Ipv4Conf::*field) const {
    return all.*field || list[id].conf.*field;
  }
  [[nodiscard]] bool both(DeviceId id, bool Ipv4Conf::*field) const {
    return all.*field && list[id].conf.*field;
  }
  /// The device that owns this address (any device, any scope, up or down), or no_device.
  /// Linux: net/ipv4/devinet.c inet_lookup_ifaddr_rcu.
  [[nodiscard]] DeviceId owner_of(const wire::IpAddress& address) const;
  /// The VRF whose layer-3 domain a device is in: itself when it is one, else the one it is
  /// enslaved to, else no_device. Linux: net/l3mdev/l3mdev.c l3mdev_master_ifindex_rcu.
  [[nodiscard]] DeviceId l3_domain(DeviceId id) const {
    return list[id].vrf_table != 0 ? id : list[id].vrf;
  }
};

/// Insert as the kernel does when an address is added: primaries by scope, descending, then age;
/// secondaries last, and the kernel says which it is (`secondary` is set here). False, and nothing
/// is inserted, when the kernel would refuse: it is there already, or has another scope than its
/// subnet's primary. A list that was read is in this order already and is taken as it is.
/// Linux: net/ipv4/devinet.c __inet_insert_ifa.
bool insert_address(Interface& interface, InterfaceAddress address);

/// The address of `device` to talk to `next_hop` with: the first primary one of sufficient scope
/// whose subnet holds the next hop, else the first; `next_hop` not set: the first. Failing that, of
/// the device's VRF, then of any device of the same layer-3 domain in registration order, up or
/// down, but never of scope link. Not set when there is none anywhere.
/// Linux: net/ipv4/devinet.c inet_select_addr.
[[nodiscard]] wire::IpAddress select_source_address(const Interfaces& interfaces, DeviceId device,
                                                    const wire::IpAddress& next_hop, Scope scope);

}  // namespace wayout::route
