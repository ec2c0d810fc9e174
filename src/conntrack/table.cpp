#include "conntrack/table.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace wayout::conntrack {
namespace {

/// The upper half of a product: all bits of the input count in each of the lower bits, by which
/// the index finds its slot.
std::uint32_t key_hash(const Tuple& tuple, std::uint16_t zone) {
  constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;
  return static_cast<std::uint32_t>((std::hash<Tuple>{}(tuple) + zone) * odd >> 32);
}

std::uint32_t source_hash(const Tuple& tuple, std::uint16_t zone) {
  return key_hash(
      {.source = tuple.source, .source_port = tuple.source_port, .protocol = tuple.protocol}, zone);
}

bool same_source(const Tuple& a, const Tuple& b) {
  return a.protocol == b.protocol && a.source_port == b.source_port && a.source == b.source;
}

std::uint32_t handle_of(ConnectionId id, Direction direction) {
  return id << 1 | static_cast<std::uint32_t>(direction);
}

Table::Found found_by(std::uint32_t handle) {
  return {handle >> 1, static_cast<Direction>(handle & 1)};
}

}  // namespace

Table::Found Table::find_key(const Tuple& tuple, std::uint16_t zone, Zones zones) const {
  const auto is_key = [&](Found entry) {
    const Connection& c = pool_[entry.id];
    return c.zones[entry.direction] == zones[entry.direction] && c.tuple(entry.direction) == tuple;
  };
  const Found found = found_by(keys_.find(
      key_hash(tuple, zone), [&](std::uint32_t handle) { return is_key(found_by(handle)); }));
  // What looks the same from both ends is taken for an answer: that key came last into its bucket.
  const Found reply{found.id, Direction::reply};
  return found && zones.reply == zone && is_key(reply) ? reply : found;
}

Table::Found Table::find(const Tuple& tuple, Zones zones, std::int64_t now_ms) const {
  Found found = find_key(tuple, zones.original, zones);
  if (!found && zones.reply != zones.original) found = find_key(tuple, zones.reply, zones);
  if (found && pool_[found.id].expires_ms <= now_ms) return {};
  return found;
}

/// As find(), and what has expired is erased on the way.
Table::Found Table::look_up(const Tuple& tuple, Zones zones, std::int64_t now_ms) {
  Found found = find_key(tuple, zones.original, zones);
  if (!found && zones.reply != zones.original) found = find_key(tuple, zones.reply, zones);
  if (found && pool_[found.id].expires_ms <= now_ms) {
    erase(found.id);
    return {};
  }
  return found;
}

ConnectionId Table::taken_by(const Tuple& reply, ConnectionId asking, std::int64_t now_ms) {
  const Connection& own = pool_[asking];
  const Found found =
      found_by(keys_.find(key_hash(reply, own.zones.reply), [&](std::uint32_t handle) {
        const Found entry = found_by(handle);
        const Connection& c = pool_[entry.id];
        return entry.id != asking && c.expires_ms > now_ms &&
               c.zones[entry.direction] == own.zones[entry.direction] &&
               c.tuple(entry.direction) == reply &&
               !(c.zones.original == own.zones.original && c.original() == own.original());
      }));
  if (found) ++statistics.found;
  return found.id;
}

ConnectionId Table::head_of_source(const Tuple& tuple, std::uint16_t zone) const {
  return sources_.find(source_hash(tuple, zone), [&](ConnectionId id) {
    return pool_[id].zones.original == zone && same_source(pool_[id].original(), tuple);
  });
}

void Table::index_by_source(ConnectionId id) {
  Connection& connection = pool_[id];
  if (connection.source_indexed) return;
  const std::uint16_t zone = connection.zones.original;
  const std::uint32_t hash = source_hash(connection.original(), zone);
  const ConnectionId head = head_of_source(connection.original(), zone);
  if (head != no_connection) {
    sources_.erase(hash, head);
    pool_[head].newer_of_source = id;
  }
  connection.older_of_source = head;
  connection.source_indexed = true;
  sources_.insert(hash, id);
}

void Table::unhang_from_source(ConnectionId id) {
  Connection& connection = pool_[id];
  if (!connection.source_indexed) return;
  const ConnectionId newer = std::exchange(connection.newer_of_source, no_connection);
  const ConnectionId older = std::exchange(connection.older_of_source, no_connection);
  connection.source_indexed = false;
  if (older != no_connection) pool_[older].newer_of_source = newer;
  if (newer != no_connection) {
    pool_[newer].older_of_source = older;
    return;
  }
  const std::uint32_t hash = source_hash(connection.original(), connection.zones.original);
  sources_.erase(hash, id);
  if (older != no_connection) sources_.insert(hash, older);
}

ConnectionId Table::allocate() {
  if (free_.empty()) {
    pool_.emplace_back();
    return static_cast<ConnectionId>(pool_.size() - 1);
  }
  const ConnectionId id = free_.back();
  free_.pop_back();
  return id;
}

void Table::await_collection(ConnectionId id) {
  if (std::exchange(pool_[id].in_limbo, true)) return;
  limbo_.push_back(id);
}

void Table::enter(ConnectionId id, Direction direction) {
  const Connection& connection = pool_[id];
  keys_.insert(key_hash(connection.tuple(direction), connection.zones[direction]),
               handle_of(id, direction));
}

ConnectionId Table::insert(Connection connection) {
  const ConnectionId id = allocate();
  pool_[id] = std::move(connection);
  pool_[id].status |= Status::confirmed;
  enter(id, Direction::original);
  enter(id, Direction::reply);
  if (pool_[id].has(Status::source_nat_done)) index_by_source(id);
  ++confirmed_;
  return id;
}

void Table::erase(ConnectionId id) {
  Connection& connection = pool_[id];
  if (connection.has(Status::dying)) return;
  if (connection.has(Status::confirmed)) {
    for (const Direction d : {Direction::original, Direction::reply}) {
      keys_.erase(key_hash(connection.tuple(d), connection.zones[d]), handle_of(id, d));
    }
    --confirmed_;
  }
  unhang_from_source(id);
  connection.status |= Status::dying;
  await_collection(id);
}

void Table::expire(std::int64_t now_ms) {
  for (ConnectionId id = 1; id < pool_.size(); ++id) {
    if (pool_[id].has(Status::confirmed) && pool_[id].expires_ms <= now_ms) erase(id);
  }
}

void Table::collect() {
  for (const ConnectionId id : limbo_) {
    pool_[id].in_limbo = false;
    if (pool_[id].has(Status::confirmed) && !pool_[id].has(Status::dying)) continue;
    unhang_from_source(id);
    pool_[id] = {};
    free_.push_back(id);
    ++freed_;
  }
  limbo_.clear();
}

bool Table::is_full(const Config& config) const {
  if (!config.max_known || config.max == 0) return false;
  const auto listed = static_cast<std::int64_t>(pool_.size() - 1 - free_.size());
  return std::max(listed, config.count + made_ - freed_) >= config.max;
}

/// Linux: nf_conntrack_core.c early_drop. It looks for an entry that is not ASSURED in eight hash
/// buckets from the packet's on; the hash is seeded, so whether there is one cannot be known.
bool Table::make_room(Chance& chance) {
  ConnectionId victim = no_connection;
  bool known = false;
  for_each([&](ConnectionId id, const Connection& connection) {
    known = true;
    if (victim == no_connection && !connection.has(Status::assured)) victim = id;
  });
  if (known && victim == no_connection) return false;
  if (chance.choose(Cause::conntrack(ConntrackCause::table_full), 2) == 0) return false;
  if (victim != no_connection) erase(victim);
  ++statistics.early_drop;
  return true;
}

}  // namespace wayout::conntrack
