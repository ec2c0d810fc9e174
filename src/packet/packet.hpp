// One packet: its bytes and what the path learned about it so far (the kernel's sk_buff).
//
// Life: made by a reader, by a local sender or by a stage (ICMP error, fragment, ARP); walks; ends
// through path::end(). What it learned is lost at a namespace border exactly as in the kernel (see
// scrub()). Bytes: one buffer, in which the frame may begin at any offset, so that headers can be
// pushed and pulled; the network header's place is kept while the Ethernet header is present.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "packet/ids.hpp"
#include "packet/stop.hpp"
#include "wire/address.hpp"

namespace wayout {

/// Layer-2 class of a received frame (the kernel's PACKET_*).
enum class PacketType : std::uint8_t { host, broadcast, multicast, other_host, outgoing };

/// What conntrack said of the packet (enum ip_conntrack_info). `none`: not seen, or INVALID.
enum class CtInfo : std::uint8_t {
  none,
  established,
  related,
  new_connection,
  established_reply,
  related_reply,
  untracked,
};

/// RTN_*: what a route does with a packet.
enum class RouteType : std::uint8_t {
  unspec, unicast, local, broadcast, anycast, multicast, blackhole, unreachable, prohibit,
  throw_, nat
};

/// The decision of route look-up, as the packet carries it (struct rtable).
struct Routing {
  bool decided = false;
  RouteType type = RouteType::unspec;
  DeviceId egress = no_device;
  wire::IpAddress gateway;             ///< not set: the destination itself is the next hop
  wire::IpAddress preferred_source;    ///< the route's `src`, not set: none
  std::uint32_t mtu_bytes = 0;         ///< the route's `mtu` metric; 0: the device's
  std::uint8_t hop_limit = 0;          ///< the route's `hoplimit` metric; 0: ip_default_ttl
  bool redirect = false;               ///< the sender should be told a better way (RTCF_DOREDIRECT)
  bool error = false;                  ///< an error route: ip_error() ends the packet
  bool on_link_scope = false;          ///< scope link: destination directly connected
  Cause by;                            ///< route, no_route or routing_rule that decided
  Cause gate;                          ///< forwarding sysctl when it made this an error route
};

/// Which process sent it, for packets of local sockets.
struct Sender {
  bool socket = true;                ///< false: not even one of the kernel's own sent it
  std::optional<std::uint32_t> uid;  ///< not set: not known
  std::optional<std::uint32_t> gid;
};

class Packet {
 public:
  static constexpr std::size_t headroom_bytes = 128;  ///< room for pushed headers

  Packet() = default;
  /// A whole Ethernet frame as received on a device. Its 802.1Q tag, if any, is taken out of the
  /// bytes into vlan_tci (an inner tag, and 802.1ad, stay). Shorter than an Ethernet header: no
  /// network bytes, ethertype 0. Linux: net/core/skbuff.c skb_vlan_untag.
  static Packet from_frame(std::span<const std::uint8_t> frame);
  /// The bytes become those of this frame, which may lie in this packet; what the path learned
  /// stays. As from_frame.
  void set_frame(std::span<const std::uint8_t> frame);
  /// An IP packet without link header, as a local sender makes it (type outgoing, local).
  static Packet from_ip(std::span<const std::uint8_t> ip);
  /// The frame as a capture shows it: with the tag of vlan_tci back in its place.
  [[nodiscard]] std::vector<std::uint8_t> on_wire() const;
  /// Take the 802.1Q tag that the frame's bytes begin with, if any, into vlan_tci.
  void untag();
  /// Put the tag of vlan_tci, if any, into the bytes, so that another may go into vlan_tci.
  /// Linux: include/linux/if_vlan.h __vlan_hwaccel_push_inside.
  void tag_in_bytes();

  /// From the first byte of the frame (or of the IP header, when there is no link header).
  [[nodiscard]] std::span<std::uint8_t> frame() { return {data_.data() + begin_, size()}; }
  [[nodiscard]] std::span<const std::uint8_t> frame() const {
    return {data_.data() + begin_, size()};
  }
  /// From the network header to the end.
  [[nodiscard]] std::span<std::uint8_t> network() { return frame().subspan(network_ - begin_); }
  [[nodiscard]] std::span<const std::uint8_t> network() const {
    return frame().subspan(network_ - begin_);
  }
  [[nodiscard]] std::size_t size() const { return data_.size() - begin_; }
  /// Bytes before the network header: 14 for Ethernet, 0 for none.
  [[nodiscard]] std::size_t link_header_bytes() const { return network_ - begin_; }

  /// Cut the tail: `length_bytes` counts from the network header.
  void trim_network(std::size_t length_bytes);
  /// Lengthen the tail with zeroes: `length_bytes` counts from the network header.
  void extend_network(std::size_t length_bytes);
  /// Forget the link header.
  void pull_link_header() { begin_ = network_; }
  /// Put `bytes` in front of the network header, in place of any link header. They must not lie
  /// in this packet.
  void set_link_header(std::span<const std::uint8_t> bytes);
  /// The network header is `offset` bytes behind the first byte of the frame.
  void set_network_offset(std::size_t offset) { network_ = begin_ + offset; }
  /// Replace everything from the network header on; `bytes` must not lie in this packet.
  void replace_network(std::span<const std::uint8_t> bytes);

  /// Forget what a namespace border (or, with `same_namespace`, a veth inside one) erases: route,
  /// connection, bridge ports; across namespaces also mark and sender. The VLAN tag stays.
  /// Linux: net/core/skbuff.c skb_scrub_packet.
  void scrub(bool same_namespace);

  std::uint32_t number = 0;          ///< which packet of the journey; copies share it
  std::uint32_t answers = 0;         ///< made by a stack about this packet: its number; 0: none
  DeviceId device = no_device;       ///< where it is now (skb->dev)
  DeviceId ingress = no_device;      ///< layer-3 device that received it (skb_iif); none: local
  DeviceId bridge_port_in = no_device;   ///< nf_bridge physindev, while call-iptables holds
  DeviceId bridge_port_out = no_device;  ///< nf_bridge physoutdev
  PacketType type = PacketType::host;
  std::uint16_t ethertype = 0;       ///< of the network header, host order
  std::optional<std::uint16_t> vlan_tci;  ///< accelerated VLAN tag, host order
  std::uint32_t mark = 0;
  std::uint32_t priority = 0;
  ConnectionId connection = no_connection;
  CtInfo ctinfo = CtInfo::none;
  bool has_template_zone = false;    ///< raw CT target: zone for look-up
  std::uint16_t zone_original = 0, zone_reply = 0;
  Routing routing;
  Sender sender;
  bool local = false;                ///< made by this host
  DeviceId bound = no_device;        ///< of a packet made here: its route must leave by this device
  bool by_socket = false;            ///< a program's socket sends it, and asks for its route
  bool any_source = false;           ///< that socket is transparent: it may send from any address
  Cause assigned_by;                 ///< the TPROXY rule that gave it to a socket here; none: it has none
  bool hooks_done_at_bridge = false; ///< PREROUTING already ran in br_netfilter
  bool bridged_dnat = false;
  bool arp_answered = false;         ///< a bridge knows the target: not for ports that suppress ARP
  std::uint32_t fragment_max_bytes = 0;  ///< largest fragment it was reassembled from
  bool fragment_dont = false;            ///< DF stood on the largest fragment
  std::vector<std::uint16_t> fragment_payloads;  ///< what each of them carried, bytes, in order
  std::uint16_t segment_bytes = 0;       ///< GSO size; 0: no super-packet
  bool checksum_verified = false;        ///< from a local sender of this machine: not tested again
  bool encapsulates = false;             ///< a datagram that a tunnel put around a frame

 private:
  void place(std::span<const std::uint8_t> bytes);  ///< behind the headroom

  std::vector<std::uint8_t> data_;
  std::size_t begin_ = 0;
  std::size_t network_ = 0;
};

}  // namespace wayout
