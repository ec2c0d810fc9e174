#include <algorithm>
#include <optional>
#include <vector>

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

/// What an echo request comes back as: the message itself with another type, code and all.
/// Linux: net/ipv4/icmp.c icmp_echo, icmp_reply.
Packet echo_reply(const Arrived& a) {
  std::vector<std::uint8_t> message(a.segment.begin(), a.segment.end());
  auto* icmp = wire::header_at<IcmpHeader>(std::span(message));
  icmp->type = IcmpHeader::echo_reply;
  icmp->checksum = std::uint16_t{0};
  icmp->checksum = wire::checksum_finish(wire::checksum_add(message));
  const wire::Ipv4Fields ip{.source = a.is_broadcast() ? wire::IpAddress::any(wire::Family::ipv4)
                                                       : a.ip.destination_address(),
                            .destination = a.ip.source_address(),
                            .protocol = wire::protocol::icmp,
                            .tos = a.ip.tos,
                            .ttl = a.policy.ttl};
  return Packet::from_ip(wire::make_ipv4(ip, message));
}

/// What is sent to everyone is answered, if at all, when it is a query.
std::optional<LocalAnswer> refused_broadcast(const Arrived& a, std::uint8_t type) {
  constexpr std::uint8_t address_request = 17, address_reply = 18;
  if (!a.is_broadcast()) return std::nullopt;
  const bool query = type == IcmpHeader::echo_request || type == IcmpHeader::timestamp;
  if (query && a.policy.ignore_broadcast_echo)
    return lost(Stage::icmp_rcv, DropReason::INVALID_PROTO,
                Cause::sysctl(Sysctl::icmp_echo_ignore_broadcasts));
  if (query || type == address_request || type == address_reply) return std::nullopt;
  return lost(Stage::icmp_rcv, DropReason::INVALID_PROTO, Cause::packet(PacketCause::header));
}

/// An error is handed to the socket of the packet that it quotes, which must be there.
/// Linux: net/ipv4/icmp.c icmp_unreach, icmp_redirect.
LocalAnswer icmp_error(const Arrived& a, std::uint8_t type) {
  const auto* quoted = wire::header_at<wire::Ipv4Header>(a.segment, sizeof(IcmpHeader));
  const Cause cause = Cause::packet(PacketCause::header);
  if (quoted == nullptr)
    return lost(Stage::icmp_rcv,
                type == IcmpHeader::redirect ? DropReason::PKT_TOO_SMALL : DropReason::NOT_SPECIFIED,
                cause);
  if (type != IcmpHeader::redirect && quoted->header_bytes() < sizeof *quoted)
    return lost(Stage::icmp_rcv, DropReason::IP_INHDR, cause);
  return delivered(Stage::icmp_rcv);
}

/// Linux: net/ipv4/icmp.c icmp_rcv.
LocalAnswer icmp(const Arrived& a) {
  constexpr std::uint8_t last_known = 18, extended_echo = 42, extended_echo_reply = 43;
  const bool sums_up =
      a.packet.checksum_verified || wire::checksum_finish(wire::checksum_add(a.segment)) == 0;
  if (!sums_up || a.segment.empty())
    return lost(Stage::icmp_rcv, DropReason::ICMP_CSUM, Cause::packet(PacketCause::checksum));
  const auto* icmp = wire::header_at<IcmpHeader>(a.segment);
  if (icmp == nullptr)
    return lost(Stage::icmp_rcv, DropReason::NOT_SPECIFIED, Cause::packet(PacketCause::header));
  const bool extended = icmp->type == extended_echo || icmp->type == extended_echo_reply;
  if (icmp->type > last_known && !extended)
    return lost(Stage::icmp_rcv, DropReason::UNHANDLED_PROTO, Cause::packet(PacketCause::header));
  if (const auto refused = refused_broadcast(a, icmp->type)) return *refused;
  const bool answers_echo =
      icmp->type == IcmpHeader::echo_reply || icmp->type == extended_echo_reply;
  if (answers_echo && !a.policy.pinging)
    return lost(Stage::ping_rcv, DropReason::NO_SOCKET, Cause::socket());
  if (icmp->is_error()) return icmp_error(a, icmp->type);
  constexpr std::size_t shortest_timestamp = sizeof(IcmpHeader) + 4;
  if (icmp->type == IcmpHeader::timestamp && a.segment.size() < shortest_timestamp)
    return lost(Stage::icmp_rcv, DropReason::PKT_TOO_SMALL, Cause::packet(PacketCause::header));
  if (icmp->type != IcmpHeader::echo_request) return delivered(Stage::icmp_rcv);
  if (a.policy.ignore_echo)
    return lost(Stage::icmp_rcv, DropReason::NOT_SPECIFIED,
                Cause::sysctl(Sysctl::icmp_echo_ignore_all));
  LocalAnswer answer = delivered(Stage::icmp_rcv);
  answer.reply = echo_reply(a);
  return answer;
}

/// Linux: net/ipv4/udp.c __udp4_lib_rcv.
LocalAnswer udp(const Arrived& a) {
  const auto* udp = wire::header_at<wire::UdpHeader>(a.segment);
  if (udp == nullptr)
    return lost(Stage::udp4_lib_rcv, DropReason::NOT_SPECIFIED, Cause::packet(PacketCause::header));
  if (udp->length < sizeof *udp || udp->length > a.segment.size())
    return lost(Stage::udp4_lib_rcv, DropReason::PKT_TOO_SMALL, Cause::packet(PacketCause::header));
  if (!a.sums_up())
    return lost(Stage::udp4_lib_rcv, DropReason::UDP_CSUM, Cause::packet(PacketCause::checksum));
  if (a.policy.listening) return delivered(Stage::udp4_lib_rcv);
  if (a.is_broadcast())
    return lost(Stage::udp4_lib_rcv, DropReason::NOT_SPECIFIED, Cause::socket());
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
    const std::size_t payload_bytes = a.segment.size() - tcp.header_bytes();
    fields.acknowledgement =
        tcp.sequence + virtual_bytes + static_cast<std::uint32_t>(payload_bytes);
  }
  return Packet::from_ip(wire::make_tcp(ip, fields));
}

/// Whoever tells or asks about groups is heard, and nobody answers at once.
/// Linux: net/ipv4/igmp.c igmp_rcv.
LocalAnswer igmp(const Arrived& a) {
  constexpr std::size_t header_bytes = 8;
  constexpr std::uint8_t query = 0x11, report_v1 = 0x12, report_v2 = 0x16, report_v3 = 0x22,
                         leave = 0x17;
  const bool known = a.segment.size() >= header_bytes &&
                     wire::checksum_finish(wire::checksum_add(a.segment)) == 0 &&
                     (a.segment[0] == query || a.segment[0] == report_v1 ||
                      a.segment[0] == report_v2 || a.segment[0] == report_v3 || a.segment[0] == leave);
  return known ? delivered(Stage::igmp_rcv)
               : lost(Stage::igmp_rcv, DropReason::NOT_SPECIFIED, Cause::packet(PacketCause::header));
}

/// Linux: net/ipv4/tcp_ipv4.c tcp_v4_rcv.
LocalAnswer tcp(const Arrived& a) {
  const auto* tcp = wire::header_at<TcpHeader>(a.segment);
  if (a.packet.type != PacketType::host)
    return lost(Stage::tcp_v4_rcv, DropReason::NOT_SPECIFIED,
                Cause::packet(PacketCause::layer2_class));
  if (tcp != nullptr && tcp->header_bytes() < sizeof *tcp)
    return lost(Stage::tcp_v4_rcv, DropReason::PKT_TOO_SMALL, Cause::packet(PacketCause::header));
  if (tcp == nullptr || tcp->header_bytes() > a.segment.size())
    return lost(Stage::tcp_v4_rcv, DropReason::NOT_SPECIFIED, Cause::packet(PacketCause::header));
  if (!a.sums_up())
    return lost(Stage::tcp_v4_rcv, DropReason::TCP_CSUM, Cause::packet(PacketCause::checksum));
  if (a.policy.listening) return delivered(Stage::tcp_v4_rcv);
  LocalAnswer answer = lost(Stage::tcp_v4_rcv, DropReason::NO_SOCKET, Cause::socket());
  if ((tcp->flags & TcpHeader::rst) == 0 && !a.is_broadcast()) answer.reply = reset(a, *tcp);
  return answer;
}

LocalAnswer marked(LocalAnswer answer, const Arrived& a) {
  if (answer.reply && a.policy.reflect_mark) answer.reply->mark = a.packet.mark;
  return answer;
}

/// UDP has a length of its own; what lies behind it is nobody's.
void trim_to_udp_length(Packet& packet) {
  const auto network = packet.network();
  const auto* ip = wire::header_at<wire::Ipv4Header>(network);
  if (ip->protocol != wire::protocol::udp) return;
  const auto* udp = wire::header_at<wire::UdpHeader>(network, ip->header_bytes());
  if (udp == nullptr || udp->length < sizeof *udp) return;
  packet.trim_network(std::min<std::size_t>(ip->header_bytes() + udp->length, network.size()));
}

}  // namespace

void settle_ttl(Packet& packet, std::uint8_t default_ttl) {
  const auto network = packet.network();
  auto* ip = wire::header_at<wire::Ipv4Header>(network);
  if (ip == nullptr || ip->ttl != 0) return;
  constexpr std::uint8_t to_group = 1;  // IP_MULTICAST_TTL, unless the program says otherwise
  ip->ttl = packet.routing.hop_limit != 0 ? packet.routing.hop_limit : default_ttl;
  if (packet.routing.type == RouteType::multicast) ip->ttl = to_group;
  ip->checksum = wire::ipv4_header_checksum(network.first(ip->header_bytes()));
}

template <Trace T>
LocalAnswer deliver(Packet& packet, const LocalPolicy& policy, T&) {
  trim_to_udp_length(packet);
  const std::span<const std::uint8_t> network = packet.network();
  const auto* ip = wire::header_at<wire::Ipv4Header>(network);
  const Arrived arrived{packet, *ip, network.subspan(ip->header_bytes()), policy};
  switch (ip->protocol) {
    case wire::protocol::icmp: return marked(icmp(arrived), arrived);
    case wire::protocol::udp: return udp(arrived);
    case wire::protocol::tcp: return marked(tcp(arrived), arrived);
    case wire::protocol::igmp: return igmp(arrived);
    default: break;
  }
  LocalAnswer answer = lost(Stage::ip_local_deliver_finish, DropReason::IP_NOPROTO,
                            Cause::packet(PacketCause::unknown_protocol));
  answer.error = IcmpError{.type = IcmpHeader::unreachable, .code = 2};
  return answer;
}

template LocalAnswer deliver(Packet&, const LocalPolicy&, NoTrace&);
template LocalAnswer deliver(Packet&, const LocalPolicy&, StepTrace&);

}  // namespace wayout::ip
