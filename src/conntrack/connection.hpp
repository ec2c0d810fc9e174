// One tracked connection (struct nf_conn).
//
// Life: made by track() for the first packet, unconfirmed and invisible to others; NAT may change
// its reply tuple now and never later; confirm() puts both tuples into the table; packets refresh
// the timeout; it ends by time, by a closing packet, or by being deleted.
#pragma once

#include <cstdint>
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
  std::uint32_t end = 0;         ///< td_end: highest sequence sent
  std::uint32_t max_end = 0;     ///< td_maxend: highest sequence the peer allows
  std::uint32_t max_window = 0;  ///< td_maxwin
  std::uint32_t max_ack = 0;     ///< td_maxack
  std::uint8_t scale = 0;
  std::uint8_t flags = 0;        ///< IP_CT_TCP_FLAG_*
};

struct TcpTracking {
  TcpState state = TcpState::none;
  TcpPeer seen[2];
  std::uint8_t last_direction = 0;
  std::uint8_t retransmissions = 0;
  std::uint8_t last_index = 0;
  std::uint32_t last_sequence = 0, last_ack = 0, last_end = 0;
  std::uint16_t last_window = 0;
  std::uint8_t last_window_scale = 0;
  std::uint8_t last_flags = 0;
};

/// IPS_* bits.
struct Status {
  static constexpr std::uint32_t expected = 1, seen_reply = 2, assured = 4, confirmed = 8,
                                 source_nat = 16, destination_nat = 32, sequence_adjust = 64,
                                 source_nat_done = 128, destination_nat_done = 256, dying = 512,
                                 fixed_timeout = 1024, template_ = 2048, nat_clash = 4096;
};

struct Connection {
  Tuple tuples[2];                    ///< by Direction
  std::uint16_t zones[2] = {0, 0};    ///< by Direction
  std::uint32_t status = 0;           ///< Status bits
  std::uint32_t mark = 0;
  std::int64_t expires_ms = 0;        ///< State time at which it ends; before confirm: a duration
  std::int64_t created_ms = 0;
  TcpTracking tcp;                    ///< protocol TCP
  SctpState sctp = SctpState::none;   ///< protocol SCTP
  std::uint32_t udp_stream_from_s = 0;
  DeviceId masquerade_device = no_device;  ///< MASQUERADE's egress; none: not masqueraded
  ConnectionId master = no_connection;
  std::string helper;                 ///< as listed; helpers do nothing here
  std::uint64_t packets[2] = {0, 0}, bytes[2] = {0, 0};  ///< only while accounting
  bool preexisting = false;           ///< it came with the host, not with this journey
  RuleRef source_rule, destination_rule;   ///< which rules mapped it, when known
  bool has_source_rule = false, has_destination_rule = false;

  [[nodiscard]] bool has(std::uint32_t bit) const { return (status & bit) != 0; }
  [[nodiscard]] const Tuple& original() const { return tuples[0]; }
  [[nodiscard]] const Tuple& reply() const { return tuples[1]; }
};

}  // namespace wayout::conntrack
