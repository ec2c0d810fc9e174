#include <algorithm>

#include "ip/ip.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::ip {
namespace {

using wire::IcmpHeader;
using wire::Ipv4Header;

constexpr std::size_t most_bytes = 576;  ///< RFC 1812 §4.3.2.3

/// Types that are never answered with an error: errors themselves (RFC 1122 §3.2.2), types without
/// a meaning, and those beyond the last known one. Linux: net/ipv4/icmp.c icmp_pointers.
bool is_never_answered(std::uint8_t type) {
  constexpr std::uint8_t last_known = 18;
  if (type == IcmpHeader::echo_reply || type == IcmpHeader::echo_request) return false;
  return type <= IcmpHeader::parameter_problem || type > last_known;
}

bool may_answer(const Packet& offender, const Ipv4Header& ip) {
  if (offender.type != PacketType::host && !offender.local) return false;
  if (offender.routing.type == RouteType::broadcast ||
      offender.routing.type == RouteType::multicast)
    return false;
  if (ip.fragment_offset_bytes() != 0) return false;
  if (ip.protocol != wire::protocol::icmp) return true;
  const auto network = offender.network();
  return network.size() > ip.header_bytes() && !is_never_answered(network[ip.header_bytes()]);
}

/// To whom, from where and how the message asks for its way. Linux: icmp.c icmp_route_lookup.
route::Flow flow_back(const Packet& offender, const Ipv4Header& ip, std::uint8_t tos,
                      const route::Interfaces& interfaces, const AnswerPolicy& policy) {
  route::Flow flow;
  flow.mark = policy.mark_about(offender);
  flow.destination = ip.source_address();
  flow.protocol = wire::protocol::icmp;
  flow.tos = tos & 0xfc;
  flow.uid = 0;
  if (offender.routing.type == RouteType::local)
    flow.source = ip.destination_address();
  else if (policy.use_inbound_address && offender.ingress != no_device)
    flow.source = route::select_source_address(interfaces, offender.ingress, ip.source_address(),
                                               route::Scope::link);
  const DeviceId near = offender.ingress != no_device ? offender.ingress : offender.device;
  if (near != no_device) flow.egress = interfaces.l3_domain(near);
  return flow;
}

}  // namespace

std::optional<Packet> make_error(const Packet& offender, const IcmpError& error,
                                 const route::Fib& fib, const route::Interfaces& interfaces,
                                 const AnswerPolicy& policy, Chance& chance) {
  const auto network = offender.network();
  const auto* ip = wire::header_at<Ipv4Header>(network);
  if (ip == nullptr || !may_answer(offender, *ip)) return std::nullopt;

  const auto tos = static_cast<std::uint8_t>((ip->tos & 0x1e) | 0xc0);
  route::Flow flow = flow_back(offender, *ip, tos, interfaces, policy);
  Packet routed;
  NoTrace quiet;
  if (route::output(flow, routed, fib, interfaces, chance, quiet)) return std::nullopt;

  const std::size_t mtu = routed.routing.mtu_bytes != 0
                              ? routed.routing.mtu_bytes
                              : interfaces[routed.routing.egress].mtu_bytes;
  constexpr std::size_t headers = sizeof(Ipv4Header) + sizeof(IcmpHeader);
  const std::size_t fits = std::min(mtu, most_bytes);
  if (fits <= headers + sizeof(Ipv4Header)) return std::nullopt;  // not even the quoted header
  const wire::Ipv4Fields fields{.source = flow.source,
                                .destination = ip->source_address(),
                                .protocol = wire::protocol::icmp,
                                .tos = tos,
                                .ttl = 0};
  Packet packet = Packet::from_ip(
      wire::make_icmp_error(fields, error.type, error.code, error.info,
                            network.first(std::min(fits - headers, network.size()))));
  packet.routing = routed.routing;
  packet.mark = flow.mark;
  settle_ttl(packet, policy.default_ttl);
  return packet;
}

}  // namespace wayout::ip
