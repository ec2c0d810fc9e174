// How a change of the rules survives a reboot, and whoever makes them anew.
#pragma once

#include <string>
#include <string_view>

#include "host/host.hpp"

namespace wayout::why {

/// Of a new rule in `chain`. Who wrote the rules of a host (ufw, firewalld) or a chain (docker,
/// kube-proxy) writes them again: a rule of one's own belongs where that one leaves room.
[[nodiscard]] std::string how_to_keep_rules(const host::Host& host, std::string_view chain);

/// The same for a rule that goes.
[[nodiscard]] std::string how_to_drop_rules(const host::Host& host, std::string_view chain);

/// Of an element that a set gets or loses.
[[nodiscard]] std::string how_to_keep_set(std::string_view set, const std::string& element);

}  // namespace wayout::why
