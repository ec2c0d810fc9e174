#include "netfilter/text/table_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace wayout::netfilter::text {

TableBuilder::TableBuilder(TableKind kind) : kind_(kind) {
  for (const Hook hook : hooks_of(kind)) {
    names_.emplace(hook_name(hook), static_cast<std::uint32_t>(chains_.size()));
    Chain& chain = chains_.emplace_back(hook_name(hook)).chain;
    chain.policy = Policy::accept;
    chain.hook = hook;
  }
}

std::optional<std::uint32_t> TableBuilder::find(const std::string& name) const {
  const auto at = names_.find(name);
  if (at == names_.end() || chains_[at->second].deleted) return std::nullopt;
  return at->second;
}

void TableBuilder::define(const std::string& name, std::uint32_t column, Problem& problem) {
  constexpr std::size_t longest_name = 28;
  constexpr const char* verdicts[] = {"ACCEPT", "DROP", "QUEUE", "RETURN"};
  const bool is_verdict =
      std::find(std::begin(verdicts), std::end(verdicts), name) != std::end(verdicts);
  if (name.empty() || name.size() > longest_name || is_verdict || name[0] == '-' ||
      name[0] == '!') {
    return problem.report(column, fmt::format("\"{}\" cannot be the name of a chain", name));
  }
  const auto [at, is_new] = names_.emplace(name, static_cast<std::uint32_t>(chains_.size()));
  if (is_new) {
    chains_.emplace_back(name);
  } else {
    flush(chains_[at->second]);
    chains_[at->second].deleted = false;
  }
}

void TableBuilder::set_policy(const std::string& chain, const std::string& policy,
                              std::uint32_t column, Problem& problem) {
  const auto position = find(chain);
  if (!position || !chains_[*position].chain.hook) {
    return problem.report(column, fmt::format("{} is no built-in chain of {}: it has no policy",
                                              chain, table_name(kind_)));
  }
  if (policy != "ACCEPT" && policy != "DROP") {
    return problem.report(column, fmt::format("\"{}\" is no policy", policy));
  }
  chains_[*position].chain.policy = policy == "DROP" ? Policy::drop : Policy::accept;
}

void TableBuilder::set_counters(const std::string& chain, Counters counters) {
  if (const auto position = find(chain)) chains_[*position].chain.counters = counters;
}

void TableBuilder::apply(Command command, std::uint32_t line, Problem& problem) {
  switch (command.kind) {
    case Command::Kind::none:
      return;
    case Command::Kind::append:
    case Command::Kind::insert:
      return add(chains_[command.chain_position], std::move(command), line, problem);
    case Command::Kind::new_chain:
      if (find(command.chain)) {
        return problem.report(1, fmt::format("the chain {} is there already", command.chain));
      }
      return define(command.chain, 1, problem);
    case Command::Kind::policy:
      return set_policy(command.chain, command.policy, 1, problem);
    case Command::Kind::flush:
      return for_chains(command.chain, problem, [this](Draft& draft) { flush(draft); });
    case Command::Kind::delete_chain:
      return for_chains(command.chain, problem,
                        [](Draft& draft) { draft.deleted = !draft.chain.hook.has_value(); });
    case Command::Kind::zero:
      return for_chains(command.chain, problem, [this](Draft& draft) {
        draft.chain.counters = {};
        for (const std::uint32_t rule : draft.order)
          rules_[rule].counters = {};
      });
  }
}

template <class Action>
void TableBuilder::for_chains(const std::string& name, Problem& problem, Action action) {
  if (name.empty()) {
    std::for_each(chains_.begin(), chains_.end(), action);
  } else if (const auto position = find(name)) {
    action(chains_[*position]);
  } else {
    problem.report(1, fmt::format("no chain \"{}\"", name));
  }
}

void TableBuilder::add(Draft& draft, Command command, std::uint32_t line, Problem& problem) {
  const bool inserts = command.kind == Command::Kind::insert;
  if (inserts && command.number > draft.order.size() + 1) {
    return problem.report(1, fmt::format("{} has no rule {}", command.chain, command.number - 1));
  }
  // Two long lists of addresses in one line would stand for more rules than memory holds.
  constexpr std::size_t most_rules = 1000000;
  const std::size_t pairs = command.sources.size() * command.destinations.size();
  if (pairs > most_rules || rules_.size() > most_rules - pairs) {
    return problem.report(1, "too many rules");
  }
  command.rule.line = line;
  for (const AddressMatch& source : command.sources) {
    for (const AddressMatch& destination : command.destinations) {
      draft.order.insert(inserts ? draft.order.begin() + (command.number - 1) : draft.order.end(),
                         static_cast<std::uint32_t>(rules_.size()));
      command.rule.source = source;
      command.rule.destination = destination;
      if (pairs == 1) {
        rules_.push_back(std::move(command.rule));
      } else {
        rules_.push_back(command.rule);
      }
    }
  }
}

const Rule* TableBuilder::find_loop() const {
  enum class Visit : std::uint8_t { not_yet, inside, done };
  std::vector<Visit> visits(chains_.size(), Visit::not_yet);
  struct Frame {
    std::uint32_t chain;
    std::size_t next;  // rule to look at
  };
  std::vector<Frame> stack;
  for (std::uint32_t start = 0; start < chains_.size(); ++start) {
    if (!chains_[start].chain.hook) continue;
    stack.push_back({start, 0});
    visits[start] = Visit::inside;
    while (!stack.empty()) {
      const std::uint32_t chain = stack.back().chain;
      if (stack.back().next == chains_[chain].order.size()) {
        visits[chain] = Visit::done;
        stack.pop_back();
        continue;
      }
      const Rule& rule = rules_[chains_[chain].order[stack.back().next++]];
      const auto* jump = std::get_if<JumpTarget>(&rule.target);
      if (jump == nullptr || visits[jump->chain] == Visit::done) continue;
      if (visits[jump->chain] == Visit::inside) return &rule;
      visits[jump->chain] = Visit::inside;
      stack.push_back({jump->chain, 0});
    }
  }
  return nullptr;
}

TableBuilder::Finished TableBuilder::finish() && {
  if (const Rule* loop = find_loop()) return {{}, loop->line, "this jump makes a loop"};

  std::vector<std::uint32_t> printed(chains_.size());
  std::iota(printed.begin(), printed.end(), 0U);
  std::stable_sort(printed.begin(), printed.end(), [this](std::uint32_t a, std::uint32_t b) {
    const Chain &left = chains_[a].chain, &right = chains_[b].chain;
    if (left.hook || right.hook) return left.hook && (!right.hook || *left.hook < *right.hook);
    return left.name < right.name;
  });
  std::vector<std::uint32_t> place(chains_.size(), 0);
  std::uint32_t count = 0;
  for (const std::uint32_t chain : printed) {
    if (!chains_[chain].deleted) place[chain] = count++;
  }

  Finished finished{{.kind = kind_, .chains = {}}, 0, {}};
  finished.table.chains.reserve(count);
  for (const std::uint32_t position : printed) {
    Draft& draft = chains_[position];
    if (draft.deleted) continue;
    draft.chain.rules.reserve(draft.order.size());
    for (const std::uint32_t number : draft.order) {
      Rule& rule = rules_[number];
      if (auto* jump = std::get_if<JumpTarget>(&rule.target)) {
        if (chains_[jump->chain].deleted) {
          return {{}, rule.line, fmt::format("the chain {} was deleted", jump->name)};
        }
        jump->chain = place[jump->chain];
      }
      draft.chain.rules.push_back(std::move(rule));
    }
    finished.table.chains.push_back(std::move(draft.chain));
  }
  return finished;
}

}  // namespace wayout::netfilter::text
