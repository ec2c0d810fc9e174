// Changes of rules, of translation, and of the connections that remember it.
#include <algorithm>

#include "nat/map.hpp"
#include "why/candidates.hpp"
#include "wire/headers.hpp"

namespace wayout::why {
namespace {

netfilter::AddressMatch exactly(const wire::IpAddress& address) {
  netfilter::AddressMatch m;
  m.prefix = wire::Prefix::host(address);
  return m;
}

netfilter::AddressMatch block(const wire::Prefix& prefix) {
  netfilter::AddressMatch m;
  m.prefix = prefix.masked();
  return m;
}

netfilter::InterfaceMatch through(const host::Host& host, DeviceId device, bool invert = false) {
  netfilter::InterfaceMatch m;
  if (device != no_device) m.name = host.devices[device].name, m.invert = invert;
  return m;
}

/// The subnet of `device` that holds `address`, or just the address.
wire::Prefix subnet_of(const host::Host& host, DeviceId device, const wire::IpAddress& address) {
  if (device != no_device)
    for (const route::InterfaceAddress& a : host.interfaces[device].addresses)
      if (a.subnet().contains(address)) return a.subnet();
  return wire::Prefix::host(address);
}

/// The hook at which a rule was met: that of the last step which blames it.
Hook hook_of(const Scene& s) {
  for (auto step = s.account.steps.rbegin(); step != s.account.steps.rend(); ++step)
    if (step->by == s.cause && step->did != Did::ended) return step->hook;
  const auto& chain = s.h.netfilter.chain(s.cause.rule_ref());
  return chain.hook.value_or(Hook::forward);
}

/// An ACCEPT for this conversation's packets at this place, as narrow as one would write it.
netfilter::Rule accept_for(const Scene& s, Hook hook, bool by_state) {
  netfilter::Rule rule;
  const bool in = hook == Hook::prerouting || hook == Hook::input || hook == Hook::forward;
  const bool out = hook == Hook::forward || hook == Hook::output || hook == Hook::postrouting;
  const link::Device& device = s.h.devices[s.packet.device];
  const bool bridged = device.port.has_value();  // the rules see the bridge
  const DeviceId here = bridged ? device.master : s.packet.device;
  if (in) rule.in = through(s.h, here);
  if (out) rule.out = through(s.h, bridged ? here : s.packet.routing.egress);
  if (by_state) {
    netfilter::ConntrackMatch state;
    state.states = netfilter::ConntrackMatch::related | netfilter::ConntrackMatch::established;
    rule.matches.emplace_back(state);
  } else {
    rule.source = exactly(s.flow.source);
    rule.destination = exactly(s.flow.destination);
    rule.protocol = s.flow.protocol;
    if (s.flow.protocol == wire::protocol::tcp || s.flow.protocol == wire::protocol::udp) {
      // The service's port: the destination's on the way out, the source's on the way back.
      const netfilter::PortRange port = s.back()
                                            ? netfilter::PortRange{s.flow.sport, s.flow.sport}
                                            : netfilter::PortRange{s.flow.dport, s.flow.dport};
      netfilter::PortRange source, destination;
      (s.back() ? source : destination) = port;
      if (s.flow.protocol == wire::protocol::tcp) {
        netfilter::TcpMatch tcp;
        tcp.source = source, tcp.destination = destination;
        rule.matches.emplace_back(tcp);
      } else {
        netfilter::UdpMatch udp;
        udp.source = source, udp.destination = destination;
        rule.matches.emplace_back(udp);
      }
    }
  }
  rule.target = netfilter::AcceptTarget{};
  return rule;
}

/// The chain that docker calls first and never writes to: the place for rules of one's own.
std::optional<RuleRef> docker_user_chain(const Scene& s, RuleRef policy) {
  if (s.cause.kind() != CauseKind::policy || s.h.netfilter.chain(policy).name != "FORWARD")
    return std::nullopt;
  const auto& chains = s.h.netfilter.rulesets[policy.ruleset].tables[policy.table].chains;
  for (std::uint16_t c = 0; c < chains.size(); ++c)
    if (chains[c].name == "DOCKER-USER") return RuleRef{policy.ruleset, policy.table, c, 0};
  return std::nullopt;
}

/// A goto led the packet past the end of the chain: what is appended is never reached.
bool left_by_goto(const Scene& s, RuleRef policy) {
  return std::any_of(s.account.steps.begin(), s.account.steps.end(), [&](const Step& step) {
    if (step.host != s.host || step.did != Did::rule_matched || step.by.kind() != CauseKind::rule ||
        step.value != static_cast<std::uint32_t>(netfilter::RuleEffect::goto_))
      return false;
    const RuleRef at = step.by.rule_ref();
    return at.ruleset == policy.ruleset && at.table == policy.table && at.chain == policy.chain;
  });
}

/// The source with which the probe came to the blamed host.
wire::IpAddress source_on_arrival(const Scene& s) {
  constexpr auto of_source = static_cast<std::uint32_t>(nat::Manip::source);
  wire::IpAddress source = s.account.asked.source;
  for (const Step& step : s.account.steps) {
    if (step.packet != s.account.legs.front().packet) continue;
    if (step.host == s.host) break;
    if (step.did == Did::translated && step.value == of_source) source = step.address;
  }
  return source;
}

netfilter::Rule masquerade(const Scene& s, DeviceId ingress, DeviceId egress) {
  netfilter::Rule rule;
  const wire::IpAddress source = source_on_arrival(s);
  rule.source = block(subnet_of(s.h, ingress, source));
  rule.out = s.h.devices[ingress].kind == link::DeviceKind::bridge
                 ? through(s.h, ingress, true)
                 : through(s.h, egress);
  netfilter::NatTarget target;
  target.kind = netfilter::NatTarget::Kind::masquerade;
  rule.target = target;
  return rule;
}

/// The layer-3 device by which the probe came into the blamed host.
DeviceId ingress_of_probe(const Scene& s) {
  for (const Step& step : s.account.steps)
    if (step.packet == s.account.legs.front().packet && step.host == s.host &&
        step.did == Did::source_validated)
      return step.device;
  return s.packet.ingress;
}

}  // namespace

Changes for_rule(const Scene& s) {
  Changes out;
  const RuleRef ref = s.cause.rule_ref();
  const Hook hook = hook_of(s);
  const bool policy = s.cause.kind() == CauseKind::policy;
  const auto size = static_cast<std::uint32_t>(s.h.netfilter.chain(ref).rules.size());
  const std::uint32_t at = policy ? size : ref.rule;
  if (const auto user = docker_user_chain(s, ref))
    out.push_back(insert_rule(s.machine, s.host, *user, 0, accept_for(s, hook, s.back())));
  if (s.back()) out.push_back(insert_rule(s.machine, s.host, ref, at, accept_for(s, hook, true)));
  out.push_back(insert_rule(s.machine, s.host, ref, at, accept_for(s, hook, false)));
  if (policy && left_by_goto(s, ref)) {
    out.push_back(insert_rule(s.machine, s.host, ref, 0, accept_for(s, hook, false)));
    out.back().weight = 2;
    out.back().last_resort = true;
  }
  if (!policy) out.push_back(delete_rule(s.machine, s.host, ref));
  return out;
}

Changes for_ports(const Scene& s) {
  Changes out;
  for (auto step = s.account.steps.rbegin(); step != s.account.steps.rend(); ++step) {
    if (step->host != s.host || step->by.kind() != CauseKind::rule) continue;
    const RuleRef ref = step->by.rule_ref();
    netfilter::Rule rule = s.h.netfilter.rule(ref);
    auto* target = std::get_if<netfilter::NatTarget>(&rule.target);
    if (target == nullptr || !target->range.ports_specified) continue;
    target->range.ports_specified = false;
    target->range.min_port = target->range.max_port = 0;
    out.push_back(insert_rule(s.machine, s.host, ref, ref.rule, rule));
    break;
  }
  return out;
}

Changes for_dnat_without_masquerade(const Scene& s) {
  for (const Step& step : s.account.steps) {
    if (step.did != Did::translated || step.packet != s.account.legs.front().packet ||
        step.hook != Hook::prerouting)
      continue;
    const host::Host& h = s.machine.hosts[step.host];
    netfilter::Rule rule;
    rule.source = block(subnet_of(h, step.device, s.account.asked.source));
    rule.destination = exactly(step.address);
    rule.out = through(h, step.device);
    netfilter::NatTarget target;
    target.kind = netfilter::NatTarget::Kind::masquerade;
    rule.target = target;
    return {add_rule(s.machine, step.host, netfilter::TableKind::nat, Hook::postrouting, false, rule),
            set_sysctl(s.machine, step.host, Sysctl::bridge_nf_call_iptables, no_device, 1)};
  }
  return {};
}

Changes for_nat(const Scene& s) {
  Changes out;
  switch (static_cast<NatCause>(s.cause.value())) {
    case NatCause::not_translated: {
      const netfilter::Rule rule = masquerade(s, ingress_of_probe(s), s.cause.device());
      for (const bool first : {false, true})
        out.push_back(add_rule(s.machine, s.host, netfilter::TableKind::nat, Hook::postrouting,
                               first, rule));
      out.back().last_resort = true;
      break;
    }
    case NatCause::ports_exhausted: return for_ports(s);
    case NatCause::answer_elsewhere: return for_dnat_without_masquerade(s);
    default: break;
  }
  return out;
}

Changes for_stale_entries(const Scene& s) {
  Changes out;
  for (const Step& step : s.account.steps) {
    if (step.did != Did::tracked || step.by.kind() != CauseKind::conntrack) continue;
    const host::Host& h = s.machine.hosts[step.host];
    const std::uint32_t position = step.by.connection() - 1;  // listed ones come first in the pool
    if (position >= h.connections.size()) continue;
    out.push_back(delete_connection(s.machine, step.host, h.connections[position]));
    out.back().blames = step.by;
  }
  return out;
}

Changes for_untracked(const Scene& s) {
  Changes out;
  for (const Step& step : s.account.steps) {
    if (step.did != Did::rule_matched || step.by.kind() != CauseKind::rule) continue;
    const netfilter::Rule& rule = s.machine.hosts[step.host].netfilter.rule(step.by.rule_ref());
    const auto* target = std::get_if<netfilter::CtTarget>(&rule.target);
    if (target == nullptr) continue;
    const bool splits = target->notrack || target->zone || target->zone_original ||
                        target->zone_reply || target->zone_from_mark;
    if (splits) out.push_back(delete_rule(s.machine, step.host, step.by.rule_ref()));
  }
  return out;
}

Changes for_wrong_source(const Scene& s) {
  Changes out;
  for (const Step& step : s.account.steps) {
    if (step.host != s.host || step.did != Did::translated || step.by.kind() != CauseKind::rule ||
        step.packet != s.account.legs.front().packet || step.hook != Hook::postrouting)
      continue;
    const RuleRef ref = step.by.rule_ref();
    out.push_back(insert_rule(s.machine, s.host, ref, ref.rule,
                              masquerade(s, ingress_of_probe(s), s.cause.device())));
    out.push_back(delete_rule(s.machine, s.host, ref));
  }
  return out;
}

}  // namespace wayout::why
