// One namespace from the folder of a snapshot.
#pragma once

#include <filesystem>

#include "host/host.hpp"
#include "wayout/result.hpp"

namespace wayout::host::snapshot {

/// Everything that the folder holds, into a new Host, complete()d. Fails at the first file that
/// cannot be read, and for a folder without any file of a snapshot.
[[nodiscard]] Result<Host> read_folder(const std::filesystem::path& folder);

}  // namespace wayout::host::snapshot
