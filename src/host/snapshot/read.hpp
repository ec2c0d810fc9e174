// A machine from a snapshot directory.
//
// The directory holds a manifest.json and a folder a namespace, or it is itself the folder of one
// namespace, `host`. A folder holds what the standard commands printed, under fixed names; the
// whole list is in folder.cpp. A file that is missing means the kernel's default, and Host::assumed
// says so. Nothing outside the directory is read.
#pragma once

#include <filesystem>

#include "host/host.hpp"
#include "wayout/result.hpp"

namespace wayout::host::snapshot {

/// Fails at the first file that cannot be read, with its place; then nothing is read.
[[nodiscard]] Result<Machine> read(const std::filesystem::path& directory);

}  // namespace wayout::host::snapshot
