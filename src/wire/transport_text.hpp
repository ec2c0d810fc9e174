// What a line of text.hpp says after `SOURCE > DESTINATION: `, by transport protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace wayout::wire {

// Each takes the bytes that are there and how many IP says there are, which is more when the
// packet was cut.

/// `Flags [S], seq 1, win 64240, options [mss 1460], length 0`.
[[nodiscard]] std::string describe_tcp(std::span<const std::uint8_t> segment, std::size_t length);
/// `UDP, length 5`. A first fragment is shorter than its UDP length says, which is no fault.
[[nodiscard]] std::string describe_udp(std::span<const std::uint8_t> segment, std::size_t length,
                                       bool first_fragment);
/// `ICMP echo request, id 7, seq 3, length 11`; of an error, what the quoted packet was after.
[[nodiscard]] std::string describe_icmp(std::span<const std::uint8_t> message, std::size_t length);

}  // namespace wayout::wire
