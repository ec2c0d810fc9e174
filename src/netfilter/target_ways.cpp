// Targets that lead a packet, or a copy of it, elsewhere: NFQUEUE, TEE, TPROXY.
#include <algorithm>

#include "netfilter/target.hpp"
#include "route/decide.hpp"
#include "wire/checksum.hpp"

namespace wayout::netfilter {

Verdict change(const QueueChange& queue, const Situation& at) {
  const Verdict by_program{.kind = Verdict::Kind::accept, .assumed = true};
  const auto& read = at.around.netfilter.queues_read;
  if (!read) return by_program;
  const bool somebody = std::any_of(read->begin(), read->end(), [&](std::uint16_t number) {
    return queue.first <= number && number <= queue.last;
  });
  if (somebody) return by_program;
  if (queue.bypass) return Verdict::accept();
  return Verdict::end(
      Stop::drop(Stage::nf_queue, DropReason::NOT_SPECIFIED, Cause::rule(at.rule)));
}

namespace {

/// The header that a copy has: it is not cut up, and has one hop less where the packet still has all
/// of its own.
void set_header(Packet& copy, Hook hook) {
  auto& ip = *wire::header_at<wire::Ipv4Header>(copy.network());
  ip.fragment = static_cast<std::uint16_t>(ip.fragment | wire::Ipv4Header::dont_fragment);
  if (hook == Hook::prerouting || hook == Hook::input) --ip.ttl;
  ip.checksum = wire::ipv4_header_checksum(copy.network().first(ip.header_bytes()));
}

/// To the gateway, whatever its destination is. Linux: nf_dup_ipv4.c nf_dup_ipv4_route.
void route_copy(const TeeChange& to, Packet& copy, const Situation& at) {
  constexpr std::uint8_t dscp_mask = 0xfc;
  route::Flow flow;
  flow.destination = to.gateway;
  flow.tos = at.ip().tos & dscp_mask;
  for (DeviceId id = 1; id < at.around.devices.size() && !to.device.empty(); ++id)
    if (at.around.devices[id].name == to.device) flow.egress = id;
  copy.routing = {};
  NoTrace quiet;
  const Stop stop = route::output(flow, copy, at.around.fib, at.around.interfaces,
                                  at.changes.chance, quiet);
  if (stop) copy.routing = {};
  else if (!copy.routing.gateway.is_set()) copy.routing.gateway = to.gateway;
}

}  // namespace

Verdict change(const TeeChange& to, const Situation& at) {
  if (at.changes.copies == nullptr) return {};
  Packet copy = at.packet;
  copy.pull_link_header();
  copy.connection = no_connection;
  copy.ctinfo = CtInfo::untracked;
  copy.has_template_zone = false;
  copy.by_socket = false;
  copy.sender = {.socket = false, .uid = {}, .gid = {}};
  copy.local = true;
  set_header(copy, at.hook);
  route_copy(to, copy, at);
  at.changes.copies->push_back(std::move(copy));
  return {};
}

namespace {

/// The first primary address of the device that the packet came in by; its destination where there
/// is none. Linux: nf_tproxy_ipv4.c nf_tproxy_laddr4.
wire::IpAddress own_address(const Situation& at) {
  for (const route::InterfaceAddress& own : at.around.interfaces[at.devices.in].addresses)
    if (!own.secondary) return own.local;
  return at.ip().destination_address();
}

/// The socket that listens there, one for this very address before one for any; null: none does.
const Listener* listening_at(const wire::IpAddress& address, std::uint16_t port,
                             const Situation& at) {
  const Listener* found = nullptr;
  for (const Listener& listener : *at.around.listeners) {
    const bool any = listener.address.is_unspecified() &&
                     (listener.address.is_v4() || listener.dual_stack);
    if (listener.protocol != at.ip().protocol || listener.port != port ||
        (listener.device != no_device && listener.device != at.devices.in) ||
        (!any && listener.address != address))
      continue;
    if (found == nullptr || !any) found = &listener;
  }
  return found;
}

}  // namespace

Verdict change(const TproxyChange& to, const Situation& at) {
  const Verdict refused = Verdict::end(at.drop(Cause::rule(at.rule)));
  const auto* ports = wire::header_at<wire::UdpHeader>(at.transport());
  if (ports == nullptr) return refused;
  const std::uint16_t port = to.port != 0 ? to.port : std::uint16_t{ports->destination_port};
  const wire::IpAddress address = to.address.is_unspecified() ? own_address(at) : to.address;
  std::optional<bool> transparent;
  if (at.around.listeners) {
    const Listener* listener = listening_at(address, port, at);
    transparent = listener == nullptr ? std::optional(false) : listener->transparent;
  }
  if (transparent == false) return refused;
  at.packet.mark = (at.packet.mark & ~to.mask) ^ to.value;
  at.packet.assigned_by = Cause::rule(at.rule);
  return {.kind = Verdict::Kind::accept, .rewritten = at.packet.mark, .assumed = !transparent};
}

}  // namespace wayout::netfilter
