// Devices and their addresses, by RTM_GETLINK and RTM_GETADDR.
#pragma once

#include "host/device_book.hpp"
#include "host/live/netlink.hpp"

namespace wayout::host::live {

/// All devices of the socket's namespace, into host.devices.
[[nodiscard]] Result<void> read_links(Netlink& netlink, Host& host, DeviceBook& book);

/// The IPv4 addresses in the kernel's order, into host.interfaces.
[[nodiscard]] Result<void> read_addresses(Netlink& netlink, Host& host, const DeviceBook& book);

}  // namespace wayout::host::live
