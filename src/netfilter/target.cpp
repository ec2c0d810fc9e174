#include "netfilter/target.hpp"

#include <variant>

namespace wayout::netfilter {
namespace {

conntrack::Connection* connection_of(const Situation& at) {
  return at.packet.connection == no_connection ? nullptr
                                               : &at.changes.connections[at.packet.connection];
}

Verdict act(const NoTarget&, const Situation&) { return {}; }
Verdict act(const AcceptTarget&, const Situation&) { return Verdict::accept(); }
Verdict act(const DropTarget&, const Situation& at) {
  return Verdict::end(at.drop(Cause::rule(at.rule)));
}
Verdict act(const ReturnTarget&, const Situation&) {
  return {.kind = Verdict::Kind::return_};
}
Verdict act(const JumpTarget& target, const Situation&) {
  return {.kind = target.is_goto ? Verdict::Kind::goto_ : Verdict::Kind::jump};
}
Verdict act(const LogTarget&, const Situation&) { return {}; }

Verdict act(const MarkTarget& target, const Situation& at) {
  at.packet.mark = (at.packet.mark & ~target.mask) ^ target.value;
  return {.rewritten = at.packet.mark};
}

/// The template of a `CT` rule keeps a mark for all packets to come; that is not modelled.
/// Linux: net/netfilter/xt_connmark.c connmark_tg.
Verdict act(const ConnmarkTarget& target, const Situation& at) {
  using Mode = ConnmarkTarget::Mode;
  const conntrack::Connection* known = at.connection_or_template();
  if (known == nullptr) return {};
  if (!target.shift.empty()) return {.assumed = true};
  if (target.mode == Mode::restore) {
    at.packet.mark = (at.packet.mark & ~target.packet_mask) ^
                     (known->mark & target.connection_mask);
    return {.rewritten = at.packet.mark};
  }
  conntrack::Connection* connection = connection_of(at);
  if (connection == nullptr) return {.assumed = true};
  const std::uint32_t value =
      target.mode == Mode::set ? target.value : at.packet.mark & target.packet_mask;
  connection->mark = (connection->mark & ~target.connection_mask) ^ value;
  return {.rewritten = connection->mark};
}

/// Before tracking, it says how the packet is to be tracked; the first rule that does decides.
/// Linux: net/netfilter/xt_CT.c xt_ct_target.
Verdict act(const CtTarget& target, const Situation& at) {
  Packet& packet = at.packet;
  if (packet.connection != no_connection || packet.ctinfo != CtInfo::none ||
      packet.has_template_zone)
    return {};
  if (target.notrack) {
    packet.ctinfo = CtInfo::untracked;
    return {};
  }
  const auto both = target.zone_from_mark && !target.zone_original && !target.zone_reply
                        ? std::optional(static_cast<std::uint16_t>(packet.mark))
                        : target.zone;
  packet.has_template_zone = true;
  packet.zone_original = both.value_or(target.zone_original.value_or(0));
  packet.zone_reply = both.value_or(target.zone_reply.value_or(0));
  return {};
}

RuleEffect effect(const NoTarget&) { return RuleEffect::go_on; }
RuleEffect effect(const AcceptTarget&) { return RuleEffect::accept; }
RuleEffect effect(const DropTarget&) { return RuleEffect::drop; }
RuleEffect effect(const ReturnTarget&) { return RuleEffect::return_; }
RuleEffect effect(const JumpTarget& t) { return t.is_goto ? RuleEffect::goto_ : RuleEffect::jump; }
RuleEffect effect(const RejectTarget&) { return RuleEffect::reject; }
RuleEffect effect(const LogTarget&) { return RuleEffect::log; }
RuleEffect effect(const MarkTarget&) { return RuleEffect::mark; }
RuleEffect effect(const ConnmarkTarget&) { return RuleEffect::mark; }
RuleEffect effect(const CtTarget& t) { return t.notrack ? RuleEffect::notrack : RuleEffect::go_on; }
RuleEffect effect(const NatTarget&) { return RuleEffect::nat; }
RuleEffect effect(const TcpmssTarget&) { return RuleEffect::go_on; }
RuleEffect effect(const KeptTarget& t) {
  if (std::holds_alternative<QueueChange>(t.does)) return RuleEffect::queue;
  if (std::holds_alternative<TeeChange>(t.does)) return RuleEffect::copy;
  if (std::holds_alternative<SetChange>(t.does)) return RuleEffect::set;
  const bool proxy = std::holds_alternative<TproxyChange>(t.does) ||
                     std::holds_alternative<SynproxyChange>(t.does);
  return proxy ? RuleEffect::proxy : RuleEffect::go_on;
}

bool may_be_assumed(const std::monostate&) { return true; }
bool may_be_assumed(const QueueChange&) { return true; }
bool may_be_assumed(const TproxyChange&) { return true; }
bool may_be_assumed(const SynproxyChange&) { return true; }
bool may_be_assumed(const SetChange& change) {
  return change.map_mark && change.map && change.map->position == SetUse::not_there;
}
template <class Known>
bool may_be_assumed(const Known&) {
  return false;
}

}  // namespace

Verdict act(const Target& target, const Situation& at) {
  return std::visit([&](const auto& kind) { return act(kind, at); }, target);
}

RuleEffect effect_of(const Target& target) {
  return std::visit([](const auto& kind) { return effect(kind); }, target);
}

bool may_be_assumed(const Target& target) {
  const auto* kept = std::get_if<KeptTarget>(&target);
  return kept != nullptr && !kept->passes &&
         std::visit([](const auto& change) { return may_be_assumed(change); }, kept->does);
}

bool only_counts(const Target& target) {
  const auto* kept = std::get_if<KeptTarget>(&target);
  return std::holds_alternative<NoTarget>(target) || std::holds_alternative<LogTarget>(target) ||
         (kept != nullptr && kept->passes);
}

}  // namespace wayout::netfilter
