#include "netfilter/chain_walk.hpp"

#include <utility>

#include "netfilter/match.hpp"
#include "netfilter/target.hpp"

namespace wayout::netfilter {
namespace {

/// What a whole rule says to a packet.
struct Judgement {
  Outcome outcome = Outcome::yes;
  std::uint32_t part = 0;            ///< Missed, or first_match + n: what did not say yes
  Outcome otherwise = Outcome::yes;  ///< what the rule says if its unknown part says yes
  std::uint32_t unknown = 0;         ///< how many parts are not known

  static Judgement miss(Missed part) { return {Outcome::no, std::to_underlying(part)}; }
};

bool fits(const AddressMatch& asked, const wire::IpAddress& address) {
  if (!asked.asked()) return true;
  const bool holds = asked.mask.is_set() ? (address.v4() & asked.mask.v4()) ==
                                               (asked.prefix.address.v4() & asked.mask.v4())
                                         : asked.prefix.contains(address);
  return holds != asked.invert;
}

bool fits(const InterfaceMatch& asked, const link::Devices& devices, DeviceId device) {
  return !asked.asked() ||
         is_named(devices[device].name, asked.name, asked.wildcard) != asked.invert;
}

/// Linux: ip_tables.c ip_packet_match.
Judgement judge_fixed_part(const Rule& rule, const Situation& at) {
  const wire::Ipv4Header& ip = at.ip();
  if (!fits(rule.source, ip.source_address())) return Judgement::miss(Missed::source);
  if (!fits(rule.destination, ip.destination_address()))
    return Judgement::miss(Missed::destination);
  if (!fits(rule.in, at.around.devices, at.devices.in))
    return Judgement::miss(Missed::in_interface);
  if (!fits(rule.out, at.around.devices, at.devices.out))
    return Judgement::miss(Missed::out_interface);
  if (rule.protocol && *rule.protocol != 0 && (*rule.protocol == ip.protocol) == rule.invert_protocol)
    return Judgement::miss(Missed::protocol);
  if (rule.fragment && at.is_later_fragment() == rule.invert_fragment)
    return Judgement::miss(Missed::fragment);
  return {};
}

/// The matches in order. When chance explores, one that is not known does not hide a later one that
/// says no: then the rule does not match, whatever the unknown is.
Judgement judge(const Rule& rule, const Situation& at) {
  at.changes.state.doubts.clear();
  Judgement judgement = judge_fixed_part(rule, at);
  if (judgement.outcome != Outcome::yes) return judgement;
  for (std::size_t i = 0; i < rule.matches.size(); ++i) {
    const Outcome said = ask(rule.matches[i], i, at);
    if (said == Outcome::yes) continue;
    const auto part = static_cast<std::uint32_t>(std::to_underlying(Missed::first_match) + i);
    if (said == Outcome::no) return {Outcome::no, part};
    if (judgement.outcome == Outcome::yes) judgement = {said, part};
    ++judgement.unknown;
    if (said == Outcome::drop) judgement.otherwise = Outcome::drop;
    if (said == Outcome::drop || !at.changes.chance.explores()) return judgement;
  }
  return judgement;
}

/// Of the rules that are walked again, those that only pass the packet on are told this often.
constexpr std::uint64_t most_told_again = 10'000;

/// One packet in one table. Every rule that is looked at costs one of `left_`.
template <Trace T>
class Walk {
 public:
  Walk(RuleRef chain, Situation at, T& trace)
      : at_(at),
        trace_(trace),
        netfilter_(at.around.netfilter),
        built_in_(chain.chain),
        left_(netfilter_.compiled.counters + most_rules_again) {
    at_.rule = chain;
    at_.rule.rule = 0;
    calls().clear();
  }

  Stop run() {
    for (;;) {
      const Chain& chain = netfilter_.chain(at_.rule);
      if (at_.rule.rule == chain.rules.size()) {
        if (!return_to_caller()) return policy();
        continue;
      }
      if (left_-- == 0)
        return Stop::end(Fate::undecided, at_.stage(), Cause::packet(PacketCause::too_many_rules));
      const Rule& rule = chain.rules[at_.rule.rule];
      const Outcome outcome = settle(rule, judge(rule, at_));
      if (outcome == Outcome::drop) return at_.drop(Cause::packet(PacketCause::hotdrop));
      if (outcome == Outcome::no) {
        ++at_.rule.rule;
        continue;
      }
      const Verdict verdict = matched(rule);
      if (verdict.kind == Verdict::Kind::stop) return verdict.stop;
      if (verdict.kind == Verdict::Kind::accept) return Stop::go_on();
      if (verdict.kind == Verdict::Kind::return_ && calls().empty()) return policy();
      follow(verdict, rule);
    }
  }

 private:
  std::vector<RuleRef>& calls() { return at_.changes.state.calls; }

  /// What is not known is asked for, or taken to be no.
  Outcome settle(const Rule& rule, const Judgement& judgement) {
    if (judgement.outcome == Outcome::yes) return Outcome::yes;
    if (judgement.outcome == Outcome::unknown && matters(rule, judgement)) {
      const std::uint32_t matches = at_.changes.chance.explores() ? choose(judgement) : 0;
      tell_assumed(matches);
      if (matches != 0) return judgement.otherwise;
    }
    tell_passing(Did::rule_missed, judgement.part);
    return judgement.outcome == Outcome::drop ? Outcome::drop : Outcome::no;
  }

  /// 1: the rule matches. What that says of ports which are not known is kept.
  std::uint32_t choose(const Judgement& judgement) {
    Chance& chance = at_.changes.chance;
    const std::vector<PortDoubt>& doubts = at_.changes.state.doubts;
    if (doubts.empty()) return chance.choose(cause(), 2);
    const std::uint32_t matches = chance.choose_about(doubts.front().number, cause(), 2);
    const bool alone = judgement.unknown == 1 && doubts.size() == 1;
    for (const PortDoubt& doubt : doubts) {
      if (matches != 0) chance.narrow(doubt.number, doubt.accepted);
      else if (alone) chance.narrow(doubt.number, doubt.accepted.complement());
    }
    return matches;
  }

  static bool matters(const Rule& rule, const Judgement& judgement) {
    return !only_counts(rule.target) || judgement.otherwise == Outcome::drop;
  }

  Verdict matched(const Rule& rule) {
    count(netfilter_.counter_of(at_.rule));
    tell_match(effect_of(rule.target));
    const Verdict verdict = act(rule.target, at_);
    if (verdict.rewritten) tell(Did::rewritten, *verdict.rewritten);
    if (verdict.assumed) tell_assumed(0);
    return verdict;
  }

  void follow(const Verdict& verdict, const Rule& rule) {
    ++at_.rule.rule;
    if (verdict.kind == Verdict::Kind::go_on) return;
    if (verdict.kind == Verdict::Kind::return_) {
      return_to_caller();
      return;
    }
    if (verdict.kind == Verdict::Kind::jump) calls().push_back(at_.rule);
    at_.rule.chain = std::get<JumpTarget>(rule.target).chain;
    at_.rule.rule = 0;
  }

  /// False when nobody called: the built-in chain's own end, or that of a chain it went to.
  bool return_to_caller() {
    if (calls().empty()) return false;
    at_.rule = calls().back();
    calls().pop_back();
    return true;
  }

  Stop policy() {
    at_.rule.chain = built_in_;
    at_.rule.rule = RuleRef::policy;
    count(netfilter_.counter_of(at_.rule));
    const bool drops = netfilter_.chain(at_.rule).policy == Policy::drop;
    tell(Did::policy_applied,
         std::to_underlying(drops ? RuleEffect::drop : RuleEffect::accept));
    return drops ? at_.drop(cause()) : Stop::go_on();
  }

  [[nodiscard]] Cause cause() const { return Cause::rule(at_.rule); }

  void count(std::uint32_t counter) {
    Counters& counters = at_.changes.state.counters[counter];
    counters.packets += 1;
    counters.bytes += std::as_const(at_.packet).network().size();
  }

  [[nodiscard]] Step step(Did did, std::uint32_t value) const {
    return {.stage = at_.stage(),
            .did = did,
            .hook = at_.hook,
            .device = at_.hook == Hook::output || at_.hook == Hook::postrouting ? at_.devices.out
                                                                                : at_.devices.in,
            .value = value,
            .by = cause(),
            .packet = at_.packet.number};
  }
  void tell(Did did, std::uint32_t value) {
    if constexpr (T::tells) trace_.step(step(did, value));
  }
  /// What changes nothing, and is not told for ever.
  void tell_passing(Did did, std::uint32_t value) {
    if (left_ >= most_rules_again - most_told_again) tell(did, value);
  }
  void tell_match(RuleEffect effect) {
    const bool passing = effect == RuleEffect::go_on || effect == RuleEffect::jump ||
                         effect == RuleEffect::goto_ || effect == RuleEffect::return_;
    const auto value = std::to_underlying(effect);
    passing ? tell_passing(Did::rule_matched, value) : tell(Did::rule_matched, value);
  }
  void tell_assumed(std::uint32_t taken) {
    assume(step(Did::assumed, taken), at_.changes.assumed, trace_);
  }

  Situation at_;  ///< with the rule that is being judged
  T& trace_;
  const Netfilter& netfilter_;
  std::uint32_t built_in_;
  std::uint64_t left_;
};

}  // namespace

template <Trace T>
Stop walk_chains(RuleRef chain, Situation at, T& trace) {
  return Walk<T>(chain, at, trace).run();
}

template Stop walk_chains(RuleRef, Situation, NoTrace&);
template Stop walk_chains(RuleRef, Situation, StepTrace&);

}  // namespace wayout::netfilter
