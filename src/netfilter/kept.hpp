// Matches that stay in iptables-save's words: what those that are run ask. Targets: kept_change.hpp.
//
// The words are printed as they were read. compile() (hooks.hpp) reads them once into these
// numbers, and nothing else is looked at for a packet (match_kept.cpp). Most kept matches are not
// run: theirs stay empty.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace wayout::netfilter {

/// `-m length`, `-m ttl`, `-m tcpmss`. low > high holds nothing.
struct RangeQuestion {
  enum class Of : std::uint8_t { length, ttl, mss };
  Of of = Of::length;
  std::uint32_t low = 0, high = 0;
  bool invert = false;
};
/// `-m tos`, and `-m dscp` in the same octet: what of it lies under the mask is the value.
struct TosQuestion {
  std::uint32_t value = 0, mask = 0;
  bool invert = false;
};
/// `-m pkttype`.
struct PacketTypeQuestion {
  enum class Type : std::uint8_t { unicast, broadcast, multicast, none };
  Type type = Type::unicast;                    ///< none: a word that no packet answers to
  bool invert = false;
};
/// `-m rpfilter`.
struct RpfilterQuestion {
  bool loose = false, valid_mark = false, accept_local = false;
  bool invert = false;
};

/// Empty: the outcome is not known.
using KeptQuestion = std::variant<std::monostate, RangeQuestion, TosQuestion, PacketTypeQuestion,
                                  RpfilterQuestion>;

/// What a match of this name asks with these words, which stand behind `-m name`.
[[nodiscard]] KeptQuestion kept_question(std::string_view name,
                                         const std::vector<std::string>& words);

}  // namespace wayout::netfilter
