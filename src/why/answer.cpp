#include "why/answer.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace wayout::why {
namespace {

/// Where the end of the packet does not show what is wrong, the change that lifts it alone does: a
/// stale entry, for one, whatever the packet died of behind its wrong translation.
void blame_what_the_fix_shows(Answer& answer) {
  if (answer.fixes.empty() || answer.fixes.front().changes.size() != 1) return;
  const Change& change = answer.fixes.front().changes.front();
  if (!change.blames) return;
  answer.account.end.cause_host = change.host;
  answer.account.end.stop.cause = *change.blames;
}

/// A change after which the packet is refused lifts one thing of two; the other is no configuration.
void take_out_refused(Answer& answer) {
  for (const Fix& fix : answer.fixes) {
    if (!fix.refused) continue;
    const Change& change = fix.changes.back();
    answer.remarks.push_back({change.host, change.command,
                              "would let the packet through, but then nothing listens there"});
    break;
  }
  std::erase_if(answer.fixes, [](const Fix& fix) { return fix.refused; });
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
  a.remarks = lint(machine, a.account);
  take_out_refused(a);
  blame_what_the_fix_shows(a);
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
