#include <optional>

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

}  // namespace

Outcome ask(const SetMatch& match, const Situation& at) {
  const IpSets& sets = at.around.netfilter.sets;
  const IpSet* set = sets.find(match.set);
  if (set == nullptr) return Outcome::unknown;
  switch (ipset_contains(sets, *set, match, question_about(at))) {
    case SetAnswer::no: return outcome(match.invert);
    case SetAnswer::yes: return outcome(!match.invert);
    case SetAnswer::unknown: break;
  }
  return Outcome::unknown;
}

}  // namespace wayout::netfilter
