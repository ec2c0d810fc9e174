// Is a TCP segment one that the peers can have sent now? (tcp_in_window)
//
// Per direction it is kept how far the peer has sent, how far the other allows it to send, and the
// largest window. A middle box sees segments later than the ends do, so the bounds are wide: no
// data beyond what was allowed, no acknowledgement of what was not sent, neither much older than a
// window ago.
#pragma once

#include <cstdint>

#include "conntrack/config.hpp"
#include "conntrack/connection.hpp"
#include "wire/headers.hpp"

namespace wayout::conntrack {

/// Sequence numbers wrap: `a` lies before `b` on the nearer way round.
constexpr bool before(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(a - b) < 0;
}
constexpr bool after(std::uint32_t a, std::uint32_t b) { return before(b, a); }

/// One segment, with what its options say.
struct TcpSegment {
  const wire::TcpHeader& header;
  TcpClass class_ = TcpClass::none;
  std::uint32_t sequence = 0, ack = 0;
  std::uint32_t end = 0;               ///< sequence + data + one each for SYN and FIN
  bool has_options = false;
  std::uint8_t scale = 0;              ///< window scale option, at most 14
  std::uint8_t option_flags = 0;       ///< TcpPeer::window_scale, sack_permitted
  std::uint32_t sack_end = 0;          ///< right edge of the highest SACK block, or ack

  [[nodiscard]] bool has(std::uint8_t flag) const { return (header.flags & flag) != 0; }
};

/// `bytes` from the TCP header to the end of the packet; the header must be there in full.
[[nodiscard]] TcpSegment read_tcp(std::span<const std::uint8_t> bytes);

enum class InWindow : std::uint8_t { yes, ignored, no };

/// Linux: net/netfilter/nf_conntrack_proto_tcp.c tcp_in_window.
/// Changes: both TcpPeers, the retransmission count.
InWindow check_window(TcpTracking& tcp, Direction direction, const TcpSegment& segment,
                      const Config& config);

/// What a SYN tells of its sender goes into `sender`. Linux: tcp_options.
void take_options(TcpPeer& sender, const TcpSegment& segment);

}  // namespace wayout::conntrack
