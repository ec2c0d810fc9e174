// A scenario asked of both, and what differs made small.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "drop_events.hpp"
#include "scenario.hpp"

namespace wayout::oracle {

struct Trial {
  Scenario scenario;                     ///< with the frames that were sent
  std::string problem;                   ///< why it could not be asked; "": it was
  std::vector<std::string> differences;
};

/// Ask both. `frame_count` random frames are made when the scenario is random.
[[nodiscard]] Trial try_random(std::uint32_t seed, std::size_t frame_count, kernel::DropEvents& drops);
[[nodiscard]] Trial try_scenario(const Scenario& scenario, kernel::DropEvents& drops);

/// The smallest scenario found, in so many tries at most, that still differs in the way of the first
/// of `trial`'s differences.
[[nodiscard]] Trial shrink(const Trial& trial, std::size_t most_tries, kernel::DropEvents& drops);

}  // namespace wayout::oracle
