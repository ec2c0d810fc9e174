// One tracked connection (struct nf_conn).
//
// Life: made by track() for the first packet, unconfirmed and invisible to others; NAT may change
// its reply tuple now and never later; confirm() puts both tuples into the table; packets refresh
// the timeout; it ends by time, by a closing packet, or by being deleted.
//
// An entry that came with the host (preexisting) was read from a listing, which shows neither TCP
// windows nor SCTP tags: such an entry is liberal, no packet of it is INVALID because of them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "conntrack/tuple.hpp"
#include "packet/ids.hpp"

namespace wayout::conntrack {

/// enum tcp_conntrack, same order.
enum class TcpState : std::uint8_t {
  none, syn_sent, syn_recv, established, fin_wait, close_wait, last_ack, time_wait, close, syn_sent2
};
/// enum sctp_conntrack, same order.
enum class SctpState : std::uint8_t {
  none, closed, cookie_wait, cookie_echoed, established, shutdown_sent, shutdown_recd,
  shutdown_ack_sent, heartbeat_sent
};

/// What one direction of a TCP connection has shown (struct ip_ct_tcp_state).
struct TcpPeer {
  static constexpr std::uint8_t window_scale = 1, sack_permitted = 2, close_init = 4,
                                be_liberal = 8, data_unacknowledged = 16, max_ack_set = 32;
  std::uint32_t end = 0;         ///< td_end: highest sequence sent
  std::uint32_t max_end = 0;     ///< td_maxend: highest sequence the peer allows
  std::uint32_t max_window = 0;  ///< td_maxwin; 0: nothing seen of this direction
  std::uint32_t max_ack = 0;     ///< td_maxack
  std::uint8_t scale = 0;
  std::uint8_t flags = 0;        ///< the bits above

  [[nodiscard]] bool has(std::uint8_t bit) const { return (flags & bit) != 0; }
};

/// How a TCP packet counts in the state machine: the strongest of its flags.
enum class TcpClass : std::uint8_t { none, syn, syn_ack, fin, ack, rst };

struct TcpTracking {
  TcpState state = TcpState::none;
  TcpPeer seen[2];                       ///< by Direction
  Direction last_direction = Direction::original;
  TcpClass last_class = TcpClass::none;
  std::uint8_t retransmissions = 0;
  bool simultaneous_open = false;        ///< both sides sent a SYN first
  bool closer_unknown = false;           ///< from a listing: CLOSE, and not which side aborted it
  bool challenge_ack_expected = false;   ///< a SYN was let through in LAST_ACK (RFC 5961)
  std::uint8_t last_scale = 0;           ///< window scale of a SYN that was let through
  std::uint8_t last_flags = 0;           ///< TcpPeer bits of that SYN
  std::uint16_t last_window = 0;
  std::uint32_t last_sequence = 0, last_ack = 0, last_end = 0;
};

struct SctpTracking {
  SctpState state = SctpState::none;
  Direction last_direction = Direction::original;
  bool init_seen[2] = {false, false};    ///< by Direction
  bool heartbeat_mismatch = false;       ///< a HEARTBEAT with a foreign tag was let through
  std::uint32_t tags[2] = {0, 0};        ///< verification tag that each Direction must use
};

/// IPS_* bits.
struct Status {
  static constexpr std::uint32_t expected = 1, seen_reply = 2, assured = 4, confirmed = 8,
                                 source_nat = 16, destination_nat = 32, sequence_adjust = 64,
                                 source_nat_done = 128, destination_nat_done = 256, dying = 512,
                                 fixed_timeout = 1024, template_ = 2048, nat_clash = 4096;
};

struct GreTracking {
  std::uint32_t timeout_s = 30, stream_timeout_s = 180;
};

/// What a listing shows of an entry beyond what tracking needs; kept to be printed back.
struct Listed {
  std::string state;             ///< of a protocol whose states are not known here (DCCP)
  std::string offload;           ///< `[OFFLOAD]` or `[HW_OFFLOAD]`, in place of [ASSURED]
  std::string security_context;  ///< `secctx=`
  std::string helper;            ///< helpers do nothing here
  std::string rest;              ///< words that are not known, as they stood
  std::uint32_t uses = 1;

  bool operator==(const Listed&) const = default;
};

/// Conntrack zones: part of the key, for each direction on its own.
struct Zones {
  std::uint16_t original = 0, reply = 0;

  [[nodiscard]] constexpr std::uint16_t operator[](Direction d) const {
    return d == Direction::original ? original : reply;
  }
  constexpr bool operator==(const Zones&) const = default;
};

struct Connection {
  Tuple tuples[2];                    ///< by Direction
  Zones zones;
  std::uint32_t status = 0;           ///< Status bits
  std::uint32_t mark = 0;
  std::int64_t expires_ms = 0;        ///< State time at which it ends; before confirm: a duration
  TcpTracking tcp;                    ///< protocol TCP
  SctpTracking sctp;                  ///< protocol SCTP
  GreTracking gre;                    ///< protocol GRE
  std::int64_t udp_stream_from_ms = 0;  ///< UDP: from when on it is a stream, if replied to
  std::int64_t created_ms = 0;

  DeviceId masquerade_device = no_device;  ///< MASQUERADE's egress; none: not masqueraded
  ConnectionId newer_of_source = no_connection, older_of_source = no_connection;  ///< Table's
  bool source_indexed = false;        ///< Table's: it hangs in the list of its source
  bool in_limbo = false;              ///< Table's: collect() will look at it
  bool preexisting = false;           ///< it came with the host, not with this journey
  bool ports_exhausted = false;       ///< NAT found no free port, or may use only this one: a
                                      ///< clash at confirmation is its fault
  bool accounted = false;             ///< packets and bytes are counted
  bool timestamped = false;           ///< listings show its age
  std::uint64_t packets[2] = {0, 0}, bytes[2] = {0, 0};  ///< by Direction
  std::optional<RuleRef> source_rule, destination_rule;  ///< which rules mapped it, when known
  std::shared_ptr<const Listed> listed;                  ///< null: not from a listing

  [[nodiscard]] bool has(std::uint32_t bit) const { return (status & bit) != 0; }
  [[nodiscard]] const Tuple& original() const { return tuples[0]; }
  [[nodiscard]] const Tuple& reply() const { return tuples[1]; }
  [[nodiscard]] const Tuple& tuple(Direction d) const { return tuples[static_cast<int>(d)]; }
};

}  // namespace wayout::conntrack
