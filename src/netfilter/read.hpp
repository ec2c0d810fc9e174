// Reading iptables rules from text: what `iptables-save`, `iptables -S` and `iptables -L` print, and
// what people write for `iptables-restore`.
//
// Reading is a pure function of the text. It gives the whole ruleset or an Error with line and
// column, never a part. What iptables-restore refuses is refused; a match or target that we do not
// evaluate is kept (KeptMatch, KeptTarget) in the words iptables-save has for it. What a
// text cannot tell (a listing without interfaces, a table that only `nft` can show) is said in
// Ruleset::notes, and stands in the rules as a match or target that is not modelled.
// Printing: print.hpp. IP sets: read_ipset.hpp.
#pragma once

#include <string>
#include <string_view>

#include "netfilter/rule.hpp"
#include "wayout/result.hpp"

namespace wayout::netfilter {

struct ReadOptions {
  wire::Family family = wire::Family::ipv4;
  Backend backend = Backend::nft;            ///< when the text does not say which it is
  TableKind table = TableKind::filter;       ///< of a listing that does not say
  bool counters = true;                      ///< false: all zero, as iptables-restore without -c
};

enum class RulesFormat : std::uint8_t {
  save,     ///< iptables-save
  rules,    ///< iptables -S
  listing,  ///< iptables -L
};
/// By the first lines that are neither empty nor comments.
[[nodiscard]] RulesFormat detect_rules_format(std::string_view text);

/// Any of the three formats. `file` is the input's name, for errors and for Ruleset::file.
[[nodiscard]] Result<Ruleset> read_rules(std::string_view text, const std::string& file,
                                         const ReadOptions& options = {});

/// The format of iptables-save: sections `*table` … `COMMIT`, counters in brackets, comments.
[[nodiscard]] Result<Ruleset> read_save(std::string_view text, const std::string& file,
                                        const ReadOptions& options = {});

}  // namespace wayout::netfilter
