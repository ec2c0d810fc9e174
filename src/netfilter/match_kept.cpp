// Matches that are kept in iptables-save's words, by what compile() made of these.
#include <algorithm>
#include <variant>

#include "netfilter/match.hpp"

namespace wayout::netfilter {
namespace {

/// Would an answer to the packet's source leave through the device it came in by?
/// Linux: net/ipv4/netfilter/ipt_rpfilter.c rpfilter_mt.
bool has_way_back(const RpfilterQuestion& asked, const Situation& at) {
  const wire::IpAddress source = at.ip().source_address();
  const wire::IpAddress destination = at.ip().destination_address();
  const DeviceId in = at.devices.in;
  if (in != no_device && at.around.devices[in].kind == link::DeviceKind::loopback) return true;
  constexpr std::uint32_t local_groups = 0xe0000000, local_groups_mask = 0xffffff00;
  const bool from_nowhere = (source.v4() >> 24) == 0;
  if (from_nowhere && (destination.v4() & local_groups_mask) == local_groups) return true;

  const std::uint32_t to = destination.v4();
  const bool no_source = (to >> 28) == 0xe || to == 0xffffffff || (to >> 24) == 0;
  constexpr std::uint8_t dscp_mask = 0xfc;
  const route::Interfaces& interfaces = at.around.interfaces;
  route::Flow answer;
  answer.source = no_source ? wire::IpAddress::any(wire::Family::ipv4) : destination;
  answer.destination = source;
  answer.ingress = at.around.fib.loopback();
  answer.l3mdev = interfaces.l3_domain(in);
  answer.tos = at.ip().tos & dscp_mask;
  if (asked.valid_mark) answer.mark = at.packet.mark;
  const route::FibResult found = at.around.fib.lookup(answer, at.changes.chance);
  if (found.kind != route::FibResult::Kind::found) return false;
  const bool local = found.type == RouteType::local && asked.accept_local;
  if (found.type != RouteType::unicast && !local) return false;
  if (asked.loose) return true;
  const auto& nexthops = at.around.fib.route(found.route).nexthops;
  return std::any_of(nexthops.begin(), nexthops.end(), [&](const route::Nexthop& nexthop) {
    return nexthop.device == in || interfaces.l3_domain(nexthop.device) == in;
  });
}

Outcome in_range(const RangeQuestion& asked, std::uint32_t value) {
  return outcome((asked.low <= value && value <= asked.high) != asked.invert);
}

/// A packet without the option has no MSS to be in the range. Linux: net/netfilter/xt_tcpmss.c
/// tcpmss_mt.
Outcome ask_mss(const RangeQuestion& asked, const Situation& at) {
  constexpr std::uint8_t mss_kind = 2, mss_bytes = 4, last_without_length = 1;
  const auto transport = at.transport();
  const auto* tcp = wire::header_at<wire::TcpHeader>(transport);
  if (tcp == nullptr || tcp->header_bytes() < sizeof *tcp ||
      tcp->header_bytes() > transport.size())
    return Outcome::drop;
  const auto options = transport.first(tcp->header_bytes()).subspan(sizeof *tcp);
  for (std::size_t i = 0; i < options.size();) {
    if (options[i] == mss_kind && options.size() - i >= mss_bytes && options[i + 1] == mss_bytes)
      return in_range(asked, static_cast<std::uint32_t>(options[i + 2] << 8 | options[i + 3]));
    const bool has_length = options[i] > last_without_length && i + 1 < options.size();
    i += has_length ? std::max<std::size_t>(options[i + 1], 1) : 1;
  }
  return outcome(asked.invert);
}

Outcome ask(const std::monostate&, const Situation&) { return Outcome::unknown; }

/// Linux: net/netfilter/xt_length.c length_mt; xt_hl.c ttl_mt.
Outcome ask(const RangeQuestion& asked, const Situation& at) {
  switch (asked.of) {
    case RangeQuestion::Of::length: return in_range(asked, at.ip().total_length);
    case RangeQuestion::Of::ttl: return in_range(asked, at.ip().ttl);
    case RangeQuestion::Of::mss: break;
  }
  return ask_mss(asked, at);
}

/// Linux: net/netfilter/xt_dscp.c tos_mt, dscp_mt.
Outcome ask(const TosQuestion& asked, const Situation& at) {
  return outcome(((at.ip().tos & asked.mask) == asked.value) != asked.invert);
}

/// What was made here is for this host until a device says otherwise; so is what a bridge carries.
/// Linux: net/netfilter/xt_pkttype.c pkttype_mt.
Outcome ask(const PacketTypeQuestion& asked, const Situation& at) {
  using Type = PacketTypeQuestion::Type;
  Type type = Type::unicast;
  if (at.packet.type == PacketType::broadcast) type = Type::broadcast;
  if (at.packet.type == PacketType::multicast) type = Type::multicast;
  return outcome((asked.type == type) != asked.invert);
}

Outcome ask(const RpfilterQuestion& asked, const Situation& at) {
  return outcome(has_way_back(asked, at) != asked.invert);
}

}  // namespace

Outcome ask(const KeptMatch& match, const Situation& at) {
  return std::visit([&](const auto& question) { return ask(question, at); }, match.asks);
}

}  // namespace wayout::netfilter
