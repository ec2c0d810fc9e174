// In which order a namespace got its devices.
//
// The kernel walks them so when it takes an address of any device. Numbers (ifindex) tell that
// order only as long as no device came from another namespace: it keeps its number when it can.
#pragma once

#include <vector>

#include "host/device_book.hpp"
#include "host/file.hpp"
#include "host/host.hpp"

namespace wayout::host {

/// /proc/net/igmp, which lists the devices that are up by registration, into host.registered.
[[nodiscard]] Result<void> read_registration(const File& file, Host& host, const DeviceBook& book);

/// All devices, the first registered first. One that host.registered does not name stands behind
/// those of lower number.
[[nodiscard]] std::vector<DeviceId> registration_order(const Host& host);

}  // namespace wayout::host
