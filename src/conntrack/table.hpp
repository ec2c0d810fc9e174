// The connection table of one namespace: look-up, tracking, confirmation.
//
// Invariants: a confirmed connection is found under both of its (tuple, zone) keys; an unconfirmed
// one under none. ConnectionIds stay valid while the connection lives; a freed id may be used again.
// Time is handed in; nothing here reads a clock.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <unordered_map>
#include <vector>

#include "conntrack/connection.hpp"
#include "packet/chance.hpp"
#include "packet/packet.hpp"
#include "packet/trace.hpp"

namespace wayout::conntrack {

/// net.netfilter.nf_conntrack_*, kernel defaults; times in seconds.
struct Config {
  bool enabled = false;              ///< some rule of the namespace needs conntrack (it is lazy)
  std::uint32_t max = 262144;
  bool max_known = false;            ///< nf_conntrack_max was read, and count is comparable with it
  std::uint32_t count = 0;           ///< nf_conntrack_count as read
  bool checksum = true;
  bool tcp_loose = true;
  bool tcp_be_liberal = false;
  bool tcp_ignore_invalid_rst = false;
  bool accounting = false;
  std::uint32_t tcp_max_retrans = 3;
  std::uint32_t tcp_timeout_s[10] = {0, 120, 60, 432000, 120, 60, 30, 120, 10, 120};  ///< by TcpState
  std::uint32_t tcp_timeout_max_retrans_s = 300, tcp_timeout_unacknowledged_s = 300;
  std::uint32_t udp_timeout_s = 30, udp_timeout_stream_s = 120;
  std::uint32_t icmp_timeout_s = 30, generic_timeout_s = 600;
  std::uint32_t gre_timeout_s = 30, gre_timeout_stream_s = 180;
  std::uint32_t sctp_timeout_s[9] = {0, 10, 3, 3, 210, 3, 3, 3, 30};  ///< by SctpState
};

/// `conntrack -S` of the namespace.
struct Statistics {
  std::uint64_t found = 0, invalid = 0, insert_failed = 0, drop = 0, early_drop = 0, error = 0,
                clash_resolve = 0;
};

class Table {
 public:
  /// What tracking says about the packet, before anything is changed on it by rules.
  ///
  /// Linux: net/netfilter/nf_conntrack_core.c nf_conntrack_in and the protocol trackers.
  /// Ends: NETFILTER_DROP at nf_hook_slow when the table is full (ConntrackCause::table_full).
  /// Changes: packet.connection, packet.ctinfo; the connection's state and timeout.
  /// INVALID packets go on with CtInfo::none.
  template <Trace T>
  Stop track(Packet& packet, Hook hook, const Config& config, std::int64_t now_ms, T& trace);

  /// The entry becomes visible, or the packet dies as a clash.
  ///
  /// Linux: nf_conntrack_core.c __nf_conntrack_confirm, nf_ct_resolve_clash.
  /// Ends: NETFILTER_DROP (ConntrackCause::clash, or NatCause::ports_exhausted when the tuple was
  ///   the product of a NAT search).
  template <Trace T>
  Stop confirm(Packet& packet, const Config& config, std::int64_t now_ms, T& trace);

  [[nodiscard]] Connection& operator[](ConnectionId id) { return pool_[id]; }
  [[nodiscard]] const Connection& operator[](ConnectionId id) const { return pool_[id]; }

  /// The confirmed, unexpired entry one of whose tuples is `tuple` in this zone.
  struct Found {
    ConnectionId id = no_connection;
    Direction direction = Direction::original;
  };
  [[nodiscard]] Found find(const Tuple& tuple, std::uint16_t zone, std::int64_t now_ms) const;
  /// Confirmed entries whose original source (protocol, address, port) is this, newest first:
  /// what an earlier mapping of the same source is looked for in (nf_nat_bysource).
  [[nodiscard]] std::vector<ConnectionId> by_source(const Tuple& tuple, std::uint16_t zone) const;

  /// Put in a connection that is already confirmed (read from a listing). Returns its id.
  ConnectionId insert(const Connection& connection);
  void erase(ConnectionId id);
  [[nodiscard]] std::size_t size() const { return live_; }
  void for_each(const std::function<void(ConnectionId, const Connection&)>& visit) const;

  Statistics statistics;

 private:
  struct Key {
    Tuple tuple;
    std::uint16_t zone = 0;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& k) const noexcept {
      return std::hash<Tuple>{}(k.tuple) * 31 + k.zone;
    }
  };
  std::deque<Connection> pool_ = std::deque<Connection>(1);
  std::vector<ConnectionId> free_;
  std::unordered_map<Key, Found, KeyHash> keys_;
  std::unordered_multimap<std::uint64_t, ConnectionId> by_source_;
  std::size_t live_ = 0;
};

}  // namespace wayout::conntrack
