#include <algorithm>

#include "ip/ip.hpp"
#include "netfilter/target.hpp"
#include "route/decide.hpp"
#include "wire/checksum.hpp"
#include "wire/craft.hpp"

namespace wayout::netfilter {

// The sum over headers and payload, which the kernel takes whatever the protocol: of a packet with
// a right IP header and a protocol without such a checksum it is wrong for most payloads.
bool sums_up(const Situation& at) {
  if (at.packet.checksum_verified) return true;
  const std::uint8_t protocol = at.ip().protocol;
  if (protocol == wire::protocol::tcp || protocol == wire::protocol::udp)
    return wire::transport_checksum_ok(at.ip().source_address(), at.ip().destination_address(),
                                       protocol, at.transport());
  return wire::checksum_finish(wire::checksum_add(std::as_const(at.packet).network())) == 0;
}

namespace {

/// `--reject-with` as ICMP unreachable code.
std::uint8_t unreachable_code(RejectWith with) {
  switch (with) {
    case RejectWith::net_unreachable: return 0;
    case RejectWith::host_unreachable: return 1;
    case RejectWith::protocol_unreachable: return 2;
    case RejectWith::net_prohibited: return 9;
    case RejectWith::host_prohibited: return 10;
    case RejectWith::admin_prohibited: return 13;
    default: return 3;
  }
}

/// Linux: include/net/netfilter/nf_reject.h nf_reject_verify_csum.
bool has_no_such_checksum(std::uint8_t protocol) {
  namespace p = wire::protocol;
  constexpr std::uint8_t without[] = {p::gre, p::ah, p::esp, p::sctp, p::udplite};
  return std::find(std::begin(without), std::end(without), protocol) != std::end(without);
}

/// The answer belongs to the connection of what it answers, as going the other way.
/// Linux: nf_conntrack_core.c nf_conntrack_attach.
void attach(Packet& answer, const Situation& at) {
  answer.connection = at.packet.connection;
  if (at.packet.connection == no_connection) return;
  answer.ctinfo = at.direction() == conntrack::Direction::original ? CtInfo::related_reply
                                                                   : CtInfo::related;
}

/// The stack is sending an ICMP message of its own, an echo reply: its one ICMP sender is busy with
/// that, and no error can be made from within. Linux: net/ipv4/icmp.c icmp_xmit_lock.
bool is_sending_icmp(const Situation& at) {
  return at.packet.local && at.packet.answers != 0 && at.ip().protocol == wire::protocol::icmp;
}

void send_unreachable(RejectWith with, const Situation& at) {
  if (at.is_later_fragment() || is_sending_icmp(at)) return;
  if (!has_no_such_checksum(at.ip().protocol) && !sums_up(at)) return;
  const ip::IcmpError error{.type = wire::IcmpHeader::unreachable, .code = unreachable_code(with)};
  std::optional<Packet> answer = ip::make_error(at.packet, error, at.around.fib,
                                                at.around.interfaces, at.around.answers,
                                                at.changes.chance);
  if (!answer) return;
  attach(*answer, at);
  at.changes.made.push_back(std::move(*answer));
}

/// A reset as the receiver of `tcp` would send it, whoever that is (RFC 9293, 3.5.2).
/// Linux: nf_reject_ipv4.c nf_reject_iphdr_put, nf_reject_ip_tcphdr_put.
Packet make_reset(const wire::TcpHeader& tcp, const Situation& at) {
  const wire::Ipv4Fields ip{.source = at.ip().destination_address(),
                            .destination = at.ip().source_address(),
                            .ttl = 0,
                            .dont_fragment = true};
  wire::TcpFields reset{.source_port = tcp.destination_port,
                        .destination_port = tcp.source_port,
                        .flags = wire::TcpHeader::rst,
                        .window = 0};
  if ((tcp.flags & wire::TcpHeader::ack) != 0) {
    reset.sequence = tcp.acknowledgement;
  } else {
    const auto begun = static_cast<std::uint32_t>((tcp.flags & wire::TcpHeader::syn) != 0) +
                       static_cast<std::uint32_t>((tcp.flags & wire::TcpHeader::fin) != 0);
    const auto bytes = static_cast<std::uint32_t>(at.transport().size() - tcp.header_bytes());
    reset.flags |= wire::TcpHeader::ack;
    reset.acknowledgement = tcp.sequence + begun + bytes;
  }
  Packet packet = Packet::from_ip(wire::make_tcp(ip, reset));
  packet.sender.socket = false;
  return packet;
}

/// A reset to a bridge port goes straight back out of it, past every hook, so that the client sees
/// the MAC of the one it wrote to. Linux: nf_reject_ipv4.c nf_send_reset (br_netfilter).
void put_link_header(Packet& reset, const Situation& at) {
  const auto* old = wire::header_at<wire::EthernetHeader>(std::as_const(at.packet).frame());
  const auto header = wire::make_frame(old->destination, old->source, wire::ethertype::ipv4, {});
  reset.set_link_header(header);
  reset.device = at.packet.bridge_port_in;
}

void close_connection(const Situation& at) {
  using conntrack::TcpState;
  if (at.packet.connection == no_connection) return;
  conntrack::Connection& connection = at.changes.connections[at.packet.connection];
  const TcpState before = std::exchange(connection.tcp.state, TcpState::close);
  if (before == TcpState::close || connection.has(conntrack::Status::fixed_timeout)) return;
  const auto timeout_s =
      at.around.conntrack_config.tcp_timeout_s[static_cast<std::size_t>(TcpState::close)];
  connection.expires_ms = at.changes.now_ms + std::int64_t{timeout_s} * 1000;
}

void send_reset(const Situation& at) {
  const auto* tcp = wire::header_at<wire::TcpHeader>(at.transport());
  const RouteType type = at.packet.routing.type;
  if (at.is_later_fragment() || at.ip().protocol != wire::protocol::tcp || tcp == nullptr ||
      (tcp->flags & wire::TcpHeader::rst) != 0 || !sums_up(at) || type == RouteType::broadcast ||
      type == RouteType::multicast)
    return;
  Packet reset = make_reset(*tcp, at);
  reset.mark = at.around.answers.mark_about(at.packet);
  route::Flow flow = route::flow_of(reset);
  flow.any_source = true;
  NoTrace quiet;
  const Stop unreachable = route::output(flow, reset, at.around.fib, at.around.interfaces,
                                         at.changes.chance, quiet);
  if (unreachable) return;
  ip::settle_ttl(reset, at.around.answers.default_ttl);
  attach(reset, at);
  close_connection(at);
  if (at.packet.bridge_port_in != no_device) put_link_header(reset, at);
  at.changes.made.push_back(std::move(reset));
}

}  // namespace

Verdict act(const RejectTarget& target, const Situation& at) {
  if (target.with == RejectWith::tcp_reset) {
    send_reset(at);
  } else {
    send_unreachable(target.with, at);
  }
  return Verdict::end(at.drop(Cause::rule(at.rule)));
}

}  // namespace wayout::netfilter
