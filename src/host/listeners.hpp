// Sockets that listen, as `ss` lists them.
#pragma once

#include "host/device_book.hpp"
#include "host/file.hpp"
#include "host/host.hpp"

namespace wayout::host {

/// `ss -Hlntu` (or with its heading), into host.listeners, which are then known. Sockets of other
/// protocols, and of IPv6 alone, are passed over.
[[nodiscard]] Result<void> read_listeners(const File& file, Host& host, const DeviceBook& book);

/// `ss -Hlntu --inet-sockopt` beside that listing: which sockets of host.listeners are transparent.
/// A socket that host.listeners does not have is passed over: it was opened, or closed, meanwhile.
[[nodiscard]] Result<void> read_socket_options(const File& file, Host& host, const DeviceBook& book);

}  // namespace wayout::host
