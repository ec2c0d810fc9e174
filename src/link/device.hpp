// Network devices of one namespace, as layer 2 sees them (struct net_device).
//
// What layer 3 knows of a device (addresses, per-device sysctls) is route::Interface, at the same
// DeviceId. Position 0 of every device list is "no device" and has an empty name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "packet/ids.hpp"
#include "wire/address.hpp"

namespace wayout::link {

/// IFLA_INFO_KIND, as far as the way depends on it. `nic` is every end we do not look behind.
enum class DeviceKind : std::uint8_t {
  nic, loopback, veth, bridge, vlan, vxlan, vrf, macvlan, ipvlan, dummy, tun, bond, wireguard, ifb,
  tunnel,  ///< gre, ipip, sit, geneve, …: ends
};

/// STP state of a bridge port (BR_STATE_*).
enum class PortState : std::uint8_t { disabled, listening, learning, forwarding, blocking };

/// What a bridge knows of a device that is its port (IFLA_BRPORT_*).
struct BridgePort {
  PortState state = PortState::forwarding;
  bool hairpin = false;
  bool learning = true;
  bool flood = true;             ///< unknown unicast
  bool multicast_flood = true;
  bool broadcast_flood = true;
  bool isolated = false;
  bool locked = false;
  bool proxy_arp = false;
  bool neigh_suppress = false;
};

/// What a bridge device adds (IFLA_BR_*).
struct BridgeOptions {
  bool stp = false;
  bool vlan_filtering = false;
  bool multicast_snooping = true;
  bool nf_call_iptables = false;     ///< the bridge's own flag, OR'ed with the sysctl
  std::uint32_t ageing_s = 300;
  std::uint16_t group_fwd_mask = 0;
  std::uint16_t default_pvid = 1;
};

/// Whether the datagrams of a tunnel may be fragmented on their way.
enum class TunnelDf : std::uint8_t { unset, set, inherit };

struct VxlanOptions {
  std::uint32_t vni = 0;
  wire::IpAddress local, remote;     ///< remote: unicast default remote or multicast group
  std::uint16_t port = 8472;         ///< UDP destination, host order
  bool learning = true;
  bool collect_metadata = false;     ///< external: an end for us
  TunnelDf df = TunnelDf::unset;     ///< of the outer header; inherit: the inner IPv4 header's
  std::uint8_t ttl = 0;              ///< of the outer header; 0: the kernel's own choice
  bool ttl_inherit = false;          ///< the inner IPv4 header's
  std::uint8_t tos = 0;              ///< of the outer header, without ECN
  bool tos_inherit = false;          ///< the inner IPv4 header's
  std::vector<std::string> others;   ///< options set that are not modelled, as `ip` names them
};

enum class MacvlanMode : std::uint8_t { private_, vepa, bridge, passthru, source };

/// net.ipv4.neigh.<device>.*: who is asked for the MAC of an address, and how often.
struct NeighbourParms {
  int mcast_solicit = 3;             ///< ARP requests to everybody
  int app_solicit = 0;               ///< to a daemon in user space, before those
};

struct Device {
  std::string name;
  std::uint32_t ifindex = 0;         ///< the kernel's number
  DeviceKind kind = DeviceKind::nic;
  std::string kind_name;             ///< IFLA_INFO_KIND as the kernel says it; "": none
  bool up = false;                   ///< IFF_UP
  bool carrier = true;               ///< IFF_LOWER_UP
  bool arp = true;                   ///< false: IFF_NOARP
  bool point_to_point = false;
  bool promiscuous = false;
  std::uint32_t mtu_bytes = 1500;
  wire::MacAddress mac;
  bool ethernet = true;              ///< frames carry an Ethernet header
  DeviceId master = no_device;       ///< bridge, VRF or bond it is enslaved to
  DeviceId lower = no_device;        ///< VLAN, macvlan, VXLAN: the device below, same namespace
  std::optional<std::uint32_t> peer_ifindex;  ///< IFLA_LINK: veth peer or lower device elsewhere
  std::optional<std::int32_t> peer_netnsid;   ///< IFLA_LINK_NETNSID: where that index is valid
  std::uint16_t vlan_id = 0;         ///< kind vlan
  std::uint32_t vrf_table = 0;       ///< kind vrf
  NeighbourParms neighbours;
  MacvlanMode macvlan_mode = MacvlanMode::bridge;
  BridgeOptions bridge;              ///< kind bridge
  VxlanOptions vxlan;                ///< kind vxlan
  std::optional<BridgePort> port;    ///< set when master is a bridge
  std::optional<std::uint32_t> group;  ///< `ip link … group`; not set: not known by number
  bool xdp = false;                  ///< an XDP program is attached
  std::vector<std::string> foreign_slaves;  ///< bond/team: names, for print

  [[nodiscard]] bool running() const { return up && carrier; }
};

/// All devices of a namespace; DeviceId is the position.
struct Devices {
  std::vector<Device> list = std::vector<Device>(1);

  [[nodiscard]] const Device& operator[](DeviceId id) const { return list[id]; }
  [[nodiscard]] Device& operator[](DeviceId id) { return list[id]; }
  [[nodiscard]] DeviceId size() const { return static_cast<DeviceId>(list.size()); }
  /// no_device when there is none of that name.
  [[nodiscard]] DeviceId find(std::string_view name) const;
  [[nodiscard]] DeviceId find_ifindex(std::uint32_t ifindex) const;
};

}  // namespace wayout::link
