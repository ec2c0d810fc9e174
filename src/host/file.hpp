// The bytes of one input, with the name under which errors speak of it.
//
// An input is a file of a snapshot or what a command printed; readers do not know which.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "wayout/result.hpp"

namespace wayout::host {

struct File {
  std::string name;  ///< path as the user gave it, or the command line in backquotes
  std::string text;

  /// An Error at the byte `offset` of text, with line and column.
  [[nodiscard]] Error error_at(std::size_t offset, std::string message) const;
};

/// Nothing when there is no such file. Fails on anything but a regular file of at most 1 GiB.
[[nodiscard]] Result<std::optional<File>> read_file(const std::filesystem::path& path);

/// Takes away what terminals and mail programs add to a listing: colours (`ESC [ 1;32 m`, outside
/// of double quotes), a byte order mark, a `>` before every line, the indentation of a block. Fails
/// on what is no such text.
[[nodiscard]] Result<void> strip_decoration(File& file);

/// Empties the lines that have a shell's prompt, for readers that do not know them.
void strip_prompts(File& file);

/// Calls visit(line, number) for every line, without its line end (LF or CRLF); numbers from 1.
/// Stops when visit returns false.
template <class Visit>
void for_each_line(std::string_view text, Visit visit) {
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!visit(line, ++number)) return;
  }
}

}  // namespace wayout::host
