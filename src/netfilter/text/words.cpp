#include "netfilter/text/words.hpp"

#include <utility>

namespace wayout::netfilter::text {

void split_words(std::string_view line, std::uint32_t column, std::vector<Word>& words) {
  words.clear();
  Word word;
  bool in_quotes = false, escaped = false, begun = false;
  const auto end_word = [&] {
    if (begun) words.push_back(std::exchange(word, {}));
    begun = false;
  };
  const auto begin_word = [&](std::size_t offset) {
    if (!begun) word.column = column + static_cast<std::uint32_t>(offset);
    begun = true;
  };

  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (in_quotes) {
      if (escaped) {
        word.text += c;
        escaped = false;
      } else if (c == '\\') {
        escaped = true;
      } else if (c == '"') {
        in_quotes = false;
        end_word();
      } else {
        word.text += c;
      }
    } else if (c == '"') {
      begin_word(i);
      in_quotes = true;
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      end_word();
    } else {
      begin_word(i);
      word.text += c;
    }
  }
  if (!word.text.empty()) end_word();
}

}  // namespace wayout::netfilter::text
