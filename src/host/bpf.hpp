// BPF programs on a packet's way, other than XDP and those in tc filters. Found, not modelled.
#pragma once

#include <cstdint>

#include "host/device_book.hpp"
#include "host/file.hpp"
#include "host/host.hpp"

namespace wayout::host {

/// A program attached to a device with tcx, into host.unmodelled.
void add_tcx_program(DeviceId device, bool ingress, Host& host);

/// A program at a netfilter hook of IPv4, into host.unmodelled.
void add_netfilter_program(Hook hook, std::int32_t priority, Host& host);

/// `bpftool -j net show`: programs of both kinds. (XDP and tc stand there too, and are known from
/// `ip link` and tc.)
[[nodiscard]] Result<void> read_bpftool_net(const File& file, Host& host, const DeviceBook& book);

}  // namespace wayout::host
