// `ip -json neigh show`, `bridge -json fdb show`, `bridge -json vlan show`.
#pragma once

#include "host/device_book.hpp"
#include "host/file.hpp"
#include "host/host.hpp"

namespace wayout::host::snapshot {

/// Neighbours of both families, into host.neighbours; also `ip neigh show proxy`.
[[nodiscard]] Result<void> read_neighbours_json(const File& file, Host& host, DeviceBook& book);
/// Entries of bridges and of VXLAN devices, into host.bridging; the unicast and multicast filters
/// of other devices, which the same listing shows, decide nothing here and are passed over.
[[nodiscard]] Result<void> read_fdb_json(const File& file, Host& host, DeviceBook& book);
[[nodiscard]] Result<void> read_vlans_json(const File& file, Host& host, DeviceBook& book);

}  // namespace wayout::host::snapshot
