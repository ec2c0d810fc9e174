// `ip route`, `ip rule` and `route -n` in plain text, as people paste them.
#pragma once

#include "host/device_book.hpp"
#include "host/file.hpp"
#include "host/host.hpp"
#include "host/snapshot/route_list.hpp"

namespace wayout::host::snapshot {

/// `ip route [show table all]`, or `route -n` and `netstat -rn`, told apart by their headings.
[[nodiscard]] Result<void> read_routes_text(const File& file, RouteList& routes);

/// The rules in the order listed, into host.fib. A rule with a word that is not known here is kept
/// and marked as not modelled.
[[nodiscard]] Result<void> read_rules_text(const File& file, Host& host, TableBook& tables);

}  // namespace wayout::host::snapshot
