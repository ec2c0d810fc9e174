// SET: what a packet is goes into sets, and out of them.
#include "netfilter/match.hpp"
#include "netfilter/target.hpp"

namespace wayout::netfilter {
namespace {

/// The sets as rules change them, a copy from the first change on.
IpSets& own_sets(const Situation& at) {
  if (!at.changes.state.sets) at.changes.state.sets = at.around.netfilter.sets;
  return *at.changes.state.sets;
}

bool is_there(const std::optional<SetUse>& use) {
  return use && use->position != SetUse::not_there;
}

/// The mark of the element that holds the packet.
Verdict take_mark(const SetUse& use, const SetQuestion& question, const Situation& at) {
  if (use.position == SetUse::not_there) return {.assumed = true};
  const SetElement* element = ipset_find(at.sets(), use, question, at.changes.now_ms);
  if (element == nullptr) return {};
  at.packet.mark = (at.packet.mark & ~element->map_mark_mask) ^ element->map_mark;
  return {.rewritten = at.packet.mark};
}

}  // namespace

Verdict change(const SetChange& to, const Situation& at) {
  const SetQuestion question = question_about(at);
  const std::int64_t now_ms = at.changes.now_ms;
  if (is_there(to.add)) ipset_add(own_sets(at), *to.add, question, to.again, to.timeout_s, now_ms);
  if (is_there(to.remove)) ipset_remove(own_sets(at), *to.remove, question, now_ms);
  if (to.map && to.map_mark) return take_mark(*to.map, question, at);
  return {};
}

}  // namespace wayout::netfilter
