#include "host/live/table_names.hpp"

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <vector>

#include "host/file.hpp"
#include "host/names.hpp"
#include "route/fib.hpp"

namespace wayout::host::live {

namespace {

/// `100 isp1`, decimal or hexadecimal.
void read_line(std::string_view line, std::unordered_map<std::uint32_t, std::string>& names) {
  std::istringstream words{std::string(line.substr(0, line.find('#')))};
  std::string id, name;
  if (!(words >> id >> name)) return;
  const auto value = number<std::uint32_t>(id);
  if (value && *value != 0 && (*value < route::table_default || *value > route::table_local))
    names[*value] = name;
}

}  // namespace

std::unordered_map<std::uint32_t, std::string> read_table_names() {
  std::unordered_map<std::uint32_t, std::string> names;
  for (const char* directory : {"/usr/share/iproute2", "/etc/iproute2"}) {
    const std::filesystem::path base(directory);
    std::vector<std::filesystem::path> files = {base / "rt_tables"};
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(base / "rt_tables.d", error))
      if (entry.path().extension() == ".conf") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const std::filesystem::path& path : files) {
      const Result<std::optional<File>> file = read_file(path);
      if (!file || !file.value()) continue;
      for_each_line(file.value()->text, [&](std::string_view line, std::size_t) {
        read_line(line, names);
        return true;
      });
    }
  }
  return names;
}

}  // namespace wayout::host::live
