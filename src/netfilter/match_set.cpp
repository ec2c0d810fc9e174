#include <algorithm>
#include <iterator>
#include <optional>
#include <set>

#include "netfilter/ipset.hpp"
#include "netfilter/match.hpp"

namespace wayout::netfilter {
namespace {

using Port = std::optional<std::uint16_t>;
struct Ports {
  Port source, destination;
};

template <class Header>
Ports ports_in(std::span<const std::uint8_t> transport, std::size_t header_bytes) {
  const auto* header = wire::header_at<Header>(transport);
  if (header == nullptr || transport.size() < header_bytes) return {};
  return {header->source_port, header->destination_port};
}

/// What a set takes for the ports of the packet; it wants the whole header of the protocol.
/// Linux: net/netfilter/ipset/ip_set_getport.c.
Ports ports_of(const Situation& at) {
  namespace protocol = wire::protocol;
  constexpr std::size_t sctp_header_bytes = 12;
  const std::span<const std::uint8_t> transport = at.transport();
  switch (at.ip().protocol) {
    case protocol::tcp:
    case protocol::udp:
    case protocol::udplite:
    case protocol::sctp:
    case protocol::icmp: break;
    default: return {0, 0};
  }
  if (at.is_later_fragment()) return {};
  if (at.ip().protocol == protocol::icmp) {
    const auto* icmp = wire::header_at<wire::IcmpHeader>(transport);
    if (icmp == nullptr) return {};
    const auto both = static_cast<std::uint16_t>(icmp->type << 8 | icmp->code);
    return {both, both};
  }
  if (at.ip().protocol == protocol::tcp)
    return ports_in<wire::TcpHeader>(transport, sizeof(wire::TcpHeader));
  return ports_in<wire::UdpHeader>(transport, at.ip().protocol == protocol::sctp
                                                  ? sctp_header_bytes
                                                  : sizeof(wire::UdpHeader));
}

}  // namespace

SetQuestion question_about(const Situation& at) {
  const Ports ports = ports_of(at);
  SetQuestion question{.source = at.ip().source_address(),
                       .destination = at.ip().destination_address(),
                       .protocol = at.ip().protocol,
                       .source_port = ports.source,
                       .destination_port = ports.destination,
                       .source_mac = {},
                       .destination_mac = {},
                       .ingress = at.around.devices[at.devices.in].name,
                       .egress = at.around.devices[at.devices.out].name,
                       .mark = at.packet.mark};
  if (at.packet.link_header_bytes() >= sizeof(wire::EthernetHeader)) {
    const auto* ethernet = wire::header_at<wire::EthernetHeader>(std::as_const(at.packet).frame());
    question.source_mac = ethernet->source;
    question.destination_mac = ethernet->destination;
  }
  return question;
}

namespace {

bool looks_at_port(const IpSets& sets, const IpSet& set, const SetMatch& match, bool source) {
  for (std::size_t i = 0; i < set.parts.size() && i < match.source.size(); ++i)
    if (set.parts[i] == SetPart::port && match.source[i] == source) return true;
  return std::any_of(set.elements.begin(), set.elements.end(), [&](const SetElement& element) {
    const IpSet* member = sets.member(element);
    return member != nullptr && looks_at_port(sets, *member, match, source);
  });
}

/// Where the answer of the set may change along the ports: the first of each element and the first
/// behind it; of a set of ports alone, of each row of them.
void add_borders(const IpSets& sets, const IpSet& set, std::set<std::uint32_t>& borders) {
  const auto add = [&](const PortSet::Range& range) {
    borders.insert(range.low);
    borders.insert(range.high + 1U);
  };
  PortSet rows;
  const bool ports_alone = set.parts == std::vector{SetPart::port};
  for (const SetElement& element : set.elements) {
    const PortSet::Range range{element.port_low, element.port_high};
    if (ports_alone) rows.add(range);
    else add(range);
    if (const IpSet* member = sets.member(element))
      add_borders(sets, *member, borders);
  }
  for (const PortSet::Range& range : rows.ranges()) add(range);
}

/// For a port that stands for several, which of them the set (or its inversion) holds.
Outcome ask_about_port(const IpSets& sets, const IpSet& set, const SetMatch& match,
                       SetQuestion question, bool source, const Situation& at) {
  auto& port = source ? question.source_port : question.destination_port;
  const std::uint16_t number = *port;
  std::set<std::uint32_t> borders{0, 0x10000};
  add_borders(sets, set, borders);
  PortSet accepted;
  for (auto low = borders.begin(); *low < 0x10000; ++low) {
    port = static_cast<std::uint16_t>(*low);
    const SetAnswer answer = ipset_contains(sets, set, match, question, at.changes.now_ms);
    if (answer == SetAnswer::unknown) return Outcome::unknown;
    if ((answer == SetAnswer::yes) == match.invert) continue;
    accepted.add({*port, static_cast<std::uint16_t>(*std::next(low) - 1)});
  }
  return ask_port(at, number, accepted);
}

}  // namespace

Outcome ask(const SetMatch& match, const Situation& at) {
  const IpSets& sets = at.sets();
  if (match.position == SetMatch::not_there) return Outcome::unknown;
  const IpSet* set = &sets.list[match.position];
  const SetQuestion question = question_about(at);
  for (const bool source : {true, false}) {
    const auto& port = source ? question.source_port : question.destination_port;
    if (port && at.ip().protocol != wire::protocol::icmp &&
        at.changes.chance.stand_in(*port) != nullptr && looks_at_port(sets, *set, match, source))
      return ask_about_port(sets, *set, match, question, source, at);
  }
  switch (ipset_contains(sets, *set, match, question, at.changes.now_ms)) {
    case SetAnswer::no: return outcome(match.invert);
    case SetAnswer::yes: return outcome(!match.invert);
    case SetAnswer::unknown: break;
  }
  return Outcome::unknown;
}

}  // namespace wayout::netfilter
