// A Linux bridge deciding about one frame: learn, forward, flood, or up the stack.
//
// Decisions only: the copies are sent, and netfilter is asked (bridge-nf-call-iptables), in path/.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "link/device.hpp"
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
  std::vector<VlanMembership> vlans;
  bool nf_call_iptables = false;     ///< net.bridge.bridge-nf-call-iptables
  bool nf_filter_vlan_tagged = false;
};

struct FdbKey {
  DeviceId bridge = no_device;
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
  struct Entry {
    DeviceId port = no_device;
    bool local = false;
    bool is_static = false;
    bool sticky = false;
  };
  std::unordered_map<FdbKey, Entry, FdbKeyHash> fdb;
};

/// The state a namespace starts with: entries read, own MACs of ports and bridges.
[[nodiscard]] State initial_state(const Config& config, const link::Devices& devices);

/// Where a frame goes. Empty ports and !up means it ended (the Stop says why).
struct Decision {
  DeviceId bridge = no_device;
  std::vector<DeviceId> ports;       ///< in the order the kernel sends
  bool up = false;                   ///< a copy for the bridge device itself
  bool flooded = false;              ///< unknown, broadcast or multicast destination
  std::uint16_t vlan = 0;
};

/// A frame received on a bridge port: the checks before anything else, learning included.
/// `link_local_up`: a link-local group frame, which the stack takes on the port itself.
/// Linux: net/bridge/br_input.c br_handle_frame, br_handle_frame_finish (ingress half).
/// Ends: MAC_INVALID_SOURCE, BRIDGE_INGRESS_STP_STATE, NOT_SPECIFIED (VLAN, locked).
template <Trace T>
Stop ingress(Packet& frame, const link::Devices& devices, const Config& config, State& state,
             bool& link_local_up, T& trace);

/// Where the frame goes, by its destination MAC (which bridged DNAT may have changed).
/// `ingress_port` is no_device for frames that the host sends through the bridge device.
/// Linux: br_input.c br_handle_frame_finish; br_device.c br_dev_xmit; br_forward.c br_flood,
///   should_deliver.
/// Ends: NOT_SPECIFIED / NO_TX_TARGET at br_handle_frame_finish when nobody gets it.
template <Trace T>
Stop decide(const Packet& frame, DeviceId bridge, DeviceId ingress_port,
            const link::Devices& devices, const Config& config, const State& state,
            Decision& decision, T& trace);

/// The last check before a copy leaves through a port (MTU, VLAN tag). With call-iptables an
/// oversized IPv4 frame is to be fragmented instead: `fragment_to_bytes` is then set.
/// Linux: br_forward.c br_dev_queue_push_xmit; br_netfilter_hooks.c br_nf_dev_queue_xmit.
template <Trace T>
Stop egress(Packet& frame, DeviceId port, const link::Devices& devices, const Config& config,
            T& trace);

}  // namespace wayout::bridge
