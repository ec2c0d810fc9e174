// Changes of ipset sets: an element in or out, which is less than a rule.
#include <algorithm>

#include "netfilter/ipset.hpp"
#include "why/candidates.hpp"

namespace wayout::why {
namespace {

/// The address that a set of one dimension is asked about.
std::optional<wire::IpAddress> asked_of(const netfilter::IpSets& sets, const netfilter::SetMatch& match,
                                        const route::Flow& flow) {
  using netfilter::SetPart;
  const netfilter::IpSet* set = sets.find(match.set);
  if (set == nullptr || set->unmodelled || set->parts.size() != 1 || match.source.size() != 1 ||
      set->family != wire::Family::ipv4 || set->mask.is_set())
    return std::nullopt;
  if (set->parts.front() != SetPart::ip && set->parts.front() != SetPart::net) return std::nullopt;
  return match.source.front() ? flow.source : flow.destination;
}

}  // namespace

Changes for_sets_of(const Scene& s, RuleRef ref) {
  using netfilter::SetPart;
  Changes out;
  const netfilter::Netfilter& nf = s.h.netfilter;
  for (const netfilter::Match& any : nf.rule(ref).matches) {
    const auto* match = std::get_if<netfilter::SetMatch>(&any);
    if (match == nullptr) continue;
    const auto address = asked_of(nf.sets, *match, s.flow);
    if (!address) continue;
    const netfilter::IpSet& set = *nf.sets.find(match->set);
    const auto own = std::ranges::find_if(set.elements, [&](const netfilter::SetElement& e) {
      return e.first == wire::Prefix::host(*address) && !e.range_end.is_set();
    });
    const netfilter::SetAnswer answer =
        netfilter::ipset_contains(nf.sets, set, *match,
                                  {.source = s.flow.source, .destination = s.flow.destination});
    if (answer == netfilter::SetAnswer::unknown) continue;
    if (answer == netfilter::SetAnswer::no) {
      if (own == set.elements.end())
        out.push_back(add_to_set(s.machine, s.host, set.name, *address, /*nomatch=*/false));
      else if (own->nomatch) out.push_back(delete_from_set(s.machine, s.host, set.name, *address));
    } else if (own != set.elements.end()) {
      out.push_back(delete_from_set(s.machine, s.host, set.name, *address));
    } else if (set.parts.front() == SetPart::net) {  // of a network that holds it, this one not
      out.push_back(add_to_set(s.machine, s.host, set.name, *address, /*nomatch=*/true));
    }
  }
  return out;
}

Changes for_passed_sets(const Scene& s) {
  Changes out;
  for (const Step& step : s.account.steps) {
    if (step.host != s.host || step.packet != s.account.legs.back().packet ||
        step.did != Did::rule_missed || step.by.kind() != CauseKind::rule)
      continue;
    const netfilter::Rule& rule = s.h.netfilter.rule(step.by.rule_ref());
    if (std::holds_alternative<netfilter::DropTarget>(rule.target) ||
        std::holds_alternative<netfilter::RejectTarget>(rule.target))
      continue;
    for (Change& change : for_sets_of(s, step.by.rule_ref()))
      if (std::ranges::none_of(out, [&](const Change& c) { return c.command == change.command; }))
        out.push_back(std::move(change));
  }
  return out;
}

}  // namespace wayout::why
