// Listening sockets, by sock_diag.
#pragma once

#include "host/device_book.hpp"
#include "host/host.hpp"

namespace wayout::host::live {

/// TCP sockets that listen and unconnected UDP sockets that take IPv4, into host.listeners. A
/// kernel without sock_diag leaves them unknown.
void read_listeners(Host& host, const DeviceBook& book);

}  // namespace wayout::host::live
