// Packets that routers send in a circle until their TTL has run out.
#pragma once

#include <cstdint>
#include <vector>

#include "packet/trace.hpp"
#include "path/journey.hpp"

namespace wayout::why {

/// The routing decisions of one turn of the circle in which the packet went that ended so, that of
/// the circle's first host first; the last one sends the packet back there. Empty: it did not die of
/// its TTL, or went in none.
[[nodiscard]] std::vector<Step> circle_of(const std::vector<Step>& steps,
                                          const path::JourneyEnd& end);

}  // namespace wayout::why
