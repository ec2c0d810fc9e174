// Making packets: what a local sender, a probe or an ICMP error puts on the wire.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "wire/address.hpp"
#include "wire/headers.hpp"

namespace wayout::wire {

/// The fields of an IPv4 header that a maker chooses; lengths and checksum are computed.
struct Ipv4Fields {
  IpAddress source, destination;
  std::uint8_t protocol = 0;
  std::uint8_t tos = 0, ttl = 64;
  std::uint16_t id = 0;
  bool dont_fragment = false;
};

/// Value and echo of a timestamps option (RFC 7323).
struct TcpTimestamps {
  std::uint32_t value = 0, echo = 0;
};

/// The options stand in Linux' order: MSS, SACK permitted, timestamps, window scale, each padded to
/// whole words; without timestamps SACK permitted stands behind two no-operations.
struct TcpFields {
  std::uint16_t source_port = 0, destination_port = 0;
  std::uint32_t sequence = 0, acknowledgement = 0;
  std::uint8_t flags = TcpHeader::syn;
  std::uint16_t window = 64240;
  std::uint16_t mss = 0;  ///< an MSS option when not 0
  bool sack_permitted = false;
  std::optional<TcpTimestamps> timestamps = {};
  std::optional<std::uint8_t> window_scale = {};
};

/// Whole IPv4 packets with right checksums. `payload` comes after the transport header.
[[nodiscard]] std::vector<std::uint8_t> make_ipv4(const Ipv4Fields& ip,
                                                  std::span<const std::uint8_t> payload);
[[nodiscard]] std::vector<std::uint8_t> make_tcp(const Ipv4Fields& ip, const TcpFields& tcp,
                                                 std::span<const std::uint8_t> payload = {});
[[nodiscard]] std::vector<std::uint8_t> make_udp(const Ipv4Fields& ip, std::uint16_t source_port,
                                                 std::uint16_t destination_port,
                                                 std::span<const std::uint8_t> payload = {});
[[nodiscard]] std::vector<std::uint8_t> make_icmp_echo(const Ipv4Fields& ip, bool reply,
                                                       std::uint16_t id, std::uint16_t sequence,
                                                       std::span<const std::uint8_t> payload = {});
/// An ICMP error: `rest` is the second header word (host order), `quoted` the offending packet's
/// bytes, already cut.
[[nodiscard]] std::vector<std::uint8_t> make_icmp_error(const Ipv4Fields& ip, std::uint8_t type,
                                                        std::uint8_t code, std::uint32_t rest,
                                                        std::span<const std::uint8_t> quoted);
/// An ARP frame with Ethernet header.
[[nodiscard]] std::vector<std::uint8_t> make_arp(std::uint16_t operation,
                                                 const MacAddress& ethernet_source,
                                                 const MacAddress& ethernet_destination,
                                                 const MacAddress& sender_mac,
                                                 const IpAddress& sender_ip,
                                                 const MacAddress& target_mac,
                                                 const IpAddress& target_ip);
/// Put an Ethernet header in front of an IP packet.
[[nodiscard]] std::vector<std::uint8_t> make_frame(const MacAddress& source,
                                                   const MacAddress& destination,
                                                   std::uint16_t type,
                                                   std::span<const std::uint8_t> payload);

}  // namespace wayout::wire
