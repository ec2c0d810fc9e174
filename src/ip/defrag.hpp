// Fragments wait until their packet is whole.
//
// A queue is keyed by source, destination, id, protocol and who asks (conntrack at a hook, or local
// delivery): the two never mix. Life of a queue: made by the first fragment that comes, thrown away
// by an overlap, a contradiction or time, ended by completeness. Time is handed in.
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
  DeviceId vrf = no_device;
  bool operator==(const FragmentKey&) const = default;
};

struct FragmentKeyHash {
  std::size_t operator()(const FragmentKey& k) const noexcept {
    const std::hash<wire::IpAddress> h;
    return h(k.source) * 3 + h(k.destination) * 5 + (k.id << 16 | k.protocol << 8 | k.user);
  }
};

struct FragmentQueue {
  /// What one fragment carried.
  struct Piece {
    std::uint32_t offset = 0;       ///< in the payload, bytes
    std::vector<std::uint8_t> bytes;
    [[nodiscard]] std::uint32_t end() const {
      return offset + static_cast<std::uint32_t>(bytes.size());
    }
  };
  /// Pieces that came one behind the other. What lies within one run is a duplicate.
  struct Run {
    std::uint32_t offset = 0, end = 0;
  };
  std::vector<Piece> pieces;        ///< by offset, none overlapping
  std::vector<Run> runs;            ///< by offset
  std::vector<std::uint8_t> header; ///< of the first fragment; empty: not here yet
  std::uint32_t length = 0;         ///< highest end seen
  bool has_last = false;            ///< length is the packet's
  std::uint32_t received = 0;       ///< payload bytes here
  std::uint32_t largest = 0;        ///< largest fragment, with its header
  std::uint32_t largest_df = 0;     ///< largest fragment with DF
  std::uint8_t ecn_seen = 0;        ///< a bit for each of the four ECN values
  std::int64_t expires_ms = 0;
};

/// How much may wait, and for how long.
struct FragmentConfig {
  std::int64_t high_thresh_bytes = 4 << 20;  ///< net.ipv4.ipfrag_high_thresh; 0: nothing waits
  std::int64_t time_ms = 30'000;             ///< net.ipv4.ipfrag_time
};

struct Fragments {
  std::unordered_map<FragmentKey, FragmentQueue, FragmentKeyHash> queues;
};

/// Unfragmented packets pass. A fragment is taken in; the one that makes its packet whole goes on
/// as that packet, all others end here as Fate::held. `vrf` is the layer-3 domain of the ingress.
///
/// Linux: net/ipv4/ip_fragment.c ip_defrag, ip_frag_queue, ip_frag_reasm; inet_fragment.c
///   inet_frag_queue_insert.
/// Ends: held; DUP_FRAG (lies within what is here); NOT_SPECIFIED (overlap, contradiction, too
///   long, ECN that cannot be: the queue is thrown away; nothing may wait at all).
/// Changes: packet (bytes, fragment_*), fragments.
/// Not modelled: memory limits other than none at all, max_dist, the ICMP error when time runs out.
template <Trace T>
Stop defragment(Packet& packet, Hook user, DeviceId vrf, const FragmentConfig& config,
                Fragments& fragments, std::int64_t now_ms, T& trace);

}  // namespace wayout::ip
