// `ip link`, `ip -details link`, `ip addr` in plain text, as people paste them.
//
// Forms back to iproute2 of 2006 are read. MAC addresses that somebody masked with X are taken as
// not known; a masked IP address is an error.
#pragma once

#include "host/device_book.hpp"
#include "host/file.hpp"
#include "host/host.hpp"

namespace wayout::host::snapshot {

/// The devices of either listing, into host.devices. Fails on a device listed twice.
[[nodiscard]] Result<void> read_links_text(const File& file, Host& host, DeviceBook& book);

/// The `inet` lines of `ip addr`, into host.interfaces, in the order listed. Addresses of devices
/// that the book does not have are left out, with a note.
[[nodiscard]] Result<void> read_addresses_text(const File& file, Host& host, DeviceBook& book);

}  // namespace wayout::host::snapshot
