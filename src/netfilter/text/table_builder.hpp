// A table while its lines are read.
//
// Life: begun with the built-in chains of its kind; chains are defined and rules put in, by name and
// in any order; finish() gives the Table with its chains in the order in which iptables prints them
// (built-in ones by hook, the others by name), or says what no table can have: a jump to a chain
// that was deleted, or a loop that a packet can get into.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "netfilter/rule.hpp"
#include "netfilter/text/command.hpp"
#include "netfilter/text/problem.hpp"

namespace wayout::netfilter::text {

class TableBuilder final : public ChainNames {
 public:
  explicit TableBuilder(TableKind kind);

  [[nodiscard]] TableKind kind() const { return kind_; }
  [[nodiscard]] std::optional<std::uint32_t> find(const std::string& name) const override;
  [[nodiscard]] std::optional<Hook> hook(std::uint32_t position) const override {
    return chains_[position].chain.hook;
  }

  /// Make a chain, or empty the one that is there.
  void define(const std::string& name, std::uint32_t column, Problem& problem);
  /// `ACCEPT` or `DROP` of a built-in chain.
  void set_policy(const std::string& chain, const std::string& policy, std::uint32_t column,
                  Problem& problem);
  void set_counters(const std::string& chain, Counters counters);
  /// Do what a line says; `line` is kept in its rules.
  void apply(Command command, std::uint32_t line, Problem& problem);

  struct Finished {
    Table table;
    std::uint32_t bad_line = 0;  ///< 0: good
    std::string message;         ///< what is wrong with the rule of `bad_line`
  };
  [[nodiscard]] Finished finish() &&;

 private:
  struct Draft {
    explicit Draft(std::string name) { chain.name = std::move(name); }

    Chain chain;
    std::deque<std::uint32_t> order;  ///< of rules_
    bool deleted = false;
  };

  void add(Draft& draft, Command command, std::uint32_t line, Problem& problem);
  void flush(Draft& draft) { draft.order.clear(); }
  /// Apply an action to one chain, or to all when `name` is empty.
  template <class Action>
  void for_chains(const std::string& name, Problem& problem, Action action);
  /// The rule by which a packet could come back to a chain it is in; null: none.
  [[nodiscard]] const Rule* find_loop() const;

  TableKind kind_;
  std::vector<Draft> chains_;
  std::vector<Rule> rules_;
  std::unordered_map<std::string, std::uint32_t> names_;
};

}  // namespace wayout::netfilter::text
