// Choosing the translated tuple: SNAT, DNAT, MASQUERADE, REDIRECT, NETMAP are all one request to
// the same search, with different ranges (nf_nat_setup_info, get_unique_tuple).
#pragma once

#include <cstdint>

#include "conntrack/table.hpp"
#include "packet/chance.hpp"
#include "packet/packet.hpp"
#include "packet/trace.hpp"
#include "route/interface.hpp"

namespace wayout::nat {

enum class Manip : std::uint8_t { source = 0, destination = 1 };

/// The type of mapping a hook makes: PREROUTING and OUTPUT destination, INPUT and POSTROUTING source.
constexpr Manip manip_of(Hook hook) {
  return hook == Hook::prerouting || hook == Hook::output ? Manip::destination : Manip::source;
}

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
};

/// Set the connection's mapping of this kind. Returns false when the connection is confirmed
/// already (nothing can be set any more).
/// Linux: net/netfilter/nf_nat_core.c nf_nat_setup_info.
bool setup(conntrack::Table& table, ConnectionId connection, const Range& range, Manip manip,
           Chance& chance, std::int64_t now_ms);

/// The mapping made when no rule made one. Linux: nf_nat_core.c nf_nat_alloc_null_binding.
void null_binding(conntrack::Table& table, ConnectionId connection, Manip manip, Chance& chance,
                  std::int64_t now_ms);

/// The range MASQUERADE asks for, or an address that is not set when there is none to take.
/// `next_hop` is the route's gateway, or the packet's destination.
/// Linux: net/netfilter/nf_nat_masquerade.c nf_nat_masquerade_ipv4.
[[nodiscard]] Range masquerade_range(Range options, const route::Interfaces& interfaces,
                                     DeviceId egress, const wire::IpAddress& next_hop);

/// Rewrite the packet as its connection says at this hook, both directions, ICMP errors included.
/// Linux: nf_nat_core.c nf_nat_packet; nf_nat_proto.c nf_nat_icmp_reply_translation.
/// Ends: NETFILTER_DROP (NatCause::icmp_refused; NatCause::masquerade_changed).
template <Trace T>
Stop translate(Packet& packet, Hook hook, conntrack::Table& table, T& trace);

}  // namespace wayout::nat
