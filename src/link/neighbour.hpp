// Neighbour entries: which MAC answers for an on-link address (struct neighbour, net/core).
//
// The configured table (what `ip neigh` showed) is part of Host; what the walk learns by ARP, and
// the packets that wait for it, is NeighbourState. Life of an entry here: none → incomplete (first
// packet queued, request sent) → reachable (answer seen) or failed (time ran out).
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "link/device.hpp"
#include "packet/packet.hpp"
#include "wire/address.hpp"

namespace wayout::link {

/// NUD_*. In none/incomplete/failed nothing may be sent; in all others frames go to `mac`.
enum class NudState : std::uint8_t {
  none, incomplete, reachable, stale, delay, probe, failed, noarp, permanent
};

constexpr bool nud_valid(NudState s) {
  return s != NudState::none && s != NudState::incomplete && s != NudState::failed;
}

struct Neighbour {
  wire::IpAddress address;
  DeviceId device = no_device;
  wire::MacAddress mac;
  NudState state = NudState::none;
  bool proxy = false;               ///< `ip neigh add proxy`
};

struct NeighbourKey {
  DeviceId device = no_device;
  wire::IpAddress address;
  bool operator==(const NeighbourKey&) const = default;
};

}  // namespace wayout::link

template <>
struct std::hash<wayout::link::NeighbourKey> {
  std::size_t operator()(const wayout::link::NeighbourKey& k) const noexcept {
    return std::hash<wayout::wire::IpAddress>{}(k.address) * 31 + k.device;
  }
};

namespace wayout::link {

/// Live entries of one namespace, with the packets that wait in them.
struct NeighbourState {
  struct Entry {
    NudState state = NudState::none;
    wire::MacAddress mac;
    bool assumed = false;            ///< taken to answer: it is outside this machine
    std::optional<std::int64_t> updated_ms;  ///< State time of what ARP last said; not set: before
    std::uint32_t request = 0;       ///< Packet::number of the ARP request that is out
    std::int64_t asked_ms = 0;       ///< State time of the first of them
    std::uint8_t requests = 0;       ///< how many there were
    std::vector<Packet> waiting;     ///< arp_queue
  };
  std::unordered_map<NeighbourKey, Entry> entries;
  std::vector<NeighbourKey> asked;   ///< entries in which packets wait, or waited, in their order
};

/// The MAC for a next hop that nobody has to be asked for; none when ARP decides. A NOARP device
/// sends to its own MAC, a point-to-point one to everybody. All zero where frames have no MACs.
/// `is_broadcast`: the route says that the destination is the subnet's broadcast address.
/// Linux: net/ipv4/arp.c arp_constructor.
[[nodiscard]] std::optional<wire::MacAddress> known_without_asking(const Device& device,
                                                                   const wire::IpAddress& next_hop,
                                                                   bool is_broadcast);

}  // namespace wayout::link
