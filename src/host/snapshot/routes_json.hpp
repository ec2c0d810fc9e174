// `ip -json route show table all`, `ip -json rule show`, `ip -json nexthop show`.
#pragma once

#include "host/device_book.hpp"
#include "host/file.hpp"
#include "host/host.hpp"
#include "host/snapshot/route_list.hpp"

namespace wayout::host::snapshot {

[[nodiscard]] Result<void> read_routes_json(const File& file, RouteList& routes);
/// The rules in the order listed, into host.fib. A rule with a selector that is not known here is
/// kept and marked as not modelled.
[[nodiscard]] Result<void> read_rules_json(const File& file, Host& host, TableBook& tables);
[[nodiscard]] Result<NexthopObjects> read_nexthops_json(const File& file, DeviceBook& book);

}  // namespace wayout::host::snapshot
