// The parts of an answer in JSON that other commands show, too.
#pragma once

#include <nlohmann/json.hpp>

#include "host/host.hpp"
#include "why/story.hpp"

namespace wayout::why {

/// `{"kind": "rule", "namespace": "host", "table": …, "text": …}`, the contract's `cause`.
[[nodiscard]] nlohmann::ordered_json cause_json(const host::Host& host, const Cause& cause);

/// One line of a story, a member of the contract's `steps`.
[[nodiscard]] nlohmann::ordered_json step_json(const host::Machine& machine, const StoryLine& line);

/// `out` or `back`.
[[nodiscard]] const char* direction_word(Way way);

}  // namespace wayout::why
