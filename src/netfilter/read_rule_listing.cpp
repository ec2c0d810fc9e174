// `iptables -S`.
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "netfilter/prompt.hpp"
#include "netfilter/read_listing.hpp"
#include "netfilter/text/command.hpp"
#include "netfilter/text/lines.hpp"
#include "netfilter/text/output_reader.hpp"
#include "netfilter/text/section.hpp"

namespace wayout::netfilter {
namespace {

/// `-A FORWARD -m conntrac`: nothing decides, and what is asked for is no match that is known.
bool may_be_half(const Rule& rule) {
  if (!std::holds_alternative<NoTarget>(rule.target) || rule.matches.empty()) return false;
  const auto* last = std::get_if<KeptMatch>(&rule.matches.back());
  return last != nullptr && last->tokens.empty();
}

class RuleListingReader final : public text::OutputReader {
 public:
  using OutputReader::OutputReader;

 private:
  void split(std::string_view text) override {
    if (!text.ends_with('\n')) open_end_ = static_cast<std::uint32_t>(std::ranges::count(text, '\n') + 1);
    text::Lines lines(text);
    while (lines.next() && !problem_.found()) {
      line_ = lines.number();
      if (lines.line().starts_with('-')) lines.join_quoted();
      const std::string_view line = text::trim(lines.line());
      if (line.starts_with('#')) text::read_comment(line, ruleset_);
      if (line.starts_with('-')) {
        std::string_view rest = line;
        const std::string_view command = text::first_word(rest);
        if (command == "-P" || command == "-N") outputs_.chain(text::first_word(rest));
        if (command == "-A") outputs_.chain({});
        outputs_.line(line, line_);
        continue;
      }
      const auto pasted = pasted_command(lines.line());
      if (const auto table = text::heading_of(line, pasted)) {
        outputs_.heading(*table);
      } else if (!line.empty() && !pasted) {
        problem_.report(1, "neither a rule nor a heading that names a table");
      }
    }
  }

  void show_chain(std::string_view line, text::TableBuilder& table) override {
    text::split_words(line, 1, words_);
    const std::string& command = words_[0].text;
    if (command != "-P" && command != "-N" && command != "-A") {
      return problem_.report(1, fmt::format("{} is no line of iptables -S", command));
    }
    if (words_.size() < 2) return problem_.report(1, fmt::format("{} without a chain", command));
    tables_.show(table.kind(), words_[1].text, problem_);
  }

  void read_line(std::string_view line, text::TableBuilder& table) override {
    text::split_words(line, 1, words_);
    if (words_[0].text == "-N") return;
    if (words_[0].text == "-P") return read_policy(table);
    const text::CommandContext context{options_.family, table.kind(), table, true};
    text::Command command = text::read_command(words_, context, problem_);
    if (problem_.found()) return;
    if (line_ == open_end_ && may_be_half(command.rule))
      return problem_.report(0, "the end, in the middle of a rule: the listing is cut off");
    if (!options_.counters) command.rule.counters = {};
    table.apply(std::move(command), line_, problem_);
  }

  /// `-P INPUT ACCEPT`, with -v: `-P INPUT ACCEPT -c 12 3456`
  void read_policy(text::TableBuilder& table) {
    if (words_.size() < 3) return problem_.report(1, "-P needs a chain and a policy");
    table.set_policy(words_[1].text, words_[2].text, words_[2].column, problem_);
    if (words_.size() != 6 || words_[3].text != "-c" || !options_.counters) return;
    const auto counters =
        text::bracketed_counters(fmt::format("[{}:{}]", words_[4].text, words_[5].text));
    if (!counters) return problem_.report(words_[4].column, "counters are two numbers");
    table.set_counters(words_[1].text, *counters);
  }

  std::vector<text::Word> words_;
  std::uint32_t open_end_ = 0;  ///< the last line, when nothing ends it
};

}  // namespace

Result<Ruleset> read_rule_listing(std::string_view text, const std::string& file,
                                  const ReadOptions& options) {
  return RuleListingReader(file, options).read(text);
}

}  // namespace wayout::netfilter
