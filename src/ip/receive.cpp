#include "link/receive.hpp"

#include "ip/ip.hpp"
#include "wire/checksum.hpp"
#include "wire/headers.hpp"

namespace wayout::ip {
namespace {

Stop refuse(DropReason reason, PacketCause why) {
  return Stop::drop(Stage::ip_rcv_core, reason, Cause::packet(why));
}

}  // namespace

template <Trace T>
Stop receive(Packet& packet, T&) {
  // What a bridge has put together comes up as one packet, and goes on as one.
  packet.fragment_max_bytes = 0;
  packet.fragment_dont = false;
  if (packet.type == PacketType::other_host)
    return Stop::drop(Stage::ip_rcv_core, DropReason::OTHERHOST, link::blame_other_host(packet));
  const auto network = packet.network();
  const auto* ip = wire::header_at<wire::Ipv4Header>(network);
  if (ip == nullptr || ip->version() != 4 || ip->header_bytes() < sizeof *ip ||
      network.size() < ip->header_bytes())
    return refuse(DropReason::IP_INHDR, PacketCause::header);
  if (wire::ipv4_header_checksum(network.first(ip->header_bytes())) != ip->checksum)
    return refuse(DropReason::IP_CSUM, PacketCause::checksum);
  if (ip->total_length > network.size())
    return refuse(DropReason::PKT_TOO_SMALL, PacketCause::truncated);
  if (ip->total_length < ip->header_bytes())
    return refuse(DropReason::IP_INHDR, PacketCause::header);
  packet.trim_network(ip->total_length);  // Ethernet padding
  return Stop::go_on();
}

Stop check_class(const Packet& packet, const route::Interfaces& interfaces) {
  const bool to_many =
      packet.type == PacketType::broadcast || packet.type == PacketType::multicast;
  const RouteType type = packet.routing.type;
  const DeviceId device = packet.ingress != no_device ? packet.ingress : packet.device;
  if (!to_many || type == RouteType::broadcast || type == RouteType::multicast ||
      !interfaces.either(device, &route::Ipv4Conf::drop_unicast_in_l2_multicast))
    return Stop::go_on();
  return Stop::drop(Stage::ip_rcv_finish_core, DropReason::UNICAST_IN_L2_MULTICAST,
                    Cause::sysctl(Sysctl::drop_unicast_in_l2_multicast, device));
}

template Stop receive(Packet&, NoTrace&);
template Stop receive(Packet&, StepTrace&);

}  // namespace wayout::ip
