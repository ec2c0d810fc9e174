// What a NAT rule asks for: a range of addresses and ports, and how to choose from it.
//
// Every target comes down to one Range: SNAT and DNAT write theirs in the rule; MASQUERADE,
// REDIRECT and NETMAP compute the address for each first packet, with the functions here.
#pragma once

#include <cstdint>

#include "packet/ids.hpp"
#include "route/interface.hpp"
#include "wire/address.hpp"

namespace wayout::nat {

/// struct nf_nat_range2; addresses inclusive, ports (ICMP: ids) host order.
struct Range {
  bool map_addresses = false;
  bool ports_specified = false;
  bool random = false;
  bool random_fully = false;
  bool persistent = false;
  bool port_offset = false;
  bool netmap = false;
  wire::IpAddress min_address, max_address;
  std::uint16_t min_port = 0, max_port = 0, base_port = 0;

  [[nodiscard]] bool is_random() const { return random || random_fully; }
  /// The same options, for one address; an address that is not set maps nothing.
  [[nodiscard]] Range with_address(const wire::IpAddress& address) const;
};

/// The range MASQUERADE asks for, or one whose address is not set when there is none to take (the
/// packet is dropped then: NatCause::no_address). `next_hop` is the route's gateway, or the
/// packet's destination. The rule's target also sets Connection::masquerade_device, and does
/// nothing for a connection whose source is 0.0.0.0.
/// Linux: net/netfilter/nf_nat_masquerade.c nf_nat_masquerade_ipv4.
[[nodiscard]] Range masquerade_range(const Range& options, const route::Interfaces& interfaces,
                                     DeviceId egress, const wire::IpAddress& next_hop);

/// The range REDIRECT asks for: 127.0.0.1 in OUTPUT, else the first address listed on the ingress
/// device, whatever its scope; not set when it has none (the packet is dropped then).
/// Linux: net/netfilter/nf_nat_redirect.c nf_nat_redirect_ipv4.
[[nodiscard]] Range redirect_range(const Range& options, Hook hook,
                                   const route::Interfaces& interfaces, DeviceId ingress);

/// The range NETMAP asks for: `address` (the packet's destination in PREROUTING and OUTPUT, else
/// its source) with its network part replaced by that of the rule's network, which runs from
/// options.min_address to options.max_address.
/// Linux: net/netfilter/xt_NETMAP.c netmap_tg4.
[[nodiscard]] Range netmap_range(const Range& options, const wire::IpAddress& address);

}  // namespace wayout::nat
