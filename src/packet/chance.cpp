#include "packet/chance.hpp"

#include <cassert>

namespace wayout {

namespace {

/// One round of SplitMix64: every bit of the result depends on every bit of the input.
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

std::uint32_t Chance::choose(Cause asked_by, std::uint32_t options) {
  assert(options > 0);
  if (mode_ == Mode::draw) return static_cast<std::uint32_t>(generator_() % options);
  return follow_script({.asked_by = asked_by, .host = host_, .options = options});
}

std::uint32_t Chance::choose_for(std::uint64_t flow, Cause asked_by, std::uint32_t options) {
  assert(options > 0 && flow != 0);
  if (mode_ == Mode::draw) return static_cast<std::uint32_t>(mixed(flow ^ mixed(seed_)) % options);
  for (const Choice& before : asked_)
    if (before.flow == flow && before.asked_by == asked_by && before.host == host_)
      return before.taken % options;
  return follow_script(
      {.asked_by = asked_by, .host = host_, .options = options, .flow = flow});
}

std::uint32_t Chance::follow_script(const Choice& choice) {
  asked_.push_back(choice);
  std::uint32_t& taken = asked_.back().taken;
  if (asked_.size() <= script_.size()) taken = script_[asked_.size() - 1];
  return taken;
}

}  // namespace wayout
