#include "host/file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>
#include <utility>

#include "netfilter/prompt.hpp"

namespace wayout::host {

namespace {

/// More than any listing of a host; what is larger is no listing.
constexpr std::uintmax_t largest_bytes = std::uintmax_t{1} << 30;

/// Behind a terminal's sequence for colours or for erasing a line that begins at `at`; `at` itself
/// when there is none.
std::size_t after_colour(std::string_view text, std::size_t at) {
  if (!text.substr(at).starts_with("\x1b[")) return at;
  const std::size_t end = text.find_first_not_of("0123456789;:", at + 2);
  return end != std::string_view::npos && (text[end] == 'm' || text[end] == 'K') ? end + 1 : at;
}

/// What stands in quotes is a name or a text of somebody, which is to stay as it is.
std::string without_colours(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  bool quoted = false;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (quoted && c == '\\' && at + 1 < text.size()) {
      result.append(text.substr(at, 2));
      at += 2;
      continue;
    }
    const std::size_t behind = quoted ? at : after_colour(text, at);
    if (c == '"') quoted = !quoted;
    if (c == '\n') quoted = false;
    if (behind == at) result += c;
    at = std::max(behind, at + (behind == at ? 1 : 0));
  }
  return result;
}

/// `> ` before every line that is not empty, as in an answer to a mail.
bool is_cited(std::string_view text) {
  bool any = false, all = true;
  for_each_line(text, [&](std::string_view line, std::size_t) {
    any |= line.starts_with('>');
    all &= line.empty() || line.starts_with('>');
    return all;
  });
  return any && all;
}

std::string uncited(std::string_view text) {
  std::string result;
  for_each_line(text, [&](std::string_view line, std::size_t) {
    if (line.starts_with('>')) line.remove_prefix(line.starts_with("> ") ? 2 : 1);
    result.append(line) += '\n';
    return true;
  });
  return result;
}

/// Four blanks or a tab before every line that is not empty, as code stands in Markdown.
std::string_view block_indentation(std::string_view text) {
  for (const std::string_view indentation : {"    ", "\t"}) {
    bool any = false, all = true;
    for_each_line(text, [&](std::string_view line, std::size_t) {
      any |= line.starts_with(indentation);
      all &= line.empty() || line.starts_with(indentation);
      return all;
    });
    if (any && all) return indentation;
  }
  return "";
}

std::string unindented(std::string_view text, std::size_t by) {
  std::string result;
  for_each_line(text, [&](std::string_view line, std::size_t) {
    result.append(line.substr(std::min(by, line.size()))) += '\n';
    return true;
  });
  return result;
}

}  // namespace

Result<void> strip_decoration(File& file) {
  std::string& text = file.text;
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"))
    return file.error_at(0, "is UTF-16; save it as UTF-8");
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  if (const std::size_t zero = text.find('\0'); zero != std::string::npos)
    return file.error_at(zero, "is no text: there is a zero byte");
  if (text.find("\x1b[") != std::string::npos) text = without_colours(text);
  while (is_cited(text)) text = uncited(text);
  if (const auto indentation = block_indentation(text); !indentation.empty())
    text = unindented(text, indentation.size());
  return {};
}

void strip_prompts(File& file) {
  std::string result;
  for_each_line(file.text, [&](std::string_view line, std::size_t) {
    if (!netfilter::pasted_command(line)) result.append(line);
    result += '\n';
    return true;
  });
  file.text = std::move(result);
}

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
