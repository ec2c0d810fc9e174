// Random rules of what is modelled, such as the kernel loads, and such as packets meet.
#pragma once

#include <random>
#include <string>

namespace wayout::kernel {

/// A ruleset for iptables-restore: every table with all its chains and two more, a few rules each.
/// Whatever depends on time or drawn ports is left out: `limit` has a rate of one an hour.
[[nodiscard]] std::string random_rules(std::mt19937& random);

}  // namespace wayout::kernel
