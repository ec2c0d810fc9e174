// Layer 3 on the way: routing decisions, local delivery, forwarding, errors.
#include <algorithm>

#include "ip/arp.hpp"
#include "path/stages.hpp"
#include "path/walk.hpp"
#include "wire/checksum.hpp"
#include "wire/headers.hpp"

namespace wayout::path {
namespace {

/// True when a socket of this namespace, or one that the question brought, takes the packet.
bool somebody_listens(const Packet& packet, const Stack& stack) {
  if (packet.assigned_by != Cause{}) return true;
  const route::Flow flow = route::flow_of(packet);
  for (const Socket& socket : stack.sockets) {
    const bool bound_here = !socket.local.is_set() || socket.local == flow.destination;
    if (socket.protocol == flow.protocol && bound_here &&
        socket.local_port == flow.dport && socket.remote == flow.source &&
        socket.remote_port == flow.sport)
      return true;
  }
  const std::uint8_t listed = stack.host.listeners_of;
  if (!stack.host.listeners_known || (listed != 0 && listed != flow.protocol)) return true;
  PortSet listening;
  for (const host::Listener& listener : stack.host.listeners) {
    const bool address_fits = listener.address.is_unspecified()
                                  ? listener.address.is_v4() || listener.dual_stack
                                  : listener.address == flow.destination;
    if (listener.protocol == flow.protocol && address_fits &&
        (listener.device == no_device || listener.device == packet.device))
      listening.add({listener.port, listener.port});
  }
  return stack.chance.is_among(flow.dport, listening, Cause::socket());
}

}  // namespace

ip::AnswerPolicy answer_policy(const host::Host& host) {
  return {.default_ttl = host.ip.default_ttl,
          .use_inbound_address = host.ip.icmp_errors_use_inbound_ifaddr,
          .reflect_mark = host.ip.fwmark_reflect};
}

void send_answer(Packet answer, const Packet& about, Stack& stack) {
  answer.number = stack.next_packet++;
  // What is said about a tunnel's datagram is not for whoever sent what it carries.
  answer.answers = about.encapsulates ? 0 : about.number;
  answer.local = true;
  // What a bridge rejects it answers with a whole frame, straight through the port it came by.
  const bool whole_frame = answer.link_header_bytes() != 0;
  stack.work.push_back(
      {whole_frame ? Work::Kind::transmit : Work::Kind::send, std::move(answer)});
}

bool limits_allow(const Packet& answer, Stack& stack) {
  const host::Host& host = stack.host;
  const auto* ip = wire::header_at<wire::Ipv4Header>(answer.network());
  const auto* icmp = wire::header_at<wire::IcmpHeader>(answer.network(), ip->header_bytes());
  if (ip->protocol != wire::protocol::icmp || icmp == nullptr) return true;
  const wire::IpAddress to = ip->destination_address();
  const bool by_loopback = host.interfaces.owner_of(to) != no_device;
  return stack.state.icmp.allow({.type = icmp->type, .code = icmp->code}, to, by_loopback,
                                host.ip.icmp_limits, stack.state.now_ms);
}

void send_error(const Packet& offender, const ip::IcmpError& error, Stack& stack) {
  const host::Host& host = stack.host;
  std::optional<Packet> made =
      ip::make_error(offender, error, host.fib, host.interfaces, answer_policy(host), stack.chance);
  if (!made || !limits_allow(*made, stack)) return;
  // It belongs to the offender's connection, as going the other way. Linux: nf_conntrack_attach.
  made->connection = offender.connection;
  if (made->connection != no_connection) {
    const bool original = offender.ctinfo != CtInfo::established_reply &&
                          offender.ctinfo != CtInfo::related_reply;
    made->ctinfo = original ? CtInfo::related_reply : CtInfo::related;
  }
  send_answer(std::move(*made), offender, stack);
}

bool is_for_us(const Packet& packet) {
  return !packet.routing.error && (packet.routing.type == RouteType::local ||
                                   packet.routing.type == RouteType::broadcast ||
                                   packet.routing.type == RouteType::multicast);
}

namespace {

/// The mark of the packet that opens a TCP connection may become that of everything this end sends
/// on it. Linux: include/net/inet_sock.h inet_request_mark.
void keep_accepted_mark(const Packet& packet, Stack& stack) {
  if (!stack.host.ip.tcp_fwmark_accept || packet.mark == 0) return;
  const route::Flow flow = route::flow_of(packet);
  if (flow.protocol != wire::protocol::tcp) return;
  const auto network = packet.network();
  const auto* ip = wire::header_at<wire::Ipv4Header>(network);
  const auto* tcp = wire::header_at<wire::TcpHeader>(network, ip->header_bytes());
  if (tcp == nullptr || (tcp->flags & (wire::TcpHeader::syn | wire::TcpHeader::ack)) !=
                            wire::TcpHeader::syn)
    return;
  stack.accepted.push_back({{.protocol = flow.protocol,
                             .local = flow.destination,
                             .remote = flow.source,
                             .local_port = flow.dport,
                             .remote_port = flow.sport},
                            packet.mark});
}

/// What was sent to many is answered from the address that this host would write to the sender
/// from, or, without a way there, from one of the device. Linux: net/ipv4/fib_frontend.c
/// fib_compute_spec_dst.
wire::IpAddress address_that_answers(const Packet& packet, Stack& stack) {
  const host::Host& host = stack.host;
  const route::Flow asked = route::flow_of(packet);
  route::Flow flow;
  flow.destination = asked.source;
  flow.tos = asked.tos;
  if (host.interfaces.either(packet.device, &route::Ipv4Conf::src_valid_mark))
    flow.mark = packet.mark;
  Packet probe;
  NoTrace quiet;
  if (!route::output(flow, probe, host.fib, host.interfaces, stack.chance, quiet))
    return flow.source;
  const wire::IpAddress found = route::select_source_address(host.interfaces, packet.device,
                                                             asked.source, route::Scope::universe);
  return found.is_set() ? found : wire::IpAddress::any(wire::Family::ipv4);
}

/// `reply` comes from its source, or from the address that answers for a group.
void settle_source(Packet& reply, const Packet& packet, Stack& stack) {
  auto* ip = wire::header_at<wire::Ipv4Header>(reply.network());
  if (!ip->source_address().is_unspecified()) return;
  ip->source = address_that_answers(packet, stack).v4();
  ip->checksum = wire::ipv4_header_checksum(reply.network().first(ip->header_bytes()));
}

/// The sum of a UDP packet for many is tested with its sockets in hand: never, when there are none.
/// What is short, and what conntrack has summed up, is known to be wrong before.
/// Linux: udp.c udp4_csum_init, __udp4_lib_mcast_deliver.
bool nobody_sums_up(const Packet& packet, const Stack& stack) {
  constexpr std::size_t tested_at_once = 76;  // CHECKSUM_BREAK
  const bool to_many = packet.routing.type == RouteType::broadcast ||
                       packet.routing.type == RouteType::multicast;
  const auto network = packet.network();
  const auto* ip = wire::header_at<wire::Ipv4Header>(network);
  if (!to_many || ip->protocol != wire::protocol::udp) return false;
  const auto* udp = wire::header_at<wire::UdpHeader>(network, ip->header_bytes());
  if (udp == nullptr || udp->length <= tested_at_once) return false;
  const conntrack::Config& config = stack.host.conntrack_config;
  return !config.enabled || !config.checksum || packet.ctinfo == CtInfo::untracked;
}

}  // namespace

template <Trace T>
Stop deliver(Packet& packet, Stack& stack, T& trace) {
  if (Stop stop = defragment(packet, Hook::input, stack, trace)) return stop;
  if (Stop stop = hook(Hook::input, packet, packet.device, no_device, stack, trace)) return stop;
  if (is_tunnelled(packet, stack)) return unwrap(packet, stack, trace);
  const host::IpConfig& config = stack.host.ip;
  const bool listening = somebody_listens(packet, stack);
  if (!listening && nobody_sums_up(packet, stack)) packet.checksum_verified = true;
  ip::LocalAnswer answer =
      ip::deliver(packet,
                  {.listening = listening,
                   .pinging = stack.pinging,
                   .ignore_echo = config.icmp_echo_ignore_all,
                   .ignore_broadcast_echo = config.icmp_echo_ignore_broadcasts,
                   .ttl = 0,  // as its route says
                   .reflect_mark = config.fwmark_reflect},
                  trace);
  if (answer.stop.fate == Fate::delivered) keep_accepted_mark(packet, stack);
  blame_tunnel_down(packet, stack, answer.stop);
  if (answer.reply) {
    settle_source(*answer.reply, packet, stack);
    send_answer(std::move(*answer.reply), packet, stack);
  }
  if (answer.error) {
    // UDP lets go of the connection before it looks for a socket (nf_reset_ct): the error about a
    // closed port is tracked anew. An unknown protocol keeps it.
    Packet offender = packet;
    if (route::flow_of(packet).protocol == wire::protocol::udp) {
      offender.connection = no_connection;
      offender.ctinfo = CtInfo::none;
    }
    send_error(offender, *answer.error, stack);
  }
  return answer.stop;
}

template <Trace T>
Stop error_route(Packet& packet, Stack& stack, T&) {
  if (!packet.routing.error) return Stop::go_on();
  std::vector<ip::IcmpError> errors;
  const Stop stop = ip::error_route(packet, errors);
  const auto from = wire::header_at<wire::Ipv4Header>(packet.network())->source_address();
  for (const ip::IcmpError& error : errors)
    if (stack.state.icmp.allow_error_route(from, stack.host.ip.icmp_limits, stack.state.now_ms))
      send_error(packet, error, stack);
  return stop;
}

namespace {

/// The packet is a connected socket's of this namespace, found before routing sent it on.
/// Linux: ip_input.c, early demultiplexing.
bool has_socket_here(const Packet& packet, const Stack& stack) {
  const route::Flow flow = route::flow_of(packet);
  if (flow.protocol != wire::protocol::tcp && flow.protocol != wire::protocol::udp) return false;
  return std::any_of(stack.sockets.begin(), stack.sockets.end(), [&](const Socket& socket) {
    return socket.protocol == flow.protocol && socket.local == flow.destination &&
           socket.remote == flow.source && socket.local_port == flow.dport &&
           socket.remote_port == flow.sport;
  });
}

}  // namespace

template <Trace T>
Stop forward(Packet& packet, Stack& stack, T& trace) {
  if (packet.assigned_by != Cause{})
    return Stop::drop(Stage::ip_forward, DropReason::NOT_SPECIFIED, packet.assigned_by);
  if (has_socket_here(packet, stack))
    return Stop::drop(Stage::ip_forward, DropReason::NOT_SPECIFIED, packet.routing.by);
  std::vector<ip::IcmpError> errors;
  const Stop stop = ip::forward(packet, stack.host.interfaces, errors, trace);
  for (const ip::IcmpError& error : errors) send_error(packet, error, stack);
  return stop;
}

template <Trace T>
Stop finish(Packet& packet, Stack& stack, T& trace) {
  const host::Host& host = stack.host;
  std::vector<ip::IcmpError> errors;
  const Stop stop = ip::options(packet, host.fib, host.interfaces, errors, trace);
  for (const ip::IcmpError& error : errors) send_error(packet, error, stack);
  return stop ? stop : ip::check_class(packet, host.interfaces);
}

template <Trace T>
Stop defragment(Packet& packet, Hook hook, Stack& stack, T& trace) {
  const host::Host& host = stack.host;
  const bool early = host.conntrack_config.enabled || host.netfilter.compiled.reassembles;
  if (hook != Hook::input && !early) return Stop::go_on();
  const DeviceId vrf = stack.host.interfaces.l3_domain(packet.device);
  return ip::defragment(packet, hook, vrf, stack.host.ip.fragments, stack.state.fragments,
                        stack.state.now_ms, trace);
}

template <Trace T>
Stop vrf(Packet& packet, Stack& stack, T& trace) {
  const DeviceId vrf = stack.host.interfaces[packet.device].vrf;
  if (vrf == no_device) return Stop::go_on();
  packet.device = vrf;
  return hook(Hook::prerouting, packet, vrf, no_device, stack, trace);
}

template <Trace T>
Stop arp(Packet& packet, Stack& stack, T& trace) {
  if (packet.ethertype == wire::ethertype::ipv4) return Stop::go_on();
  if (packet.ethertype != wire::ethertype::arp)
    return Stop::drop(Stage::netif_receive_skb_core, DropReason::UNHANDLED_PROTO,
                      Cause::on_device(DeviceCause::no_handler, packet.device));
  const host::Host& host = stack.host;
  // What becomes of ARP is told for the packet that waits for it.
  constexpr auto arp_family = host::Unmodelled::Family::arp;
  meet_unmodelled(arp_family, Hook::input, packet.answers, packet.device, stack, trace);
  ip::ArpResult result =
      ip::arp_process(packet, host.fib, host.interfaces, host.devices, host.neighbours,
                      stack.state.neighbours, stack.state.now_ms, stack.chance, trace);
  if (result.resolved) {  // a request resolves its sender before it is answered
    auto& entry = stack.state.neighbours.entries[*result.resolved];
    for (Packet& waiting : entry.waiting)
      stack.work.push_back({Work::Kind::to_neighbour, std::move(waiting)});
    entry.waiting.clear();
  }
  if (result.answer) {
    result.answer->device = packet.device;
    result.answer->number = stack.next_packet++;
    result.answer->answers = packet.answers;
    meet_unmodelled(arp_family, Hook::output, packet.answers, packet.device, stack, trace);
    stack.work.push_back({Work::Kind::transmit, std::move(*result.answer)});
  }
  return result.stop;
}

#define WAYOUT_INSTANTIATE(T)                                    \
  template Stop deliver(Packet&, Stack&, T&);                    \
  template Stop error_route(Packet&, Stack&, T&);                \
  template Stop forward(Packet&, Stack&, T&);                    \
  template Stop finish(Packet&, Stack&, T&);                     \
  template Stop defragment(Packet&, Hook, Stack&, T&);           \
  template Stop vrf(Packet&, Stack&, T&);                        \
  template Stop arp(Packet&, Stack&, T&);
WAYOUT_INSTANTIATE(NoTrace)
WAYOUT_INSTANTIATE(StepTrace)
#undef WAYOUT_INSTANTIATE

}  // namespace wayout::path
