// One side of a packet rewritten: address, port or id, and the checksums that cover them.
#pragma once

#include <cstdint>
#include <span>

#include "conntrack/tuple.hpp"
#include "nat/map.hpp"

namespace wayout::nat {

/// Give the IP packet in `ip` (network header first; an ICMP error may quote less than all of it)
/// the source, or the destination, of `tuple`. Checksums change by the difference only, so a wrong
/// one stays wrong; SCTP's is computed anew; a UDP checksum of 0 stays 0.
/// False when too little is there to rewrite; the bytes are then as they were.
/// Linux: nf_nat_proto.c nf_nat_ipv4_manip_pkt, l4proto_manip_pkt.
[[nodiscard]] bool rewrite(std::span<std::uint8_t> ip, Manip manip, const conntrack::Tuple& tuple);

/// Bytes from the network header on that rewrite() wants to write to: the IP header and what it
/// knows of the transport's. 0 for what is no IP packet.
/// Linux: nf_nat_proto.c, what each of its functions asks skb_ensure_writable for.
[[nodiscard]] std::size_t rewritten_bytes(std::span<const std::uint8_t> ip);

}  // namespace wayout::nat
