// Reading listings: `iptables -S` and `iptables -L`, as people paste them.
//
// A text may hold several outputs one after the other. Which table each of them shows is taken from
// a line above it that names one (`# iptables -t nat -S`, `*nat`), else from its built-in chains,
// else from ReadOptions::table. What is not shown is not guessed: a jump to a chain that the text
// lacks is kept as an unmodelled target, a built-in chain of a shown table that is missing holds one
// rule that is not modelled, and both are noted. Tables that the text lacks are named in
// Ruleset::not_shown; when everything has been read, add_tables_not_shown() says what may be in them.
#pragma once

#include "netfilter/read.hpp"

namespace wayout::netfilter {

/// What `iptables -S` or `-S -v` prints, of any number of tables or chains.
[[nodiscard]] Result<Ruleset> read_rule_listing(std::string_view text, const std::string& file,
                                                const ReadOptions& options = {});

/// What `iptables -L` prints, with or without -n, -v, -x and --line-numbers. Without -v it shows no
/// interfaces: then each rule gets an unmodelled condition, since it may ask for some. Text behind
/// the columns that no match or target of ours prints becomes an unmodelled match too.
[[nodiscard]] Result<Ruleset> read_listing(std::string_view text, const std::string& file,
                                           const ReadOptions& options = {});

/// Tables that `listing` does not show, from another text about the same host and backend. A table
/// that a save lacks is not there.
void add_tables_of(Ruleset& listing, Ruleset&& other);

/// In place of each table of not_shown one with what may be in it, and a note. nat: what is for this
/// host may be translated by a target that is not known, what leaves may be masqueraded. filter: a
/// target that is not known in each chain. raw, mangle and security, which hardly anybody fills and
/// nobody pastes, are taken as empty.
void add_tables_not_shown(Ruleset& ruleset);
/// The rule is one of those.
[[nodiscard]] bool is_of_table_not_shown(const Rule& rule);

/// Name of the KeptMatch of rules whose interfaces are not known.
inline constexpr std::string_view interfaces_not_shown = "(interfaces not shown)";
/// Name of the KeptTarget of the one rule in a built-in chain that the text does not show.
inline constexpr std::string_view chain_not_shown = "(chain not shown)";
/// Name of the match and the target of rules in a table that is not shown.
inline constexpr std::string_view table_not_shown = "(table not shown)";

}  // namespace wayout::netfilter
