// IPv4's own stages: the checks on receipt, forwarding, fragments, and the errors sent back.
#pragma once

#include <cstdint>
#include <vector>

#include "link/device.hpp"
#include "packet/chance.hpp"
#include "packet/packet.hpp"
#include "packet/trace.hpp"
#include "route/decide.hpp"

namespace wayout::ip {

/// Header, checksum and length checks; trims Ethernet padding.
/// Linux: net/ipv4/ip_input.c ip_rcv_core.
/// Ends: OTHERHOST, IP_INHDR, IP_CSUM, PKT_TOO_SMALL.
template <Trace T>
Stop receive(Packet& packet, T& trace);

/// An ICMP error to be made about a packet; built by make_error() when the path sends it.
struct IcmpError {
  std::uint8_t type = 0, code = 0;
  std::uint32_t info = 0;              ///< second word: next-hop MTU, gateway, pointer; host order
};

/// A packet for one host in a frame for many, when that is not wanted.
/// Linux: net/ipv4/ip_input.c ip_rcv_finish_core.
/// Ends: UNICAST_IN_L2_MULTICAST.
[[nodiscard]] Stop check_class(const Packet& packet, const route::Interfaces& interfaces);

/// IP options, after the routing decision: malformed ones are answered with a parameter problem,
/// this host enters itself into a record route.
/// Linux: ip_input.c ip_rcv_options; ip_options.c __ip_options_compile, ip_forward_options.
/// Ends: IP_INHDR; NOT_SPECIFIED for a refused source route. An accepted one is undecided.
/// Changes: packet (record route).
/// Not modelled: accepted source routes; the time written into a timestamp option; router alert
///   (a listener would take the packet); CIPSO.
template <Trace T>
Stop options(Packet& packet, const route::Fib& fib, const route::Interfaces& interfaces,
             std::vector<IcmpError>& errors, T& trace);

/// What forwarding asks and does before the FORWARD hook: class, TTL, MTU. ICMP errors that have to
/// go back are appended to `errors`. An error about TTL or MTU quotes the packet as it is then; a
/// redirect quotes it with its TTL decremented, as it is on return.
/// Linux: net/ipv4/ip_forward.c ip_forward.
/// Ends: NOT_SPECIFIED (layer-2 class), IP_INHDR (TTL), PKT_TOO_BIG.
/// Changes: packet (TTL).
template <Trace T>
Stop forward(Packet& packet, const route::Interfaces& interfaces,
             std::vector<IcmpError>& errors, T& trace);

/// How a host's stack answers by itself, whatever it answers.
struct AnswerPolicy {
  std::uint8_t default_ttl = 64;     ///< net.ipv4.ip_default_ttl
  bool use_inbound_address = false;  ///< net.ipv4.icmp_errors_use_inbound_ifaddr
  bool reflect_mark = false;         ///< net.ipv4.fwmark_reflect: the mark of what is answered

  /// The mark of an answer. Linux: include/net/ip.h IP4_REPLY_MARK.
  [[nodiscard]] std::uint32_t mark_about(const Packet& answered) const {
    return reflect_mark ? answered.mark : 0;
  }
};

/// The error message about `offender`, routed back to its source, source address chosen as the
/// kernel does; nothing when no error may be sent (errors about errors, fragments, broadcasts).
/// Linux: net/ipv4/icmp.c __icmp_send.
[[nodiscard]] std::optional<Packet> make_error(const Packet& offender, const IcmpError& error,
                                               const route::Fib& fib,
                                               const route::Interfaces& interfaces,
                                               const AnswerPolicy& policy, Chance& chance);

/// How a packet ends whose route is an error. The ICMP error that goes back is appended to
/// `errors`; there is none for blackhole or while forwarding is off.
/// Linux: net/ipv4/route.c ip_error.
/// Ends: always. IP_INADDRERRORS (forwarding off), IP_INNOROUTES (no route, a rule `unreachable`),
///   NOT_SPECIFIED (routes `blackhole`, `prohibit`, `unreachable`).
/// Not here: how many of its messages are sent (ratelimit.hpp).
Stop error_route(const Packet& packet, std::vector<IcmpError>& errors);

/// A packet of this host whose TTL is 0 is given the one that its route says, or `default_ttl`.
/// Linux: include/net/ip.h ip_select_ttl; net/ipv4/route.c ip4_dst_hoplimit.
void settle_ttl(Packet& packet, std::uint8_t default_ttl);

/// True when a packet longer than `mtu_bytes` must be refused for its DF. One that was reassembled
/// is not: it may leave in pieces as large as those it came in.
/// Linux: net/ipv4/ip_output.c ip_fragment; ip_forward.c ip_exceeds_mtu.
[[nodiscard]] bool must_not_fragment(const Packet& packet, std::uint32_t mtu_bytes);

/// Cut a packet to an MTU; one that was reassembled leaves in the pieces it came in, if they fit.
/// The pieces keep what the packet learned. Options without copy bit stand in the first one only.
/// Linux: net/ipv4/ip_output.c ip_do_fragment.
[[nodiscard]] std::vector<Packet> fragment(const Packet& packet, std::uint32_t mtu_bytes);

/// What the receiving host is like, as far as its answers depend on it.
struct LocalPolicy {
  bool listening = true;               ///< a socket takes the packet (TCP, UDP)
  bool pinging = true;                 ///< a ping socket takes echo replies
  bool ignore_echo = false;            ///< net.ipv4.icmp_echo_ignore_all
  bool ignore_broadcast_echo = true;   ///< net.ipv4.icmp_echo_ignore_broadcasts
  std::uint8_t ttl = 64;               ///< of what is answered; 0: as its route will say
  bool reflect_mark = false;           ///< net.ipv4.fwmark_reflect
};

/// What became of a packet at its destination.
struct LocalAnswer {
  Stop stop;                           ///< delivered, or dropped with NO_SOCKET and the like
  std::optional<Packet> reply;         ///< IP packet to send (source and destination set)
  std::optional<IcmpError> error;      ///< ICMP error to send instead
};

/// What a host answers to a packet delivered to it when no program has to: echo replies, resets,
/// port and protocol unreachable.
/// Linux: icmp.c icmp_rcv, ping.c ping_rcv, igmp.c igmp_rcv, tcp_ipv4.c tcp_v4_send_reset, udp.c
///   __udp4_lib_rcv.
/// Ends: always. Delivered; NO_SOCKET; UDP_CSUM, TCP_CSUM, ICMP_CSUM; PKT_TOO_SMALL, IP_INHDR,
///   NOT_SPECIFIED (cut short, a broadcast); UNHANDLED_PROTO, INVALID_PROTO (ICMP); IP_NOPROTO.
/// Changes: packet (trimmed to UDP's own length).
/// Not modelled: protocols beyond TCP, UDP, ICMP and IGMP, which may have a handler; the answers to
///   ICMP timestamps; options echoed in answers; what is quoted in an ICMP error.
template <Trace T>
LocalAnswer deliver(Packet& packet, const LocalPolicy& policy, T& trace);

}  // namespace wayout::ip
