#include "netfilter/prompt.hpp"

namespace wayout::netfilter {
namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

/// `user@host:directory`, `[user@host directory]`, `host:~`, `/`.
bool is_before_sign(std::string_view text) {
  const std::string_view first = text.substr(0, text.find_first_of(blanks));
  const std::size_t at = first.find('@');
  if (at != std::string_view::npos && at != 0) return true;
  return first.size() == text.size() && (text.ends_with('~') || text.ends_with('/'));
}

}  // namespace

std::optional<std::string_view> pasted_command(std::string_view line) {
  const bool indented = line.starts_with(' ') || line.starts_with('\t');
  line = trimmed(line);
  if (line.starts_with('#') || line.starts_with('$')) return trimmed(line.substr(1));
  for (std::size_t at = 0; (at = line.find_first_of("#$", at)) != std::string_view::npos; ++at) {
    const bool stands_alone =
        at + 1 == line.size() || blanks.find(line[at + 1]) != std::string_view::npos;
    if (!stands_alone) continue;
    if (indented || !is_before_sign(trimmed(line.substr(0, at)))) return std::nullopt;
    return trimmed(line.substr(at + 1));
  }
  return std::nullopt;
}

}  // namespace wayout::netfilter
