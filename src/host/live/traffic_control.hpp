// tc, tcx and netfilter BPF programs, as the kernel has them now.
#pragma once

#include "host/device_book.hpp"
#include "host/live/netlink.hpp"

namespace wayout::host::live {

/// Disciplines and filters of all devices, into host.unmodelled. Filters are listed by running tc;
/// without it their places count as unknown.
[[nodiscard]] Result<void> read_traffic_control(Netlink& netlink, Host& host,
                                                const DeviceBook& book);

/// Programs attached with tcx (Linux 6.6). Older kernels have none.
void read_tcx_programs(Host& host);

/// BPF programs at netfilter hooks (Linux 6.4). They do not say their namespace, so every one
/// counts for every host.
void read_netfilter_programs(Host& host);

}  // namespace wayout::host::live
