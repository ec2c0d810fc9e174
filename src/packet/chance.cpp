#include "packet/chance.hpp"

#include <cassert>

namespace wayout {

std::uint32_t Chance::choose(Cause asked_by, std::uint32_t options) {
  assert(options > 0);
  std::uint32_t taken = 0;
  if (mode_ == Mode::draw) {
    taken = static_cast<std::uint32_t>(generator_() % options);
  } else if (asked_.size() < script_.size()) {
    taken = script_[asked_.size()];
  }
  asked_.push_back({asked_by, host_, options, taken});
  return taken;
}

}  // namespace wayout
