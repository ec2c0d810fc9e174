// What the far end is like when it was not read, as far as rules here ask for it.
#pragma once

#include <cstdint>

#include "host/host.hpp"
#include "packet/chance.hpp"
#include "why/dialogue.hpp"

namespace wayout::why {

struct Outsider {
  std::uint8_t ttl = 57;  ///< on arrival: a common initial 64 after some hops
  TcpOffer offer;         ///< as Linux has it
};

/// One such end. Where a rule of this machine asks for the TTL, for an option of TCP or for the MSS,
/// nobody knows what its answers have: each outcome is followed, because of that rule.
[[nodiscard]] Outsider outsider(const host::Machine& machine, Probe probe, Chance& chance);

}  // namespace wayout::why
