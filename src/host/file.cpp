#include "host/file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

namespace wayout::host {

namespace {

/// More than any listing of a host; what is larger is no listing.
constexpr std::uintmax_t largest_bytes = std::uintmax_t{1} << 30;

}  // namespace

Error File::error_at(std::size_t offset, std::string message) const {
  const std::string_view before = std::string_view(text).substr(0, offset);
  const auto lines = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
  const std::size_t line_start =
      before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return {name, lines + 1, before.size() - line_start + 1, std::move(message)};
}

Result<std::optional<File>> read_file(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) return std::optional<File>{};
  if (error) return Error{path.string(), 0, 0, error.message()};
  if (status.type() != std::filesystem::file_type::regular)
    return Error{path.string(), 0, 0, "is not a regular file"};
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) return Error{path.string(), 0, 0, error.message()};
  if (size > largest_bytes)
    return Error{path.string(), 0, 0, fmt::format("is too large ({} bytes)", size)};

  std::ifstream stream(path, std::ios::binary);
  if (!stream) return Error{path.string(), 0, 0, std::strerror(errno)};
  File file{path.string(), std::string(static_cast<std::size_t>(size), '\0')};
  stream.read(file.text.data(), static_cast<std::streamsize>(size));
  if (stream.bad() || stream.gcount() != static_cast<std::streamsize>(size))
    return Error{path.string(), 0, 0, "could not be read to its end"};
  return std::optional<File>(std::move(file));
}

}  // namespace wayout::host
