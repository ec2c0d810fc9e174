// One line of a table as iptables takes it: `-A FORWARD -i eth0 -j ACCEPT`.
//
// The line's words are taken as getopt_long() takes them: options may be abbreviated and may stand
// in any order, `!` goes before the option it negates, each `-m` and `-j` brings the options of its
// extension, and `-p tcp` brings those of the match tcp once one of them is met.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "netfilter/rule.hpp"
#include "netfilter/text/problem.hpp"
#include "netfilter/text/words.hpp"

namespace wayout::netfilter::text {

/// The chains of the table that a line belongs to.
class ChainNames {
 public:
  virtual ~ChainNames() = default;
  /// Position of a chain of this name; none when there is none.
  [[nodiscard]] virtual std::optional<std::uint32_t> find(const std::string& name) const = 0;
  /// The hook of the chain at this position, if it is built in.
  [[nodiscard]] virtual std::optional<Hook> hook(std::uint32_t position) const = 0;
};

struct CommandContext {
  wire::Family family = wire::Family::ipv4;
  TableKind table = TableKind::filter;
  const ChainNames& chains;
  bool partial = false;  ///< the text may show only some chains: others may be jumped to
};

struct Command {
  enum class Kind : std::uint8_t {
    none,          ///< for the other family: to be passed over
    append, insert, new_chain, delete_chain, flush, zero, policy
  };
  Kind kind = Kind::none;
  std::string chain;                  ///< empty: all (flush, zero, delete_chain)
  std::uint32_t chain_position = 0;   ///< append, insert
  std::uint32_t number = 1;           ///< insert: of the rule it goes before
  std::string policy;
  /// `-s a,b -d c,d` stands for a rule for every pair; a list of one, usually not asked.
  std::vector<AddressMatch> sources, destinations;
  Rule rule;                          ///< without source and destination
  bool has_counters = false;
};

/// Read a line. What is wrong with it is reported; then the command is worth nothing.
[[nodiscard]] Command read_command(std::span<const Word> words, const CommandContext& context,
                                   Problem& problem);

/// `-s` and `-d` of one address; reports what is none. Host bits are cleared.
[[nodiscard]] AddressMatch read_address_match(std::string_view text, bool inverted,
                                              wire::Family family, std::uint32_t column,
                                              Problem& problem);
/// `-i` and `-o`.
[[nodiscard]] InterfaceMatch read_interface_match(std::string_view text, bool inverted,
                                                  std::uint32_t column, Problem& problem);

}  // namespace wayout::netfilter::text
