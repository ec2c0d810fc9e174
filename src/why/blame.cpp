#include "why/blame.hpp"

#include <algorithm>
#include <vector>

#include "why/astray.hpp"
#include "why/circle.hpp"
#include "why/hops.hpp"
#include "why/outside.hpp"
#include "why/segments.hpp"

namespace wayout::why {
namespace {

bool forwarding_off(const Cause& cause) {
  return cause.kind() == CauseKind::sysctl && cause.sysctl() == Sysctl::forwarding;
}

class Blame {
 public:
  Blame(const host::Machine& machine, Account& account) : machine_(machine), account_(account) {}

  void missing_translation();
  void detour();
  bool circle();

 private:
  [[nodiscard]] const host::Host& host_of(const Hop& hop) const {
    return machine_.hosts[hop.decision.host];
  }
  [[nodiscard]] std::vector<Hop> hops_of(std::uint32_t packet) const {
    return why::hops_of(machine_, account_, packet);
  }
  [[nodiscard]] const Step& last_decision(const Hop& hop) const;
  [[nodiscard]] std::size_t lost_at(const std::vector<Hop>& hops) const;
  [[nodiscard]] bool is_presentable(const Hop& hop) const;
  [[nodiscard]] bool leads_outside(const Hop& hop) const;
  [[nodiscard]] bool hides_elsewhere(const Hop& hop) const;
  [[nodiscard]] bool returned_before(const Hop& hop, RuleRef ref) const;
  [[nodiscard]] bool was_redirected(const Step& routed) const;
  [[nodiscard]] bool serves_as_router(std::uint32_t host, host::DeviceRef end) const;

  const host::Machine& machine_;
  Account& account_;
};

/// That of one end of a point-to-point link, while the next hop shares a subnet with another address
/// of the device: beyond that it is not known.
bool is_of_other_link(const route::Interface& interface, const wire::IpAddress& source,
                      const wire::IpAddress& next_hop) {
  const auto& own = interface.addresses;
  const bool of_peer = std::ranges::any_of(own, [&](const auto& a) {
    return a.local == source && a.peer.is_set() && a.peer != a.local;
  });
  return of_peer && std::ranges::any_of(own, [&](const auto& a) {
           return a.local != source && a.prefix_length < 32 && a.subnet().contains(next_hop);
         });
}

/// The next network can be expected to find back to this source: it is the device's own or on its
/// wire, or a public one of this host.
bool Blame::is_presentable(const Hop& hop) const {
  const host::Host& host = host_of(hop);
  const DeviceId owner = host.interfaces.owner_of(hop.source);
  if (owner == no_device ||
      is_of_other_link(host.interfaces[owner], hop.source, hop.decision.address))
    return false;
  if (owner == hop.decision.device || !hop.source.is_private()) return true;
  const auto& addresses = host.interfaces[hop.decision.device].addresses;
  return std::any_of(addresses.begin(), addresses.end(),
                     [&](const auto& a) { return a.subnet().contains(hop.source); });
}

/// The question was sent back out of this rule's chain in front of it, by a rule that asks for no
/// device: so it would be on any other.
bool Blame::returned_before(const Hop& hop, RuleRef ref) const {
  return std::ranges::any_of(account_.steps, [&](const Step& step) {
    if (step.host != hop.decision.host || step.packet != account_.legs.front().packet ||
        step.did != Did::rule_matched || step.by.kind() != CauseKind::rule ||
        static_cast<netfilter::RuleEffect>(step.value) != netfilter::RuleEffect::return_)
      return false;
    const RuleRef at = step.by.rule_ref();
    return at.ruleset == ref.ruleset && at.table == ref.table && at.chain == ref.chain &&
           at.rule < ref.rule && !host_of(hop).netfilter.rule(at).out.asked();
  });
}

/// Some rule of this host would give this source another one, if it left through another device: its
/// network is meant to stay behind this host.
bool Blame::hides_elsewhere(const Hop& hop) const {
  const wire::IpAddress destination = account_.seen->destination;
  const auto covers = [](const netfilter::AddressMatch& match, const wire::IpAddress& address) {
    return !match.asked() || match.prefix.contains(address) != match.invert;
  };
  const auto& rulesets = host_of(hop).netfilter.rulesets;
  for (std::uint8_t r = 0; r < rulesets.size(); ++r)
    for (std::uint8_t t = 0; t < rulesets[r].tables.size(); ++t) {
      const auto& chains = rulesets[r].tables[t].chains;
      for (std::uint32_t c = 0; c < chains.size(); ++c)
        for (std::uint32_t i = 0; i < chains[c].rules.size(); ++i) {
          const netfilter::Rule& rule = chains[c].rules[i];
          const auto* target = std::get_if<netfilter::NatTarget>(&rule.target);
          if (target == nullptr || (target->kind != netfilter::NatTarget::Kind::masquerade &&
                                    target->kind != netfilter::NatTarget::Kind::snat))
            continue;
          if (covers(rule.source, hop.source) && covers(rule.destination, destination) &&
              !returned_before(hop, {r, t, c, i}))
            return true;
        }
    }
  return false;
}

/// The packet left the networks that this host is in charge of: by a default route or one that halves
/// it (as VPNs set), or onto the wire of its uplink. What somebody routes to a neighbour is among these
/// networks, and so is what has a wire here, unless this source is hidden elsewhere.
bool Blame::leads_outside(const Hop& hop) const {
  const host::Host& host = host_of(hop);
  const bool uplink = is_uplink(host, hop.decision.device);
  if (hop.decision.by.kind() != CauseKind::route) return uplink;
  const route::Route& route = host.fib.route(hop.decision.by.route());
  const bool to_neighbour = !route.nexthops.empty() && route.nexthops.front().gateway.is_set();
  if (route.destination.length <= 1 || (uplink && !to_neighbour)) return true;
  return host.devices[hop.decision.device].kind != link::DeviceKind::bridge && hides_elsewhere(hop);
}

/// Which of the question's hosts lost the answer: the answer comes back through them one by one, and
/// the last that does so ended it or sent it elsewhere. 0: not one of them.
std::size_t Blame::lost_at(const std::vector<Hop>& hops) const {
  const auto position = [&](std::uint32_t host) {
    std::size_t at = 0;
    while (at < hops.size() && hops[at].decision.host != host) ++at;
    return at;
  };
  std::size_t at = hops.size();
  for (const Hop& back : hops_of(account_.legs.back().packet)) {
    const std::size_t next = position(back.decision.host);
    if (next >= at) break;
    at = next;
  }
  if (at == hops.size()) at = position(account_.end.host);
  return at == hops.size() ? 0 : at;
}

/// An outsider that has no way back to an address nobody translated is not at fault: the host that
/// sent it on untranslated is, though the outsider is a namespace of this machine. The same for one
/// that was given an address which nobody owns, or which only this host knows.
void Blame::missing_translation() {
  if (account_.direction != Way::back || !account_.reached || !account_.seen) return;
  if (!machine_.hosts[*account_.reached].runtime.empty()) return;
  const CauseKind kind = account_.end.stop.cause.kind();
  if (kind != CauseKind::no_route && kind != CauseKind::address && kind != CauseKind::neighbour &&
      kind != CauseKind::route && !forwarding_off(account_.end.stop.cause))
    return;

  // Whoever handed the packet to the namespace that lost the answer, or through others to it.
  const std::vector<Hop> hops = hops_of(account_.legs.front().packet);
  std::size_t at = lost_at(hops);
  while (at-- > 0) {
    const Hop& hop = hops[at];
    if (is_presentable(hop)) return;
    if (!leads_outside(hop)) continue;
    const DeviceId egress = hop.decision.device;
    const bool is_owned = host_of(hop).interfaces.owner_of(hop.source) != no_device;
    const bool was_given = at > 0 && hop.source != hops[at - 1].source;
    account_.end.cause_host = hop.decision.host;
    account_.end.stop.cause =
        !was_given ? Cause::nat(NatCause::not_translated, egress)
        : is_owned ? Cause::address(AddressCause::not_known_there, egress)
                   : Cause::address(AddressCause::not_owned, egress);
    return;
  }
}

/// What sent the lost packet from there. A tunnel's datagram is routed after what it carries.
const Step& Blame::last_decision(const Hop& hop) const {
  const Step* last = &hop.decision;
  if (!account_.end.packet.encapsulates) return *last;
  for (const Step& step : account_.steps)
    if (step.packet == hop.decision.packet && step.host == hop.decision.host &&
        step.did == Did::routed)
      last = &step;
  return *last;
}

/// A rule gave the packet another destination in this namespace, before it was routed.
bool Blame::was_redirected(const Step& routed) const {
  return std::any_of(account_.steps.begin(), account_.steps.end(), [&](const Step& step) {
    return step.host == routed.host && step.packet == routed.packet &&
           step.did == Did::translated && step.hook == Hook::prerouting;
  });
}

/// This host is at the other end of the segment, and nobody's provider.
bool Blame::serves_as_router(std::uint32_t host, host::DeviceRef end) const {
  const auto gateway = segment_gateway(machine_, end);
  return gateway && gateway->host == host && !is_foreign(machine_, host, end.host);
}

/// A namespace that does not forward, and would have to send the packet back where it came from or
/// knows no way at all, is no router that is switched off: whoever sent the packet there is wrong.
/// But for its containers a host is the router, whatever else it lacks.
void Blame::detour() {
  if (!forwarding_off(account_.end.stop.cause)) return;
  const std::vector<Hop> hops = hops_of(account_.legs.back().packet);
  if (hops.size() < 2 || hops.back().decision.host != account_.end.host) return;
  const host::Host& host = machine_.hosts[account_.end.host];
  const Step& here = hops.back().decision;
  const bool leads_on =
      here.by.kind() == CauseKind::route &&
      std::any_of(host.fib.route(here.by.route()).nexthops.begin(),
                  host.fib.route(here.by.route()).nexthops.end(),
                  [&](const auto& hop) { return hop.device != account_.end.packet.device; });
  if (leads_on || was_redirected(here)) return;
  const Step& before = last_decision(hops[hops.size() - 2]);
  if (serves_as_router(account_.end.host, {before.host, before.device})) return;
  account_.end.cause_host = before.host;
  // Whoever does not have the next hop's address was meant by a wrong MAC address.
  account_.end.stop.cause = host.interfaces.owner_of(before.address) == no_device
                                ? Cause::neighbour(before.device)
                                : before.by;
}

/// Routers that send a packet in a circle: whoever sends it back where it has been is blamed.
bool Blame::circle() {
  const std::vector<Step> circle = circle_of(account_.steps, account_.end);
  if (circle.empty()) return false;
  account_.end.cause_host = circle.back().host;
  account_.end.stop.cause = circle.back().by;
  return true;
}

}  // namespace

void blame(const host::Machine& machine, Account& account) {
  if (account.verdict != Verdict::dropped) return;
  Blame blame(machine, account);
  if (blame.circle()) return;
  if (const auto culprit = who_led_astray(machine, account)) {
    account.end.cause_host = culprit->host;
    account.end.stop.cause = culprit->cause;
    return;
  }
  blame.missing_translation();
  blame.detour();
}

}  // namespace wayout::why
