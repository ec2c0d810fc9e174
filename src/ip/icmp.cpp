#include <algorithm>

#include "ip/ip.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::ip {
namespace {

constexpr std::size_t most_bytes = 576;  ///< RFC 1812 §4.3.2.3

/// ICMP itself is only told of when it is a query: no errors about errors (RFC 1122 §3.2.2).
bool is_icmp_error(std::span<const std::uint8_t> network, const wire::Ipv4Header& ip) {
  if (ip.protocol != wire::protocol::icmp) return false;
  const auto* icmp = wire::header_at<wire::IcmpHeader>(network, ip.header_bytes());
  return icmp == nullptr || icmp->type > 18 || icmp->is_error();
}

bool may_answer(const Packet& offender, const wire::Ipv4Header& ip) {
  if (offender.type != PacketType::host && !offender.local) return false;
  if (offender.routing.type == RouteType::broadcast ||
      offender.routing.type == RouteType::multicast)
    return false;
  return ip.fragment_offset_bytes() == 0 && !is_icmp_error(offender.network(), ip);
}

}  // namespace

std::optional<Packet> make_error(const Packet& offender, const IcmpError& error,
                                 const route::Fib& fib, const route::Interfaces& interfaces,
                                 bool use_inbound_address, std::uint8_t ttl, Chance& chance) {
  const auto network = offender.network();
  const auto* ip = wire::header_at<wire::Ipv4Header>(network);
  if (ip == nullptr || !may_answer(offender, *ip)) return std::nullopt;

  route::Flow flow{.destination = ip->source_address(), .protocol = wire::protocol::icmp};
  flow.tos = static_cast<std::uint8_t>((ip->tos & 0x1e) | 0xc0) & 0xfc;
  if (offender.routing.type == RouteType::local && !offender.local)
    flow.source = ip->destination_address();
  else if (use_inbound_address && offender.ingress != no_device)
    flow.source = route::select_source_address(interfaces, offender.ingress, ip->source_address(),
                                               route::Scope::link);
  const DeviceId near = offender.ingress != no_device ? offender.ingress : offender.device;
  flow.l3mdev = near == no_device ? no_device : interfaces[near].vrf;

  Packet routed;
  NoTrace quiet;
  if (route::output(flow, routed, fib, interfaces, chance, quiet)) return std::nullopt;

  const std::uint32_t mtu = routed.routing.mtu_bytes != 0
                                ? routed.routing.mtu_bytes
                                : interfaces[routed.routing.egress].mtu_bytes;
  const std::size_t room = std::min<std::size_t>(mtu, most_bytes) - sizeof(wire::Ipv4Header) -
                           sizeof(wire::IcmpHeader);
  const wire::Ipv4Fields fields{.source = flow.source,
                                .destination = ip->source_address(),
                                .protocol = wire::protocol::icmp,
                                .tos = static_cast<std::uint8_t>((ip->tos & 0x1e) | 0xc0),
                                .ttl = ttl};
  Packet packet = Packet::from_ip(wire::make_icmp_error(
      fields, error.type, error.code, error.info, network.first(std::min(room, network.size()))));
  packet.routing = routed.routing;
  packet.local = true;
  return packet;
}

}  // namespace wayout::ip
