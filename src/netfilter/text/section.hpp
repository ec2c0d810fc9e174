// What introduces rules: the name of a table, counters in brackets, comments of iptables-save.
#pragma once

#include <optional>
#include <string_view>

#include "netfilter/rule.hpp"

namespace wayout::netfilter::text {

/// Cuts off and returns the first word; blanks before it are passed over.
[[nodiscard]] std::string_view first_word(std::string_view& rest);

[[nodiscard]] std::optional<TableKind> table_kind(std::string_view name);
/// `[12:3456]`
[[nodiscard]] std::optional<Counters> bracketed_counters(std::string_view text);

/// A comment of iptables-save may tell which backend it was, and that it does not show everything:
/// the backend is set and a note is made.
void read_comment(std::string_view line, Ruleset& ruleset);

}  // namespace wayout::netfilter::text
