// What is wrong with a line: the first thing found, and where.
//
// Readers of values report here and go on with a default, so that they read straight; whoever began
// the line looks once at the end and throws away what was made of a bad one.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace wayout::netfilter::text {

class Problem {
 public:
  /// Only the first report of a line is kept. `column` from 1; 0: not known.
  void report(std::uint32_t column, std::string message) {
    if (found_) return;
    found_ = true;
    column_ = column;
    message_ = std::move(message);
  }
  [[nodiscard]] bool found() const { return found_; }
  [[nodiscard]] std::uint32_t column() const { return column_; }
  [[nodiscard]] const std::string& message() const { return message_; }

 private:
  bool found_ = false;
  std::uint32_t column_ = 0;
  std::string message_;
};

}  // namespace wayout::netfilter::text
