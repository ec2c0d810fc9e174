// Where a packet of the conversation came to, of all that became of it and its copies and pieces.
#pragma once

#include <cstdint>
#include <optional>

#include "path/journey.hpp"

namespace wayout::why {

/// Where a leg came to: the end that tells most about it, and the frame that left, if any.
struct Arrival {
  enum class Kind : std::uint8_t { delivered, refused, left, lost };
  Kind kind = Kind::lost;
  path::JourneyEnd end;
  std::optional<path::Departure> departure;  ///< of its pieces, if it left in some: put together
};

/// `packet`: a number of the journey. It has left this machine only if all of it did: who gets some
/// of the fragments waits for the others, and then throws them away.
[[nodiscard]] Arrival arrival_of(const path::Journey& journey, std::uint32_t packet);

/// Nobody listens where it came to.
[[nodiscard]] bool refused(const Stop& stop);

}  // namespace wayout::why
