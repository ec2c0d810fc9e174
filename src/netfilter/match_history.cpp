#include "netfilter/match.hpp"

namespace wayout::netfilter {

Outcome ask(const LimitMatch& match, std::size_t number, const Situation& at) {
  if (at.changes.chance.explores()) return Outcome::unknown;
  const std::uint64_t counter = at.around.netfilter.counter_of(at.rule);
  LimitBucket& bucket = at.changes.state.limits[counter << 8 | number];
  return outcome(take_token(bucket, match, at.backend, at.changes.now_ms));
}

Outcome ask(const RecentMatch& match, const Situation& at) {
  if (at.changes.chance.explores())
    return match.mode == RecentMatch::Mode::set ? outcome(!match.invert) : Outcome::unknown;
  // Behind forwarding, the TTL as it was before; a packet of this host was not forwarded.
  const bool forwarded = at.devices.out != no_device && !at.packet.local;
  const auto ttl = static_cast<std::uint8_t>(at.ip().ttl + (forwarded ? 1 : 0));
  const wire::IpAddress address =
      match.by_destination ? at.ip().destination_address() : at.ip().source_address();
  RecentTable& table = at.changes.state.recent[match.list];
  return outcome(table.matches(match, address, ttl, at.changes.now_ms));
}

}  // namespace wayout::netfilter
