// What the namespace of the calling thread shows under /proc.
#pragma once

#include <string>

#include "host/host.hpp"
#include "wayout/result.hpp"

namespace wayout::host::live {

/// A file of /proc/net or /proc/sys, whose size is not known beforehand; "" when it is not there or
/// may not be read.
[[nodiscard]] std::string read_proc(const std::string& path);

/// All of net.ipv4 (of neigh what is read; without route), net.bridge and net.netfilter, into
/// host.sysctls, by the names that `sysctl -a` gives them.
void read_sysctl_files(Host& host);

}  // namespace wayout::host::live
