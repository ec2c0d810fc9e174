#include "nat/lookup3.hpp"

#include <bit>

namespace wayout::nat {
namespace {

struct Lanes {
  std::uint32_t a, b, c;

  void add(std::span<const std::uint32_t> words) {
    if (!words.empty()) a += words[0];
    if (words.size() > 1) b += words[1];
    if (words.size() > 2) c += words[2];
  }
  /// Reversible mixing: each step works one lane into the next.
  void mix() {
    const auto step = [](std::uint32_t& into, std::uint32_t& from, std::uint32_t& third, int turn) {
      into -= from;
      into ^= std::rotl(from, turn);
      from += third;
    };
    step(a, c, b, 4);
    step(b, a, c, 6);
    step(c, b, a, 8);
    step(a, c, b, 16);
    step(b, a, c, 19);
    step(c, b, a, 4);
  }
  /// The last mixing, after which c is the hash.
  void finish() {
    const auto step = [](std::uint32_t& into, std::uint32_t from, int turn) {
      into ^= from;
      into -= std::rotl(from, turn);
    };
    step(c, b, 14);
    step(a, c, 11);
    step(b, a, 25);
    step(c, b, 16);
    step(a, c, 4);
    step(b, a, 14);
    step(c, b, 24);
  }
};

}  // namespace

std::uint32_t lookup3(std::span<const std::uint32_t> words, std::uint32_t seed) {
  const std::uint32_t start = 0xdeadbeef + (static_cast<std::uint32_t>(words.size()) << 2) + seed;
  Lanes lanes{start, start, start};
  for (; words.size() > 3; words = words.subspan(3)) {
    lanes.add(words.first(3));
    lanes.mix();
  }
  if (words.empty()) return lanes.c;
  lanes.add(words);
  lanes.finish();
  return lanes.c;
}

}  // namespace wayout::nat
