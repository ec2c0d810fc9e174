// `ip neigh`, `bridge fdb`, `bridge vlan` in plain text, as people paste them.
#pragma once

#include "host/device_book.hpp"
#include "host/file.hpp"
#include "host/host.hpp"

namespace wayout::host::snapshot {

[[nodiscard]] Result<void> read_neighbours_text(const File& file, Host& host, DeviceBook& book);
[[nodiscard]] Result<void> read_fdb_text(const File& file, Host& host, DeviceBook& book);
[[nodiscard]] Result<void> read_vlans_text(const File& file, Host& host, DeviceBook& book);

}  // namespace wayout::host::snapshot
