// Numbers as they lie on the wire. Outside this room everything is in host order.
//
// be16, be32 and le32 have alignment 1, so that a header struct made of them can be laid over any
// byte of a frame. header_at() is the only way to lay one: it refuses what is too short.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

namespace wayout::wire {

struct be16 {
  std::uint8_t bytes[2];
  constexpr operator std::uint16_t() const {  // NOLINT: implicit on purpose
    return static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]);
  }
  constexpr be16& operator=(std::uint16_t value) {
    bytes[0] = static_cast<std::uint8_t>(value >> 8);
    bytes[1] = static_cast<std::uint8_t>(value);
    return *this;
  }
};

struct be32 {
  std::uint8_t bytes[4];
  constexpr operator std::uint32_t() const {  // NOLINT: implicit on purpose
    return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
           std::uint32_t{bytes[2]} << 8 | bytes[3];
  }
  constexpr be32& operator=(std::uint32_t value) {
    for (int i = 0; i < 4; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
    return *this;
  }
};

/// Little-endian: only SCTP's checksum lies so.
struct le32 {
  std::uint8_t bytes[4];
  constexpr operator std::uint32_t() const {  // NOLINT: implicit on purpose
    return std::uint32_t{bytes[3]} << 24 | std::uint32_t{bytes[2]} << 16 |
           std::uint32_t{bytes[1]} << 8 | bytes[0];
  }
  constexpr le32& operator=(std::uint32_t value) {
    for (int i = 0; i < 4; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
    return *this;
  }
};

/// The header at `offset`, or null when fewer than sizeof(Header) bytes are there.
template <class Header>
[[nodiscard]] const Header* header_at(std::span<const std::uint8_t> bytes, std::size_t offset = 0) {
  static_assert(alignof(Header) == 1 && std::is_trivially_copyable_v<Header>);
  if (offset > bytes.size() || bytes.size() - offset < sizeof(Header)) return nullptr;
  return reinterpret_cast<const Header*>(bytes.data() + offset);
}
template <class Header>
[[nodiscard]] Header* header_at(std::span<std::uint8_t> bytes, std::size_t offset = 0) {
  return const_cast<Header*>(header_at<Header>(std::span<const std::uint8_t>(bytes), offset));
}
template <class Header>
[[nodiscard]] Header* header_at(std::vector<std::uint8_t>& bytes, std::size_t offset = 0) {
  return header_at<Header>(std::span(bytes), offset);
}

}  // namespace wayout::wire
