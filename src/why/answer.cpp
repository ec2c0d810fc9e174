#include "why/answer.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace wayout::why {
namespace {

/// The rule looks for what just this entry has: then it says itself what is wrong.
bool asks_about_entry(const netfilter::Rule& rule) {
  return std::any_of(rule.matches.begin(), rule.matches.end(), [](const netfilter::Match& match) {
    const auto* asked = std::get_if<netfilter::ConntrackMatch>(&match);
    return std::holds_alternative<netfilter::ConnmarkMatch>(match) ||
           (asked != nullptr && (asked->status || asked->expire_s));
  });
}

/// Where the end of the packet does not show what is wrong, the change that lifts it alone does: a
/// stale entry, for one, whatever the packet died of behind its wrong translation.
void blame_what_the_fix_shows(const host::Machine& machine, Answer& answer) {
  if (answer.fixes.empty()) return;
  const std::vector<Change>& changes = answer.fixes.front().changes;
  const Change& change = changes.front();
  if (!change.blames) return;
  // What only makes the sender try anew does not count; what prepares shows it with what comes next.
  // Of two faults the first is shown by the change after which the packet gets further.
  const auto count = std::count_if(changes.begin(), changes.end(),
                                   [](const Change& c) { return c.weight > 0; });
  const Stop& stop = answer.account.end.stop;
  if (count != 1 && !change.prepares &&
      (stop.stage != Stage::neigh_invalidate ||
       !ends_elsewhere(machine, answer.question, answer.account, change)))
    return;
  const host::Host& host = machine.hosts[answer.account.end.cause_host];
  if (stop.cause.kind() == CauseKind::rule && change.blames->kind() == CauseKind::conntrack &&
      asks_about_entry(host.netfilter.rule(stop.cause.rule_ref())))
    return;
  // A sysctl that dropped the packet itself shows what is wrong; one that kept ARP silent does not.
  if (stop.cause.kind() == CauseKind::sysctl && stop.stage != Stage::neigh_invalidate) return;
  answer.account.end.cause_host = change.host;
  answer.account.end.stop.cause = *change.blames;
}

/// A hole in a wall behind which nobody listens is no fix.
void take_out_useless(Answer& answer) {
  const auto useless = [&](const Fix& fix) { return fix.refused_in == answer.account.end.host; };
  const auto first = std::find_if(answer.fixes.begin(), answer.fixes.end(), useless);
  if (first == answer.fixes.end()) return;
  // What only makes the sender try anew is no hole.
  const auto hole = std::find_if(first->changes.rbegin(), first->changes.rend(),
                                 [](const Change& c) { return c.weight > 0; });
  const Change& change = hole == first->changes.rend() ? first->changes.back() : *hole;
  answer.remarks.push_back(
      {change.host, change.command, "would let it through, but nothing listens there"});
  std::erase_if(answer.fixes, useless);
}

/// What the first fix does to others, who work now.
void add_besides(Answer& answer) {
  if (answer.fixes.empty()) return;
  for (const Change& change : answer.fixes.front().changes)
    if (!change.besides.empty())
      answer.remarks.push_back({change.host, change.command, change.besides});
}

/// What the namespaces on the way did not show when they were read, and was taken for granted.
void add_assumed_of_hosts(const host::Machine& machine, Account& account) {
  std::vector<std::uint32_t> met;
  for (const Step& step : account.steps) {
    const bool on_the_way = std::any_of(account.legs.begin(), account.legs.end(),
                                        [&](const Leg& leg) { return leg.packet == step.packet; });
    if (on_the_way && std::find(met.begin(), met.end(), step.host) == met.end())
      met.push_back(step.host);
  }
  for (const std::uint32_t i : met)
    for (const std::string& what : machine.hosts[i].assumed)
      account.assumed.push_back(fmt::format("{}: {}", machine.hosts[i].name, what));
}

}  // namespace

Answer answer(const host::Machine& machine, const Question& asked) {
  // 0.0.0.0 is oneself. Linux: net/ipv4/route.c ip_route_output_key_hash.
  Question question = asked;
  if (question.to.is_unspecified())
    question.to = asked.source.is_set() ? asked.source : wire::IpAddress::v4(127, 0, 0, 1);
  Answer a{.question = question, .account = explore(machine, question)};
  Tried tried = tried_fixes(machine, question, a.account);
  a.fixes = std::move(tried.fixes);
  a.progress = std::move(tried.progress);
  a.remarks = lint(machine, question, a.account);
  take_out_useless(a);
  add_besides(a);
  blame_what_the_fix_shows(machine, a);
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
