// One line of a plain listing, word by word, with places for errors.
//
// Like json.hpp: the first thing that cannot be read is remembered, reading goes on with defaults,
// and the error is what comes back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/file.hpp"
#include "host/names.hpp"
#include "netfilter/prompt.hpp"

namespace wayout::host {

class Words {
 public:
  Words(const File& file, std::string_view line, std::size_t line_number)
      : file_(&file), line_(line), line_number_(line_number) {}

  /// The next word without taking it; "" at the end of the line.
  [[nodiscard]] std::string_view peek() const;
  /// Take the next word.
  std::string_view next();
  [[nodiscard]] bool done() const { return peek().empty(); }
  /// Take the next word if it is this one.
  bool take(std::string_view word);
  [[nodiscard]] bool is_indented() const {
    return line_.starts_with(' ') || line_.starts_with('\t');
  }
  [[nodiscard]] std::string_view line() const { return line_; }
  [[nodiscard]] std::size_t line_number() const { return line_number_; }

  /// The word that must follow `keyword`.
  std::string_view value(std::string_view keyword);
  /// The same, as `parse` reads it.
  template <class Parse>
  auto parsed(std::string_view keyword, Parse parse) {
    const std::string_view word = value(keyword);
    auto result = parse(word);
    if (!result) fail(taken_at_, keyword, word);
    return result ? *result : typename decltype(result)::value_type{};
  }
  template <class T>
  T number_after(std::string_view keyword) {
    return parsed(keyword, number<T>);
  }

  /// Remember an error at the word taken last.
  void fail(std::string message);
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  void fail(std::size_t at, std::string_view keyword, std::string_view word);

  const File* file_;
  std::string_view line_;
  std::size_t line_number_;
  std::size_t at_ = 0;        ///< where the next word is looked for
  std::size_t taken_at_ = 0;  ///< where the word taken last began
  std::optional<Error> error_;
};

/// `# ip addr`, `root@host:~# bridge fdb`, `[root@host ~]#`: pasted along, or a comment.
[[nodiscard]] inline bool is_prompt(std::string_view line) {
  return netfilter::pasted_command(line).has_value();
}

/// The text without blanks at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);
/// What stands between the separators, without what is empty.
[[nodiscard]] std::vector<std::string_view> split(std::string_view line,
                                                  std::string_view separators = " \t");

/// `a, b, c`; of many only the first few, and how many there are.
[[nodiscard]] std::string shortened(const std::vector<std::string>& names);

/// Visits every line with something on it, except comments and the prompts that people paste along
/// (`root@host:~# ip route`). Returns the first error.
[[nodiscard]] Result<void> read_lines(const File& file, const std::function<void(Words&)>& visit);

}  // namespace wayout::host
