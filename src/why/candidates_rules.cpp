// Changes of rules, of translation, and of the connections that remember it.
#include <algorithm>

#include "why/candidates.hpp"
#include "wire/headers.hpp"

namespace wayout::why {
namespace {

/// A rule that names one host, one service or one device end drops what it is about. Any other is a
/// wall for much more than this conversation, and to tear it down is no way to let this one through.
bool is_about_little(const netfilter::Rule& rule) {
  const auto is_host = [](const netfilter::AddressMatch& m) {
    return m.asked() && !m.invert && m.prefix.length == 32;
  };
  const auto is_port = [](const netfilter::PortRange& r, bool invert) {
    return !invert && r.low == r.high;
  };
  if (is_host(rule.source) || is_host(rule.destination)) return true;
  return std::ranges::any_of(rule.matches, [&](const netfilter::Match& match) {
    if (const auto* m = std::get_if<netfilter::TcpMatch>(&match))
      return is_port(m->source, m->invert_source) || is_port(m->destination, m->invert_destination);
    if (const auto* m = std::get_if<netfilter::UdpMatch>(&match))
      return is_port(m->source, m->invert_source) || is_port(m->destination, m->invert_destination);
    if (const auto* m = std::get_if<netfilter::MultiportMatch>(&match)) return !m->invert;
    if (const auto* m = std::get_if<netfilter::MacMatch>(&match)) return !m->invert;
    if (const auto* m = std::get_if<netfilter::PhysdevMatch>(&match))
      return (!m->in.empty() && !m->invert_in) || (!m->out.empty() && !m->invert_out);
    return false;
  });
}

/// The hook at which a rule was met: that of the last step which blames it.
Hook hook_of(const Scene& s) {
  for (auto step = s.account.steps.rbegin(); step != s.account.steps.rend(); ++step)
    if (step->by == s.cause && (step->did == Did::rule_matched || step->did == Did::policy_applied))
      return step->hook;
  const auto& chain = s.h.netfilter.chain(s.cause.rule_ref());
  return chain.hook.value_or(Hook::forward);
}

/// The ports of a packet that has them; a later fragment has none.
struct Ports {
  std::uint16_t source = 0, destination = 0;
};

std::optional<Ports> ports_of(const Packet& packet) {
  const auto bytes = packet.network();
  const auto* ip = wire::header_at<wire::Ipv4Header>(bytes);
  if (ip == nullptr || ip->fragment_offset_bytes() != 0) return std::nullopt;
  if (ip->protocol != wire::protocol::tcp && ip->protocol != wire::protocol::udp)
    return std::nullopt;
  const auto* source = wire::header_at<wire::be16>(bytes, ip->header_bytes());
  const auto* destination = wire::header_at<wire::be16>(bytes, ip->header_bytes() + 2);
  if (source == nullptr || destination == nullptr) return std::nullopt;
  return Ports{*source, *destination};
}

bool is_later_fragment(const Packet& packet) {
  const auto* ip = wire::header_at<wire::Ipv4Header>(packet.network());
  return ip != nullptr && ip->fragment_offset_bytes() != 0;
}

/// Answers, which go from the service's port and belong to a connection. The datagrams of a tunnel do
/// neither: both ways they go to its port, from one that is made of what they carry.
bool are_answers(const Scene& s) { return s.back() && !s.packet.encapsulates; }

/// An ACCEPT for this conversation's packets at this place, as narrow as one would write it.
netfilter::Rule accept_for(const Scene& s, Hook hook, bool by_state) {
  netfilter::Rule rule;
  const bool answers = are_answers(s);
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
    if (is_later_fragment(s.packet)) rule.fragment = true;
    else if (const auto ports = ports_of(s.packet))
      rule.matches.push_back(service_match(s.flow.protocol, answers ? ports->source : ports->destination,
                                           answers));
  }
  rule.target = netfilter::AcceptTarget{};
  return rule;
}

/// The chain that docker calls first and never writes to: the place for rules of one's own.
std::optional<RuleRef> docker_user_chain(const Scene& s, RuleRef policy) {
  if (s.cause.kind() != CauseKind::policy || s.h.netfilter.chain(policy).name != "FORWARD")
    return std::nullopt;
  const auto& chains = s.h.netfilter.rulesets[policy.ruleset].tables[policy.table].chains;
  for (std::uint32_t c = 0; c < chains.size(); ++c)
    if (chains[c].name == "DOCKER-USER") return RuleRef{policy.ruleset, policy.table, c, 0};
  return std::nullopt;
}

/// A goto or a RETURN in the chain itself led the packet past its end, where what is appended is
/// never reached: the position of that rule.
std::optional<std::uint32_t> left_early(const Scene& s, RuleRef policy) {
  using netfilter::RuleEffect;
  for (auto step = s.account.steps.rbegin(); step != s.account.steps.rend(); ++step) {
    if (step->host != s.host || step->did != Did::rule_matched ||
        step->by.kind() != CauseKind::rule)
      continue;
    const RuleRef at = step->by.rule_ref();
    if (at.ruleset != policy.ruleset || at.table != policy.table || at.chain != policy.chain)
      continue;
    // Of this chain the packet met that rule last.
    const auto effect = static_cast<RuleEffect>(step->value);
    if (effect != RuleEffect::goto_ && effect != RuleEffect::return_) return std::nullopt;
    return at.rule;
  }
  return std::nullopt;
}

/// A queue that nobody reads lets pass what comes with --queue-bypass.
netfilter::Rule with_bypass(netfilter::Rule rule) {
  auto& target = std::get<netfilter::KeptTarget>(rule.target);
  if (target.name == "QUEUE") target = {"NFQUEUE", {"--queue-num", "0"}, false};
  target.tokens.emplace_back("--queue-bypass");
  return rule;
}

/// What TPROXY gave to a socket is for this host where its mark says so.
std::optional<Change> for_proxied(const Scene& s, RuleRef ref) {
  const auto* target = std::get_if<netfilter::KeptTarget>(&s.h.netfilter.rule(ref).target);
  const auto* proxy =
      target == nullptr ? nullptr : std::get_if<netfilter::TproxyChange>(&target->does);
  if (s.account.end.stop.stage != Stage::ip_forward || proxy == nullptr || proxy->mask == 0)
    return std::nullopt;
  return make_mark_local(s.machine, s.host, proxy->value, proxy->mask);
}

}  // namespace

netfilter::AddressMatch exactly(const wire::IpAddress& address) {
  netfilter::AddressMatch m;
  m.prefix = wire::Prefix::host(address);
  return m;
}

netfilter::InterfaceMatch through(const host::Host& host, DeviceId device, bool invert) {
  netfilter::InterfaceMatch m;
  if (device != no_device) m.name = host.devices[device].name, m.invert = invert;
  return m;
}

netfilter::Match service_match(std::uint8_t protocol, std::uint16_t port, bool back) {
  netfilter::PortRange source, destination;
  (back ? source : destination) = netfilter::PortRange{port, port};
  if (protocol == wire::protocol::tcp) {
    netfilter::TcpMatch tcp;
    tcp.source = source, tcp.destination = destination;
    return tcp;
  }
  netfilter::UdpMatch udp;
  udp.source = source, udp.destination = destination;
  return udp;
}

Change without_rule(const Scene& s, std::uint32_t host, RuleRef ref) {
  constexpr int wall = 6;
  Change change = delete_rule(s.machine, host, ref);
  if (!is_about_little(s.machine.hosts[host].netfilter.rule(ref))) change.weight = wall;
  return change;
}

Changes for_rule(const Scene& s) {
  Changes out;
  const RuleRef ref = s.cause.rule_ref();
  const Hook hook = hook_of(s);
  const bool policy = s.cause.kind() == CauseKind::policy;
  const auto size = static_cast<std::uint32_t>(s.h.netfilter.chain(ref).rules.size());
  const std::uint32_t at = policy ? left_early(s, ref).value_or(size) : ref.rule;
  out = policy ? Changes{} : for_sets_of(s, ref);
  for (Change& c : for_passed_sets(s)) out.push_back(std::move(c));
  if (s.account.end.stop.stage == Stage::nf_queue)
    out.push_back(replace_rule(s.machine, s.host, ref, with_bypass(s.h.netfilter.rule(ref))));
  if (auto local = policy ? std::nullopt : for_proxied(s, ref)) out.push_back(std::move(*local));
  if (const auto user = docker_user_chain(s, ref))
    out.push_back(insert_rule(s.machine, s.host, *user, 0, accept_for(s, hook, are_answers(s))));
  if (are_answers(s)) out.push_back(insert_rule(s.machine, s.host, ref, at, accept_for(s, hook, true)));
  out.push_back(insert_rule(s.machine, s.host, ref, at, accept_for(s, hook, false)));
  if (!policy) out.push_back(without_rule(s, s.host, ref));
  return out;
}

/// A packet that tracking calls INVALID because of an entry: the other way round, or in a state that
/// it does not fit.
std::optional<std::uint32_t> entry_against(const Scene& s, const Step& invalid) {
  const auto& entries = s.machine.hosts[invalid.host].connections;
  const auto is_of = [&](const conntrack::Tuple& t, const Endpoints& ends) {
    return t.protocol == protocol_of(s.question.probe) && t.source == ends.source &&
           t.destination == ends.destination && t.source_port == ends.sport &&
           t.destination_port == ends.dport;
  };
  for (std::uint32_t i = 0; i < entries.size(); ++i)
    for (const conntrack::Tuple& t : entries[i].tuples)
      if (is_of(t, s.account.asked) || (s.account.seen && is_of(t, *s.account.seen))) return i;
  return std::nullopt;
}

Changes for_stale_entries(const Scene& s) {
  Changes out;
  for (const Step& step : s.account.steps) {
    if (step.did != Did::tracked || step.by.kind() != CauseKind::conntrack) continue;
    const host::Host& h = s.machine.hosts[step.host];
    // Listed ones come first in the pool.
    const bool invalid = step.by == Cause::conntrack(ConntrackCause::invalid);
    const std::uint32_t position =
        invalid ? entry_against(s, step).value_or(no_connection) : step.by.connection() - 1;
    if (position >= h.connections.size()) continue;
    Change change = delete_connection(s.machine, step.host, h.connections[position]);
    const bool is_known = std::ranges::any_of(
        out, [&](const Change& c) { return c.host == change.host && c.command == change.command; });
    if (is_known) continue;
    change.blames = Cause::conntrack(ConntrackCause::entry, position + 1);
    out.push_back(std::move(change));
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
    if (!splits) continue;
    out.push_back(delete_rule(s.machine, step.host, step.by.rule_ref()));
    out.back().prepares = true;  // an old entry may do the same to it
    if (s.cause.kind() == CauseKind::socket || s.cause.kind() == CauseKind::nat)
      out.back().blames = step.by;
  }
  return out;
}

}  // namespace wayout::why
