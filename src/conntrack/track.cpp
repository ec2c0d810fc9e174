#include <algorithm>

#include "conntrack/table.hpp"
#include "conntrack/trackers.hpp"
#include "wire/checksum.hpp"
#include "wire/headers.hpp"

namespace wayout::conntrack {
namespace {

/// NR_ICMP_TYPES: the highest ICMP type that is known to it.
constexpr std::uint8_t highest_icmp_type = 18;

Zones zones_of(const Packet& packet) {
  if (!packet.has_template_zone) return {};
  return {packet.zone_original, packet.zone_reply};
}

bool is_fragment(const Packet& packet) {
  const auto* header = wire::header_at<wire::Ipv4Header>(packet.network());
  return header != nullptr && header->is_fragment();
}

bool is_all_zero(std::span<const std::uint8_t> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

/// The sum that conntrack takes runs over the IP header, too, which adds nothing but to a message
/// of zeroes: that one is right then. Linux: net/netfilter/utils.c nf_ip_checksum.
bool icmp_sums_up(const Segment& segment) {
  return wire::checksum_finish(wire::checksum_add(segment.bytes)) == 0 ||
         is_all_zero(segment.bytes);
}

bool is_icmp_of_zeroes(const Packet& packet) {
  const auto network = packet.network();
  const auto* header = wire::header_at<wire::Ipv4Header>(network);
  return header != nullptr && header->protocol == wire::protocol::icmp && !header->is_fragment() &&
         header->header_bytes() < network.size() &&
         is_all_zero(network.subspan(header->header_bytes()));
}

/// What is wrong with an ICMP message before any look-up.
Invalid fault_of_icmp(const Segment& segment, bool test_checksum) {
  const auto* icmp = wire::header_at<wire::IcmpHeader>(segment.bytes);
  if (icmp == nullptr) return Invalid::truncated;
  if (test_checksum && !icmp_sums_up(segment)) return Invalid::bad_checksum;
  if (icmp->type > highest_icmp_type) return Invalid::unknown_type;
  return Invalid::none;
}

CtInfo info_of(const Connection& connection, Direction direction) {
  if (direction == Direction::reply) return CtInfo::established_reply;
  if (connection.has(Status::seen_reply)) return CtInfo::established;
  if (connection.has(Status::expected)) return CtInfo::related;
  return CtInfo::new_connection;
}

void account(Connection& connection, Direction direction, std::size_t length_bytes) {
  if (!connection.accounted) return;
  ++connection.packets[static_cast<int>(direction)];
  connection.bytes[static_cast<int>(direction)] += length_bytes;
}

/// A new SYN may reopen what was closed by a FIN, or by a reset of its own side: after a reset that
/// a listing does not show the sender of, both is possible.
void settle_closer(Connection& connection, ConnectionId id, const Segment& segment,
                   Direction direction, Chance& chance) {
  if (!connection.tcp.closer_unknown || !chance.explores()) return;
  const auto* tcp = wire::header_at<wire::TcpHeader>(segment.bytes);
  constexpr std::uint8_t of_state = wire::TcpHeader::syn | wire::TcpHeader::ack |
                                    wire::TcpHeader::fin | wire::TcpHeader::rst;
  if (tcp == nullptr || (tcp->flags & of_state) != wire::TcpHeader::syn) return;
  connection.tcp.closer_unknown = false;
  if (chance.choose(Cause::conntrack(ConntrackCause::entry, id), 2) == 0) return;
  connection.tcp.last_direction = direction;
  connection.tcp.last_class = TcpClass::rst;
}

}  // namespace

struct Table::Sighting {
  ConnectionId id = no_connection;
  CtInfo info = CtInfo::none;
  Direction direction = Direction::original;
  Invalid why = Invalid::none;
  bool known = false;  ///< the connection was there before this packet
  Stop stop = Stop::go_on();
};

template <Trace T>
Stop Table::track(Packet& packet, Hook hook, const Config& config, std::int64_t now_ms,
                  Chance& chance, T& trace) {
  if (packet.connection != no_connection || packet.ctinfo == CtInfo::untracked)
    return Stop::go_on();
  Sighting seen;
  // A raw sender's own fragments are not put together, and so not tracked.
  if (hook != Hook::output || !is_fragment(packet))
    seen = observe(packet, hook, config, now_ms, chance);
  // Who asks for the sum later is told this one.
  if (seen.why != Invalid::bad_checksum && hook == Hook::prerouting && config.checksum &&
      is_icmp_of_zeroes(packet))
    packet.checksum_verified = true;
  packet.has_template_zone = false;
  packet.connection = seen.id;
  packet.ctinfo = seen.info;
  if constexpr (T::tells) {
    const bool invalid = seen.why != Invalid::none;
    trace.step({.stage = Stage::nf_conntrack_in,
                .did = Did::tracked,
                .hook = hook,
                .port = static_cast<std::uint16_t>(seen.why),
                .value = static_cast<std::uint32_t>(seen.info),
                .by = invalid      ? Cause::conntrack(ConntrackCause::invalid)
                      : seen.known ? Cause::conntrack(ConntrackCause::entry, seen.id)
                                   : Cause{},
                .packet = packet.number});
  }
  return seen.stop;
}

Table::Sighting Table::observe(const Packet& packet, Hook hook, const Config& config,
                               std::int64_t now_ms, Chance& chance) {
  const auto segment = segment_of(packet.network());
  if (!segment) {
    ++statistics.invalid;
    return {.why = Invalid::unreadable};
  }
  const Zones zones = zones_of(packet);
  const bool test_checksum =
      hook == Hook::prerouting && config.checksum && !packet.checksum_verified;
  if (segment->protocol == wire::protocol::icmp) {
    if (const Invalid fault = fault_of_icmp(*segment, test_checksum); fault != Invalid::none) {
      ++statistics.error;
      return {.why = fault};
    }
    if (wire::header_at<wire::IcmpHeader>(segment->bytes)->is_error())
      return observe_icmp_error(*segment, zones, now_ms);
  }
  const auto tuple = tuple_of(*segment);
  if (!tuple) {
    ++statistics.invalid;
    return {.why = Invalid::unreadable};
  }
  const Observed observed{.segment = *segment,
                          .test_checksum = test_checksum,
                          .ip_bytes = packet.network().size(),
                          .now_ms = now_ms};
  return follow(*tuple, zones, observed, config, chance);
}

/// Linux: nf_conntrack_proto_icmp.c nf_conntrack_inet_error. The quoted packet went the other way,
/// so its inverse is the tuple by which the connection knows the error's direction. Neither the
/// timeout nor the counters of the connection move.
Table::Sighting Table::observe_icmp_error(const Segment& error, Zones zones, std::int64_t now_ms) {
  const auto quoted = segment_of(error.bytes.subspan(sizeof(wire::IcmpHeader)));
  const auto sent = quoted ? tuple_of(*quoted) : std::nullopt;
  const auto answer = sent ? inverse(*sent) : std::nullopt;
  const Found found = answer ? look_up(*answer, zones, now_ms) : Found{};
  if (!found) {
    ++statistics.error;
    return {.why = Invalid::unknown_inner};
  }
  // Otherwise an error about A's packets could be smuggled to anybody as RELATED.
  if (error.destination != pool_[found.id].tuple(found.direction).destination) {
    ++statistics.error;
    return {.why = Invalid::wrong_receiver};
  }
  const bool reply = found.direction == Direction::reply;
  return {.id = found.id,
          .info = reply ? CtInfo::related_reply : CtInfo::related,
          .direction = found.direction,
          .known = true};
}

/// The connection of a packet that is no ICMP error: found or made, and told of the packet.
Table::Sighting Table::follow(const Tuple& tuple, Zones zones, Observed packet,
                              const Config& config, Chance& chance) {
  Sighting seen;
  if (const Found found = look_up(tuple, zones, packet.now_ms)) {
    seen = {.id = found.id,
            .info = info_of(pool_[found.id], found.direction),
            .direction = found.direction,
            .known = true};
  } else {
    seen = create(tuple, zones, config, packet.now_ms, chance);
    if (seen.id == no_connection) return seen;
  }
  packet.direction = seen.direction;
  Connection& connection = pool_[seen.id];
  settle_closer(connection, seen.id, packet.segment, seen.direction, chance);
  const Opinion opinion = track_protocol(connection, packet, config);
  switch (opinion.kind) {
    case Opinion::Kind::invalid:
      ++statistics.invalid;
      return {.why = opinion.why};
    case Opinion::Kind::reopens:  // at most once: a new connection has nothing to reopen
      erase(seen.id);
      return follow(tuple, zones, packet, config, chance);
    case Opinion::Kind::last:
      account(connection, seen.direction, packet.ip_bytes);
      erase(seen.id);
      break;
    case Opinion::Kind::part:
      account(connection, seen.direction, packet.ip_bytes);
      break;
    case Opinion::Kind::ignored:
      break;
  }
  if (seen.direction == Direction::reply) connection.status |= Status::seen_reply;
  return seen;
}

/// Linux: nf_conntrack_core.c init_conntrack, __nf_conntrack_alloc.
Table::Sighting Table::create(const Tuple& tuple, Zones zones, const Config& config,
                              std::int64_t now_ms, Chance& chance) {
  const auto answer = inverse(tuple);
  if (!answer) {
    ++statistics.invalid;
    return {.why = Invalid::cannot_begin};
  }
  if (is_full(config) && !make_room(chance)) {
    ++statistics.drop;
    return {.stop = Stop::drop(Stage::nf_hook_slow, DropReason::NETFILTER_DROP,
                               Cause::conntrack(ConntrackCause::table_full))};
  }
  const ConnectionId id = allocate();
  ++made_;
  Connection& connection = pool_[id];
  connection.tuples[0] = tuple;
  connection.tuples[1] = *answer;
  connection.zones = zones;
  connection.created_ms = now_ms;
  connection.accounted = config.accounting;
  connection.timestamped = config.timestamp;
  await_collection(id);
  return {.id = id, .info = CtInfo::new_connection};
}

template Stop Table::track(Packet&, Hook, const Config&, std::int64_t, Chance&, NoTrace&);
template Stop Table::track(Packet&, Hook, const Config&, std::int64_t, Chance&, StepTrace&);

}  // namespace wayout::conntrack
