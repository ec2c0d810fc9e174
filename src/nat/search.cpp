#include "nat/search.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "conntrack/tcp_window.hpp"
#include "conntrack/trackers.hpp"
#include "nat/lookup3.hpp"
#include "wire/headers.hpp"

namespace wayout::nat {
namespace {

using conntrack::Connection;
using conntrack::Direction;
using conntrack::Status;
using conntrack::Tuple;

/// Tries of the first round; every further one has half as many, down to fewer than the least.
constexpr std::uint32_t most_tries = 128, least_tries = 16;
/// When so few tries are left in a round, a finished TCP connection is pushed out of its port.
constexpr std::uint32_t ruthless_tries = most_tries / 4;

constexpr std::uint32_t any_nat = Status::source_nat | Status::destination_nat;

/// An address as four 32-bit words of memory, read little-endian; the hash of a big-endian machine
/// is another one.
using Words = std::array<std::uint32_t, 4>;

Words words_of(const wire::IpAddress& address) {
  Words words{};
  for (std::size_t i = 0; i < address.bytes().size(); ++i)
    words[i / 4] |= std::uint32_t{address.bytes()[i]} << (8 * (i % 4));
  return words;
}

constexpr std::uint32_t swap_bytes(std::uint32_t v) {
  return v >> 24 | (v >> 8 & 0xff00) | (v << 8 & 0xff0000) | v << 24;
}

wire::IpAddress address_of(wire::Family family, const Words& words) {
  if (family == wire::Family::ipv4) return wire::IpAddress::v4(swap_bytes(words[0]));
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(words[i / 4] >> (8 * (i % 4)));
  return wire::IpAddress::v6(bytes);
}

/// `hash` spread evenly over [0, size).
constexpr std::uint32_t scale(std::uint32_t hash, std::uint32_t size) {
  return static_cast<std::uint32_t>(std::uint64_t{hash} * size >> 32);
}

/// Where a source port may be moved to without a rule's say: privileged ports stay privileged, and
/// those that authenticate by being below 512 stay there.
PortSet::Range class_of(std::uint16_t port) {
  if (port < 512) return {1, 511};
  if (port < 1024) return {600, 1023};
  return {1024, 65535};
}

}  // namespace

bool Search::is_taken(const Tuple& tuple) {
  const auto reply = inverse(tuple);
  return reply && table_.taken_by(*reply, id_, now_ms_) != no_connection;
}

/// As is_taken(), but not by the same flow seen from its other end, both without NAT.
/// Linux: nf_nat_used_tuple_new.
bool Search::is_taken_by_other_flow(const Tuple& tuple) {
  const auto reply = inverse(tuple);
  const ConnectionId owner = reply ? table_.taken_by(*reply, id_, now_ms_) : no_connection;
  if (owner == no_connection) return false;
  const Connection& own = table_[id_];
  const Connection& other = table_[owner];
  return !conntrack::allows_clash(tuple.protocol) || own.has(any_nat) || other.has(any_nat) ||
         other.original() != own.reply();
}

/// As is_taken(), but a finished TCP connection is evicted. Linux: nf_nat_used_tuple_harder.
bool Search::is_taken_for_good(const Tuple& tuple) {
  const Connection& own = table_[id_];
  if (tuple.protocol != wire::protocol::tcp || own.tcp.state != conntrack::TcpState::syn_sent)
    return is_taken(tuple);
  const auto reply = inverse(tuple);
  const auto owner = table_.find(*reply, own.zones, now_ms_);
  if (!owner) return false;
  return owner.direction == Direction::original || !evict(owner.id);
}

/// Linux: nf_nat_may_kill, nf_seq_has_advanced. The old server must find the new sequence numbers
/// beyond the old ones; for an entry from a listing nobody knows them.
bool Search::evict(ConnectionId id) {
  const Connection& old = table_[id];
  if (old.tcp.state < conntrack::TcpState::time_wait || old.has(Status::fixed_timeout) ||
      !old.has(Status::source_nat))
    return false;
  if (old.preexisting) {
    if (chance_.choose(Cause::nat(NatCause::ports_exhausted), 2) == 0) return false;
  } else if (!conntrack::after(table_[id_].tcp.seen[0].end, old.tcp.seen[0].end)) {
    return false;
  }
  table_.erase(id);
  return true;
}

bool Search::port_in_range(const Tuple& tuple) const {
  std::uint16_t port = 0;
  if (conntrack::is_icmp(tuple.protocol)) {
    port = tuple.source_port;
  } else if (conntrack::has_ports(tuple.protocol) || tuple.protocol == wire::protocol::gre) {
    port = manip_ == Manip::source ? tuple.source_port : tuple.destination_port;
  } else {
    return true;
  }
  const StandIn* unknown = chance_.stand_in(port);
  if (unknown == nullptr) return port >= range_.min_port && port <= range_.max_port;
  const PortSet allowed{{range_.min_port, range_.max_port}};
  return (unknown->possible & allowed.complement()).empty();
}

bool Search::source_in_range(const Tuple& tuple) const {
  if (range_.map_addresses &&
      (tuple.source < range_.min_address || tuple.source > range_.max_address))
    return false;
  return !range_.ports_specified || port_in_range(tuple);
}

/// What the same source was given before, if that is still allowed: then it looks the same to all
/// whom it talks to. Linux: find_appropriate_src.
bool Search::take_earlier_mapping(Tuple& tuple) {
  Tuple mapped;
  const ConnectionId earlier =
      table_.newest_of_source(tuple, table_[id_].zones.original, [&](const Connection& connection) {
        const auto translated = inverse(connection.reply());
        mapped = tuple;
        mapped.source = translated->source;
        mapped.source_port = translated->source_port;
        return source_in_range(mapped);
      });
  if (earlier == no_connection || is_taken(mapped)) return false;
  tuple = mapped;
  return true;
}

/// Linux: find_best_ips_proto. Within a range each word of the address is chosen by the hash; once
/// a word is below the range's highest, the words behind it are free.
void Search::choose_address(Tuple& tuple) const {
  if (!range_.map_addresses) return;
  wire::IpAddress& address = manip_ == Manip::source ? tuple.source : tuple.destination;
  if (range_.min_address == range_.max_address) {
    address = range_.min_address;
    return;
  }
  const wire::Family family = address.family();
  const std::size_t word_count = family == wire::Family::ipv4 ? 1 : 4;
  const Words low = words_of(range_.min_address), high = words_of(range_.max_address);
  const Words destination = words_of(tuple.destination);
  const conntrack::Zones zones = table_[id_].zones;
  const std::uint32_t zone = zones.original != 0 ? zones.original : zones.reply;

  std::uint32_t hash =
      lookup3(words_of(tuple.source), range_.persistent ? 0 : destination[word_count - 1] ^ zone);
  Words chosen{};
  bool whole = false;
  for (std::size_t i = 0; i < word_count; ++i) {
    const std::uint32_t first = whole ? 0 : swap_bytes(low[i]);
    const std::uint32_t size = whole ? ~0U : swap_bytes(high[i]) - first + 1;
    chosen[i] = swap_bytes(first + scale(hash, size));
    whole |= chosen[i] != high[i];
    if (!range_.persistent) hash ^= destination[i];
  }
  address = address_of(family, chosen);
}

/// Null for protocols of which nothing but the address can be changed.
std::uint16_t* Search::port_to_change(Tuple& tuple) const {
  if (conntrack::is_icmp(tuple.protocol)) return &tuple.source_port;
  if (!conntrack::has_ports(tuple.protocol)) return nullptr;
  return manip_ == Manip::source ? &tuple.source_port : &tuple.destination_port;
}

/// None: the port stays as it is.
Search::Ports Search::ports_for(const Tuple& tuple, std::uint16_t port) const {
  if (range_.ports_specified) {
    const auto [low, high] = std::minmax(range_.min_port, range_.max_port);
    return {low, high - low + 1U};
  }
  if (conntrack::is_icmp(tuple.protocol)) return {0, 65536};
  if (manip_ == Manip::destination) return {};
  const PortSet::Range range = class_of(port);
  return {range.low, range.high - range.low + 1U};
}

/// Destination ports are handed out from the lowest on.
bool Search::starts_by_chance() const {
  return !range_.port_offset && (range_.is_random() || manip_ == Manip::source);
}

/// The port of `tuple` was taken at random from those of `ports` that are free; of a wide range all
/// are taken to be.
void Search::keep_unknown(Tuple tuple, Ports ports) {
  if (!chance_.explores()) return;
  constexpr std::uint32_t narrow = 4096;
  const PortSet::Range all{static_cast<std::uint16_t>(ports.first),
                           static_cast<std::uint16_t>(ports.first + ports.count - 1)};
  std::uint16_t* port = port_to_change(tuple);
  const std::uint16_t number = *port;
  PortSet possible;
  if (ports.count > narrow) possible.add(all);
  for (std::uint32_t i = 0; i < ports.count && ports.count <= narrow; ++i) {
    *port = static_cast<std::uint16_t>(ports.first + i);
    if (*port == number || !is_taken(tuple)) possible.add({*port, *port});
  }
  chance_.let_stand(number, possible, by_);
}

/// False when every try was in vain; the last one stays. Linux: nf_nat_l4proto_unique_tuple.
bool Search::choose_port(Tuple& tuple) {
  std::uint16_t* port = port_to_change(tuple);
  if (port == nullptr) return true;
  const Ports ports = ports_for(tuple, *port);
  if (ports.count == 0) return true;
  bool by_chance = starts_by_chance();
  std::uint16_t offset = 0;
  if (range_.port_offset) offset = static_cast<std::uint16_t>(*port - range_.base_port);
  if (by_chance) offset = chance_.port_offset(ports.first, ports.count);
  for (std::uint32_t tries = std::min(ports.count, most_tries);; tries /= 2) {
    for (std::uint32_t left = tries; left > 0; --left, ++offset) {
      *port = static_cast<std::uint16_t>(ports.first + offset % ports.count);
      if (left > ruthless_tries ? is_taken(tuple) : is_taken_for_good(tuple)) continue;
      if (by_chance) keep_unknown(tuple, ports);
      return true;
    }
    if (tries >= ports.count || tries < least_tries) return false;
    by_chance = true;
    offset = chance_.port_offset(ports.first, ports.count);
  }
}

Search::Result Search::run(const Tuple& current) {
  Tuple tuple = current;
  if (manip_ == Manip::source && !range_.is_random()) {
    if (source_in_range(current)) {
      if (!is_taken_by_other_flow(current)) return {current};
    } else if (take_earlier_mapping(tuple)) {
      return {tuple};
    }
  }
  choose_address(tuple);
  if (!range_.is_random()) {
    if (!range_.ports_specified) {
      if (!is_taken(tuple)) return {tuple};
    } else if (!range_.port_offset && port_in_range(tuple)) {
      // A single port is taken untested: there is no other.
      if (range_.min_port == range_.max_port) return {tuple, true};
      if (!is_taken(tuple)) return {tuple};
    }
  }
  const bool free = choose_port(tuple);
  return {tuple, !free};
}

}  // namespace wayout::nat
