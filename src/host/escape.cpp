#include "host/escape.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>

namespace wayout::host {

namespace {

/// One code point at the beginning of `text`, and how many bytes it takes; 0: not valid UTF-8.
struct Decoded {
  std::uint32_t code_point = 0;
  std::size_t length_bytes = 0;
};

Decoded decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xf0 && first < 0xf5   ? 4
                             : first >= 0xe0 && first < 0xf0 ? 3
                             : first >= 0xc2 && first < 0xe0 ? 2
                                                             : 0;
  if (length == 0 || text.size() < length) return {};
  std::uint32_t code_point = first & (0xffu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code_point = code_point << 6 | (byte(i) & 0x3fu);
  }
  const bool overlong =
      (length == 3 && code_point < 0x800) || (length == 4 && code_point < 0x10000);
  const bool surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
  return overlong || surrogate || code_point > 0x10ffff ? Decoded{} : Decoded{code_point, length};
}

/// Moves the cursor, changes colours, or turns the reading direction.
bool speaks_to_terminal(std::uint32_t code_point) {
  return code_point < 0x20 || (code_point >= 0x7f && code_point <= 0x9f) || code_point == 0x200e ||
         code_point == 0x200f || code_point == 0x2028 || code_point == 0x2029 ||
         (code_point >= 0x202a && code_point <= 0x202e) ||
         (code_point >= 0x2066 && code_point <= 0x2069) || code_point == 0xfeff;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Decoded next = decode(text);
    if (next.length_bytes != 0 && !speaks_to_terminal(next.code_point)) {
      out.append(text.substr(0, next.length_bytes));
      text.remove_prefix(next.length_bytes);
      continue;
    }
    const std::size_t bytes = next.length_bytes == 0 ? 1 : next.length_bytes;
    for (std::size_t i = 0; i < bytes; ++i)
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<std::uint8_t>(text[i]));
    text.remove_prefix(bytes);
  }
  return out;
}

}  // namespace wayout::host
