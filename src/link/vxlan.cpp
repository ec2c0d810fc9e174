#include "link/vxlan.hpp"

#include <algorithm>
#include <utility>

#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::link {
namespace {

constexpr std::uint8_t multicast_ttl = 1;
constexpr std::uint8_t ecn_mask = 3, ecn_ect0 = 2, ecn_ce = 3;

/// RFC 6040 in the kernel's reading: congestion marked inside is not repeated outside.
std::uint8_t outer_ecn(std::uint8_t inner_tos) {
  const std::uint8_t inner = inner_tos & ecn_mask;
  return inner == ecn_ce ? ecn_ect0 : inner;
}

/// A number in the default ip_local_port_range that is the same for all packets of a flow, so that
/// equal-cost paths keep their order.
std::uint16_t source_port_of(std::span<const std::uint8_t> flow) {
  constexpr std::uint32_t first_port = 32768, last_port = 60999;
  std::uint32_t hash = 2166136261U;  // FNV-1a
  for (const std::uint8_t byte : flow)
    hash = (hash ^ byte) * 16777619U;
  return static_cast<std::uint16_t>(first_port + hash % (last_port - first_port + 1));
}

/// Is this the VXLAN device of a namespace that receives on `port`?
bool takes_port(const Device& device, std::uint16_t port) {
  return device.kind == DeviceKind::vxlan && device.up && device.vxlan.port == port;
}

/// An external device takes every VNI; what becomes of its frames is told by metadata.
DeviceId find_vni(const Devices& devices, std::uint16_t port, std::uint32_t vni) {
  for (DeviceId id = 1; id < devices.size(); ++id) {
    const VxlanOptions& options = devices[id].vxlan;
    if (takes_port(devices[id], port) && (options.vni == vni || options.collect_metadata))
      return id;
  }
  return no_device;
}

}  // namespace

Packet vxlan_encapsulate(const Packet& frame, const VxlanOptions& options,
                         const VxlanRemote& remote) {
  const std::vector<std::uint8_t> inner = frame.on_wire();
  wire::VxlanHeader header{};
  header.flags = wire::VxlanHeader::valid_vni;
  header.vni_reserved = remote.vni << 8;
  std::vector<std::uint8_t> payload(sizeof header + inner.size());
  *wire::header_at<wire::VxlanHeader>(payload) = header;
  std::copy(inner.begin(), inner.end(), payload.begin() + sizeof header);

  wire::Ipv4Fields ip{.source = options.local,
                      .destination = remote.address,
                      .tos = options.tos,
                      .ttl = options.ttl,
                      .dont_fragment = options.df == TunnelDf::set};
  std::span<const std::uint8_t> flow =
      std::span(inner).first(std::min<std::size_t>(inner.size(), 14));
  const auto* inner_ip = wire::header_at<wire::Ipv4Header>(frame.network());
  if (frame.ethertype == wire::ethertype::ipv4 && inner_ip != nullptr) {
    ip.tos |= outer_ecn(inner_ip->tos);
    if (options.tos_inherit) ip.tos |= inner_ip->tos & ~ecn_mask;
    if (options.ttl_inherit) ip.ttl = inner_ip->ttl;
    if (options.df == TunnelDf::inherit) ip.dont_fragment = inner_ip->has_dont_fragment();
    // Addresses and, without IP options, ports.
    constexpr std::size_t from = 12, bytes = 12;
    flow = frame.network().subspan(from, std::min(bytes, frame.network().size() - from));
  }
  if (ip.ttl == 0 && remote.address.is_multicast()) ip.ttl = multicast_ttl;
  Packet outer = Packet::from_ip(wire::make_udp(ip, source_port_of(flow), remote.port, payload));
  outer.mark = frame.mark;
  return outer;
}

std::optional<std::vector<std::uint8_t>> tunnel_too_big(const Packet& frame,
                                                        std::uint32_t room_bytes) {
  constexpr std::uint32_t least_room = 576;  // what every IPv4 host takes, RFC 791
  constexpr std::size_t most_bytes = 576;    // of an error, RFC 1812 §4.3.2.3
  const auto network = frame.network();
  const auto* ip = wire::header_at<wire::Ipv4Header>(network);
  const auto* ethernet = wire::header_at<wire::EthernetHeader>(frame.frame());
  if (ip == nullptr || ethernet == nullptr || network.size() <= room_bytes) return std::nullopt;
  if (room_bytes < least_room || !ip->has_dont_fragment() || ip->is_fragment()) return std::nullopt;
  const wire::IpAddress from = ip->source_address(), to = ip->destination_address();
  if (to.is_limited_broadcast() || to.is_multicast() || from.is_limited_broadcast() ||
      from.is_multicast() || from.is_loopback() || from.v4() >> 24 == 0)
    return std::nullopt;
  if (ip->protocol == wire::protocol::icmp && network.size() > ip->header_bytes() &&
      wire::IcmpHeader{.type = network[ip->header_bytes()]}.is_error())
    return std::nullopt;

  constexpr std::uint8_t fragmentation_needed = 4;
  constexpr std::size_t headers = sizeof(wire::Ipv4Header) + sizeof(wire::IcmpHeader);
  const wire::Ipv4Fields fields{
      .source = to, .destination = from, .protocol = wire::protocol::icmp, .ttl = ip->ttl,
      .dont_fragment = true};
  return wire::make_frame(
      ethernet->destination, ethernet->source, wire::ethertype::ipv4,
      wire::make_icmp_error(fields, wire::IcmpHeader::unreachable, fragmentation_needed, room_bytes,
                            network.first(std::min(most_bytes - headers, network.size()))));
}

template <Trace T>
Stop vxlan_receive(Packet& packet, const Devices& devices, T& trace) {
  const auto drop = [](DropReason reason, Cause cause) {
    return Stop::drop(Stage::vxlan_rcv, reason, cause);
  };
  const auto network = std::as_const(packet).network();
  const std::size_t udp_at = wire::header_at<wire::Ipv4Header>(network)->header_bytes();
  const auto* udp = wire::header_at<wire::UdpHeader>(network, udp_at);
  const auto* vxlan = wire::header_at<wire::VxlanHeader>(network, udp_at + sizeof *udp);
  if (vxlan == nullptr) {
    return drop(DropReason::PKT_TOO_SMALL, Cause::packet(PacketCause::truncated));
  }
  if ((vxlan->flags & wire::VxlanHeader::valid_vni) == 0) {
    return drop(DropReason::VXLAN_INVALID_HDR, Cause::packet(PacketCause::header));
  }
  const DeviceId device = find_vni(devices, udp->destination_port, vxlan->vni());
  if (device != no_device && devices[device].vxlan.collect_metadata) {
    return Stop::end(Fate::undecided, Stage::vxlan_rcv,
                     Cause::on_device(DeviceCause::unknown_vni, device));
  }
  if (device == no_device) {
    return drop(DropReason::VXLAN_VNI_NOT_FOUND,
                Cause::on_device(DeviceCause::unknown_vni, packet.device));
  }
  const auto inner = network.subspan(udp_at + sizeof *udp + sizeof *vxlan);
  const auto* ethernet = wire::header_at<wire::EthernetHeader>(inner);
  if (ethernet == nullptr) {
    return drop(DropReason::NOMEM, Cause::packet(PacketCause::truncated));
  }
  if (ethernet->source == devices[device].mac) {
    return drop(DropReason::LOCAL_MAC, Cause::bridge(BridgeCause::own_source, device));
  }
  if constexpr (T::tells) {
    trace.step({.stage = Stage::vxlan_rcv,
                .did = Did::passed_up,
                .device = packet.device,
                .other = device,
                .packet = packet.number});
  }
  packet.scrub(true);
  packet.set_frame(inner);
  packet.device = device;
  return Stop::go_on();
}

template Stop vxlan_receive(Packet&, const Devices&, NoTrace&);
template Stop vxlan_receive(Packet&, const Devices&, StepTrace&);

}  // namespace wayout::link
