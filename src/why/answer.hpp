// The whole answer to a question: what happened, why, and what lifts it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/host.hpp"
#include "why/conversation.hpp"
#include "why/fix.hpp"
#include "why/lint.hpp"
#include "why/question.hpp"

namespace wayout::why {

struct Answer {
  Question question;
  Account account;
  std::vector<Fix> fixes;       ///< tried: each gets the packet there and the answer back
  std::optional<Progress> progress;  ///< without a fix: what gets it further
  std::vector<Remark> remarks;  ///< what looks wrong on the way, whether or not it decided
};

/// Ask: play the question through, find the cause, try the fixes.
[[nodiscard]] Answer answer(const host::Machine& machine, const Question& question);

/// The contract's exit code: 0 delivered, 1 dropped, 3 undecided.
[[nodiscard]] int exit_code(const Answer& answer);

}  // namespace wayout::why
