// Routes of all tables with their next hop objects, and routing rules, over rtnetlink.
#pragma once

#include "host/device_book.hpp"
#include "host/live/netlink.hpp"

namespace wayout::host::live {

/// The IPv4 routes of all tables, into host.fib.
[[nodiscard]] Result<void> read_routes(Netlink& netlink, Host& host, const DeviceBook& book);

/// The IPv4 rules in the order in which they are asked, into host.fib. A rule with a selector that
/// is not known here is kept and marked as not modelled.
[[nodiscard]] Result<void> read_rules(Netlink& netlink, Host& host);

}  // namespace wayout::host::live
