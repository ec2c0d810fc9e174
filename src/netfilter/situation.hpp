// A packet at a hook, as one rule sees it (struct xt_action_param).
#pragma once

#include <span>
#include <utility>

#include "netfilter/evaluate.hpp"
#include "wire/headers.hpp"

namespace wayout::netfilter {

/// Everything a match may look at and a target may change. The packet has a whole IPv4 header.
struct Situation {
  Packet& packet;
  Hook hook;
  HookDevices devices;
  const Surroundings& around;
  Writable& changes;
  Backend backend = Backend::legacy;
  RuleRef rule = {};

  [[nodiscard]] const wire::Ipv4Header& ip() const {
    return *wire::header_at<wire::Ipv4Header>(std::as_const(packet).network());
  }
  /// What stands behind the IP header; empty when the header's length points beyond the packet.
  [[nodiscard]] std::span<const std::uint8_t> transport() const {
    const std::span<const std::uint8_t> bytes = std::as_const(packet).network();
    const std::size_t header = ip().header_bytes();
    return header < bytes.size() ? bytes.subspan(header) : std::span<const std::uint8_t>{};
  }
  /// A fragment that does not begin with the transport header.
  [[nodiscard]] bool is_later_fragment() const { return ip().fragment_offset_bytes() != 0; }

  /// The sets as they are by now.
  [[nodiscard]] const IpSets& sets() const {
    return changes.state.sets ? *changes.state.sets : around.netfilter.sets;
  }
  /// The packet's connection; null: INVALID, UNTRACKED or not tracked at all.
  [[nodiscard]] const conntrack::Connection* connection() const {
    return packet.connection == no_connection
               ? nullptr
               : &std::as_const(changes.connections)[packet.connection];
  }
  /// What matches and CONNMARK take for it: between a `CT` rule and tracking, that rule's template.
  /// Linux: nf_ct_get returns either.
  [[nodiscard]] const conntrack::Connection* connection_or_template() const {
    static const conntrack::Connection ct_template = make_template();
    const conntrack::Connection* tracked = connection();
    return tracked == nullptr && packet.has_template_zone ? &ct_template : tracked;
  }
  [[nodiscard]] conntrack::Direction direction() const {
    return packet.ctinfo == CtInfo::established_reply || packet.ctinfo == CtInfo::related_reply
               ? conntrack::Direction::reply
               : conntrack::Direction::original;
  }
  /// Where a drop by this rule shows in the kernel's tracepoint.
  [[nodiscard]] Stage stage() const {
    return backend == Backend::nft ? Stage::nft_do_chain : Stage::nf_hook_slow;
  }
  [[nodiscard]] Stop drop(Cause cause) const {
    return Stop::drop(stage(), DropReason::NETFILTER_DROP, cause);
  }

 private:
  /// Confirmed, and zero otherwise.
  static conntrack::Connection make_template() {
    conntrack::Connection made;
    made.status = conntrack::Status::confirmed;
    for (conntrack::Tuple& tuple : made.tuples)
      tuple.source = tuple.destination = wire::IpAddress::any(wire::Family::ipv4);
    return made;
  }
};

}  // namespace wayout::netfilter
