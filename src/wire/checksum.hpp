// Internet checksums (RFC 1071), their incremental update (RFC 1624), and SCTP's CRC32c.
#pragma once

#include <cstdint>
#include <span>

#include "wire/address.hpp"

namespace wayout::wire {

/// Ones' complement sum of the bytes as 16-bit words in network order, not folded or inverted;
/// an odd last byte counts as the upper half of a word. Sums add up with +.
[[nodiscard]] std::uint64_t checksum_add(std::span<const std::uint8_t> bytes,
                                         std::uint64_t sum = 0);
/// Fold and invert: the value to put into a checksum field (host order).
[[nodiscard]] std::uint16_t checksum_finish(std::uint64_t sum);

/// Checksum of an IPv4 header as it should stand in it, counting its checksum field as zero.
[[nodiscard]] std::uint16_t ipv4_header_checksum(std::span<const std::uint8_t> header);
/// Checksum of a TCP, UDP or UDP-Lite segment with its pseudo header, counting the checksum field
/// (at `checksum_offset` in the segment) as zero. UDP: the caller writes 0xffff for 0.
[[nodiscard]] std::uint16_t transport_checksum(const IpAddress& source,
                                               const IpAddress& destination, std::uint8_t protocol,
                                               std::span<const std::uint8_t> segment,
                                               std::size_t checksum_offset);
/// True when the segment's checksum is right (UDP 0: not used, right).
[[nodiscard]] bool transport_checksum_ok(const IpAddress& source, const IpAddress& destination,
                                         std::uint8_t protocol,
                                         std::span<const std::uint8_t> segment);

/// `checksum` after a 16- or 32-bit word of what it covers changed; a wrong one stays wrong by the
/// same amount. RFC 1624, equation 3. All host order.
[[nodiscard]] std::uint16_t checksum_update16(std::uint16_t checksum, std::uint16_t old_word,
                                              std::uint16_t new_word);
[[nodiscard]] std::uint16_t checksum_update32(std::uint16_t checksum, std::uint32_t old_word,
                                              std::uint32_t new_word);

/// Castagnoli CRC as SCTP uses it (RFC 9260, appendix A); the value to store little-endian.
[[nodiscard]] std::uint32_t crc32c(std::span<const std::uint8_t> bytes);
/// Of an SCTP packet, its checksum field counted as zero; the header must be there in full.
[[nodiscard]] std::uint32_t sctp_checksum(std::span<const std::uint8_t> segment);

}  // namespace wayout::wire
