#include "why/answer.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace wayout::why {
namespace {

/// An entry from before the question decided, if deleting it alone lets the packets through: then
/// it is the cause, whatever the packet died of behind its wrong translation.
void blame_stale_entry(const host::Machine& machine, Answer& answer) {
  if (answer.fixes.empty() || answer.fixes.front().changes.size() != 1) return;
  const Change& change = answer.fixes.front().changes.front();
  if (change.parts != Parts::connections) return;
  for (const Step& step : answer.account.steps) {
    if (step.did != Did::tracked || step.by.kind() != CauseKind::conntrack) continue;
    if (step.host != change.host) continue;
    static_cast<void>(machine);
    answer.account.end.cause_host = step.host;
    answer.account.end.stop.cause = step.by;
    return;
  }
}

/// What the namespaces on the way did not show when they were read, and was taken for granted.
void add_assumed_of_hosts(const host::Machine& machine, Account& account) {
  std::vector<std::uint32_t> met;
  for (const Step& step : account.steps)
    if (std::find(met.begin(), met.end(), step.host) == met.end()) met.push_back(step.host);
  for (const std::uint32_t i : met)
    for (const std::string& what : machine.hosts[i].assumed)
      account.assumed.push_back(fmt::format("{}: {}", machine.hosts[i].name, what));
}

}  // namespace

Answer answer(const host::Machine& machine, const Question& question) {
  Answer a{.question = question, .account = explore(machine, question), .fixes = {}, .remarks = {}};
  a.fixes = tried_fixes(machine, question, a.account);
  blame_stale_entry(machine, a);
  a.remarks = lint(machine, a.account);
  add_assumed_of_hosts(machine, a.account);
  return a;
}

int exit_code(const Answer& answer) {
  switch (answer.account.verdict) {
    case Verdict::delivered: return 0;
    case Verdict::dropped: return 1;
    case Verdict::undecided: return 3;
  }
  return 3;
}

}  // namespace wayout::why
