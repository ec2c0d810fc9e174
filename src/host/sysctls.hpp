// From sysctls by name to the fields that the rooms read.
#pragma once

#include "host/file.hpp"
#include "host/host.hpp"

namespace wayout::host {

/// What `sysctl -a` printed, into host.sysctls. Complaints of the tool between the lines are passed
/// over.
[[nodiscard]] Result<void> read_sysctls(const File& file, Host& host);

/// host.sysctls into the configuration of every room; the devices must be known. A device without
/// lines of its own takes net.ipv4.conf.default, and what is not there at all is the kernel's
/// default; both are recorded in host.assumed. Fails on a value that is no number, at its place in
/// `source`.
[[nodiscard]] Result<void> apply_sysctls(Host& host, const File& source = {});

/// `net.ipv4.conf.eth0/10.rp_filter`: dots in a device's name are printed as slashes.
[[nodiscard]] std::string conf_key(std::string_view device, std::string_view field);
/// `net.ipv4.neigh.eth0.mcast_solicit`, likewise.
[[nodiscard]] std::string neigh_key(std::string_view device, std::string_view field);

}  // namespace wayout::host
