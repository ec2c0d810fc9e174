#include "why/lint.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "nat/map.hpp"
#include "why/words.hpp"

namespace wayout::why {
namespace {

using netfilter::Rule;

/// Hosts on the way, in the order in which they were first met.
std::vector<std::uint32_t> hosts_of(const Account& account) {
  std::vector<std::uint32_t> hosts;
  for (const Step& step : account.steps)
    if (std::find(hosts.begin(), hosts.end(), step.host) == hosts.end()) hosts.push_back(step.host);
  return hosts;
}

class Lint {
 public:
  Lint(const host::Machine& machine, const Question& question, const Account& account)
      : machine_(machine), question_(question), account_(account) {}

  std::vector<Remark> all() {
    for (const std::uint32_t host : hosts_of(account_)) {
      const host::Host& h = machine_.hosts[host];
      for (std::uint8_t r = 0; r < h.netfilter.rulesets.size(); ++r) {
        const auto& tables = h.netfilter.rulesets[r].tables;
        for (std::uint8_t t = 0; t < tables.size(); ++t)
          for (std::uint32_t c = 0; c < tables[t].chains.size(); ++c)
            if (met(host, {r, t, c, 0})) chain(host, {r, t, c, 0});
      }
    }
    return std::move(remarks_);
  }

 private:
  [[nodiscard]] bool met(std::uint32_t host, RuleRef chain) const {
    return std::any_of(account_.steps.begin(), account_.steps.end(), [&](const Step& s) {
      if (s.host != host) return false;
      if (s.by.kind() != CauseKind::rule && s.by.kind() != CauseKind::policy) return false;
      const RuleRef ref = s.by.rule_ref();
      return ref.ruleset == chain.ruleset && ref.table == chain.table && ref.chain == chain.chain;
    });
  }

  void say(std::uint32_t host, RuleRef ref, std::string text) {
    remarks_.push_back({host, cause_line(machine_.hosts[host], Cause::rule(ref)), std::move(text)});
  }

  void chain(std::uint32_t host, RuleRef ref) {
    const host::Host& h = machine_.hosts[host];
    const netfilter::Chain& chain = h.netfilter.chain(ref);
    constexpr std::size_t most = 2000;  // a remark in a chain longer than that helps nobody
    std::optional<std::uint32_t> wall;  // the first rule that takes everything
    for (std::uint32_t i = 0; i < chain.rules.size() && i < most; ++i) {
      const Rule& rule = chain.rules[i];
      ref.rule = i;
      interface(host, ref, rule.in);
      interface(host, ref, rule.out);
      sets(host, ref, rule);
      if (wall && std::holds_alternative<netfilter::AcceptTarget>(rule.target))
        say(host, ref, fmt::format("is never reached: rule {} above it takes everything", *wall + 1));
      if (!wall && takes_everything(rule)) wall = i;
      masquerade(host, ref, chain, rule);
      stray(host, ref);
      published_elsewhere(host, ref, rule);
    }
  }

  void interface(std::uint32_t host, RuleRef ref, const netfilter::InterfaceMatch& match) {
    const host::Host& h = machine_.hosts[host];
    if (match.wildcard || match.name.empty() || match.invert) return;
    if (h.devices.find(match.name) == no_device)
      say(host, ref, fmt::format("names {}, and there is no such device", match.name));
  }

  void sets(std::uint32_t host, RuleRef ref, const Rule& rule) {
    const host::Host& h = machine_.hosts[host];
    for (const netfilter::Match& match : rule.matches) {
      const auto* set = std::get_if<netfilter::SetMatch>(&match);
      if (set != nullptr && h.netfilter.sets.known && h.netfilter.sets.find(set->set) == nullptr)
        say(host, ref, fmt::format("names the set {}, and there is no such set", set->set));
    }
  }

  /// A MASQUERADE that stands for the way the probe took, and misses it by one condition.
  void masquerade(std::uint32_t host, RuleRef ref, const netfilter::Chain& chain, const Rule& rule) {
    const auto* target = std::get_if<netfilter::NatTarget>(&rule.target);
    if (target == nullptr || target->kind != netfilter::NatTarget::Kind::masquerade) return;
    if (chain.hook != Hook::postrouting || account_.end.stop.cause.kind() != CauseKind::nat) return;
    const wire::IpAddress& source = account_.asked.source;
    if (rule.source.asked() && !rule.source.invert && !rule.source.prefix.contains(source)) {
      say(host, ref, fmt::format("does not cover {}", source.text()));
      return;
    }
    const DeviceId device = account_.end.stop.cause.device();
    if (account_.end.cause_host != host || device == no_device || rule.out.name.empty() ||
        rule.out.invert)
      return;
    const std::string& egress = machine_.hosts[host].devices[device].name;
    if (!rule.out.wildcard && rule.out.name != egress)
      say(host, ref, fmt::format("is for {}, but the packet leaves through {}", rule.out.name, egress));
  }

  /// It translated the probe, which was for somebody else.
  void stray(std::uint32_t host, RuleRef ref) {
    const auto did = std::find_if(account_.steps.begin(), account_.steps.end(), [&](const Step& s) {
      return s.host == host && s.did == Did::translated && s.by == Cause::rule(ref) &&
             s.packet == account_.legs.front().packet;
    });
    if (did == account_.steps.end()) return;
    const wire::IpAddress to = destination_before(account_, *did);
    if (takes_what_is_for_others(machine_.hosts[host], ref, to))
      say(host, ref, fmt::format("takes what is for {}, which is not an address of {}", to.text(),
                                 machine_.hosts[host].name));
  }

  /// Nothing listens there, and a rule publishes it, but on another address.
  void published_elsewhere(std::uint32_t host, RuleRef ref, const Rule& rule) {
    const wire::IpAddress& asked = account_.asked.destination;
    const Cause& cause = account_.end.stop.cause;
    if (cause.kind() != CauseKind::socket || account_.end.host != host) return;
    if (!rule.destination.asked() || rule.destination.invert ||
        rule.destination.prefix.contains(asked) || !publishes(rule, question_))
      return;
    say(host, ref,
        fmt::format("publishes it on {} only, not on {}",
                    rule.destination.prefix.text(/*short_host=*/true), asked.text()));
  }

  static bool takes_everything(const Rule& rule) {
    const bool ends = std::holds_alternative<netfilter::DropTarget>(rule.target) ||
                      std::holds_alternative<netfilter::RejectTarget>(rule.target);
    return ends && !rule.source.asked() && !rule.destination.asked() && !rule.in.asked() &&
           !rule.out.asked() && !rule.protocol && rule.matches.empty() && !rule.fragment;
  }

  const host::Machine& machine_;
  const Question& question_;
  const Account& account_;
  std::vector<Remark> remarks_;
};

}  // namespace

bool takes_what_is_for_others(const host::Host& host, RuleRef ref,
                              const wire::IpAddress& destination) {
  if (!host.netfilter.chain(ref).hook) return false;
  const netfilter::Rule& rule = host.netfilter.rule(ref);
  const auto* target = std::get_if<netfilter::NatTarget>(&rule.target);
  if (target == nullptr || target->kind != netfilter::NatTarget::Kind::dnat) return false;
  if (rule.destination.asked() || rule.in.asked()) return false;
  const bool asks_nothing_else =
      std::all_of(rule.matches.begin(), rule.matches.end(), [](const netfilter::Match& match) {
        return std::holds_alternative<netfilter::TcpMatch>(match) ||
               std::holds_alternative<netfilter::UdpMatch>(match) ||
               std::holds_alternative<netfilter::MultiportMatch>(match) ||
               std::holds_alternative<netfilter::CommentMatch>(match);
      });
  return asks_nothing_else && route::address_type(host.fib, destination) == RouteType::unicast;
}

bool publishes(const netfilter::Rule& rule, const Question& question) {
  const auto* target = std::get_if<netfilter::NatTarget>(&rule.target);
  using Kind = netfilter::NatTarget::Kind;
  if (target == nullptr || (target->kind != Kind::dnat && target->kind != Kind::redirect))
    return false;
  if (rule.protocol && *rule.protocol != protocol_of(question.probe)) return false;
  const auto holds = [&](const netfilter::PortRange& r) {
    return r.low <= question.dport && question.dport <= r.high;
  };
  return std::ranges::all_of(rule.matches, [&](const netfilter::Match& match) {
    if (const auto* m = std::get_if<netfilter::TcpMatch>(&match))
      return holds(m->destination) != m->invert_destination;
    if (const auto* m = std::get_if<netfilter::UdpMatch>(&match))
      return holds(m->destination) != m->invert_destination;
    if (const auto* m = std::get_if<netfilter::MultiportMatch>(&match))
      return m->side != netfilter::MultiportMatch::Side::destination ||
             std::ranges::any_of(m->ports, holds) != m->invert;
    return true;
  });
}

wire::IpAddress destination_before(const Account& account, const Step& step) {
  constexpr auto of_destination = static_cast<std::uint32_t>(nat::Manip::destination);
  wire::IpAddress to = account.asked.destination;
  for (const Step& earlier : account.steps) {
    if (&earlier == &step) break;
    if (earlier.packet == step.packet && earlier.did == Did::translated &&
        earlier.value == of_destination)
      to = earlier.address;
  }
  return to;
}

std::vector<Remark> lint(const host::Machine& machine, const Question& question,
                         const Account& account) {
  return Lint(machine, question, account).all();
}

}  // namespace wayout::why
