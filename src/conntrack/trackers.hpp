// The protocol trackers: what one more packet means for its connection.
//
// Each is given a connection that is new (not confirmed) or known, and says whether the packet is
// part of it. A tracker sets state, timeout and ASSURED on the connection, and nothing else.
#pragma once

#include <cstdint>

#include "conntrack/config.hpp"
#include "conntrack/connection.hpp"
#include "conntrack/table.hpp"
#include "packet/packet.hpp"

namespace wayout::conntrack {

/// One packet as a tracker sees it.
struct Observed {
  Segment segment;
  Direction direction = Direction::original;
  bool test_checksum = false;
  std::size_t ip_bytes = 0;  ///< whole IP packet
  std::int64_t now_ms = 0;
};

struct Opinion {
  enum class Kind : std::uint8_t {
    part,      ///< of the connection: counted, and the timeout was set
    ignored,   ///< passes, but neither the state nor the timeout may depend on it
    invalid,
    reopens,   ///< the connection is over; this packet begins another one of the same tuple
    last,      ///< part, and the connection ends with it
  };
  Kind kind = Kind::part;
  Invalid why = Invalid::none;

  static constexpr Opinion invalid(Invalid why) { return {Kind::invalid, why}; }
};

/// Let the connection live for another `timeout_s`. An unconfirmed one gets a duration, which
/// confirm() counts from its own time. Linux: nf_conntrack_core.c __nf_ct_refresh_acct.
inline void refresh(Connection& connection, std::uint32_t timeout_s, std::int64_t now_ms) {
  if (connection.has(Status::fixed_timeout)) return;
  connection.expires_ms = std::int64_t{timeout_s} * 1000;
  if (connection.has(Status::confirmed)) connection.expires_ms += now_ms;
}

/// Linux: net/netfilter/nf_conntrack_proto_tcp.c nf_conntrack_tcp_packet.
Opinion track_tcp(Connection& connection, const Observed& packet, const Config& config);
/// Linux: nf_conntrack_proto_udp.c nf_conntrack_udp_packet.
Opinion track_udp(Connection& connection, const Observed& packet, const Config& config);
/// Linux: nf_conntrack_proto_udp.c nf_conntrack_udplite_packet.
Opinion track_udplite(Connection& connection, const Observed& packet, const Config& config);
/// Queries and their answers. Linux: nf_conntrack_proto_icmp.c nf_conntrack_icmp_packet.
Opinion track_icmp(Connection& connection, const Observed& packet, const Config& config);
/// Linux: nf_conntrack_proto_gre.c nf_conntrack_gre_packet.
Opinion track_gre(Connection& connection, const Observed& packet, const Config& config);
/// Linux: nf_conntrack_proto_sctp.c nf_conntrack_sctp_packet.
Opinion track_sctp(Connection& connection, const Observed& packet, const Config& config);
/// Every other protocol. Linux: nf_conntrack_proto_generic.c.
Opinion track_generic(Connection& connection, const Observed& packet, const Config& config);

/// The tracker of the segment's protocol.
Opinion track_protocol(Connection& connection, const Observed& packet, const Config& config);

/// Two first packets of the same flow may both become the one that entered the table first: UDP,
/// UDP-Lite, GRE and the protocols without a tracker. Linux: nf_conntrack_l4proto.allow_clash.
[[nodiscard]] bool allows_clash(std::uint8_t protocol);

}  // namespace wayout::conntrack
