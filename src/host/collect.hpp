// Writing a snapshot directory: what the standard commands print, per namespace, and a manifest.
//
// The files are what `snapshot/` reads. The program and the script run the same commands
// (collect/commands.cpp), so that both directories are alike.
#pragma once

#include <filesystem>
#include <string>

#include "wayout/result.hpp"

namespace wayout::host {

/// Run the commands in the caller's own namespace, in every one that `ip netns`, docker or podman
/// names, and in those of other processes that have devices besides loopback. Commands that are not
/// installed or fail leave no file. Fails without root, and when `directory` exists and holds
/// anything.
[[nodiscard]] Result<void> write_snapshot(const std::filesystem::path& directory);

/// A POSIX shell script that does the same with nothing but standard commands (nsenter to enter a
/// namespace), for hosts without this program. Namespaces of unnamed processes are left out.
[[nodiscard]] std::string snapshot_script();

}  // namespace wayout::host
