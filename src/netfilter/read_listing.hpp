// Reading listings: `iptables -S` and `iptables -L`, as people paste them.
//
// A text may hold several outputs one after the other. Which table each of them shows is taken from
// a line above it that names one (`# iptables -t nat -S`, `*nat`), else from its built-in chains,
// else from ReadOptions::table. What is not shown is not guessed: a jump to a chain that the text
// lacks is kept as an unmodelled target, a built-in chain of a shown table that is missing holds one
// rule that is not modelled, and both are noted.
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

/// Name of the KeptMatch of rules whose interfaces are not known.
inline constexpr std::string_view interfaces_not_shown = "(interfaces not shown)";
/// Name of the KeptTarget of the one rule in a built-in chain that the text does not show.
inline constexpr std::string_view chain_not_shown = "(chain not shown)";

}  // namespace wayout::netfilter
