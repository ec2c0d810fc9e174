// A connection as a line of conntrack -L, in an order in which two lists can be held side by side.
#pragma once

#include <string>

#include "conntrack/table.hpp"

namespace wayout::oracle {

/// The timeout stands at the end, so that lists sort by what does not run.
[[nodiscard]] std::string listed(const conntrack::Connection& connection, std::int64_t now_ms);
/// The same but for a timeout that differs by a second: the clocks of two looks.
[[nodiscard]] bool same_but_for_a_second(const std::string& a, const std::string& b);

}  // namespace wayout::oracle
