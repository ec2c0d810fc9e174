// One network namespace as configured. To the network stack a namespace is a host of its own.
//
// A Host is immutable once read and finished (finish.hpp): everything that changes while packets
// walk is in State (state.hpp). A Machine is all namespaces that belong together, and how their
// devices are joined. Readers: snapshot/, live/; nothing here reads anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "bridge/bridge.hpp"
#include "conntrack/table.hpp"
#include "ip/defrag.hpp"
#include "ip/ratelimit.hpp"
#include "link/device.hpp"
#include "link/neighbour.hpp"
#include "netfilter/evaluate.hpp"
#include "route/decide.hpp"
#include "route/fib.hpp"
#include "route/interface.hpp"

namespace wayout::host {

/// Something found on this host that can take or change a packet and that the engine does not
/// model. Met on the way, it makes the answer undecided; its text names it.
struct Unmodelled {
  enum class Kind : std::uint8_t {
    nft_chain, tc_filter, xdp, bpf, ebtables, ipvs, ipsec_policy, flowtable, rule, bond, tunnel,
    routing_rule, other
  };
  Kind kind = Kind::other;
  std::string text;                    ///< `nft chain inet fw forward (hook forward, priority filter)`
  DeviceId device = no_device;         ///< on the way when a packet passes this device
  bool ingress = false, egress = false;  ///< which direction of the device
  std::optional<Hook> hook;            ///< on the way when a packet passes this hook (at `device`)
  std::int32_t priority = 0;
  bool nat = false;                    ///< an nft chain of type nat
  /// Whose hooks: those of IPv4 packets, of frames in a bridge, of ARP messages.
  enum class Family : std::uint8_t { ip, bridge, arp };
  Family family = Family::ip;
  bool passes = false;                 ///< it was read: nothing in it can stop or change a packet
  wire::Prefix source, destination;    ///< only packets between these; no family: all
};

using wayout::Listener;

/// net.ipv4.* that the IP room reads.
struct IpConfig {
  std::uint8_t default_ttl = 64;
  bool icmp_echo_ignore_all = false;
  bool icmp_echo_ignore_broadcasts = true;
  bool icmp_errors_use_inbound_ifaddr = false;
  bool fwmark_reflect = false;
  bool tcp_fwmark_accept = false;
  ip::FragmentConfig fragments;
  ip::IcmpLimits icmp_limits;
};

/// One file of rules as it was read, for who writes the rules back under the same name.
struct RuleFile {
  std::string name;                    ///< `iptables-save.txt`
  std::uint32_t ruleset = 0;           ///< position in Netfilter::rulesets; files may share one
};

struct Host {
  std::string name;                    ///< `host`, `ip netns` name, container name, or `pid 123`
  std::vector<std::string> aliases;    ///< other names by which it may be asked for
  std::string folder;                  ///< in a snapshot
  std::string runtime;                 ///< docker, podman, …; empty: none
  std::string container_id;
  std::uint32_t pid = 0;               ///< a process in it; 0: not known
  std::uint64_t namespace_inode = 0;   ///< live: /proc/…/ns/net; 0: from files
  /// What this namespace calls others (link-netnsid): Host::name there, as far as it is known.
  std::unordered_map<std::int32_t, std::string> namespace_ids;

  link::Devices devices;
  std::vector<DeviceId> registered;    ///< some of them, in the order in which they were made
  std::vector<link::Neighbour> neighbours;
  route::Interfaces interfaces;        ///< parallel to devices
  route::Fib fib;
  std::unordered_map<std::uint32_t, std::string> table_names;  ///< of routing tables, where named
  IpConfig ip;
  bridge::Config bridging;
  netfilter::Netfilter netfilter;
  std::vector<RuleFile> rule_files;
  bool conntrack_needed_by_nft = false;  ///< a native nft rule asks for it
  conntrack::Config conntrack_config;
  std::vector<conntrack::Connection> connections;  ///< as listed
  std::vector<Listener> listeners;
  bool listeners_known = false;
  std::uint8_t listeners_of = 0;       ///< the listing shows this protocol alone; 0: TCP and UDP
  std::vector<Unmodelled> unmodelled;
  std::unordered_map<std::string, std::string> sysctls;  ///< every one read, by full name
  std::string boot_root;               ///< where its files of sysctls at boot are (provenance.hpp)

  bool routes_assumed = false;         ///< there was no listing: only those of the addresses
  std::vector<std::string> assumed;    ///< what was missing and taken as the kernel's default
};

/// One end of a device pair: which host, which device.
struct DeviceRef {
  std::uint32_t host = 0;
  DeviceId device = no_device;
  bool operator==(const DeviceRef&) const = default;
};

struct Machine {
  std::string kernel_release;
  std::int64_t read_at_ms = 0;         ///< Unix time at which it was read; 0: not known
  std::vector<Host> hosts;             ///< [0] is the namespace in which wayout was called
  /// veth peer of (host, device), by host then DeviceId; device == no_device: not known.
  std::vector<std::vector<DeviceRef>> peers;
  /// Device below (VLAN, macvlan, ipvlan), in the same or another namespace; same shape. For a
  /// VXLAN device it names only the namespace whose routes carry it (device == no_device).
  std::vector<std::vector<DeviceRef>> lowers;
  /// The reverse of lowers: what is stacked on (host, device).
  std::vector<std::vector<std::vector<DeviceRef>>> stacked;

  [[nodiscard]] DeviceRef peer(DeviceRef end) const;
  [[nodiscard]] DeviceRef lower(DeviceRef child) const;
  [[nodiscard]] const std::vector<DeviceRef>& uppers(DeviceRef lower) const;
  /// The namespace whose routes carry this VXLAN device; nothing when it was not read.
  [[nodiscard]] std::optional<std::uint32_t> carrier(DeviceRef tunnel) const;
};

}  // namespace wayout::host
