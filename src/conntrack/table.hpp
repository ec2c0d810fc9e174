// The connection table of one namespace: look-up, tracking, confirmation.
//
// Invariants: a confirmed connection is found under both of its (tuple, zone) keys; an unconfirmed
// one under none; one that lost a clash under its reply key only. A ConnectionId stays valid as
// long as a packet may hold it: what is erased or was never confirmed is freed by collect(), for
// whoever keeps a table when no packet is under way. Time is handed in; nothing here reads a clock.
//
// Not here: rewriting packets, choosing translated tuples (nat/).
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "conntrack/config.hpp"
#include "conntrack/connection.hpp"
#include "conntrack/index.hpp"
#include "packet/chance.hpp"
#include "packet/packet.hpp"
#include "packet/trace.hpp"

namespace wayout::conntrack {

/// Why a packet belongs to no connection: Step::port of Did::tracked with CtInfo::none.
enum class Invalid : std::uint8_t {
  none,
  unreadable,        ///< no tuple: header cut, a later fragment, GRE version 1 without PPP
  truncated,         ///< the transport header or its length field does not fit
  bad_checksum,
  bad_flags,         ///< TCP flags that no stack sends together
  cannot_begin,      ///< no connection is known, and this packet begins none (SYN+ACK, RST, …)
  wrong_state,       ///< not legal in the connection's state
  out_of_window,     ///< TCP sequence or acknowledgement outside what the peer can have sent
  wrong_tag,         ///< SCTP verification tag
  unknown_type,      ///< ICMP type above 18
  unknown_inner,     ///< an ICMP error about a packet of no known connection
  wrong_receiver,    ///< an ICMP error to another address than its connection's sender
};

struct Observed;

class Table {
 public:
  /// What tracking says about the packet, before anything is changed on it by rules.
  ///
  /// Linux: net/netfilter/nf_conntrack_core.c nf_conntrack_in and the protocol trackers.
  /// Ends: NETFILTER_DROP at nf_hook_slow when the table is full (ConntrackCause::table_full).
  ///   Whether a full table can make room depends on the kernel's hash: Chance is asked.
  /// Changes: packet.connection, packet.ctinfo; the connection's state and timeout; takes the
  ///   packet's template zones. INVALID packets go on with CtInfo::none.
  /// Not modelled: helpers and expectations, synproxy, timeout policies, labels, events.
  template <Trace T>
  Stop track(Packet& packet, Hook hook, const Config& config, std::int64_t now_ms, Chance& chance,
             T& trace);

  /// The entry becomes visible, or the packet dies as a clash.
  ///
  /// Linux: nf_conntrack_core.c __nf_conntrack_confirm, nf_ct_resolve_clash.
  /// Ends: NETFILTER_DROP at nf_hook_slow (ConntrackCause::clash with the entry that was there
  ///   first, or NatCause::ports_exhausted when NAT had found no free port).
  Stop confirm(Packet& packet, std::int64_t now_ms);

  [[nodiscard]] Connection& operator[](ConnectionId id) { return pool_[id]; }
  [[nodiscard]] const Connection& operator[](ConnectionId id) const { return pool_[id]; }

  /// An entry, and which of its tuples was asked for.
  struct Found {
    ConnectionId id = no_connection;
    Direction direction = Direction::original;
    explicit operator bool() const { return id != no_connection; }
  };
  /// The confirmed, unexpired entry one of whose tuples is `tuple`, in the zone that its direction
  /// asks for. Linux: nf_conntrack_core.c nf_conntrack_find_get.
  [[nodiscard]] Found find(const Tuple& tuple, Zones zones, std::int64_t now_ms) const;

  /// The entry that would make `reply` ambiguous as the reply tuple of `asking`, or no_connection.
  /// An entry with the same original tuple is the same flow racing, and no obstacle.
  /// Linux: nf_conntrack_core.c nf_conntrack_tuple_taken.
  ConnectionId taken_by(const Tuple& reply, ConnectionId asking, std::int64_t now_ms);

  /// Hang the entry into the list of its original source (nf_nat_bysource); NAT does when it has
  /// mapped the source.
  void index_by_source(ConnectionId id);
  /// The newest entry with the original source of `tuple` (protocol, address, port or id) in this
  /// original zone that `accept(const Connection&)` takes, or no_connection.
  template <class Accept>
  [[nodiscard]] ConnectionId newest_of_source(const Tuple& tuple, std::uint16_t zone,
                                              Accept&& accept) const {
    for (ConnectionId id = head_of_source(tuple, zone); id != no_connection;
         id = pool_[id].older_of_source) {
      if (accept(pool_[id])) return id;
    }
    return no_connection;
  }

  /// Put in a connection that is already confirmed (read from a listing). Returns its id.
  ConnectionId insert(Connection connection);
  /// Take out of every index; the id stays readable until collect().
  void erase(ConnectionId id);
  /// Erase what has expired. Linux: nf_conntrack_core.c gc_worker.
  void expire(std::int64_t now_ms);
  /// Free the entries that only packets could still hold. Call when no packet is under way.
  void collect();

  /// Confirmed entries.
  [[nodiscard]] std::size_t size() const { return confirmed_; }
  /// Visit confirmed entries as `visit(ConnectionId, const Connection&)`, without those that lost a
  /// clash, which the kernel does not list either.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (ConnectionId id = 1; id < pool_.size(); ++id) {
      if (is_listed(pool_[id])) visit(id, pool_[id]);
    }
  }

  Statistics statistics;

 private:
  struct Sighting;  // what track() found out about one packet

  static bool is_listed(const Connection& c) {
    return c.has(Status::confirmed) && !c.has(Status::dying | Status::nat_clash);
  }
  [[nodiscard]] Found find_key(const Tuple& tuple, std::uint16_t zone, Zones zones) const;
  Found look_up(const Tuple& tuple, Zones zones, std::int64_t now_ms);
  [[nodiscard]] ConnectionId head_of_source(const Tuple& tuple, std::uint16_t zone) const;
  void unhang_from_source(ConnectionId id);

  Sighting observe(const Packet& packet, Hook hook, const Config& config, std::int64_t now_ms,
                   Chance& chance);
  Sighting observe_icmp_error(const Segment& error, Zones zones, std::int64_t now_ms);
  Sighting create(const Tuple& tuple, Zones zones, const Config& config, std::int64_t now_ms,
                  Chance& chance);
  Sighting follow(const Tuple& tuple, Zones zones, Observed packet, const Config& config,
                  Chance& chance);
  [[nodiscard]] bool is_full(const Config& config) const;
  bool make_room(Chance& chance);
  ConnectionId allocate();
  void await_collection(ConnectionId id);

  /// The entry in the way of confirming `id`, or no_connection.
  ConnectionId rival_of(ConnectionId id, std::int64_t now_ms);
  bool resolve_clash(Packet& packet, ConnectionId rival, std::int64_t now_ms);
  void enter(ConnectionId id, Direction direction);

  std::deque<Connection> pool_ = std::deque<Connection>(1);
  std::vector<ConnectionId> free_;
  std::vector<ConnectionId> limbo_;  ///< made or erased since the last collect()
  Index keys_;                       ///< values: id << 1 | direction
  Index sources_;                    ///< values: newest entry of each source
  std::size_t confirmed_ = 0;
  std::int64_t made_ = 0, freed_ = 0;  ///< by tracking; with Config::count: how full it is
};

}  // namespace wayout::conntrack
