// A rule's line as words, split exactly as iptables-restore splits it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace wayout::netfilter::text {

/// One word; quotes and the escapes inside them are resolved.
struct Word {
  std::string text;
  std::uint32_t column = 0;  ///< from 1, where it begins in the line
};

/// Split `line`, whose first byte is at `column`, into `words` (which is emptied first). Blanks and
/// tabs separate words; a quote also ends the word when it closes; a backslash means something only
/// inside quotes, where it takes the next character as it is.
void split_words(std::string_view line, std::uint32_t column, std::vector<Word>& words);

}  // namespace wayout::netfilter::text
