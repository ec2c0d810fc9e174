// `ip -details -json link show` and `ip -json addr show`: devices and their addresses.
#pragma once

#include "host/device_book.hpp"
#include "host/file.hpp"
#include "host/host.hpp"

namespace wayout::host::snapshot {

/// The devices of either listing, into host.devices. Fails on a device listed twice.
[[nodiscard]] Result<void> read_links_json(const File& file, Host& host, DeviceBook& book);

/// The IPv4 addresses of `ip -json addr`, into host.interfaces, in the order listed. Addresses of
/// devices that the book does not have are left out, with a note.
[[nodiscard]] Result<void> read_addresses_json(const File& file, Host& host, DeviceBook& book);

}  // namespace wayout::host::snapshot
