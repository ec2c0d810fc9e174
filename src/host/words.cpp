#include "host/words.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "host/escape.hpp"

namespace wayout::host {

namespace {

constexpr std::string_view blanks = " \t";

}  // namespace

std::string_view Words::peek() const {
  const std::size_t begin = line_.find_first_not_of(blanks, at_);
  if (begin == std::string_view::npos) return {};
  return line_.substr(begin, line_.find_first_of(blanks, begin) - begin);
}

std::string_view Words::next() {
  const std::string_view word = peek();
  taken_at_ = word.empty() ? line_.size() : static_cast<std::size_t>(word.data() - line_.data());
  at_ = taken_at_ + word.size();
  return word;
}

bool Words::take(std::string_view word) {
  if (peek() != word) return false;
  next();
  return true;
}

std::string_view Words::value(std::string_view keyword) {
  const std::string_view word = next();
  if (word.empty()) fail(taken_at_, keyword, word);
  return word;
}

void Words::fail(std::string message) {
  if (!error_) error_ = Error{file_->name, line_number_, taken_at_ + 1, std::move(message)};
}

void Words::fail(std::size_t at, std::string_view keyword, std::string_view word) {
  taken_at_ = at;
  // Not every place has a keyword before it: "the netmask".
  const std::string after =
      keyword.starts_with("the ") ? std::string(keyword) : fmt::format("\"{}\"", keyword);
  fail(word.empty() ? fmt::format("the line ends after {}", after)
                    : fmt::format("unexpected \"{}\" after {}", escaped(word), after));
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::vector<std::string_view> split(std::string_view line, std::string_view separators) {
  std::vector<std::string_view> words;
  for (std::size_t at = 0;
       (at = line.find_first_not_of(separators, at)) != std::string_view::npos;) {
    const std::size_t end = line.find_first_of(separators, at);
    words.push_back(line.substr(at, end - at));
    if (end == std::string_view::npos) break;
    at = end;
  }
  return words;
}

std::string shortened(const std::vector<std::string>& names) {
  constexpr std::size_t most = 8;
  if (names.size() <= most) return fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{} and {} more",
                     fmt::join(names.begin(), names.begin() + most, ", "), names.size() - most);
}

Result<void> read_lines(const File& file, const std::function<void(Words&)>& visit) {
  std::optional<Error> error;
  for_each_line(file.text, [&](std::string_view line, std::size_t number) {
    Words words(file, line, number);
    if (words.done() || is_prompt(line)) return true;
    visit(words);
    error = words.error();
    return !error.has_value();
  });
  if (error) return *error;
  return {};
}

}  // namespace wayout::host
