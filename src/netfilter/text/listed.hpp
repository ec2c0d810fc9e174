// One line of `iptables -L` behind its columns: what matches and targets say of themselves there.
//
// The text is turned back into the words that iptables takes (`tcp dpt:80` into `-m tcp --dport 80`),
// so that one reader, read_command(), makes rules of listings and of saves alike.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "netfilter/text/words.hpp"

namespace wayout::netfilter::text {

/// What the text says. Runs of words that no match or target of ours prints are kept as they are;
/// those at the end may belong to the target.
struct Listed {
  using Words = std::vector<std::string>;
  std::vector<Words> matches;        ///< each `-m`, `tcp`, `--dport`, `80`, …
  Words target;                      ///< options of the target
  bool notrack = false;              ///< the target NOTRACK, which is listed as CT
  std::vector<Words> unknown;
  bool unknown_at_end = false;
};

[[nodiscard]] Listed read_listed(std::string_view text, std::string_view target);

/// Take the words of a line one after the other.
class ListedWords {
 public:
  explicit ListedWords(std::string_view text) : rest_(text) { skip_blanks(); }

  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  /// The next word, which stays.
  [[nodiscard]] std::string_view peek() const { return rest_.substr(0, rest_.find_first_of(" \t")); }
  std::string_view next();
  /// Take these words if they come next.
  bool take(std::string_view words);
  /// The same with a `!` before them, if there is one.
  bool take_inverted(std::string_view words, bool& inverted);
  /// Take a `!`, if there is one, and a word of which `known(word)` is true; or take nothing.
  template <class Known>
  bool take_option(Known known, bool& inverted, std::string_view& option) {
    const std::string_view before = rest_;
    inverted = take("!");
    option = peek();
    if (at_end() || !known(option)) {
      restore(before);
      return false;
    }
    next();
    return true;
  }
  /// Take a word with this beginning if it comes next; gives what stands behind the beginning.
  bool take_prefixed(std::string_view prefix, std::string_view& value);
  /// Take everything before `end`, and `end`; nothing is taken when it does not come.
  bool take_until(std::string_view end, std::string_view& value);

  [[nodiscard]] std::string_view rest() const { return rest_; }
  void restore(std::string_view rest) { rest_ = rest; }

 private:
  void skip_blanks();

  std::string_view rest_;
};

/// Put these words behind the others.
void emit(Listed::Words& out, std::initializer_list<std::string_view> words);
/// `!80` is a negation, which is put behind the others, and 80, which `value` becomes.
void emit_negation(Listed::Words& out, std::string_view& value);

/// Each takes one match from the front of the words, or takes nothing and gives false.
bool listed_packet_match(ListedWords& words, Listed::Words& out);
bool listed_other_match(ListedWords& words, Listed::Words& out);
/// Takes the text of this target.
bool listed_target(std::string_view target, ListedWords& words, Listed::Words& out);

}  // namespace wayout::netfilter::text
