// From a packet to the question it asks, and from the answer to what the packet carries on.
#include "route/decide.hpp"
#include "wire/headers.hpp"

namespace wayout::route {
namespace {

constexpr std::uint8_t dscp_mask = 0xfc;
constexpr std::uint32_t root = 0;

/// Where the 16-bit port pair lies in a transport header, if the protocol has one; ESP's and AH's
/// SPI is taken for it. Linux: net/core/flow_dissector.c, proto_ports_offset.
std::optional<std::size_t> ports_offset(std::uint8_t protocol) {
  switch (protocol) {
    case wire::protocol::tcp:
    case wire::protocol::udp:
    case wire::protocol::dccp:
    case wire::protocol::esp:
    case wire::protocol::sctp:
    case wire::protocol::udplite: return 0;
    case wire::protocol::ah: return 4;
    default: return std::nullopt;
  }
}

}  // namespace

Flow flow_of(const Packet& packet) {
  Flow flow;
  flow.mark = packet.mark;
  const bool of_a_process = packet.local && packet.answers == 0;
  flow.uid = of_a_process ? packet.sender.uid : std::optional(root);

  const std::span<const std::uint8_t> bytes = packet.network();
  const auto* ip = wire::header_at<wire::Ipv4Header>(bytes);
  if (ip == nullptr || ip->version() != 4) return flow;
  flow.source = ip->source_address();
  flow.destination = ip->destination_address();
  flow.tos = ip->tos & dscp_mask;
  flow.protocol = ip->protocol;
  const auto offset = ports_offset(ip->protocol);
  if (!offset || ip->is_fragment()) return flow;
  struct Ports {
    wire::be16 source, destination;
  };
  if (const auto* ports = wire::header_at<Ports>(bytes, ip->header_bytes() + *offset)) {
    flow.sport = ports->source;
    flow.dport = ports->destination;
  }
  return flow;
}

void fill_routing(Routing& routing, const Fib& fib, const FibResult& found) {
  const Route& route = fib.route(found.route);
  routing.decided = true;
  routing.type = route.type;
  routing.preferred_source = route.preferred_source;
  routing.mtu_bytes = route.mtu_bytes;
  routing.hop_limit = route.hop_limit;
  routing.by = found.cause;
  if (found.nexthop >= route.nexthops.size()) return;
  const Nexthop& nexthop = route.nexthops[found.nexthop];
  routing.egress = nexthop.device;
  routing.gateway = nexthop.via();
  routing.on_link_scope = !routing.gateway.is_set();
}

}  // namespace wayout::route
