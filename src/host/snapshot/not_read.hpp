// What lies in a snapshot and was not read, so that a misspelt name does not pass for a missing file.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace wayout::host::snapshot {

/// One line for each entry of `folder` but those `read`, and those of IPv6, which is not modelled;
/// many are told in one.
[[nodiscard]] std::vector<std::string> tell_not_read(const std::filesystem::path& folder,
                                                     const std::set<std::string>& read);

}  // namespace wayout::host::snapshot
