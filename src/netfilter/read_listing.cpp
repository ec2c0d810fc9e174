// `iptables -L`.
#include "netfilter/read_listing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "netfilter/prompt.hpp"
#include "netfilter/text/command.hpp"
#include "netfilter/text/extension.hpp"
#include "netfilter/text/lines.hpp"
#include "netfilter/text/listed.hpp"
#include "netfilter/text/names.hpp"
#include "netfilter/text/output_reader.hpp"
#include "netfilter/text/section.hpp"

namespace wayout::netfilter {
namespace {

using text::Problem;

/// Which columns the lines of a chain have, as the heading under its name says.
struct Columns {
  bool number = false, counters = false, interfaces = false;
};

/// A line of a chain, column by column.
struct Row {
  Counters counters;
  std::string_view target, protocol, option, in, out, source, destination;
  bool is_goto = false;
  std::string_view text;  ///< behind the columns
};

/// `12`, `12K`, `3M`: a listing without -x rounds.
std::optional<std::uint64_t> parse_count(std::string_view word) {
  constexpr std::string_view units = "KMGT";
  if (word.empty()) return std::nullopt;
  std::uint64_t factor = 1;
  const std::size_t unit = units.find(word.back());
  if (unit != std::string_view::npos) {
    word.remove_suffix(1);
    for (std::size_t i = 0; i <= unit; ++i)
      factor *= 1000;
  }
  const auto number = text::parse_number(word, ~std::uint64_t{0} / factor);
  if (!number) return std::nullopt;
  return *number * factor;
}

bool is_fragment_column(std::string_view word) {
  return word == "--" || word == "-f" || word == "!f";
}

class ListingReader final : public text::OutputReader {
 public:
  using OutputReader::OutputReader;

 private:
  static bool is_chain(std::string_view line) { return line.starts_with("Chain "); }

  /// Headings stand between the outputs: before the first chain, behind an empty line, or behind
  /// the prompt of a shell.
  void split(std::string_view text) override {
    constexpr std::size_t longest_line = 8192;  // some times what iptables can print
    text::Lines lines(text);
    bool in_chain = false;
    while (lines.next() && !problem_.found()) {
      line_ = lines.number();
      const std::string_view line = text::trim(lines.line());
      if (line.size() > longest_line) return problem_.report(1, "the line is too long");
      if (line.starts_with('#')) text::read_comment(line, ruleset_);
      const auto command = pasted_command(lines.line());
      if (line.empty() || command || is_chain(line)) in_chain = is_chain(line);
      if (in_chain) {
        if (is_chain(line)) {
          std::string_view rest = line.substr(6);
          outputs_.chain(text::first_word(rest));
        }
        outputs_.line(line, line_);
      } else if (const auto table = text::heading_of(line, command)) {
        outputs_.heading(*table);
      } else if (!line.empty() && !command) {
        problem_.report(1, "neither a chain nor a heading that names a table");
      }
    }
  }

  void show_chain(std::string_view line, text::TableBuilder& table) override {
    if (!is_chain(line)) return;
    std::string_view rest = line.substr(6);
    tables_.show(table.kind(), std::string(text::first_word(rest)), problem_);
  }

  void read_line(std::string_view line, text::TableBuilder& table) override {
    if (is_chain(line)) return read_chain(line, table);
    if (read_columns(line)) return;
    const auto row = read_row(line);
    if (!row) return problem_.report(1, "no line of iptables -L");
    add(*row, table);
  }

  /// `Chain INPUT (policy DROP 12K packets, 3456K bytes)`, `Chain DOCKER (2 references)`
  void read_chain(std::string_view line, text::TableBuilder& table) {
    std::string_view rest = line.substr(6);
    chain_ = text::first_word(rest);
    if (text::first_word(rest) != "(policy") return;
    std::string_view policy = text::first_word(rest);
    if (policy.ends_with(')')) policy.remove_suffix(1);
    table.set_policy(chain_, std::string(policy), 7, problem_);
    const auto packets = parse_count(text::first_word(rest));
    (void)text::first_word(rest);  // "packets,"
    const auto bytes = parse_count(text::first_word(rest));
    if (packets && bytes && options_.counters) table.set_counters(chain_, {*packets, *bytes});
  }

  /// ` pkts bytes target     prot opt in     out     source               destination`
  bool read_columns(std::string_view line) {
    Columns columns;
    bool ends = false;
    while (!line.empty()) {
      const std::string_view word = text::first_word(line);
      if (word == "num") columns.number = true;
      if (word == "pkts") columns.counters = true;
      if (word == "in") columns.interfaces = true;
      ends = word == "destination";
    }
    if (ends) columns_ = columns;
    return ends;
  }

  std::optional<Row> read_row(std::string_view line) const {
    Row row;
    if (columns_.number) (void)text::first_word(line);
    if (columns_.counters) {
      const auto packets = parse_count(text::first_word(line));
      const auto bytes = parse_count(text::first_word(line));
      if (!packets || !bytes) return std::nullopt;
      row.counters = {*packets, *bytes};
    }
    if (!lacks_target(line)) row.target = text::first_word(line);
    row.protocol = text::first_word(line);
    std::string_view rest = line;
    if (is_fragment_column(text::first_word(rest))) row.option = text::first_word(line);
    if (columns_.interfaces) {
      row.in = text::first_word(line);
      row.out = text::first_word(line);
    }
    row.source = text::first_word(line);
    row.destination = text::first_word(line);
    if (row.destination.empty()) return std::nullopt;
    row.text = text::trim(line);
    if (row.text.starts_with("[goto]")) {
      row.is_goto = true;
      row.text = text::trim(row.text.substr(6));
    }
    return row;
  }

  /// A rule without target leaves its column blank. Old ip6tables leave out the column opt, so
  /// there the addresses tell.
  [[nodiscard]] bool lacks_target(std::string_view line) const {
    (void)text::first_word(line);
    const std::string_view second = text::first_word(line);
    if (is_fragment_column(second)) return true;
    std::string_view rest = line;
    if (is_fragment_column(text::first_word(rest))) return false;
    if (options_.family != wire::Family::ipv6) return false;
    std::string_view source = second;
    if (columns_.interfaces) {
      (void)text::first_word(line);
      source = text::first_word(line);
    }
    return source.find(':') != std::string_view::npos || source == "anywhere";
  }

  // ---------------------------------------------------------- a rule of a row

  /// What the text says may still be nothing that iptables takes, such as the name of a service
  /// that only the machine of the listing knows. Then it is kept as text, and as little of it as
  /// possible: the matches at fault, or the target.
  void add(const Row& row, text::TableBuilder& table) {
    text::Listed listed = text::read_listed(row.text, row.target);
    bool keep_target = !is_modelled(row.target);
    Problem problem;
    text::Command command = try_row(row, listed, keep_target, table, problem);
    if (problem.found()) {
      keep_bad_matches(row, listed, table);
      problem = {};
      command = try_row(row, listed, keep_target, table, problem);
      if (problem.found()) {
        keep_target = true;
        command = try_row(row, listed, keep_target, table, problem_);
      }
    }
    if (problem_.found()) return;
    if (keep_target) keep_target_text(row, listed, command.rule);
    keep_unknown(row, listed, command.rule);
    if (options_.counters) command.rule.counters = row.counters;
    table.apply(std::move(command), line_, problem_);
  }

  void keep_bad_matches(const Row& row, text::Listed& listed, const text::TableBuilder& table) {
    std::vector<text::Listed::Words> good;
    for (text::Listed::Words& match : listed.matches) {
      Problem problem;
      text::Listed alone;
      alone.matches.push_back(match);
      (void)try_row(row, alone, true, table, problem);
      if (problem.found()) {
        listed.unknown.insert(listed.unknown.begin(), {match.begin() + 1, match.end()});
      } else {
        good.push_back(std::move(match));
      }
    }
    listed.matches = std::move(good);
  }

  text::Command try_row(const Row& row, const text::Listed& listed, bool without_target,
                        const text::TableBuilder& table, Problem& problem) {
    words_.clear();
    say("-A", chain_);
    say_negatable("-p", row.protocol == "all" ? "0" : row.protocol);
    if (row.option == "!f") words_.push_back({"!", 1});
    if (row.option == "!f" || row.option == "-f") words_.push_back({"-f", 1});
    if (!row.in.empty() && row.in != "*" && row.in != "any") say_negatable("-i", row.in);
    if (!row.out.empty() && row.out != "*" && row.out != "any") say_negatable("-o", row.out);
    if (is_address(row.source)) say_negatable("-s", row.source);
    if (is_address(row.destination)) say_negatable("-d", row.destination);
    for (const text::Listed::Words& match : listed.matches)
      say_all(match);
    if (!row.target.empty() && !without_target) {
      say(row.is_goto ? "-g" : "-j", listed.notrack ? "NOTRACK" : row.target);
      say_all(listed.target);
    }
    const text::CommandContext context{options_.family, table.kind(), table, true};
    return text::read_command(words_, context, problem);
  }

  void say_all(const text::Listed::Words& words) {
    for (const std::string& word : words)
      words_.push_back({word, 1});
  }
  void say(std::string_view option, std::string_view value) {
    words_.push_back({std::string(option), 1});
    words_.push_back({std::string(value), 1});
  }
  void say_negatable(std::string_view option, std::string_view value) {
    if (value.starts_with('!')) {
      words_.push_back({"!", 1});
      value.remove_prefix(1);
    }
    say(option, value);
  }

  /// A listing without -n shows names, which we cannot look up.
  [[nodiscard]] bool is_address(std::string_view text) const {
    if (text.starts_with('!')) text.remove_prefix(1);
    return text::parse_masked_address(text, options_.family).has_value();
  }

  /// No target at all counts as one.
  [[nodiscard]] bool is_modelled(std::string_view target) const {
    const text::TargetExtension* extension = text::find_target(target, options_.family);
    return extension == nullptr || !text::is_kept(*extension);
  }

  /// The text of a target stands at the end of the line, and most often begins with its name.
  void keep_target_text(const Row& row, text::Listed& listed, Rule& rule) {
    const text::TargetExtension* extension = text::find_target(row.target, options_.family);
    KeptTarget target{std::string(row.target), std::move(listed.target),
                            extension != nullptr && extension->passes};
    if (listed.unknown_at_end && !listed.unknown.empty()) {
      text::Listed::Words& words = listed.unknown.back();
      const auto name = std::find(words.begin(), words.end(), row.target);
      const bool named = name != words.end();
      target.tokens.assign(named ? name + 1 : words.begin(), words.end());
      words.erase(named ? name : words.begin(), words.end());
      if (words.empty()) listed.unknown.pop_back();
    }
    rule.target = std::move(target);
  }

  void keep_unknown(const Row& row, const text::Listed& listed, Rule& rule) {
    for (const text::Listed::Words& words : listed.unknown) {
      KeptMatch match{words.front(), {}};
      match.tokens.assign(words.begin() + 1, words.end());
      rule.matches.emplace_back(std::move(match));
    }
    keep_name("source", row.source, rule);
    keep_name("destination", row.destination, rule);
    if (!columns_.interfaces) {
      rule.matches.emplace_back(KeptMatch{std::string(interfaces_not_shown), {}});
      note("a listing without -v does not show interfaces: the rules may ask for some");
    }
  }

  void keep_name(std::string_view side, std::string_view address, Rule& rule) {
    if (is_address(address) || address == "anywhere") return;
    rule.matches.emplace_back(KeptMatch{fmt::format("({} {})", side, address), {}});
    note("a listing without -n shows names instead of addresses");
  }

  void note(std::string_view text) {
    auto& notes = ruleset_.notes;
    if (std::find(notes.begin(), notes.end(), text) == notes.end()) notes.emplace_back(text);
  }

  std::string chain_;
  Columns columns_;
  std::vector<text::Word> words_;
};

}  // namespace

Result<Ruleset> read_listing(std::string_view text, const std::string& file,
                             const ReadOptions& options) {
  return ListingReader(file, options).read(text);
}

}  // namespace wayout::netfilter
