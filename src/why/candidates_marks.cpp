// Changes of the marks by which a host with several uplinks answers as it was asked: CONNMARK keeps
// one of the question, gives it to the answer, and a routing rule leads what has it out by that
// uplink.
#include <algorithm>

#include "why/candidates.hpp"
#include "why/hops.hpp"

namespace wayout::why {
namespace {

using netfilter::ConnmarkTarget;

/// One host that the answer leaves by another device than the question came in by.
struct Turn {
  std::uint32_t host;
  DeviceId asked_by;     ///< into it by this one came the question
  DeviceId answered_by;  ///< and by this one the answer
  Cause decided;         ///< the route that led the answer out
};

/// The mark that some rule kept for the connection when the question came.
std::optional<std::uint32_t> kept_mark(const Scene& s, std::uint32_t host) {
  std::optional<std::uint32_t> mark;
  for (const Step& step : s.account.steps) {
    if (step.host != host || step.packet != s.account.legs.front().packet ||
        step.did != Did::rewritten || step.by.kind() != CauseKind::rule)
      continue;
    const auto* target = std::get_if<ConnmarkTarget>(
        &s.machine.hosts[host].netfilter.rule(step.by.rule_ref()).target);
    if (target != nullptr && target->mode != ConnmarkTarget::Mode::restore) mark = step.value;
  }
  return mark;
}

/// The first CONNMARK rule of the table mangle that does this before routing.
std::optional<RuleRef> connmark_rule(const host::Host& host, ConnmarkTarget::Mode mode) {
  const auto& rulesets = host.netfilter.rulesets;
  for (std::uint8_t r = 0; r < rulesets.size(); ++r)
    for (std::uint8_t t = 0; t < rulesets[r].tables.size(); ++t) {
      const netfilter::Table& table = rulesets[r].tables[t];
      for (std::uint32_t c = 0; c < table.chains.size(); ++c) {
        if (table.kind != netfilter::TableKind::mangle || table.chains[c].hook != Hook::prerouting)
          continue;
        for (std::uint32_t i = 0; i < table.chains[c].rules.size(); ++i) {
          const auto* target = std::get_if<ConnmarkTarget>(&table.chains[c].rules[i].target);
          if (target != nullptr && target->mode == mode) return RuleRef{r, t, c, i};
        }
      }
    }
  return std::nullopt;
}

/// A rule for the table mangle before routing. Where one does the same already, but not of this
/// packet, that one is wrong.
Change connmark(const Scene& s, const Turn& turn, netfilter::Rule rule,
                const ConnmarkTarget& target) {
  rule.target = target;
  Change change = add_rule(s.machine, turn.host, netfilter::TableKind::mangle, Hook::prerouting,
                           /*first=*/false, std::move(rule));
  const auto wrong = connmark_rule(s.machine.hosts[turn.host], target.mode);
  change.blames = wrong ? Cause::rule(*wrong) : turn.decided;
  change.prepares = !wrong;  // the other half may be missing, too
  return change;
}

/// The mark is kept: it has to get to the answer, and to lead it.
Changes for_kept_mark(const Scene& s, const Turn& turn, std::uint32_t rule, std::uint32_t mark) {
  Changes out;
  const route::Fib& fib = s.machine.hosts[turn.host].fib;
  netfilter::Rule restore;
  restore.in = through(s.machine.hosts[turn.host], turn.answered_by);
  out.push_back(connmark(s, turn, restore, {.mode = ConnmarkTarget::Mode::restore}));
  std::uint32_t first = 101;  // in front of all that look elsewhere
  for (const route::Rule& r : fib.rules)
    if (r.table != route::table_local) first = std::min(first, r.preference);
  if (first < 2) return out;
  const bool fits = (mark & fib.rules[rule].fwmask) == fib.rules[rule].fwmark;
  out.push_back(add_table_rule(s.machine, turn.host,
                               {.preference = first - 1,
                                .fwmark = fits ? fib.rules[rule].fwmark : mark,
                                .fwmask = fits ? fib.rules[rule].fwmask : 0xffffffff,
                                .table = fib.rules[rule].table}));
  out.back().blames = Cause::routing_rule(rule);
  return out;
}

/// Nothing keeps a mark of questions that come in by this device.
Change for_unmarked(const Scene& s, const Turn& turn, std::uint32_t mark) {
  netfilter::Rule rule;
  rule.in = through(s.machine.hosts[turn.host], turn.asked_by);
  netfilter::ConntrackMatch is_new;
  is_new.states = netfilter::ConntrackMatch::new_;
  rule.matches.emplace_back(is_new);
  return connmark(s, turn, rule, {.mode = ConnmarkTarget::Mode::set, .value = mark});
}

std::vector<Turn> turns_of(const Scene& s) {
  std::vector<Turn> out;
  for (const Hop& hop : hops_of(s.machine, s.account, s.account.legs.back().packet)) {
    const DeviceId ingress = came_in_by(s.account, hop.decision.host);
    if (ingress != no_device && hop.ingress != no_device && ingress != hop.decision.device)
      out.push_back({hop.decision.host, ingress, hop.ingress, hop.decision.by});
  }
  return out;
}

}  // namespace

bool leads_out_by(const route::FibTable& table, DeviceId device) {
  return std::ranges::any_of(table.routes, [&](const route::Route& route) {
    return route.destination.length == 0 && route.type == RouteType::unicast &&
           !route.nexthops.empty() && route.nexthops.front().device == device;
  });
}

Changes for_lost_mark(const Scene& s) {
  Changes out;
  if (!s.back() || s.account.legs.back().way != Way::back) return out;
  for (const Turn& turn : turns_of(s)) {
    const route::Fib& fib = s.machine.hosts[turn.host].fib;
    for (std::uint32_t i = 0; i < fib.rules.size(); ++i) {
      const route::Rule& rule = fib.rules[i];
      const route::FibTable* table = fib.find_table(rule.table);
      if (rule.fwmask == 0 || rule.invert || rule.action != route::RuleAction::to_table ||
          table == nullptr || !leads_out_by(*table, turn.asked_by))
        continue;
      const auto mark = kept_mark(s, turn.host);
      if (!mark)
        out.push_back(for_unmarked(s, turn, rule.fwmark));
      else
        for (Change& c : for_kept_mark(s, turn, i, *mark))
          out.push_back(std::move(c));
    }
  }
  return out;
}

}  // namespace wayout::why
