// Lines of an input, with their numbers, for every reader of rules.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "netfilter/text/problem.hpp"
#include "wayout/result.hpp"

namespace wayout::netfilter::text {

/// Gives one line after the other, without its end (`\n` or `\r\n`).
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  /// Goes to the next line; false behind the last.
  bool next() {
    if (rest_.empty()) return false;
    const std::size_t end = rest_.find('\n');
    line_ = rest_.substr(0, end);
    rest_ = end == std::string_view::npos ? std::string_view{} : rest_.substr(end + 1);
    if (line_.ends_with('\r')) line_.remove_suffix(1);
    ++number_;
    return true;
  }
  /// Goes on to where the quotes of this line close: a comment may go over several lines. Not when
  /// they never do.
  void join_quoted() {
    bool quoted = false;
    scan_quotes(line_, quoted);
    const char* const begin = line_.data();
    std::string_view rest = rest_;
    for (std::uint32_t number = number_ + 1; quoted && !rest.empty(); ++number) {
      const std::size_t end = rest.find('\n');
      const std::string_view more = rest.substr(0, end);
      rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
      scan_quotes(more, quoted);
      if (quoted) continue;
      line_ = {begin, static_cast<std::size_t>(more.data() + more.size() - begin)};
      rest_ = rest;
      number_ = number;
    }
  }
  [[nodiscard]] std::string_view line() const { return line_; }
  [[nodiscard]] std::uint32_t number() const { return number_; }  ///< from 1

 private:
  static void scan_quotes(std::string_view line, bool& quoted) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (quoted && line[i] == '\\') ++i;
      else if (line[i] == '"') quoted = !quoted;
    }
  }

  std::string_view rest_, line_;
  std::uint32_t number_ = 0;
};

/// The line without blanks at both ends.
[[nodiscard]] inline std::string_view trim(std::string_view line) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t first = line.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(blanks) - first + 1);
}

[[nodiscard]] inline Error error_at(const std::string& file, std::uint32_t line,
                                    const Problem& problem) {
  return {file, line, problem.column(), problem.message()};
}

}  // namespace wayout::netfilter::text
