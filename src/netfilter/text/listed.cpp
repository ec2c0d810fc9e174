#include "netfilter/text/listed.hpp"

#include <algorithm>
#include <utility>

namespace wayout::netfilter::text {

void ListedWords::skip_blanks() {
  rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size()));
}

std::string_view ListedWords::next() {
  const std::string_view word = peek();
  rest_.remove_prefix(word.size());
  skip_blanks();
  return word;
}

bool ListedWords::take(std::string_view words) {
  const std::string_view before = rest_;
  while (!words.empty()) {
    const std::string_view wanted = words.substr(0, words.find(' '));
    if (peek() != wanted) {
      rest_ = before;
      return false;
    }
    next();
    words.remove_prefix(std::min(wanted.size() + 1, words.size()));
  }
  return true;
}

bool ListedWords::take_inverted(std::string_view words, bool& inverted) {
  const std::string_view before = rest_;
  inverted = take("!");
  if (take(words)) return true;
  rest_ = before;
  return false;
}

bool ListedWords::take_prefixed(std::string_view prefix, std::string_view& value) {
  if (!peek().starts_with(prefix)) return false;
  value = next().substr(prefix.size());
  return true;
}

bool ListedWords::take_until(std::string_view end, std::string_view& value) {
  const std::size_t at = rest_.find(end);
  if (at == std::string_view::npos) return false;
  value = rest_.substr(0, at);
  rest_.remove_prefix(at + end.size());
  skip_blanks();
  return true;
}

void emit(Listed::Words& out, std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words)
    out.emplace_back(word);
}

void emit_negation(Listed::Words& out, std::string_view& value) {
  if (!value.starts_with('!')) return;
  out.emplace_back("!");
  value.remove_prefix(1);
}

Listed read_listed(std::string_view text, std::string_view target) {
  Listed listed;
  ListedWords words(text);
  while (!words.at_end()) {
    listed.notrack = listed.notrack || (target == "CT" && words.take("NOTRACK"));
    if (words.at_end()) break;
    Listed::Words match;
    const bool is_match = listed_packet_match(words, match) || listed_other_match(words, match);
    if (is_match) listed.matches.push_back(std::move(match));
    const bool known = is_match || listed_target(target, words, listed.target);
    if (!known) {
      if (!listed.unknown_at_end) listed.unknown.emplace_back();
      listed.unknown.back().emplace_back(words.next());
    }
    listed.unknown_at_end = !known;
  }
  return listed;
}

}  // namespace wayout::netfilter::text
