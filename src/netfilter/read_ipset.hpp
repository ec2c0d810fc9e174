// Reading IP sets: what `ipset save` and `ipset list` print.
#pragma once

#include <string>
#include <string_view>

#include "netfilter/ipset.hpp"
#include "wayout/result.hpp"

namespace wayout::netfilter {

/// Either format, told by its first line. The sets are indexed and `known`. A type that we do not
/// evaluate gives a set that is `unmodelled`, its elements not read. A line that is neither gives an
/// Error with line and column, and nothing else.
[[nodiscard]] Result<IpSets> read_ipset(std::string_view text, const std::string& file);

}  // namespace wayout::netfilter
