// One packet on one line, as tcpdump -n words it.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace wayout::wire {

/// `IP 10.0.0.2.40000 > 1.2.3.4.443: Flags [S], seq 1, win 64240, length 0` for the bytes of an IP
/// packet (version nibble decides), `ARP, Request who-has …` for ARP by describe_frame.
[[nodiscard]] std::string describe_ip(std::span<const std::uint8_t> packet);
/// The same for an Ethernet frame, with `02:… > 02:…, ethertype IPv4 (0x0800), length 74: ` first.
[[nodiscard]] std::string describe_frame(std::span<const std::uint8_t> frame);

}  // namespace wayout::wire
