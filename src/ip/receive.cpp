#include "ip/ip.hpp"
#include "link/receive.hpp"
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

template Stop receive(Packet&, NoTrace&);
template Stop receive(Packet&, StepTrace&);

}  // namespace wayout::ip
