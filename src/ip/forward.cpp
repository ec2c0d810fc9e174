#include "ip/ip.hpp"
#include "wire/checksum.hpp"
#include "wire/headers.hpp"

namespace wayout::ip {
namespace {

/// The device's MTU, or the route's `mtu` metric. Learned path MTUs are not believed by default.
/// Linux: include/net/ip.h ip_dst_mtu_maybe_forward.
std::uint32_t forwarding_mtu(const Packet& packet, const route::Interfaces& interfaces) {
  return packet.routing.mtu_bytes != 0 ? packet.routing.mtu_bytes
                                       : interfaces[packet.routing.egress].mtu_bytes;
}

void decrement_ttl(wire::Ipv4Header& ip) {
  const auto before = static_cast<std::uint16_t>(ip.ttl << 8 | ip.protocol);
  --ip.ttl;
  const auto after = static_cast<std::uint16_t>(ip.ttl << 8 | ip.protocol);
  ip.checksum = wire::checksum_update16(ip.checksum, before, after);
}

}  // namespace

template <Trace T>
Stop forward(Packet& packet, const route::Interfaces& interfaces, std::vector<IcmpError>& errors,
             T& trace) {
  auto* ip = wire::header_at<wire::Ipv4Header>(packet.network());
  if (packet.type != PacketType::host)
    return Stop::drop(Stage::ip_forward, DropReason::NOT_SPECIFIED,
                      Cause::packet(PacketCause::layer2_class));
  if (ip->ttl <= 1) {
    errors.push_back({.type = wire::IcmpHeader::time_exceeded});
    return Stop::drop(Stage::ip_forward, DropReason::IP_INHDR, Cause::packet(PacketCause::ttl));
  }
  const std::uint32_t mtu = forwarding_mtu(packet, interfaces);
  const bool too_big = packet.segment_bytes == 0 && packet.network().size() > mtu;
  if (too_big && must_not_fragment(packet, mtu)) {
    errors.push_back({.type = wire::IcmpHeader::unreachable, .code = 4, .info = mtu});
    return Stop::drop(Stage::ip_forward, DropReason::PKT_TOO_BIG,
                      Cause::mtu(packet.routing.egress, mtu));
  }
  decrement_ttl(*ip);
  if (ip->header_bytes() > sizeof *ip)  // options may have been written into
    ip->checksum = wire::ipv4_header_checksum(packet.network().first(ip->header_bytes()));
  if constexpr (T::tells) {
    trace.step({.stage = Stage::ip_forward,
                .did = Did::decremented,
                .device = packet.device,
                .value = ip->ttl,
                .packet = packet.number});
  }
  if (packet.routing.redirect) {
    const wire::IpAddress better = packet.routing.gateway.is_set() ? packet.routing.gateway
                                                                   : ip->destination_address();
    errors.push_back({.type = wire::IcmpHeader::redirect, .code = 1, .info = better.v4()});
  }
  return Stop::go_on();
}

Stop error_route(const Packet& packet, std::vector<IcmpError>& errors) {
  const Routing& routing = packet.routing;
  const auto lost = [](DropReason reason, Cause cause) {
    return Stop::drop(Stage::ip_error, reason, cause);
  };
  if (routing.gate.kind() != CauseKind::none)  // forwarding off: silent
    return lost(DropReason::IP_INADDRERRORS, routing.gate);
  switch (routing.type) {
    case RouteType::blackhole: return lost(DropReason::NOT_SPECIFIED, routing.by);
    case RouteType::prohibit:
      errors.push_back({.type = wire::IcmpHeader::unreachable, .code = 13});
      return lost(DropReason::NOT_SPECIFIED, routing.by);
    case RouteType::unreachable:
      // A rule `unreachable` answers like a missing route, a route `unreachable` does not.
      if (routing.by.kind() == CauseKind::route) {
        errors.push_back({.type = wire::IcmpHeader::unreachable, .code = 1});
        return lost(DropReason::NOT_SPECIFIED, routing.by);
      }
      [[fallthrough]];
    default:
      errors.push_back({.type = wire::IcmpHeader::unreachable, .code = 0});
      return lost(DropReason::IP_INNOROUTES, routing.by);
  }
}

template Stop forward(Packet&, const route::Interfaces&, std::vector<IcmpError>&, NoTrace&);
template Stop forward(Packet&, const route::Interfaces&, std::vector<IcmpError>&, StepTrace&);

}  // namespace wayout::ip
