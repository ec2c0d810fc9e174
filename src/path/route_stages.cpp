// The two routing decisions on the way, and what a program's socket makes of its own.
#include "packet/pull.hpp"
#include "path/stages.hpp"

#include "wire/checksum.hpp"
#include "wire/headers.hpp"

namespace wayout::path {
namespace {

wire::Ipv4Header& header_of(Packet& packet) {
  return *wire::header_at<wire::Ipv4Header>(packet.network());
}

/// A socket that is not bound takes the source that routing chose.
void set_source(Packet& packet, const wire::IpAddress& source) {
  wire::Ipv4Header& ip = header_of(packet);
  ip.source = source.v4();
  ip.checksum = wire::ipv4_header_checksum(packet.network().first(ip.header_bytes()));
  const auto segment = packet.network().subspan(ip.header_bytes());
  if (ip.protocol == wire::protocol::tcp) {
    wire::header_at<wire::TcpHeader>(segment)->checksum = wire::transport_checksum(
        source, ip.destination_address(), ip.protocol, segment, offsetof(wire::TcpHeader, checksum));
  } else if (ip.protocol == wire::protocol::udp) {
    const std::uint16_t sum = wire::transport_checksum(source, ip.destination_address(), ip.protocol,
                                                       segment, offsetof(wire::UdpHeader, checksum));
    wire::header_at<wire::UdpHeader>(segment)->checksum = sum == 0 ? 0xffff : sum;
  }
}

bool same_way(const Routing& a, const Routing& b) {
  return a.type == b.type && a.egress == b.egress && a.gateway == b.gateway &&
         a.mtu_bytes == b.mtu_bytes && a.hop_limit == b.hop_limit;
}

/// connect() asks for the source, and then once more with it: a rule `from` this host's own address
/// decides then. TCP always connects. Whether the program of another socket does is not known, but
/// only matters where the two answers differ; resolvers do, ping does not.
/// Linux: include/net/route.h ip_route_connect.
Stop look_up_again(Packet& packet, Stack& stack) {
  const host::Host& host = stack.host;
  const Routing first = packet.routing;
  route::Flow flow = route::flow_of(packet);
  NoTrace quiet;
  const Stop stop =
      route::output(flow, packet, host.fib, host.interfaces, stack.chance, quiet);
  if (!stop && same_way(first, packet.routing)) {
    packet.routing = first;
    return Stop::go_on();
  }
  const std::uint8_t protocol = header_of(packet).protocol;
  if (protocol == wire::protocol::tcp) return stop;
  const bool other = stack.chance.choose(Cause::socket(SocketCause::connects), 2) == 1;
  const bool connects = (protocol == wire::protocol::udp) != other;
  if (connects) return stop;
  packet.routing = first;
  return Stop::go_on();
}

/// What a socket refuses to send to. Linux: tcp_ipv4.c tcp_v4_connect; udp.c udp_sendmsg; raw.c
/// raw_sendmsg.
Stop refuse_address(const Packet& packet, Stack& stack) {
  const RouteType type = packet.routing.type;
  const auto* ip = wire::header_at<wire::Ipv4Header>(packet.network());
  const bool broadcast = type == RouteType::broadcast;
  if (ip->protocol == wire::protocol::tcp) {
    const auto* tcp = wire::header_at<wire::TcpHeader>(packet.network(), ip->header_bytes());
    const bool connects = tcp != nullptr && (tcp->flags & wire::TcpHeader::ack) == 0;
    if (!connects || (!broadcast && type != RouteType::multicast)) return Stop::go_on();
    return Stop::drop(Stage::tcp_v4_connect, DropReason::NOT_SPECIFIED,
                      Cause::address(AddressCause::not_unicast, packet.routing.egress));
  }
  const Cause allowed = Cause::socket(SocketCause::broadcast);
  if (!broadcast || stack.chance.choose(allowed, 2) == 1) return Stop::go_on();
  return Stop::drop(Stage::udp_sendmsg, DropReason::NOT_SPECIFIED, allowed);
}

/// A program sends without having bound its socket to an address.
template <Trace T>
Stop route_socket(Packet& packet, Stack& stack, T& trace) {
  const host::Host& host = stack.host;
  route::Flow flow = route::flow_of(packet);
  flow.source = {};
  NoTrace quiet;
  if (Stop stop = route::output(flow, packet, host.fib, host.interfaces, stack.chance, quiet))
    return stop;
  set_source(packet, flow.source);
  if (Stop stop = look_up_again(packet, stack)) return stop;
  route::tell_output(packet, route::flow_of(packet), /*source_chosen=*/true, trace);
  return Stop::go_on();
}

/// What a socket of this namespace that took the first packet of a TCP connection gives to its own.
/// Linux: include/net/inet_sock.h inet_request_mark (net.ipv4.tcp_fwmark_accept).
void take_accepted_mark(Packet& packet, const Stack& stack) {
  const route::Flow flow = route::flow_of(packet);
  if (flow.protocol != wire::protocol::tcp) return;
  for (const AcceptedSocket& socket : stack.accepted) {
    const Socket& ends = socket.ends;
    if (ends.local == flow.source && ends.remote == flow.destination &&
        ends.local_port == flow.sport && ends.remote_port == flow.dport)
      packet.mark = socket.mark;
  }
}

/// TCP asks for a socket before the way is asked for, and wants its header in one piece for that.
/// Linux: ip_input.c ip_rcv_finish_core, tcp_ipv4.c tcp_v4_early_demux.
void read_by_early_demux(Packet& packet) {
  if (packet.fragment_payloads.empty() || packet.type != PacketType::host) return;
  const auto* ip = wire::header_at<wire::Ipv4Header>(packet.network());
  const std::size_t wanted = ip->header_bytes() + sizeof(wire::TcpHeader);
  if (ip->protocol == wire::protocol::tcp && packet.network().size() >= wanted)
    pull_fragments(packet, wanted);
}

}  // namespace

template <Trace T>
Stop route_in(Packet& packet, Stack& stack, T& trace) {
  if (packet.routing.decided)
    return Stop::go_on();  // looped back: it keeps the route it was sent by
  read_by_early_demux(packet);
  const host::Host& host = stack.host;
  return route::input(packet, host.fib, host.interfaces, stack.chance, trace);
}

template <Trace T>
Stop route_out(Packet& packet, Stack& stack, T& trace) {
  const host::Host& host = stack.host;
  if (!packet.routing.decided) {
    if (packet.by_socket) take_accepted_mark(packet, stack);
    route::Flow flow = route::flow_of(packet);
    const bool choose_source = flow.source.is_unspecified();
    if (choose_source) flow.source = {};
    flow.egress = packet.bound;
    flow.any_source = packet.any_source;
    const Stop stop =
        choose_source && packet.by_socket
            ? route_socket(packet, stack, trace)
            : route::output(flow, packet, host.fib, host.interfaces, stack.chance, trace);
    if (stop) return stop;
    if (choose_source && !packet.by_socket) set_source(packet, flow.source);
    if (packet.by_socket) {
      if (Stop refused = refuse_address(packet, stack)) return refused;
    }
  }
  if (!stack.copying) ip::settle_ttl(packet, host.ip.default_ttl);  // a copy may have none left
  return Stop::go_on();
}

#define WAYOUT_INSTANTIATE(T)                   \
  template Stop route_in(Packet&, Stack&, T&);  \
  template Stop route_out(Packet&, Stack&, T&);
WAYOUT_INSTANTIATE(NoTrace)
WAYOUT_INSTANTIATE(StepTrace)
#undef WAYOUT_INSTANTIATE

}  // namespace wayout::path
