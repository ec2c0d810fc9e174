#include "nat/translate.hpp"

#include "nat/lifetime.hpp"
#include "nat/rewrite.hpp"
#include "packet/pull.hpp"
#include "wire/checksum.hpp"
#include "wire/headers.hpp"

namespace wayout::nat {
namespace {

using conntrack::Connection;
using conntrack::Direction;
using conntrack::Status;

Direction direction_of(CtInfo info) {
  return info == CtInfo::established_reply || info == CtInfo::related_reply ? Direction::reply
                                                                            : Direction::original;
}

/// The mapping that a hook applies: its own kind for the original direction; replies undo the other
/// kind there.
Manip mapping_at(Hook hook, Direction direction) {
  const Manip manip = manip_of(hook);
  return direction == Direction::original ? manip : opposite(manip);
}

std::uint32_t mapped_bit(Manip mapping) {
  return mapping == Manip::source ? Status::source_nat : Status::destination_nat;
}

const std::optional<RuleRef>& rule_of(const Connection& connection, Manip mapping) {
  return mapping == Manip::source ? connection.source_rule : connection.destination_rule;
}

Stop refuse(Cause cause) {
  return Stop::drop(Stage::nf_hook_slow, DropReason::NETFILTER_DROP, cause);
}

template <Trace T>
void tell(const Packet& packet, Hook hook, const Connection& connection, Did did, T& trace) {
  if constexpr (T::tells) {
    const Manip manip = manip_of(hook);
    const Direction direction = direction_of(packet.ctinfo);
    const conntrack::Tuple now = *inverse(connection.tuple(opposite(direction)));
    const auto& rule = rule_of(connection, mapping_at(hook, direction));
    const bool source = manip == Manip::source;
    const bool source_port = source || conntrack::is_icmp(now.protocol);
    trace.step({.stage = Stage::nf_nat_inet_fn,
                .did = did,
                .hook = hook,
                .port = source_port ? now.source_port : now.destination_port,
                .value = static_cast<std::uint32_t>(manip),
                .by = rule ? Cause::rule(*rule)
                           : Cause::conntrack(ConntrackCause::entry, packet.connection),
                .address = source ? now.source : now.destination,
                .packet = packet.number});
  }
}

/// Linux: nf_nat_proto.c nf_nat_icmp_reply_translation. The quoted packet went the other way, so it
/// is rewritten on its other side; the error's own address then looks as if the mapped host had
/// sent it.
template <Trace T>
Stop translate_error(Packet& packet, Hook hook, const Connection& connection, T& trace) {
  const Stop refused = refuse(Cause::nat(NatCause::icmp_refused));
  const std::span<std::uint8_t> ip = packet.network();
  const auto& header = *wire::header_at<wire::Ipv4Header>(ip);
  const std::span<std::uint8_t> error = ip.subspan(header.header_bytes());
  constexpr std::size_t fixed_bytes = sizeof(wire::IcmpHeader) + sizeof(wire::Ipv4Header);
  if (error.size() < fixed_bytes) return refused;
  if (wire::checksum_finish(wire::checksum_add(error)) != 0) return refused;
  pull_fragments(packet, header.header_bytes() + fixed_bytes);
  auto& icmp = *wire::header_at<wire::IcmpHeader>(error);
  constexpr std::uint32_t done = Status::source_nat_done | Status::destination_nat_done;
  constexpr std::uint32_t mapped = Status::source_nat | Status::destination_nat;
  // A redirect would name a gateway of the wrong side.
  if (icmp.type == wire::IcmpHeader::redirect &&
      ((connection.status & done) != done || connection.has(mapped)))
    return refused;

  const Direction direction = direction_of(packet.ctinfo);
  if (!connection.has(mapped_bit(mapping_at(hook, direction)))) return Stop::go_on();
  const conntrack::Tuple& other_way = connection.tuple(opposite(direction));
  const Manip manip = manip_of(hook);
  const std::span<std::uint8_t> quoted = error.subspan(sizeof(wire::IcmpHeader));
  pull_fragments(packet, ip.size() - quoted.size() + rewritten_bytes(quoted));
  if (!rewrite(quoted, opposite(manip), other_way)) return refused;
  icmp.checksum = 0;
  icmp.checksum = wire::checksum_finish(wire::checksum_add(error));
  if (!rewrite(ip, manip, *inverse(other_way))) return refused;
  tell(packet, hook, connection, Did::translated, trace);
  return Stop::go_on();
}

bool carries_icmp(const Packet& packet) {
  const auto* header = wire::header_at<wire::Ipv4Header>(packet.network());
  return header != nullptr && header->protocol == wire::protocol::icmp;
}

bool is_related(CtInfo info) {
  return info == CtInfo::related || info == CtInfo::related_reply;
}

}  // namespace

template <Trace T>
Stop translate(Packet& packet, Hook hook, DeviceId egress, conntrack::Table& table, T& trace) {
  if (packet.connection == no_connection) return Stop::go_on();
  const Connection& connection = table[packet.connection];
  if (is_related(packet.ctinfo) && carries_icmp(packet))
    return translate_error(packet, hook, connection, trace);

  if (hook == Hook::postrouting && !masquerade_still_valid(connection, packet.ctinfo, egress)) {
    table.erase(packet.connection);
    return refuse(Cause::nat(NatCause::masquerade_changed, egress));
  }
  const Direction direction = direction_of(packet.ctinfo);
  const Manip mapping = mapping_at(hook, direction);
  if (!connection.has(mapped_bit(mapping))) {
    if (packet.ctinfo == CtInfo::new_connection && rule_of(connection, mapping))
      tell(packet, hook, connection, Did::kept, trace);
    return Stop::go_on();
  }
  pull_fragments(packet, rewritten_bytes(packet.network()));
  if (!rewrite(packet.network(), manip_of(hook), *inverse(connection.tuple(opposite(direction)))))
    return refuse(Cause::packet(PacketCause::truncated));
  tell(packet, hook, connection, Did::translated, trace);
  return Stop::go_on();
}

template Stop translate(Packet&, Hook, DeviceId, conntrack::Table&, NoTrace&);
template Stop translate(Packet&, Hook, DeviceId, conntrack::Table&, StepTrace&);

}  // namespace wayout::nat
