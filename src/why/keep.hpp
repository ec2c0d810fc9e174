// How a change of the rules survives a reboot.
#pragma once

#include <string>

#include "host/host.hpp"

namespace wayout::why {

/// Of a new rule. Who wrote the rules of a host (ufw, firewalld) writes them again: a rule of one's
/// own belongs where that one leaves room.
[[nodiscard]] std::string how_to_keep_rules(const host::Host& host);

/// The same for a rule that goes.
[[nodiscard]] std::string how_to_drop_rules(const host::Host& host);

}  // namespace wayout::why
