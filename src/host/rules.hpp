// The iptables rules of a namespace, from one or several files.
#pragma once

#include <string>

#include "host/file.hpp"
#include "host/host.hpp"

namespace wayout::host {

/// What iptables-save, -S or -L printed, into host.netfilter.rulesets and host.rule_files.
/// `backend`: whose they are if the text does not say it. When rules of the same backend were read
/// before, these are the same once more and are not added.
[[nodiscard]] Result<void> add_rules(const File& file, netfilter::Backend backend, Host& host);

/// Once, when all files are read: with tables of both backends, whose order of registration cannot
/// be seen, note that (Netfilter::unknown_order) and what is assumed.
void note_rule_order(Host& host);

}  // namespace wayout::host
