// Neighbour entries, proxies, forwarding databases and VLAN memberships, over rtnetlink.
#pragma once

#include "host/device_book.hpp"
#include "host/live/netlink.hpp"

namespace wayout::host::live {

/// Neighbours of both families and proxy entries, into host.neighbours; as `ip neigh` without those
/// that need no resolution (NUD_NOARP).
[[nodiscard]] Result<void> read_neighbours(Netlink& netlink, Host& host, const DeviceBook& book);

/// Entries of bridges and of VXLAN devices, and VLANs of bridge ports, into host.bridging.
[[nodiscard]] Result<void> read_bridging(Netlink& netlink, Host& host, const DeviceBook& book);

}  // namespace wayout::host::live
