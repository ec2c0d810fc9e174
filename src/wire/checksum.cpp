#include "wire/checksum.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "wire/headers.hpp"

namespace wayout::wire {
namespace {

constexpr std::size_t ipv4_checksum_offset = 10;

constexpr std::uint16_t fold(std::uint64_t sum) {
  while (sum >> 16 != 0)
    sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

std::uint16_t inverted(std::uint16_t value) {
  return static_cast<std::uint16_t>(~value);
}

/// How much of a segment its checksum covers: all, except in UDP-Lite, whose length field says it
/// (RFC 3828; 0 means all).
std::size_t covered_bytes(std::uint8_t protocol, std::span<const std::uint8_t> segment) {
  if (protocol != protocol::udplite) return segment.size();
  const auto* header = header_at<UdpHeader>(segment);
  if (header == nullptr || header->length == 0) return segment.size();
  return std::min<std::size_t>(header->length, segment.size());
}

/// Pseudo header and segment, the checksum field as it stands. IPv4 and IPv6 pseudo headers differ
/// in layout only, which a sum does not see.
std::uint64_t transport_sum(const IpAddress& source, const IpAddress& destination,
                            std::uint8_t protocol, std::span<const std::uint8_t> segment) {
  std::uint64_t sum = segment.size() + protocol;
  sum = checksum_add(source.bytes(), sum);
  sum = checksum_add(destination.bytes(), sum);
  return checksum_add(segment.first(covered_bytes(protocol, segment)), sum);
}

constexpr std::array<std::uint32_t, 256> make_crc32c_table() {
  constexpr std::uint32_t castagnoli_reflected = 0x82f63b78;
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit)
      crc = crc >> 1 ^ ((crc & 1) != 0 ? castagnoli_reflected : 0);
    table[i] = crc;
  }
  return table;
}
constexpr auto crc32c_table = make_crc32c_table();

std::uint32_t crc32c_add(std::uint32_t crc, std::span<const std::uint8_t> bytes) {
  for (const std::uint8_t byte : bytes)
    crc = crc >> 8 ^ crc32c_table[(crc ^ byte) & 0xff];
  return crc;
}

}  // namespace

std::uint64_t checksum_add(std::span<const std::uint8_t> bytes, std::uint64_t sum) {
  std::size_t i = 0;
  for (; i + 1 < bytes.size(); i += 2)
    sum += std::uint32_t{bytes[i]} << 8 | bytes[i + 1];
  if (i < bytes.size()) sum += std::uint32_t{bytes[i]} << 8;
  return sum;
}

std::uint16_t checksum_finish(std::uint64_t sum) {
  return inverted(fold(sum));
}

std::uint16_t ipv4_header_checksum(std::span<const std::uint8_t> header) {
  const std::uint64_t sum = checksum_add(header.first(ipv4_checksum_offset));
  return checksum_finish(checksum_add(header.subspan(ipv4_checksum_offset + 2), sum));
}

std::uint16_t transport_checksum(const IpAddress& source, const IpAddress& destination,
                                 std::uint8_t protocol, std::span<const std::uint8_t> segment,
                                 std::size_t checksum_offset) {
  const std::uint64_t sum = transport_sum(source, destination, protocol, segment);
  // A word is taken out of a ones' complement sum by adding its inverse.
  const auto* field = header_at<be16>(segment, checksum_offset);
  return checksum_finish(sum + inverted(*field));
}

bool transport_checksum_ok(const IpAddress& source, const IpAddress& destination,
                           std::uint8_t protocol, std::span<const std::uint8_t> segment) {
  if (protocol == protocol::udp) {
    const auto* header = header_at<UdpHeader>(segment);
    if (header != nullptr && header->checksum == 0) return true;
  }
  return checksum_finish(transport_sum(source, destination, protocol, segment)) == 0;
}

std::uint16_t checksum_update16(std::uint16_t checksum, std::uint16_t old_word,
                                std::uint16_t new_word) {
  return checksum_finish(std::uint64_t{inverted(checksum)} + inverted(old_word) + new_word);
}

std::uint16_t checksum_update32(std::uint16_t checksum, std::uint32_t old_word,
                                std::uint32_t new_word) {
  const auto high = checksum_update16(checksum, static_cast<std::uint16_t>(old_word >> 16),
                                      static_cast<std::uint16_t>(new_word >> 16));
  return checksum_update16(high, static_cast<std::uint16_t>(old_word),
                           static_cast<std::uint16_t>(new_word));
}

std::uint32_t crc32c(std::span<const std::uint8_t> bytes) {
  return ~crc32c_add(0xffffffff, bytes);
}

std::uint32_t sctp_checksum(std::span<const std::uint8_t> segment) {
  constexpr std::array<std::uint8_t, 4> no_checksum{};
  const std::size_t offset = offsetof(SctpHeader, checksum);
  std::uint32_t crc = crc32c_add(0xffffffff, segment.first(offset));
  crc = crc32c_add(crc, no_checksum);
  return ~crc32c_add(crc, segment.subspan(offset + no_checksum.size()));
}

}  // namespace wayout::wire
