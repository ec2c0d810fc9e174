// Steps retold: one line for each stage that decided something.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/host.hpp"
#include "why/conversation.hpp"

namespace wayout::why {

struct StoryLine {
  Way way = Way::out;
  std::uint32_t packet = 0;
  std::uint32_t host = 0;
  std::string device;     ///< where
  std::string stage;      ///< kernel function, or hook and table for rules
  std::string did;        ///< `routed`, `translated`, `accepted`, …
  std::string text;       ///< what was decided
  std::string line;       ///< by which configuration line; "": none
  bool ended = false;
};

/// The lines of one leg. `all`: also rules that were looked at and did not match, with the reason.
[[nodiscard]] std::vector<StoryLine> story(const host::Machine& machine, const Account& account,
                                           const Leg& leg, bool all);

}  // namespace wayout::why
