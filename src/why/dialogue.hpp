// What the two ends say to each other, packet by packet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "why/conversation.hpp"
#include "why/question.hpp"
#include "wire/craft.hpp"

namespace wayout::why {

/// Between whom this packet goes; of an ICMP echo both ports are its id.
[[nodiscard]] Endpoints endpoints_of(const Packet& packet);

/// What the options of a TCP packet say.
struct TcpOptions {
  std::uint16_t mss = 0;                          ///< 0: none
  bool sack_permitted = false;
  std::optional<wire::TcpTimestamps> timestamps;
  std::optional<std::uint8_t> window_scale;
};
/// Nothing for a packet that is not TCP, or is cut.
[[nodiscard]] TcpOptions options_of(const Packet& packet);

/// What one end's TCP offers in its SYN: the sysctls of its namespace, the MTU of its way out.
struct TcpOffer {
  std::uint16_t mss = 1460;
  bool sack = true, timestamps = true;
  std::optional<std::uint8_t> window_scale = 7;
};
/// By the namespace's tcp_sack, tcp_timestamps, tcp_window_scaling and tcp_rmem; `mtu_bytes` of the
/// device that it sends through.
/// Linux: net/ipv4/tcp_output.c tcp_syn_options, tcp_select_initial_window.
/// Not modelled: the options of a route (advmss, features), TCP Fast Open, MPTCP.
[[nodiscard]] TcpOffer offer_of(const host::Host& host, std::uint32_t mtu_bytes);

/// Makes the next packet of either end: for TCP the handshake and one exchange of data, for UDP and
/// ICMP one exchange. The size asked for is that of the data, both ways; a UDP answer is empty, since
/// only its program knows how long it is. TCP options are those of Linux: the answer takes up what
/// both ends offer, the data has timestamps if both do, and no segment is longer than the MSS.
class Dialogue {
 public:
  explicit Dialogue(const Question& question) : question_(question) {}

  /// How many packets it has.
  [[nodiscard]] std::size_t legs() const;
  /// The IP packet of leg `index` (0 = the probe) between these endpoints.
  [[nodiscard]] std::vector<std::uint8_t> packet(std::size_t index, const Endpoints& ends,
                                                 std::uint8_t ttl) const;
  void set_offer(Way sender, const TcpOffer& offer) { end(sender).offer = offer; }
  /// Leg `index` as the other end received it.
  void heard(std::size_t index, const Packet& packet);

 private:
  /// Of the one that asks (Way::out), of the one that answers (Way::back).
  struct End {
    TcpOffer offer;
    TcpOptions heard;  ///< the other end's SYN
  };
  [[nodiscard]] End& end(Way sender) { return ends_[sender == Way::back]; }
  [[nodiscard]] const End& end(Way sender) const { return ends_[sender == Way::back]; }
  [[nodiscard]] std::vector<std::uint8_t> payload(std::size_t headers,
                                                  std::size_t limit = 65000) const;
  [[nodiscard]] std::vector<std::uint8_t> tcp(std::size_t index, const wire::Ipv4Fields& ip,
                                              const Endpoints& ends) const;
  [[nodiscard]] wire::TcpFields syn(Way sender) const;
  [[nodiscard]] bool timestamped() const;
  [[nodiscard]] std::size_t longest_packet(Way sender) const;

  const Question& question_;
  End ends_[2];
};

}  // namespace wayout::why
