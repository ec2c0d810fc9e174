// ARP: requests we make, and what we answer (net/ipv4/arp.c).
#pragma once

#include <optional>

#include "link/device.hpp"
#include "link/neighbour.hpp"
#include "packet/chance.hpp"
#include "packet/packet.hpp"
#include "packet/trace.hpp"
#include "route/decide.hpp"

namespace wayout::ip {

/// The broadcast request for `target` out of `device`, on behalf of `waiting` (whose source the
/// request may carry, arp_announce). A frame with Ethernet header.
/// Linux: arp.c arp_solicit.
[[nodiscard]] Packet arp_request(const wire::IpAddress& target, DeviceId device,
                                 const Packet& waiting, const route::Fib& fib,
                                 const route::Interfaces& interfaces,
                                 const link::Devices& devices);

/// What became of an ARP frame.
struct ArpResult {
  Stop stop;
  std::optional<Packet> answer;                ///< frame to send out of the same device
  std::optional<link::NeighbourKey> resolved;  ///< an entry that packets wait for became valid
};

/// An ARP frame received on packet.device: perhaps an answer for the asker, perhaps something
/// learned about the sender. `configured` holds the proxy entries.
///
/// Linux: arp.c arp_rcv, arp_process.
/// Ends: always. Delivered when it is answered, or is an answer; else dropped: OTHERHOST, or
///   NOT_SPECIFIED with the cause why nobody answers (the address, arp_ignore, arp_filter, what the
///   routing decision about (target, sender) refused, drop_gratuitous_arp, what silences a proxy).
/// Changes: neighbours.
/// Not modelled: the delay of proxied answers; another locktime than 1 s; media other than
///   Ethernet.
template <Trace T>
ArpResult arp_process(const Packet& frame, const route::Fib& fib,
                      const route::Interfaces& interfaces, const link::Devices& devices,
                      const std::vector<link::Neighbour>& configured,
                      link::NeighbourState& neighbours, std::int64_t now_ms, Chance& chance,
                      T& trace);

}  // namespace wayout::ip
