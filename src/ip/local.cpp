#include "ip/ip.hpp"
#include "wire/checksum.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::ip {
namespace {

using wire::IcmpHeader;
using wire::TcpHeader;

/// One packet at its destination, cut into what the transports look at.
struct Arrived {
  const Packet& packet;
  const wire::Ipv4Header& ip;
  std::span<const std::uint8_t> segment;   ///< behind the IP header
  const LocalPolicy& policy;

  [[nodiscard]] bool is_broadcast() const {
    return packet.routing.type == RouteType::broadcast ||
           packet.routing.type == RouteType::multicast;
  }
  [[nodiscard]] bool sums_up() const {
    return packet.checksum_verified ||
           wire::transport_checksum_ok(ip.source_address(), ip.destination_address(), ip.protocol,
                                       segment);
  }
};

LocalAnswer delivered(Stage stage) { return {.stop = Stop::end(Fate::delivered, stage)}; }

LocalAnswer lost(Stage stage, DropReason reason, Cause cause) {
  return {.stop = Stop::drop(stage, reason, cause)};
}

/// Linux: net/ipv4/icmp.c icmp_rcv, icmp_echo, icmp_timestamp.
LocalAnswer icmp(const Arrived& a) {
  const auto* icmp = wire::header_at<IcmpHeader>(a.segment);
  if (icmp == nullptr || wire::checksum_finish(wire::checksum_add(a.segment)) != 0)
    return lost(Stage::icmp_rcv, DropReason::ICMP_CSUM, Cause::packet(PacketCause::checksum));
  const bool query = icmp->type == IcmpHeader::echo_request || icmp->type == IcmpHeader::timestamp;
  if (query && a.is_broadcast() && a.policy.ignore_broadcast_echo)
    return lost(Stage::icmp_rcv, DropReason::INVALID_PROTO,
                Cause::sysctl(Sysctl::icmp_echo_ignore_broadcasts));
  if (icmp->type != IcmpHeader::echo_request) return delivered(Stage::icmp_rcv);
  if (a.policy.ignore_echo)
    return lost(Stage::icmp_rcv, DropReason::NOT_SPECIFIED,
                Cause::sysctl(Sysctl::icmp_echo_ignore_all));
  LocalAnswer answer = delivered(Stage::icmp_rcv);
  const wire::Ipv4Fields ip{.source = a.is_broadcast() ? wire::IpAddress::any(wire::Family::ipv4)
                                                       : a.ip.destination_address(),
                            .destination = a.ip.source_address(),
                            .protocol = wire::protocol::icmp,
                            .tos = a.ip.tos,
                            .ttl = a.policy.ttl};
  answer.reply = Packet::from_ip(wire::make_icmp_echo(ip, true, icmp->id, icmp->sequence,
                                                      a.segment.subspan(sizeof *icmp)));
  return answer;
}

/// Linux: net/ipv4/udp.c __udp4_lib_rcv.
LocalAnswer udp(const Arrived& a) {
  const auto* udp = wire::header_at<wire::UdpHeader>(a.segment);
  if (udp == nullptr || udp->length < sizeof *udp || udp->length > a.segment.size())
    return lost(Stage::udp4_lib_rcv, DropReason::NOT_SPECIFIED, Cause::packet(PacketCause::header));
  if (!a.sums_up())
    return lost(Stage::udp4_lib_rcv, DropReason::UDP_CSUM, Cause::packet(PacketCause::checksum));
  if (a.policy.listening) return delivered(Stage::udp4_lib_rcv);
  if (a.is_broadcast()) return lost(Stage::udp4_lib_rcv, DropReason::NOT_SPECIFIED, Cause::socket());
  LocalAnswer answer = lost(Stage::udp4_lib_rcv, DropReason::NO_SOCKET, Cause::socket());
  answer.error = IcmpError{.type = IcmpHeader::unreachable, .code = 3};
  return answer;
}

/// Linux: net/ipv4/tcp_ipv4.c tcp_v4_send_reset (RFC 9293 §3.5.2).
Packet reset(const Arrived& a, const TcpHeader& tcp) {
  const wire::Ipv4Fields ip{.source = a.ip.destination_address(),
                            .destination = a.ip.source_address(),
                            .protocol = wire::protocol::tcp,
                            .tos = static_cast<std::uint8_t>(a.ip.tos & 0xfc),
                            .ttl = a.policy.ttl,
                            .dont_fragment = true};
  wire::TcpFields fields{.source_port = tcp.destination_port,
                         .destination_port = tcp.source_port,
                         .flags = TcpHeader::rst,
                         .window = 0};
  if ((tcp.flags & TcpHeader::ack) != 0) {
    fields.sequence = tcp.acknowledgement;
  } else {
    const std::uint32_t virtual_bytes = ((tcp.flags & TcpHeader::syn) != 0 ? 1U : 0U) +
                                        ((tcp.flags & TcpHeader::fin) != 0 ? 1U : 0U);
    fields.flags |= TcpHeader::ack;
    fields.acknowledgement =
        tcp.sequence + virtual_bytes +
        static_cast<std::uint32_t>(a.segment.size() - std::min(tcp.header_bytes(), a.segment.size()));
  }
  return Packet::from_ip(wire::make_tcp(ip, fields));
}

/// Linux: net/ipv4/tcp_ipv4.c tcp_v4_rcv.
LocalAnswer tcp(const Arrived& a) {
  const auto* tcp = wire::header_at<TcpHeader>(a.segment);
  if (tcp == nullptr || tcp->header_bytes() < sizeof *tcp || tcp->header_bytes() > a.segment.size())
    return lost(Stage::tcp_v4_rcv, DropReason::PKT_TOO_SMALL, Cause::packet(PacketCause::header));
  if (!a.sums_up())
    return lost(Stage::tcp_v4_rcv, DropReason::TCP_CSUM, Cause::packet(PacketCause::checksum));
  if (a.policy.listening) return delivered(Stage::tcp_v4_rcv);
  LocalAnswer answer = lost(Stage::tcp_v4_rcv, DropReason::NO_SOCKET, Cause::socket());
  if ((tcp->flags & TcpHeader::rst) == 0) answer.reply = reset(a, *tcp);
  return answer;
}

}  // namespace

template <Trace T>
LocalAnswer deliver(const Packet& packet, const LocalPolicy& policy, T&) {
  const auto network = packet.network();
  const auto* ip = wire::header_at<wire::Ipv4Header>(network);
  const Arrived arrived{packet, *ip, network.subspan(ip->header_bytes()), policy};
  switch (ip->protocol) {
    case wire::protocol::icmp: return icmp(arrived);
    case wire::protocol::udp: return udp(arrived);
    case wire::protocol::tcp: return tcp(arrived);
    case wire::protocol::igmp: return delivered(Stage::ip_local_deliver_finish);
    default: break;
  }
  LocalAnswer answer = lost(Stage::ip_local_deliver_finish, DropReason::IP_NOPROTO,
                            Cause::packet(PacketCause::unknown_protocol));
  answer.error = IcmpError{.type = IcmpHeader::unreachable, .code = 2};
  return answer;
}

template LocalAnswer deliver(const Packet&, const LocalPolicy&, NoTrace&);
template LocalAnswer deliver(const Packet&, const LocalPolicy&, StepTrace&);

}  // namespace wayout::ip
