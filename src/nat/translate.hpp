// Rewriting a packet as its connection says: addresses, ports, checksums, and what ICMP errors
// quote.
#pragma once

#include "conntrack/table.hpp"
#include "nat/map.hpp"
#include "packet/packet.hpp"
#include "packet/trace.hpp"

namespace wayout::nat {

/// Rewrite the packet as its connection says at this hook, both directions, ICMP errors included.
/// `egress` is the device it leaves through, as the hook sees it (POSTROUTING; else not read).
///
/// Linux: nf_nat_core.c nf_nat_inet_fn, nf_nat_packet; nf_nat_proto.c nf_nat_manip_pkt,
///   nf_nat_icmp_reply_translation.
/// Ends: NETFILTER_DROP at nf_hook_slow (NatCause::icmp_refused: an ICMP error with a wrong
///   checksum, too few quoted bytes, or a redirect; NatCause::masquerade_changed;
///   PacketCause::truncated).
/// Changes: the packet's bytes. Checksums are updated, not recomputed: a wrong one stays wrong. A
///   masqueraded connection that leaves through another device is erased.
template <Trace T>
Stop translate(Packet& packet, Hook hook, DeviceId egress, conntrack::Table& table, T& trace);

}  // namespace wayout::nat
