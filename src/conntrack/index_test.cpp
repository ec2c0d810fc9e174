#include "conntrack/index.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace wayout::conntrack {
namespace {

/// Many values share few hashes, so that probes run through each other and around the end.
TEST(Index, KeepsWhatAMapKeeps) {
  std::mt19937 random(1);
  Index index;
  std::map<std::uint32_t, std::uint32_t> hash_of;  // value -> hash
  for (int step = 0; step < 2000; ++step) {
    const std::uint32_t value = 1 + random() % 500;
    const auto known = hash_of.find(value);
    if (known == hash_of.end()) {
      const std::uint32_t hash = random() % 40 - 20;
      index.insert(hash, value);
      hash_of[value] = hash;
    } else {
      index.erase(known->second, value);
      hash_of.erase(known);
    }
    const std::uint32_t asked = 1 + random() % 500;
    for (std::uint32_t hash = 0; hash < 40; ++hash) {
      const auto found = index.find(hash - 20, [&](std::uint32_t v) { return v == asked; });
      const bool there = hash_of.contains(asked) && hash_of[asked] == hash - 20;
      ASSERT_EQ(found, there ? asked : Index::none) << "step " << step;
    }
  }
}

TEST(Index, ForgetsNothingWhenAnUnknownPairIsErased) {
  Index index;
  index.erase(1, 2);
  index.insert(1, 2);
  index.erase(1, 3);
  index.erase(2, 2);
  EXPECT_EQ(index.find(1, [](std::uint32_t) { return true; }), 2U);
}

}  // namespace
}  // namespace wayout::conntrack
