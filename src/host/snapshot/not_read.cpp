#include "host/snapshot/not_read.hpp"

#include <fmt/format.h>

#include <system_error>

namespace wayout::host::snapshot {
namespace {

constexpr std::size_t most_lines = 8;

bool is_of_ipv6(const std::string& name) {
  return name.starts_with("ip-6-") || name.starts_with("ip6tables");
}

}  // namespace

std::vector<std::string> tell_not_read(const std::filesystem::path& folder,
                                       const std::set<std::string>& read) {
  std::set<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (read.contains(name) || is_of_ipv6(name)) continue;
    std::error_code unknown;
    const bool is_folder = entry->is_directory(unknown);
    names.insert(is_folder ? fmt::format("the folder {} is not read: no manifest.json names it", name)
                           : fmt::format("{} is not read: no file of a snapshot has this name", name));
  }
  std::vector<std::string> lines(names.begin(), names.end());
  if (lines.size() > most_lines) {
    const std::size_t more = lines.size() - most_lines;
    lines.resize(most_lines);
    lines.push_back(fmt::format("{} more files and folders are not read", more));
  }
  return lines;
}

}  // namespace wayout::host::snapshot
