// What the two ends say to each other, packet by packet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "why/conversation.hpp"
#include "why/question.hpp"
#include "wire/craft.hpp"

namespace wayout::why {

/// Between whom this packet goes; of an ICMP echo both ports are its id.
[[nodiscard]] Endpoints endpoints_of(const Packet& packet);
/// The MSS option of a TCP packet; 0: none.
[[nodiscard]] std::uint16_t mss_of(const Packet& packet);

/// Makes the next packet of either end: for TCP the handshake and one exchange of data, for UDP and
/// ICMP one exchange. The size asked for is that of the data, both ways; a UDP answer is empty, since
/// only its program knows how long it is.
class Dialogue {
 public:
  explicit Dialogue(const Question& question) : question_(question) {}

  /// How many packets it has.
  [[nodiscard]] std::size_t legs() const;
  /// The IP packet of leg `index` (0 = the probe) between these endpoints.
  [[nodiscard]] std::vector<std::uint8_t> packet(std::size_t index, const Endpoints& ends,
                                                 std::uint8_t ttl) const;
  /// The far end hears how much it may send (MSS of the probe as it arrived).
  void heard_mss(std::uint16_t mss) { mss_heard_ = mss; }

 private:
  [[nodiscard]] std::vector<std::uint8_t> payload(std::size_t headers,
                                                  std::size_t limit = 65000) const;
  [[nodiscard]] std::vector<std::uint8_t> tcp(std::size_t index, const wire::Ipv4Fields& ip,
                                              const Endpoints& ends) const;

  const Question& question_;
  std::uint16_t mss_heard_ = 1460;
};

}  // namespace wayout::why
