// A Linux bridge deciding about one frame: learn, forward, flood, or up the stack.
//
// Decisions only: the copies are sent, and netfilter is asked (bridge-nf-call-iptables), in path/.
// The way of a frame: ingress(), PREROUTING, decide(), then for each copy leave_vlan(), FORWARD and
// POSTROUTING, egress().
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "link/device.hpp"
#include "link/vxlan.hpp"
#include "packet/packet.hpp"
#include "packet/trace.hpp"

namespace wayout::bridge {

/// One line of `bridge fdb`.
struct FdbEntry {
  wire::MacAddress mac;
  DeviceId bridge = no_device;       ///< no_device: a VXLAN device's own (self) entry
  DeviceId port = no_device;         ///< the port, or the VXLAN device
  std::uint16_t vlan = 0;
  bool local = false;                ///< permanent/local: the address is the host's
  bool is_static = false;
  bool sticky = false;
  bool offloaded = false;
  wire::IpAddress remote;            ///< VXLAN: where it lives
  std::uint32_t remote_vni = 0;
  std::uint16_t remote_port = 0;
  DeviceId remote_via = no_device;   ///< `via`: by this device only, of the same namespace
  std::uint32_t remote_via_ifindex = 0;  ///< ... of the namespace that carries the tunnel, another one
};

/// One line of `bridge vlan`.
struct VlanMembership {
  DeviceId device = no_device;
  std::uint16_t low = 1, high = 1;
  bool pvid = false;
  bool untagged = false;
};

/// Configuration of all bridges of a namespace.
struct Config {
  std::vector<FdbEntry> fdb;
  bool fdb_is_whole = false;         ///< what is not in it is not there, not even for own MACs
  std::vector<VlanMembership> vlans;
  bool nf_call_iptables = false;     ///< net.bridge.bridge-nf-call-iptables
  bool nf_filter_vlan_tagged = false;
};

struct FdbKey {
  DeviceId bridge = no_device;       ///< or the VXLAN device
  std::uint16_t vlan = 0;
  wire::MacAddress mac;
  bool operator==(const FdbKey&) const = default;
};
struct FdbKeyHash {
  std::size_t operator()(const FdbKey& k) const noexcept {
    return std::hash<wire::MacAddress>{}(k.mac) * 31 + k.bridge * 4096 + k.vlan;
  }
};

/// The forwarding databases as they are now: what was read, and what the walk learned since.
struct State {
  /// Behind which port of a bridge a MAC lives. port == no_device: the bridge's own MAC.
  struct Entry {
    DeviceId port = no_device;
    bool local = false;
    bool is_static = false;          ///< never ages; learning moves it all the same
    bool sticky = false;             ///< learning does not move it
    std::int64_t seen_ms = 0;        ///< last frame from it, in State time
  };
  /// Behind which hosts a MAC lives, for a VXLAN device; MAC zero: where the unknown is sent.
  struct Remotes {
    std::vector<link::VxlanRemote> list;
    bool is_static = false;
  };
  std::unordered_map<FdbKey, Entry, FdbKeyHash> fdb;
  std::unordered_map<FdbKey, Remotes, FdbKeyHash> vxlan;
};

/// The state a namespace starts with: entries read (taken as seen at `now_ms`), own MACs of ports
/// and bridges, default remotes of VXLAN devices.
[[nodiscard]] State initial_state(const Config& config, const link::Devices& devices,
                                  std::int64_t now_ms = 0);

/// Where a frame goes.
struct Decision {
  DeviceId bridge = no_device;
  std::vector<DeviceId> ports;       ///< in the order the kernel sends
  bool up = false;                   ///< a copy for the bridge device itself, after the ports
  bool flooded = false;              ///< unknown, broadcast or multicast destination
};

/// A frame received on a bridge port: the checks before netfilter sees it.
/// `link_local_up`: a link-local group frame, which the stack takes on the port itself.
///
/// Linux: net/bridge/br_input.c br_handle_frame.
/// Ends: MAC_INVALID_SOURCE, MAC_IEEE_MAC_CONTROL, BRIDGE_INGRESS_STP_STATE.
/// Changes: state.fdb, for link-local frames only.
/// Not modelled: group_fwd_mask of a single port, MRP, CFM, VLAN tunnels.
template <Trace T>
Stop ingress(const Packet& frame, const link::Devices& devices, const Config& config, State& state,
             std::int64_t now_ms, bool& link_local_up, T& trace);

/// Where the frame goes, by its destination MAC (which bridged DNAT may have changed), after its
/// source was admitted and learned. `ingress_port` is no_device for frames that the host sends
/// through the bridge device. Ports that a flood leaves out are told (Did::passed_over).
///
/// Linux: br_input.c br_handle_frame_finish; br_device.c br_dev_xmit; br_forward.c br_forward,
///   br_flood, should_deliver; br_vlan.c __allowed_ingress.
/// Ends: NOT_SPECIFIED (VLAN, locked port, the one port it should leave by does not take it),
///   BRIDGE_INGRESS_STP_STATE (port in state learning), NO_TX_TARGET (no port to flood to).
/// Changes: state.fdb; frame.vlan_tci, in which a filtering bridge notes the VLAN.
/// Not modelled: multicast snooping (with a querier the kernel sends groups to their members only),
///   multicast to unicast, backup ports, MST, learning limits, STP topology changes.
template <Trace T>
Stop decide(Packet& frame, DeviceId bridge, DeviceId ingress_port, const link::Devices& devices,
            const Config& config, State& state, std::int64_t now_ms, Decision& decision, T& trace);

/// A copy is about to leave the bridge by `to`, a port or the bridge device itself: where the VLAN
/// is untagged there, the tag comes off. Before FORWARD is asked. Linux: br_vlan.c br_handle_vlan.
void leave_vlan(Packet& copy, DeviceId bridge, DeviceId to, const link::Devices& devices,
                const Config& config);

/// The last check before a copy leaves through a port: its MTU, with room for a tag.
/// Linux: br_forward.c br_dev_queue_push_xmit. Ends: NOT_SPECIFIED.
Stop egress(const Packet& copy, DeviceId port, const link::Devices& devices);

}  // namespace wayout::bridge
