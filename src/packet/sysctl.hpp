// The sysctls that decide something on the way, by name.
//
// Values live with the room that reads them (route::Ipv4Conf, ip::Config, …); here is only what a
// Cause needs to blame one and what a reader needs to find one.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace wayout {

enum class Sysctl : std::uint8_t {
  none,
  // net.ipv4.conf.<device>.*
  forwarding,
  rp_filter,
  accept_local,
  route_localnet,
  src_valid_mark,
  accept_source_route,
  bc_forwarding,
  send_redirects,
  arp_ignore,
  arp_filter,
  arp_announce,
  proxy_arp,
  proxy_arp_pvlan,
  ignore_routes_with_linkdown,
  drop_unicast_in_l2_multicast,
  disable_policy,
  // net.ipv4.neigh.<device>.*
  mcast_solicit,
  // one a namespace
  ip_forward,
  ip_default_ttl,
  ip_forward_use_pmtu,
  icmp_echo_ignore_all,
  icmp_echo_ignore_broadcasts,
  icmp_ratelimit,
  icmp_ratemask,
  icmp_errors_use_inbound_ifaddr,
  fib_multipath_hash_policy,
  fib_multipath_use_neigh,
  ip_nonlocal_bind,
  ipfrag_high_thresh,
  bridge_nf_call_iptables,
  bridge_nf_filter_vlan_tagged,
  nf_conntrack_max,
  nf_conntrack_checksum,
  nf_conntrack_tcp_loose,
  nf_conntrack_tcp_be_liberal,
  count_
};

/// How `sysctl -a` names it; a per-device one holds `*` where the device's name goes.
inline constexpr std::array<std::string_view, static_cast<std::size_t>(Sysctl::count_)>
    sysctl_patterns = {
        "",
        "net.ipv4.conf.*.forwarding",
        "net.ipv4.conf.*.rp_filter",
        "net.ipv4.conf.*.accept_local",
        "net.ipv4.conf.*.route_localnet",
        "net.ipv4.conf.*.src_valid_mark",
        "net.ipv4.conf.*.accept_source_route",
        "net.ipv4.conf.*.bc_forwarding",
        "net.ipv4.conf.*.send_redirects",
        "net.ipv4.conf.*.arp_ignore",
        "net.ipv4.conf.*.arp_filter",
        "net.ipv4.conf.*.arp_announce",
        "net.ipv4.conf.*.proxy_arp",
        "net.ipv4.conf.*.proxy_arp_pvlan",
        "net.ipv4.conf.*.ignore_routes_with_linkdown",
        "net.ipv4.conf.*.drop_unicast_in_l2_multicast",
        "net.ipv4.conf.*.disable_policy",
        "net.ipv4.neigh.*.mcast_solicit",
        "net.ipv4.ip_forward",
        "net.ipv4.ip_default_ttl",
        "net.ipv4.ip_forward_use_pmtu",
        "net.ipv4.icmp_echo_ignore_all",
        "net.ipv4.icmp_echo_ignore_broadcasts",
        "net.ipv4.icmp_ratelimit",
        "net.ipv4.icmp_ratemask",
        "net.ipv4.icmp_errors_use_inbound_ifaddr",
        "net.ipv4.fib_multipath_hash_policy",
        "net.ipv4.fib_multipath_use_neigh",
        "net.ipv4.ip_nonlocal_bind",
        "net.ipv4.ipfrag_high_thresh",
        "net.bridge.bridge-nf-call-iptables",
        "net.bridge.bridge-nf-filter-vlan-tagged",
        "net.netfilter.nf_conntrack_max",
        "net.netfilter.nf_conntrack_checksum",
        "net.netfilter.nf_conntrack_tcp_loose",
        "net.netfilter.nf_conntrack_tcp_be_liberal",
};

constexpr std::string_view sysctl_pattern(Sysctl s) {
  return sysctl_patterns[static_cast<std::size_t>(s)];
}

}  // namespace wayout
