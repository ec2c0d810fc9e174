// One packet on one line, as tcpdump -n words it (of version 4.99, sequence numbers absolute as with
// -S), so that an engineer can compare the line with a capture.
//
// Not here: application protocols, which tcpdump decodes after the transport header; IP protocols
// other than TCP, UDP and ICMP, and ICMPv6, which are named by their number as tcpdump does with
// those it does not know.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace wayout::wire {

/// `IP 10.0.0.2.40000 > 1.2.3.4.443: Flags [S], seq 1, win 64240, length 0` for the bytes of an IP
/// packet (version nibble decides). Bytes too short for a header end the line with `[|ip]`,
/// `[|tcp]`, …; nothing else fails.
[[nodiscard]] std::string describe_ip(std::span<const std::uint8_t> packet);
/// An Ethernet frame, as `tcpdump -n -e`: `02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype IPv4
/// (0x0800), length 74: ` and then the packet without its `IP `; VLAN tags and ARP likewise. Of
/// other ethertypes only the header is told.
[[nodiscard]] std::string describe_frame(std::span<const std::uint8_t> frame);

}  // namespace wayout::wire
