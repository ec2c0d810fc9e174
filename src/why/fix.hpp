// Fixes are tried, not guessed.
//
// For a packet that is dropped, changes that could lift it are applied to a copy of the machine, and
// the question is asked again, both ways; when the next thing stops the packet, the search goes on
// from there. Only what got through is returned.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "why/change.hpp"
#include "why/conversation.hpp"

namespace wayout::why {

struct Fix {
  std::vector<Change> changes;   ///< in the order to apply them
  std::optional<std::uint32_t> refused_in = std::nullopt;  ///< it gets there, but nothing listens
  [[nodiscard]] int weight() const;
};

/// What helps, though not all the way: then `then` stops it, in a namespace further on.
struct Progress {
  std::vector<Change> changes;
  std::string then;
};

struct Tried {
  std::vector<Fix> fixes;
  std::optional<Progress> progress;  ///< only when there is no fix
};

/// Changes that might lift the end of this account, best first. None of them is tried yet.
[[nodiscard]] std::vector<Change> candidates(const host::Machine& machine, const Question& question,
                                             const Account& account);

/// With this change alone the packet does not end where it did.
[[nodiscard]] bool ends_elsewhere(const host::Machine& machine, const Question& question,
                                  const Account& account, const Change& change);

/// Every returned fix was tried: with it packets pass both ways. Smallest first, at most three; those
/// after which the packet arrives but is refused only where there is no other. Bounded in the number
/// of trials.
[[nodiscard]] Tried tried_fixes(const host::Machine& machine, const Question& question,
                                           const Account& account);

}  // namespace wayout::why
