// Fragments wait until their packet is whole.
//
// A queue is keyed by source, destination, id, protocol and who asks (conntrack at a hook, or local
// delivery): the two never mix. Life of a queue: made by the first fragment, thrown away by an
// overlap or by time, ended by completeness. Time is handed in.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "packet/packet.hpp"
#include "packet/trace.hpp"

namespace wayout::ip {

struct FragmentKey {
  wire::IpAddress source, destination;
  std::uint16_t id = 0;
  std::uint8_t protocol = 0;
  std::uint8_t user = 0;            ///< the Hook at which it is asked for
  std::uint16_t zone = 0;
  bool operator==(const FragmentKey&) const = default;
};

struct FragmentKeyHash {
  std::size_t operator()(const FragmentKey& k) const noexcept {
    const std::hash<wire::IpAddress> h;
    return h(k.source) * 3 + h(k.destination) * 5 + (k.id << 16 | k.protocol << 8 | k.user);
  }
};

struct FragmentQueue {
  struct Piece {
    std::uint32_t offset = 0;       ///< in the payload, bytes
    std::vector<std::uint8_t> bytes;
  };
  std::vector<Piece> pieces;        ///< by offset, none overlapping
  std::vector<std::uint8_t> header; ///< of the first fragment; empty: not here yet
  std::uint32_t total = 0;          ///< payload bytes, when the last one is here
  std::uint32_t largest = 0;        ///< largest fragment received, whole IP packet
  bool largest_had_df = false;
  std::int64_t expires_ms = 0;
};

struct Fragments {
  std::unordered_map<FragmentKey, FragmentQueue, FragmentKeyHash> queues;
};

/// Unfragmented packets pass. A fragment is taken in; the one that makes its packet whole goes on as
/// that packet, all others end here as Fate::held.
///
/// Linux: net/ipv4/ip_fragment.c ip_defrag, ip_frag_queue, ip_frag_reasm.
/// Ends: held; DUP_FRAG (exact duplicate); NOT_SPECIFIED (overlap: the queue is thrown away).
/// Changes: packet (bytes, fragment_max_bytes, fragment_dont), fragments.
/// Not modelled: memory limits, max_dist, the ICMP error when time runs out.
template <Trace T>
Stop defragment(Packet& packet, Hook user, Fragments& fragments, std::int64_t now_ms, T& trace);

}  // namespace wayout::ip
