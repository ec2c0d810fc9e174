#include <algorithm>
#include <optional>

#include "netfilter/match.hpp"

namespace wayout::netfilter {
namespace {

using Bytes = std::span<const std::uint8_t>;

bool asks(const PortRange& range, bool invert) {
  return invert || range.low != 0 || range.high != 0xffff;
}

/// A port as nft loads it: two bytes at a place, no matter what they are part of.
std::optional<std::uint16_t> port_at(Bytes transport, std::size_t offset) {
  const auto* port = wire::header_at<wire::be16>(transport, offset);
  return port == nullptr ? std::nullopt : std::optional<std::uint16_t>(*port);
}

/// What a later fragment holds where a port would stand is its sender's data, which nobody who only
/// asks knows. That it is one of a few is not to be expected, but zeros are common.
Outcome unknown_port_outcome(const PortRange& range, bool invert) {
  constexpr std::uint16_t few = 256;
  const bool is_few = range.low != 0 && (range.low > range.high || range.high - range.low < few);
  return is_few ? outcome(invert) : Outcome::unknown;
}

bool is_data_unknown(const Situation& at) {
  return at.is_later_fragment() && at.changes.chance.explores();
}

/// The ports of a tcp or udp match that iptables-nft wrote as payload expressions.
template <class PortsMatch>
Outcome nft_ports_outcome(const PortsMatch& match, const Situation& at) {
  const auto one = [&](const PortRange& range, bool invert, std::size_t offset) {
    if (!asks(range, invert)) return Outcome::yes;
    const std::optional<std::uint16_t> port = port_at(at.transport(), offset);
    if (!port) return Outcome::no;
    if (is_data_unknown(at)) return unknown_port_outcome(range, invert);
    return ask_port(at, *port, range, invert);
  };
  return both(one(match.source, match.invert_source, 0),
              one(match.destination, match.invert_destination, 2));
}

template <class PortsMatch, class Header>
Outcome ports_outcome(const PortsMatch& match, const Header& header, const Situation& at) {
  return both(ask_port(at, header.source_port, match.source, match.invert_source),
              ask_port(at, header.destination_port, match.destination, match.invert_destination));
}

/// Whether the option is there; `drop` when the header is too short for the options it announces.
/// Linux: net/netfilter/xt_tcpudp.c tcp_find_option.
Outcome option_outcome(const TcpMatch& match, const wire::TcpHeader& tcp, Bytes transport) {
  constexpr std::uint8_t last_without_length = 1;  // end of list 0, no-operation 1
  const std::size_t header_bytes = tcp.header_bytes();
  if (header_bytes < sizeof(wire::TcpHeader) || header_bytes > transport.size())
    return Outcome::drop;
  const Bytes options =
      transport.subspan(sizeof(wire::TcpHeader), header_bytes - sizeof(wire::TcpHeader));
  for (std::size_t i = 0; i < options.size();) {
    if (options[i] == match.option) return outcome(!match.invert_option);
    const bool has_length = options[i] > last_without_length && i + 1 < options.size();
    i += has_length ? std::max<std::size_t>(options[i + 1], 1) : 1;
  }
  return outcome(match.invert_option);
}

Outcome legacy_tcp(const TcpMatch& match, const Situation& at) {
  // A fragment that begins inside the TCP header is an attack on filters like this one.
  if (at.is_later_fragment())
    return at.ip().fragment_offset_bytes() == 8 ? Outcome::drop : Outcome::no;
  const Bytes transport = at.transport();
  const auto* tcp = wire::header_at<wire::TcpHeader>(transport);
  if (tcp == nullptr) return Outcome::drop;
  const Outcome ports = ports_outcome(match, *tcp, at);
  if (ports == Outcome::no) return Outcome::no;
  if (match.flags_given &&
      ((tcp->flags & match.flags_mask) == match.flags_set) == match.invert_flags)
    return Outcome::no;
  if (match.option == 0) return ports;
  const Outcome option = option_outcome(match, *tcp, transport);
  return option == Outcome::drop ? option : both(ports, option);
}

Outcome legacy_udp(const UdpMatch& match, const Situation& at) {
  if (at.is_later_fragment()) return Outcome::no;
  const auto* udp = wire::header_at<wire::UdpHeader>(at.transport());
  if (udp == nullptr) return Outcome::drop;
  return ports_outcome(match, *udp, at);
}

bool asks_ports(const auto& match) {
  return asks(match.source, match.invert_source) ||
         asks(match.destination, match.invert_destination);
}

}  // namespace

Outcome ask(const TcpMatch& match, const Situation& at) {
  const bool native = at.backend == Backend::nft && match.option == 0 &&
                      (asks_ports(match) || match.flags_given);
  if (!native) return legacy_tcp(match, at);
  const Bytes transport = at.transport();
  const Outcome ports = nft_ports_outcome(match, at);
  if (ports == Outcome::no || !match.flags_given) return ports;
  constexpr std::size_t flags_offset = 13;
  if (transport.size() <= flags_offset) return Outcome::no;
  if (is_data_unknown(at)) return both(ports, Outcome::unknown);
  return both(ports, outcome(((transport[flags_offset] & match.flags_mask) == match.flags_set) !=
                             match.invert_flags));
}

Outcome ask(const UdpMatch& match, const Situation& at) {
  const bool native = at.backend == Backend::nft && asks_ports(match);
  return native ? nft_ports_outcome(match, at) : legacy_udp(match, at);
}

Outcome ask(const IcmpMatch& match, const Situation& at) {
  constexpr std::uint8_t any_type = 255;
  if (at.is_later_fragment()) return Outcome::no;
  const auto* icmp = wire::header_at<wire::IcmpHeader>(at.transport());
  if (icmp == nullptr) return Outcome::drop;
  const bool fits = match.type == any_type ||
                    (icmp->type == match.type && match.code_low <= icmp->code &&
                     icmp->code <= match.code_high);
  return outcome(fits != match.invert);
}

Outcome ask(const MultiportMatch& match, const Situation& at) {
  using Side = MultiportMatch::Side;
  if (at.is_later_fragment()) return Outcome::no;
  const Bytes transport = at.transport();
  const auto source = port_at(transport, 0), destination = port_at(transport, 2);
  if (!source || !destination) return Outcome::drop;
  PortSet accepted;
  for (const PortRange& range : match.ports) accepted.add(range);
  const PortSet asked = match.invert ? accepted.complement() : accepted;
  if (match.side == Side::source) return ask_port(at, *source, asked);
  if (match.side == Side::destination) return ask_port(at, *destination, asked);
  if (match.invert) return both(ask_port(at, *source, asked), ask_port(at, *destination, asked));
  // One of the two is enough. When neither is known, what holds says nothing about each.
  const Outcome first = ask_port(at, *source, asked);
  if (first == Outcome::yes) return first;
  const Outcome second = ask_port(at, *destination, asked);
  if (second == Outcome::yes || first == Outcome::no) return second;
  if (second == Outcome::unknown) at.changes.state.doubts.clear();
  return first;
}

}  // namespace wayout::netfilter
