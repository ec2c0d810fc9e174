// The answer as people and as scripts read it.
#pragma once

#include <string>

#include "host/host.hpp"
#include "why/answer.hpp"

namespace wayout::why {

struct Style {
  bool colour = false;
  bool explain = false;   ///< every stage, and why earlier rules did not match
};

/// A heading with the verdict, one line a deciding stage, the cause, the fixes. Everything read
/// from outside is escaped. Ends with a newline.
[[nodiscard]] std::string report_text(const host::Machine& machine, const Answer& answer,
                                      const Style& style);

/// The same as one JSON object (docs/man/wayout.1 lists its members).
[[nodiscard]] std::string report_json(const host::Machine& machine, const Answer& answer,
                                      bool explain);

}  // namespace wayout::why
