// The tables of a listing: which output shows which of them, and what it leaves out.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "netfilter/read.hpp"
#include "netfilter/text/table_builder.hpp"

namespace wayout::netfilter::text {

/// The table that a line names as a heading, such as `# iptables -t nat -nvL` or `*nat` or `nat
/// table:`; `command` is what it says behind a prompt, if it has one. A command of iptables without
/// -t names filter. None: it is no heading, and neither is what a command complains of.
[[nodiscard]] std::optional<TableKind> heading_of(std::string_view line,
                                                  std::optional<std::string_view> command);

/// Which hooks' chains an output shows, one bit a Hook.
using HookSet = std::uint8_t;

/// The table whose built-in chains these are; `hint` if it may be that one.
[[nodiscard]] TableKind table_of_hooks(HookSet shown, TableKind hint);

struct NumberedLine {
  std::string_view text;
  std::uint32_t number = 0;
};

/// What one call of iptables printed.
struct Output {
  std::optional<TableKind> named;  ///< by a heading above it
  HookSet shown = 0;
  bool past_built_in = false;      ///< rules or other chains followed the built-in chains
  std::vector<NumberedLine> lines;

  [[nodiscard]] TableKind table(TableKind hint) const {
    return named ? *named : table_of_hooks(shown, hint);
  }
};

/// The outputs of a text, one after the other.
class Outputs {
 public:
  /// A heading that names this table: what follows is another output.
  void heading(TableKind table);
  /// This chain begins. A built-in chain after others begins another output.
  void chain(std::string_view name);
  void line(std::string_view text, std::uint32_t number);
  [[nodiscard]] const std::vector<Output>& list() const { return list_; }

 private:
  std::vector<Output> list_ = std::vector<Output>(1);
};

/// Gathers the outputs of a text into tables.
class ShownTables {
 public:
  /// The builder of a table, made when it is first shown.
  TableBuilder& table(TableKind kind);
  /// This chain is shown (and made, if it is not there).
  void show(TableKind kind, const std::string& chain, Problem& problem);
  /// All tables, with what they do not show marked and noted. Reports what no table can have.
  Result<Ruleset> finish(Ruleset ruleset) &&;

 private:
  struct Shown {
    TableBuilder builder;
    std::set<std::string> chains;
  };
  [[nodiscard]] std::vector<TableKind> absent() const;

  std::deque<Shown> tables_;
};

}  // namespace wayout::netfilter::text
