// Changes of translation: rules that are missing, in the way, or catch too much.
#include <algorithm>

#include "nat/map.hpp"
#include "why/candidates.hpp"
#include "why/lint.hpp"
#include "wire/headers.hpp"

namespace wayout::why {
namespace {

netfilter::AddressMatch block(const wire::Prefix& prefix) {
  netfilter::AddressMatch m;
  m.prefix = prefix.masked();
  return m;
}

/// The subnet of `device` that holds `address`, or just the address.
wire::Prefix subnet_of(const host::Host& host, DeviceId device, const wire::IpAddress& address) {
  if (device != no_device)
    for (const route::InterfaceAddress& a : host.interfaces[device].addresses)
      if (a.subnet().contains(address)) return a.subnet();
  return wire::Prefix::host(address);
}

/// The source with which the probe came to a host.
wire::IpAddress source_on_arrival(const Scene& s, std::uint32_t host) {
  constexpr auto of_source = static_cast<std::uint32_t>(nat::Manip::source);
  wire::IpAddress source = s.account.asked.source;
  for (const Step& step : s.account.steps) {
    if (step.packet != s.account.legs.front().packet) continue;
    if (step.host == host) break;
    if (step.did == Did::translated && step.value == of_source) source = step.address;
  }
  return source;
}

netfilter::Rule masquerade(const host::Host& host, const wire::IpAddress& source, DeviceId ingress,
                           DeviceId egress) {
  netfilter::Rule rule;
  rule.source = block(subnet_of(host, ingress, source));
  rule.out = host.devices[ingress].kind == link::DeviceKind::bridge ? through(host, ingress, true)
                                                                    : through(host, egress);
  netfilter::NatTarget target;
  target.kind = netfilter::NatTarget::Kind::masquerade;
  rule.target = target;
  return rule;
}

/// The layer-3 device by which the probe came into a host.
DeviceId ingress_into(const Scene& s, std::uint32_t host) {
  for (const Step& step : s.account.steps)
    if (step.packet == s.account.legs.front().packet && step.host == host &&
        step.did == Did::source_validated)
      return step.device;
  return no_device;
}

DeviceId ingress_of_probe(const Scene& s) {
  if (const DeviceId came_in = ingress_into(s, s.host); came_in != no_device) return came_in;
  return s.host == s.account.end.host ? s.packet.ingress : no_device;
}

/// Where the probe left this host, as routed behind `from` (a position in the account's steps).
DeviceId egress_behind(const Scene& s, std::size_t from) {
  const Step& at = s.account.steps[from];
  DeviceId egress = no_device;
  for (std::size_t i = from; i < s.account.steps.size(); ++i) {
    const Step& step = s.account.steps[i];
    if (step.host == at.host && step.packet == at.packet && step.did == Did::routed)
      egress = step.device;
  }
  return egress;
}

bool is_of_probe(const Scene& s, const Step& step) {
  return step.packet == s.account.legs.front().packet;
}

netfilter::NatTarget to_own_address() {
  netfilter::NatTarget target;
  target.kind = netfilter::NatTarget::Kind::masquerade;
  return target;
}

}  // namespace

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

namespace {

/// MASQUERADE for questions to the service that this step translated the probe to, from the asker's
/// network; nobody else's source is to be hidden from it.
netfilter::Rule masquerade_to_service(const Scene& s, std::size_t translated) {
  const Step& step = s.account.steps[translated];
  const host::Host& h = s.machine.hosts[step.host];
  const wire::IpAddress source = source_on_arrival(s, step.host);
  netfilter::Rule rule;
  wire::Prefix from = subnet_of(h, ingress_into(s, step.host), source);
  if (source == step.address) from = wire::Prefix::host(source);
  // Who is not on this segment is anybody.
  const bool is_anybody = from.length == 32 && source != step.address;
  if (is_anybody) rule.out = through(h, egress_behind(s, translated));
  else rule.source = block(from);
  rule.destination = exactly(step.address);
  rule.protocol = protocol_of(s.question.probe);
  if (s.question.probe != Probe::icmp)
    rule.matches.push_back(service_match(*rule.protocol, step.port, /*back=*/false));
  rule.target = to_own_address();
  return rule;
}

}  // namespace

Changes for_dnat_without_masquerade(const Scene& s) {
  constexpr int of_all_bridges = 4;
  Changes out;
  for (std::size_t i = 0; i < s.account.steps.size(); ++i) {
    const Step& step = s.account.steps[i];
    if (step.did != Did::translated || !is_of_probe(s, step) || step.hook != Hook::prerouting)
      continue;
    for (const bool first : {false, true}) {  // a chain may accept what comes in front of the end
      out.push_back(add_rule(s.machine, step.host, netfilter::TableKind::nat, Hook::postrouting,
                             first, masquerade_to_service(s, i)));
      out.back().last_resort = first;
    }
    if (s.machine.hosts[step.host].bridging.nf_call_iptables) continue;
    out.push_back(set_sysctl(s.machine, step.host, Sysctl::bridge_nf_call_iptables, no_device, 1));
    out.back().weight = of_all_bridges;
  }
  return out;
}

namespace {

/// Other hosts that forwarded the probe before the one that let it out: where it crosses a bridge on
/// its way to them, the last one sees a connection that is confirmed, and translates it no more.
Changes for_translation_on_the_way(const Scene& s) {
  constexpr int hides_it_twice = 2;
  Changes out;
  for (std::size_t i = 0; i < s.account.steps.size(); ++i) {
    const Step& step = s.account.steps[i];
    const host::Host& h = s.machine.hosts[step.host];
    const DeviceId ingress = ingress_into(s, step.host);
    if (!is_of_probe(s, step) || step.did != Did::routed || step.host == s.host ||
        ingress == no_device || step.by.kind() != CauseKind::route ||
        h.interfaces.owner_of(s.account.asked.destination) != no_device)
      continue;
    out.push_back(add_rule(s.machine, step.host, netfilter::TableKind::nat, Hook::postrouting,
                           /*first=*/false,
                           masquerade(h, s.account.asked.source, ingress, step.device)));
    out.back().weight = hides_it_twice;
    out.back().last_resort = true;
  }
  return out;
}

/// Nothing hides the source that left. Where it is on the uplink's own network, a proxy for it may be
/// what is missing.
Changes for_untranslated(const Scene& s) {
  Changes out;
  const DeviceId egress = s.cause.device();
  const wire::IpAddress source = source_on_arrival(s, s.host);
  if (subnet_of(s.h, egress, source).length != 32)
    out = for_missing_proxy(s.machine, {s.host, egress}, source);
  const bool is_public = !out.empty();  // it is not to be hidden
  // An entry of an earlier attempt keeps what was decided then, whatever rules come.
  const bool is_older = !for_stale_entries(s).empty();
  const netfilter::Rule rule = masquerade(s.h, source, ingress_of_probe(s), egress);
  for (const bool first : {false, true}) {
    out.push_back(add_rule(s.machine, s.host, netfilter::TableKind::nat, Hook::postrouting, first,
                           rule));
    out.back().last_resort = is_public || (first && !is_older);
    out.back().prepares = is_older;
    if (is_older && first) out.back().weight = 2;
  }
  for (Change& c : for_translation_on_the_way(s)) out.push_back(std::move(c));
  return out;
}

}  // namespace

Changes for_nat(const Scene& s) {
  switch (static_cast<NatCause>(s.cause.value())) {
    // On the way out it came back to who asked, whom a rule had led it to.
    case NatCause::not_translated:
      return s.back() ? for_untranslated(s) : for_dnat_without_masquerade(s);
    case NatCause::ports_exhausted: return for_ports(s);
    case NatCause::answer_elsewhere: return for_dnat_without_masquerade(s);
    default: return {};
  }
}

Changes for_loopback_source(const Scene& s) {
  Changes out;
  if (!s.account.asked.source.is_loopback()) return out;
  for (std::size_t i = 0; i < s.account.steps.size(); ++i) {
    const Step& step = s.account.steps[i];
    if (step.did != Did::translated || !is_of_probe(s, step) || step.hook != Hook::output) continue;
    const DeviceId egress = egress_behind(s, i);
    if (egress == no_device || s.machine.hosts[step.host].interfaces[egress].loopback) continue;
    netfilter::Rule rule;
    rule.out = through(s.machine.hosts[step.host], egress);
    netfilter::AddrtypeMatch own;
    own.source_types = 1U << static_cast<unsigned>(RouteType::local);
    rule.matches.emplace_back(own);
    rule.target = to_own_address();
    for (const bool first : {false, true}) {
      out.push_back(add_rule(s.machine, step.host, netfilter::TableKind::nat, Hook::postrouting,
                             first, rule));
      out.back().last_resort = first;
      out.back().blames = Cause::nat(NatCause::not_translated, egress);
    }
    break;
  }
  return out;
}

Changes for_stray_translation(const Scene& s) {
  Changes out;
  for (const Step& step : s.account.steps) {
    if (step.did != Did::translated || !is_of_probe(s, step) || step.hook != Hook::prerouting ||
        step.by.kind() != CauseKind::rule)
      continue;
    const host::Host& h = s.machine.hosts[step.host];
    netfilter::Rule rule = h.netfilter.rule(step.by.rule_ref());
    if (!takes_what_is_for_others(h, step.by.rule_ref(), destination_before(s.account, step)))
      return out;
    netfilter::AddrtypeMatch own;
    own.destination_types = 1U << static_cast<unsigned>(RouteType::local);
    rule.matches.emplace_back(own);
    out.push_back(replace_rule(s.machine, step.host, step.by.rule_ref(), rule));
    return out;
  }
  return out;
}

Changes for_shadowed_publication(const Scene& s) {
  using netfilter::RuleEffect;
  Changes out;
  for (const Step& met : s.account.steps) {
    if (met.did != Did::rule_matched || met.packet != s.account.legs.front().packet ||
        met.by.kind() != CauseKind::rule)
      continue;
    const RuleRef ref = met.by.rule_ref();
    const netfilter::Netfilter& nf = s.machine.hosts[met.host].netfilter;
    const netfilter::Table& table = nf.rulesets[ref.ruleset].tables[ref.table];
    const auto effect = static_cast<RuleEffect>(met.value);
    const bool passes_by = effect == RuleEffect::accept || effect == RuleEffect::return_;
    if (table.kind != netfilter::TableKind::nat || (!passes_by && effect != RuleEffect::nat))
      continue;
    bool is_shadow = false;
    for (std::uint32_t c = 0; c < table.chains.size(); ++c) {
      for (std::uint32_t r = 0; r < table.chains[c].rules.size(); ++r) {
        const bool is_itself = c == ref.chain && r == ref.rule;
        if (is_itself || !publishes(table.chains[c].rules[r], s.question)) continue;
        is_shadow = true;
        if (!passes_by) continue;
        out.push_back(insert_rule(s.machine, met.host, ref, ref.rule, table.chains[c].rules[r]));
        out.back().blames = met.by;
      }
    }
    if (!is_shadow) continue;
    out.push_back(without_rule(s, met.host, ref));
    out.back().blames = met.by;
  }
  return out;
}

namespace {

/// The rule that gives what leaves this source, now or (by an entry) once upon a time.
std::optional<RuleRef> rule_that_gives(const Scene& s, const Step& step) {
  if (step.by.kind() == CauseKind::rule) return step.by.rule_ref();
  const auto& rulesets = s.h.netfilter.rulesets;
  for (std::uint8_t r = 0; r < rulesets.size(); ++r)
    for (std::uint8_t t = 0; t < rulesets[r].tables.size(); ++t) {
      const auto& chains = rulesets[r].tables[t].chains;
      for (std::uint32_t c = 0; c < chains.size(); ++c)
        for (std::uint32_t i = 0; i < chains[c].rules.size(); ++i) {
          const auto* target = std::get_if<netfilter::NatTarget>(&chains[c].rules[i].target);
          if (target == nullptr || target->kind != netfilter::NatTarget::Kind::snat) continue;
          const nat::Range& range = target->range;
          if (range.min_address <= step.address && step.address <= range.max_address)
            return RuleRef{r, t, c, i};
        }
    }
  return std::nullopt;
}

}  // namespace

Changes for_wrong_source(const Scene& s) {
  Changes out;
  constexpr auto of_source = static_cast<std::uint32_t>(nat::Manip::source);
  for (const Step& step : s.account.steps) {
    if (step.host != s.host || step.did != Did::translated || step.value != of_source ||
        step.packet != s.account.legs.front().packet || step.hook != Hook::postrouting)
      continue;
    const auto ref = rule_that_gives(s, step);
    if (!ref) continue;
    const auto put_in_front = [&](const netfilter::Rule& rule) {
      out.push_back(insert_rule(s.machine, s.host, *ref, ref->rule, rule));
    };
    netfilter::Rule rule =
        masquerade(s.h, source_on_arrival(s, s.host), ingress_of_probe(s), s.cause.device());
    // The address of another device is right for what leaves by that one.
    const DeviceId owner = s.h.interfaces.owner_of(step.address);
    const bool is_anothers = owner != no_device && owner != s.cause.device();
    if (is_anothers) rule.out = through(s.h, s.cause.device());
    put_in_front(rule);
    out.push_back(delete_rule(s.machine, s.host, *ref));
    constexpr int needed_elsewhere = 4;
    if (is_anothers) out.back().weight = needed_elsewhere;
    // Where MASQUERADE itself takes the wrong one of several: the one that shares the next hop's subnet.
    for (const route::InterfaceAddress& a : s.h.interfaces[s.cause.device()].addresses) {
      if (a.local == step.address || a.prefix_length == 32) continue;
      auto& target = std::get<netfilter::NatTarget>(rule.target);
      target.kind = netfilter::NatTarget::Kind::snat;
      target.range.min_address = target.range.max_address = a.local;
      target.range.map_addresses = true;
      put_in_front(rule);
    }
    if (step.by.kind() != CauseKind::rule)  // the entry has to go, too
      for (Change& c : out) c.prepares = true;
  }
  return out;
}

}  // namespace wayout::why
