#include "netfilter/read.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "netfilter/prompt.hpp"
#include "netfilter/read_listing.hpp"
#include "netfilter/text/command.hpp"
#include "netfilter/text/lines.hpp"
#include "netfilter/text/section.hpp"
#include "netfilter/text/table_builder.hpp"
#include "netfilter/text/values.hpp"

namespace wayout::netfilter {
namespace {

using text::Lines;
using text::Problem;
using text::TableBuilder;

class SaveReader {
 public:
  SaveReader(const std::string& file, const ReadOptions& options) : options_(options) {
    ruleset_.backend = options.backend;
    ruleset_.family = options.family;
    ruleset_.file = file;
  }

  Result<Ruleset> read(std::string_view text) {
    Lines lines(text);
    while (lines.next()) {
      line_ = lines.number();
      if (lines.line().starts_with('-') || lines.line().starts_with('[')) lines.join_quoted();
      read_line(lines.line());
      if (problem_.found()) return text::error_at(ruleset_.file, line_, problem_);
    }
    if (table_) {
      return Error{
          ruleset_.file, line_ + 1, 0,
          fmt::format("the end, where COMMIT of the table {} is due", table_name(table_->kind()))};
    }
    return std::move(ruleset_);
  }

 private:
  void read_line(std::string_view line) {
    if (line.starts_with('#')) return text::read_comment(line, ruleset_);
    if (text::trim(line).empty()) return;
    if (!table_ && pasted_command(line)) return;
    if (!table_) return begin_table(line);
    if (text::trim(line) == "COMMIT") return commit();
    if (line.starts_with(':')) return read_chain(line);
    read_rule(line);
  }

  void begin_table(std::string_view line) {
    if (!line.starts_with('*')) return problem_.report(1, "a line outside of any table");
    std::string_view rest = line.substr(1);
    const auto kind = text::table_kind(text::first_word(rest));
    if (!kind) return problem_.report(2, fmt::format("there is no table \"{}\"", line.substr(1)));
    table_.emplace(*kind);
  }

  /// The table replaces one of the same kind that was committed before.
  void commit() {
    TableBuilder::Finished finished = std::move(*table_).finish();
    table_.reset();
    if (finished.bad_line != 0) {
      line_ = finished.bad_line;
      return problem_.report(0, finished.message);
    }
    const auto same =
        std::find_if(ruleset_.tables.begin(), ruleset_.tables.end(),
                     [&finished](const Table& table) { return table.kind == finished.table.kind; });
    if (same != ruleset_.tables.end()) {
      *same = std::move(finished.table);
    } else {
      ruleset_.tables.push_back(std::move(finished.table));
    }
  }

  /// `:INPUT DROP [12:3456]`, `:DOCKER - [0:0]`
  void read_chain(std::string_view line) {
    text::split_words(line.substr(1), 2, words_);
    if (words_.size() < 2) return problem_.report(1, "a chain without policy");
    const text::Word &name = words_[0], &policy = words_[1];
    if (!table_->find(name.text) || !table_->hook(*table_->find(name.text))) {
      table_->define(name.text, name.column, problem_);
    }
    if (policy.text != "-") {
      table_->set_policy(name.text, policy.text, policy.column, problem_);
    }
    if (!options_.counters || words_.size() < 3) return;
    const auto counters = text::bracketed_counters(words_[2].text);
    if (!counters) return problem_.report(words_[2].column, "counters are [packets:bytes]");
    table_->set_counters(name.text, *counters);
  }

  /// `[12:3456] -A INPUT -j ACCEPT`
  void read_rule(std::string_view line) {
    std::optional<Counters> counters;
    std::size_t begin = 0;
    if (line.starts_with('[')) {
      const std::size_t end = line.find(']');
      if (end == std::string_view::npos) return problem_.report(1, "counters without ]");
      begin = end + 1;
      counters = text::bracketed_counters(line.substr(0, begin));
      if (!counters) return problem_.report(1, "counters are [packets:bytes]");
    }
    text::split_words(line.substr(begin), static_cast<std::uint32_t>(begin + 1), words_);
    const text::CommandContext context{options_.family, table_->kind(), *table_};
    text::Command command = text::read_command(words_, context, problem_);
    if (problem_.found()) return;
    if (counters && !command.has_counters) command.rule.counters = *counters;
    if (!options_.counters) command.rule.counters = {};
    table_->apply(std::move(command), line_, problem_);
  }

  const ReadOptions& options_;
  Ruleset ruleset_;
  std::optional<TableBuilder> table_;
  std::vector<text::Word> words_;
  Problem problem_;
  std::uint32_t line_ = 0;
};

}  // namespace

Result<Ruleset> read_save(std::string_view text, const std::string& file,
                          const ReadOptions& options) {
  return SaveReader(file, options).read(text);
}

RulesFormat detect_rules_format(std::string_view text) {
  Lines lines(text);
  while (lines.next()) {
    const std::string_view line = text::trim(lines.line());
    if (line.empty() || pasted_command(lines.line())) continue;
    if (line.starts_with('*') || line.starts_with(':')) return RulesFormat::save;
    if (line.starts_with('-') || line.starts_with('[')) return RulesFormat::rules;
    if (line.starts_with("Chain ")) return RulesFormat::listing;
  }
  return RulesFormat::save;
}

Result<Ruleset> read_rules(std::string_view text, const std::string& file,
                           const ReadOptions& options) {
  switch (detect_rules_format(text)) {
    case RulesFormat::save:
      return read_save(text, file, options);
    case RulesFormat::rules:
      return read_rule_listing(text, file, options);
    case RulesFormat::listing:
      break;
  }
  return read_listing(text, file, options);
}

}  // namespace wayout::netfilter
