// A host as sorted lines of text, so that two readings of one namespace can be compared.
#pragma once

#include <string>
#include <vector>

#include "host/host.hpp"

namespace wayout::host {

/// Everything that was read of a namespace except where it was read from, and what passes while one
/// looks: counters, states of neighbours, learned fdb entries, multicast connections, and the time
/// that connections have left.
[[nodiscard]] std::vector<std::string> describe(const Host& host);

/// Which device ends of a machine belong together, by names.
[[nodiscard]] std::vector<std::string> describe_joins(const Machine& machine);

}  // namespace wayout::host
