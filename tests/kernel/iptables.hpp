// The two iptables of this machine.
#pragma once

#include <string>

#include "netfilter/rule.hpp"

namespace wayout::kernel {

/// `iptables-nft`, `iptables-legacy`.
[[nodiscard]] const char* iptables_name(netfilter::Backend backend);
/// What its -save -c prints in this namespace, without comments.
[[nodiscard]] std::string saved_rules(netfilter::Backend backend);

}  // namespace wayout::kernel
