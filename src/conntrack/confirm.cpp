#include "conntrack/table.hpp"
#include "conntrack/trackers.hpp"

namespace wayout::conntrack {
namespace {

/// How long the loser of a clash lives, under its reply tuple only: long enough for one answer.
constexpr std::int64_t clash_loser_ms = 1000;

bool is_reply(CtInfo info) {
  return info == CtInfo::established_reply || info == CtInfo::related_reply;
}

/// Both entries are the same flow, seen from the same or from opposite ends.
/// Linux: nf_conntrack_core.c nf_ct_can_merge.
bool same_flow(const Connection& a, const Connection& b) {
  const bool alike = a.original() == b.original() && a.reply() == b.reply() && a.zones == b.zones;
  const bool mirrored = a.original() == b.reply() && a.reply() == b.original() &&
                        a.zones.original == b.zones.reply && a.zones.reply == b.zones.original;
  return alike || mirrored;
}

}  // namespace

Stop Table::confirm(Packet& packet, std::int64_t now_ms) {
  const ConnectionId id = packet.connection;
  // What answers a packet whose connection is not confirmed (a REJECT's ICMP error) goes out too.
  if (id == no_connection || is_reply(packet.ctinfo)) return Stop::go_on();
  Connection& connection = pool_[id];
  if (connection.has(Status::confirmed)) return Stop::go_on();

  if (const ConnectionId rival = rival_of(id, now_ms); rival != no_connection) {
    if (resolve_clash(packet, rival, now_ms)) return Stop::go_on();
    ++statistics.insert_failed;
    ++statistics.drop;
    return Stop::drop(Stage::nf_hook_slow, DropReason::NETFILTER_DROP,
                      connection.ports_exhausted ? Cause::nat(NatCause::ports_exhausted)
                                                 : Cause::conntrack(ConntrackCause::clash, rival));
  }
  connection.expires_ms += now_ms;
  connection.status |= Status::confirmed;
  enter(id, Direction::original);
  enter(id, Direction::reply);
  ++confirmed_;
  return Stop::go_on();
}

ConnectionId Table::rival_of(ConnectionId id, std::int64_t now_ms) {
  const Connection& connection = pool_[id];
  for (const Direction d : {Direction::original, Direction::reply}) {
    if (const Found rival = look_up(connection.tuple(d), connection.zones, now_ms)) return rival.id;
  }
  return no_connection;
}

/// True when the packet may go on. Linux: nf_conntrack_core.c nf_ct_resolve_clash,
/// nf_ct_resolve_clash_harder.
bool Table::resolve_clash(Packet& packet, ConnectionId rival, std::int64_t now_ms) {
  Connection& loser = pool_[packet.connection];
  if (!allows_clash(loser.original().protocol)) return false;
  Connection& winner = pool_[rival];
  if (same_flow(winner, loser)) {
    winner.packets[0] += loser.packets[0];
    winner.bytes[0] += loser.bytes[0];
    packet.connection = rival;
    ++statistics.clash_resolve;
    return true;
  }
  if (look_up(loser.reply(), loser.zones, now_ms)) return false;
  loser.expires_ms = now_ms + clash_loser_ms;
  loser.status |= Status::confirmed | Status::fixed_timeout | Status::nat_clash;
  enter(packet.connection, Direction::reply);
  ++confirmed_;
  ++statistics.clash_resolve;
  return true;
}

}  // namespace wayout::conntrack
