// VXLAN (RFC 7348): Ethernet frames as the payload of UDP datagrams between hosts.
//
// Pure packet in, packet out. Which remote a MAC lives behind is the forwarding database's business
// (bridge/vxlan_fdb.hpp); the outer datagram is then sent and received like any other of the host.
#pragma once

#include <optional>
#include <vector>

#include "link/device.hpp"
#include "packet/packet.hpp"
#include "packet/trace.hpp"

namespace wayout::link {

/// Where a copy of a frame is sent to.
struct VxlanRemote {
  wire::IpAddress address;
  std::uint32_t vni = 0;
  std::uint16_t port = 0;  ///< UDP destination, host order
  DeviceId via = no_device;  ///< the datagram leaves by this device, whatever the routes say
  std::uint32_t via_ifindex = 0;  ///< the same where another namespace carries the tunnel; 0: none
  bool operator==(const VxlanRemote&) const = default;
};

/// The datagram that carries `frame` to `remote`, as a local packet without link header: TTL and DF
/// as the options say (by default 0, which its route settles, and off), TOS too, ECN of an inner
/// IPv4 header kept, and `options.local` as source, which is 0.0.0.0 when the route is to choose it
/// (checksum made for it all the same).
/// The UDP source port depends on the inner flow only; it is in the kernel's range, but not the
/// kernel's number.
/// Linux: drivers/net/vxlan/vxlan_core.c vxlan_xmit_one.
/// Not modelled: VxlanOptions::others; IPv6 underlay.
[[nodiscard]] Packet vxlan_encapsulate(const Packet& frame, const VxlanOptions& options,
                                       const VxlanRemote& remote);

/// What VXLAN puts around an IPv4 packet: outer IPv4, UDP and VXLAN headers, inner Ethernet header.
inline constexpr std::uint32_t vxlan_overhead_bytes = 20 + 8 + 8 + 14;

/// What a tunnel that is a bridge port says about an IPv4 frame whose packet is longer than
/// `room_bytes`, when it may not be fragmented: "fragmentation needed" as a frame in the
/// receiver's name, with the offender's own TTL. Nothing for what may be fragmented, for fragments,
/// ICMP errors, broadcasts, multicasts, and when the room is below 576 bytes.
/// Linux: net/ipv4/ip_tunnel_core.c skb_tunnel_check_pmtu.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> tunnel_too_big(const Packet& frame,
                                                                      std::uint32_t room_bytes);

/// An IPv4 packet with a UDP datagram for a port that listens becomes the frame it carries, as
/// received on the VXLAN device of its VNI (packet.device). What the outer packet learned is
/// forgotten, its mark stays.
///
/// Linux: drivers/net/vxlan/vxlan_core.c vxlan_rcv.
/// Ends: PKT_TOO_SMALL, VXLAN_INVALID_HDR, VXLAN_VNI_NOT_FOUND, NOMEM (no whole Ethernet header
///   inside), LOCAL_MAC (its own frame came back); Fate::undecided for an external device, whose
///   frames are told apart by metadata.
/// Changes: packet.
/// Not modelled: ECN of the outer header.
template <Trace T>
Stop vxlan_receive(Packet& packet, const Devices& devices, T& trace);

}  // namespace wayout::link
