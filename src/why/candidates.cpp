// From the end of a packet to the changes that could lift it.
//
// One function a kind of cause. A candidate may be wrong: it is tried before anybody sees it. Order
// within a function is preference: the narrow and intended before the blunt.
#include <algorithm>

#include "wire/headers.hpp"
#include "why/fix.hpp"
#include "why/outside.hpp"

namespace wayout::why {
namespace {

using Changes = std::vector<Change>;

struct Scene {
  const host::Machine& machine;
  const Question& question;
  const Account& account;
  std::uint32_t host;               ///< whose configuration is to blame
  const host::Host& h;
  const Packet& packet;             ///< as it was when it ended
  route::Flow flow;
  Cause cause;

  [[nodiscard]] bool back() const { return account.direction == Way::back; }
};

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

/// The other layer-3 end of a container's segment: the veth peer, or the bridge it is a port of.
std::optional<host::DeviceRef> segment_gateway(const host::Machine& machine, host::DeviceRef end) {
  const host::DeviceRef peer = machine.peer(end);
  if (peer.device == no_device) return std::nullopt;
  const link::Device& device = machine.hosts[peer.host].devices[peer.device];
  return host::DeviceRef{peer.host, device.port ? device.master : peer.device};
}

/// The router of a segment gets the address that `end` uses as its gateway there.
std::optional<Change> give_gateway(const host::Machine& machine, host::DeviceRef end,
                                   const wire::IpAddress& address) {
  const auto router = segment_gateway(machine, end);
  if (!router) return std::nullopt;
  for (const auto& a : machine.hosts[router->host].interfaces[router->device].addresses)
    if (a.local == address) return std::nullopt;
  for (const auto& a : machine.hosts[end.host].interfaces[end.device].addresses)
    if (a.subnet().contains(address))
      return add_address(machine, *router, address, a.prefix_length);
  return std::nullopt;
}

/// An address of `gateway` inside one of `end`'s subnets.
std::optional<wire::IpAddress> gateway_address(const host::Machine& machine, host::DeviceRef end,
                                               host::DeviceRef gateway) {
  const auto& own = machine.hosts[end.host].interfaces[end.device].addresses;
  for (const auto& a : machine.hosts[gateway.host].interfaces[gateway.device].addresses)
    for (const auto& mine : own)
      if (mine.subnet().contains(a.local) && a.local != mine.local) return a.local;
  return std::nullopt;
}

// ------------------------------------------------------------------ sysctls

/// A route for this one address, not one that its subnet has.
std::optional<RouteRef> route_of_its_own(const host::Host& host, const wire::IpAddress& address) {
  for (std::uint32_t t = 0; t < host.fib.tables.size(); ++t) {
    const auto& routes = host.fib.tables[t].routes;
    if (host.fib.tables[t].id == route::table_local) continue;
    for (std::uint32_t r = 0; r < routes.size(); ++r)
      if (routes[r].destination == wire::Prefix::host(address)) return RouteRef{t, r};
  }
  return std::nullopt;
}

Changes for_sysctl(const Scene& s) {
  Changes out;
  const DeviceId device = s.cause.device();
  const auto set = [&](Sysctl sysctl, DeviceId d, int value) {
    out.push_back(set_sysctl(s.machine, s.host, sysctl, d, value));
  };
  switch (s.cause.sysctl()) {
    case Sysctl::forwarding:
    case Sysctl::ip_forward:
      if (!s.h.interfaces.all.forwarding) out.push_back(enable_forwarding(s.machine, s.host));
      if (device != no_device) set(Sysctl::forwarding, device, 1);
      if (out.size() == 2) out.back().weight = 3;  // per device is the exception
      break;
    case Sysctl::rp_filter:
      set(Sysctl::rp_filter, device, 2);
      set(Sysctl::src_valid_mark, device, 1);
      if (const auto stray = route_of_its_own(s.h, s.flow.source))
        out.push_back(delete_route(s.machine, s.host, *stray));
      break;
    case Sysctl::accept_local: set(Sysctl::accept_local, device, 1); break;
    case Sysctl::route_localnet: set(Sysctl::route_localnet, device, 1); break;
    case Sysctl::arp_ignore:
    case Sysctl::arp_filter:
      set(s.cause.sysctl(), device, 0);
      if (device != all_devices) set(s.cause.sysctl(), all_devices, 0);
      break;
    case Sysctl::nf_conntrack_max:
      out.push_back(set_sysctl(s.machine, s.host, s.cause.sysctl(), no_device,
                               static_cast<int>(s.h.conntrack_config.max * 2)));
      break;
    default: break;
  }
  return out;
}

// ------------------------------------------------------------------ rules

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

// ------------------------------------------------------------------ NAT

netfilter::Rule masquerade(const Scene& s, DeviceId ingress, DeviceId egress) {
  netfilter::Rule rule;
  const wire::IpAddress source = s.account.asked.source;
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

/// A masquerade or SNAT rule that ran out of ports: without its port range.
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

/// The question was sent to another destination, on the segment it came from: the answer must come
/// back through the host that did it.
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

// ------------------------------------------------------------------ routes and neighbours

/// Devices of `host` that reach a router on their segment, with its address there.
struct Way_ {
  DeviceId device;
  wire::IpAddress gateway;
};
std::vector<Way_> possible_gateways(const host::Machine& machine, std::uint32_t host) {
  std::vector<Way_> out;
  const host::Host& h = machine.hosts[host];
  for (DeviceId d = 1; d < h.devices.size(); ++d) {
    const auto gateway = segment_gateway(machine, {host, d});
    if (!gateway) continue;
    const auto address = gateway_address(machine, {host, d}, *gateway);
    if (address && h.interfaces.owner_of(*address) == no_device) out.push_back({d, *address});
  }
  return out;
}

Changes for_no_route(const Scene& s) {
  Changes out;
  for (DeviceId d = 1; d < s.h.devices.size(); ++d)
    if (!s.h.devices[d].up && !s.h.interfaces[d].addresses.empty())
      out.push_back(link_up(s.machine, {s.host, d}));
  for (const auto& [device, gateway] : possible_gateways(s.machine, s.host))
    out.push_back(default_route(s.machine, s.host, gateway, device));
  return out;
}

Changes for_route(const Scene& s) {
  Changes out{delete_route(s.machine, s.host, s.cause.route())};
  for (Change& c : for_no_route(s)) out.push_back(std::move(c));
  return out;
}

/// The owner of `address` hangs on a veth whose host end is in no bridge, or in another one than the
/// segment of `end`, where it is looked for.
Changes for_strayed_port(const host::Machine& machine, host::DeviceRef end,
                         const wire::IpAddress& address) {
  Changes out;
  const auto is_bridge = [&](host::DeviceRef d) {
    return machine.hosts[d.host].devices[d.device].kind == link::DeviceKind::bridge;
  };
  const host::DeviceRef bridge =
      is_bridge(end) ? end : segment_gateway(machine, end).value_or(end);
  if (!is_bridge(bridge)) return out;
  const link::Devices& devices = machine.hosts[bridge.host].devices;
  const auto holds_address = [&](DeviceId master) {
    if (master == no_device) return false;
    const auto& own = machine.hosts[bridge.host].interfaces[master].addresses;
    return std::any_of(own.begin(), own.end(),
                       [&](const auto& a) { return a.subnet().contains(address); });
  };
  for (DeviceId d = 1; d < devices.size(); ++d) {
    if (devices[d].kind != link::DeviceKind::veth || devices[d].master == bridge.device) continue;
    if (holds_address(devices[d].master)) continue;  // it is where it belongs
    const host::DeviceRef peer = machine.peer({bridge.host, d});
    if (peer.device == no_device) continue;
    const auto& theirs = machine.hosts[peer.host].interfaces[peer.device].addresses;
    if (std::any_of(theirs.begin(), theirs.end(),
                    [&](const auto& a) { return a.local == address; }))
      out.push_back(set_master(machine, {bridge.host, d}, bridge.device));
  }
  return out;
}

/// Nobody answered for the next hop.
Changes for_unanswered(const Scene& s) {
  Changes out;
  const std::uint32_t host = s.account.end.host;
  const host::Host& h = s.machine.hosts[host];
  const DeviceId device = s.packet.device;
  const wire::IpAddress next_hop =
      s.packet.routing.gateway.is_set() ? s.packet.routing.gateway : s.flow.destination;

  // A gateway that is not there: use the one that is, or give the segment's router the address.
  if (s.packet.routing.gateway.is_set()) {
    for (const auto& [d, gateway] : possible_gateways(s.machine, host))
      if (gateway != next_hop) out.push_back(default_route(s.machine, host, gateway, d));
    if (auto given = give_gateway(s.machine, {host, device}, next_hop))
      out.push_back(std::move(*given));
  }
  // A route that somebody set and that leads to the wrong segment.
  for (auto step = s.account.steps.rbegin(); step != s.account.steps.rend(); ++step) {
    if (step->host != host || step->did != Did::routed) continue;
    if (step->by.kind() == CauseKind::route &&
        h.fib.route(step->by.route()).protocol != route::made_by_kernel)
      out.push_back(delete_route(s.machine, host, step->by.route()));
    break;
  }
  // A rule that sends it to somebody who is gone.
  for (const Step& step : s.account.steps)
    if (step.packet == s.account.legs.front().packet && step.did == Did::translated &&
        step.by.kind() == CauseKind::rule && step.address == next_hop)
      out.push_back(delete_rule(s.machine, step.host, step.by.rule_ref()));
  for (Change& c : for_strayed_port(s.machine, {host, device}, next_hop)) out.push_back(std::move(c));
  return out;
}

/// A frame went to a MAC that is not its receiver's: some entry is stale or typed wrong.
Changes for_wrong_mac(const Scene& s) {
  Changes out;
  for (auto step = s.account.steps.rbegin(); step != s.account.steps.rend(); ++step) {
    if (step->did != Did::resolved) continue;
    for (const link::Neighbour& n : s.machine.hosts[step->host].neighbours)
      if (n.device == step->device && n.address == step->address)
        out.push_back(delete_neighbour(s.machine, {step->host, n.device}, n.address));
  }
  const auto* ethernet = wire::header_at<wire::EthernetHeader>(s.packet.frame());
  for (std::uint32_t i = 0; ethernet != nullptr && i < s.machine.hosts.size(); ++i)
    for (const bridge::FdbEntry& e : s.machine.hosts[i].bridging.fdb)
      if (e.mac == ethernet->destination && !e.local && e.bridge != no_device)
        out.push_back(delete_fdb(s.machine, i, e));
  return out;
}

// ------------------------------------------------------------------ devices, bridge, MTU

Changes for_device(const Scene& s) {
  const host::DeviceRef device{s.host, s.cause.device()};
  switch (static_cast<DeviceCause>(s.cause.value())) {
    case DeviceCause::down: return {link_up(s.machine, device)};
    case DeviceCause::no_carrier: {
      const host::DeviceRef peer = s.machine.peer(device);
      if (peer.device == no_device) return {};
      return {link_up(s.machine, peer)};
    }
    case DeviceCause::other_host: return for_wrong_mac(s);
    default: return {};
  }
}

Changes for_bridge(const Scene& s) {
  const host::DeviceRef port{s.host, s.cause.device()};
  using Port = link::BridgePort;
  switch (static_cast<BridgeCause>(s.cause.value())) {
    case BridgeCause::port_state:
      if (s.h.devices[s.h.devices[port.device].master].bridge.stp)
        return {disable_stp(s.machine, {s.host, s.h.devices[port.device].master})};
      return {set_port(s.machine, port, "state", "3",
                       [](Port& p) { p.state = link::PortState::forwarding; })};
    case BridgeCause::same_port:
      return {set_port(s.machine, port, "hairpin", "on", [](Port& p) { p.hairpin = true; })};
    case BridgeCause::isolated:
      return {set_port(s.machine, port, "isolated", "off", [](Port& p) { p.isolated = false; })};
    case BridgeCause::no_flood:
      return {set_port(s.machine, port, "flood", "on", [](Port& p) { p.flood = true; })};
    case BridgeCause::locked:
      return {set_port(s.machine, port, "locked", "off", [](Port& p) { p.locked = false; })};
    case BridgeCause::static_fdb: return for_wrong_mac(s);
    default: return {};
  }
}

Changes for_mtu(const Scene& s) {
  const auto size = static_cast<std::uint32_t>(s.packet.network().size());
  const host::DeviceRef device{s.host, s.cause.device()};
  Changes out;
  if (s.account.end.stop.stage == Stage::dev_forward_skb) {
    const host::DeviceRef peer = s.machine.peer(device);
    if (peer.device != no_device) out.push_back(set_mtu(s.machine, peer, size));
  } else {
    out.push_back(set_mtu(s.machine, device, size));
  }
  return out;
}

/// Entries that were there before the question and that decided about its packets.
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

/// Rules that exempt packets of the conversation from tracking, and so from translation, or put one
/// direction into a zone of its own, where the other is not looked for.
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

/// A namespace that has lost the rule for its own addresses is deaf to them.
Changes for_lost_local_rule(const Scene& s) {
  Changes out;
  for (std::uint32_t i = 0; i < s.machine.hosts.size(); ++i) {
    const auto& rules = s.machine.hosts[i].fib.rules;
    const bool has_local = std::any_of(rules.begin(), rules.end(), [](const route::Rule& rule) {
      return rule.action == route::RuleAction::to_table && rule.table == route::table_local;
    });
    if (!has_local && !rules.empty()) out.push_back(add_local_rule(s.machine, i));
  }
  return out;
}

/// A rule translates to an address that nobody owns: masquerade in front of it, or go without it.
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

/// A gateway that the question went to and whose address nobody has: who remembers its MAC address
/// gets out, but the answer finds no subnet behind it.
Changes for_missing_gateways(const Scene& s) {
  Changes out;
  for (const Step& step : s.account.steps) {
    if (step.packet != s.account.legs.front().packet || step.did != Did::routed ||
        step.by.kind() != CauseKind::route)
      continue;
    for (const route::Nexthop& hop : s.machine.hosts[step.host].fib.route(step.by.route()).nexthops)
      if (hop.gateway.is_set() && hop.gateway == step.address)
        if (auto given = give_gateway(s.machine, {step.host, step.device}, step.address))
          out.push_back(std::move(*given));
  }
  return out;
}

Changes by_kind(const Scene& s) {
  switch (s.cause.kind()) {
    case CauseKind::sysctl: return for_sysctl(s);
    case CauseKind::rule:
    case CauseKind::policy: return for_rule(s);
    case CauseKind::nat: return for_nat(s);
    case CauseKind::route: return for_route(s);
    case CauseKind::no_route: return for_no_route(s);
    case CauseKind::routing_rule: return {delete_routing_rule(s.machine, s.host, s.cause.value())};
    case CauseKind::neighbour: return for_wrong_mac(s);
    case CauseKind::address:
      if (static_cast<AddressCause>(s.cause.value()) == AddressCause::not_answered)
        return for_unanswered(s);
      if (static_cast<AddressCause>(s.cause.value()) == AddressCause::not_owned)
        return for_wrong_source(s);
      if (static_cast<AddressCause>(s.cause.value()) == AddressCause::own_source)
        return for_dnat_without_masquerade(s);
      if (static_cast<AddressCause>(s.cause.value()) == AddressCause::localnet)
        return {set_sysctl(s.machine, s.host, Sysctl::route_localnet, s.packet.device, 1)};
      return {};
    case CauseKind::device: return for_device(s);
    case CauseKind::bridge: return for_bridge(s);
    case CauseKind::mtu: return for_mtu(s);
    case CauseKind::conntrack: return for_ports(s);
    default: return {};
  }
}

}  // namespace

std::vector<Change> candidates(const host::Machine& machine, const Question& question,
                               const Account& account) {
  const path::JourneyEnd& end = account.end;
  const Scene scene{machine, question, account, end.cause_host, machine.hosts[end.cause_host],
                    end.packet, route::flow_of(end.packet), end.stop.cause};
  Changes out = for_stale_entries(scene);
  for (Change& c : by_kind(scene)) out.push_back(std::move(c));
  for (Change& c : for_untracked(scene)) out.push_back(std::move(c));
  for (Change& c : for_lost_local_rule(scene)) out.push_back(std::move(c));
  if (scene.back())
    for (Change& c : for_missing_gateways(scene)) out.push_back(std::move(c));
  return out;
}

}  // namespace wayout::why
