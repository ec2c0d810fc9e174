// From the end of a packet to the changes that could lift it.
//
// One function a kind of cause. A candidate may be wrong: it is tried before anybody sees it. Order
// within a function is preference: the narrow and intended before the blunt.
#include <algorithm>
#include <set>

#include "path/stages.hpp"
#include "why/candidates.hpp"
#include "why/tunnels.hpp"

namespace wayout::why {
namespace {

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

/// The device of the blamed host whose rp_filter was asked; that of conf.all holds for all, but
/// there is no need to loosen it for all: the larger of the two counts.
DeviceId device_of_rp_filter(const Scene& s) {
  if (s.cause.device() != all_devices) return s.cause.device();
  const host::DeviceRef at{s.account.end.host, s.packet.device};
  if (at.host == s.host) return at.device == no_device ? all_devices : at.device;
  // It kept silent when it was asked who has an address.
  const auto asked = owner_on_segment(s.machine, at, path::next_hop(s.packet));
  return asked && asked->host == s.host ? asked->device : all_devices;
}

/// The source has no way back because this host knows no way out at all.
Changes for_no_way_back(const Scene& s, DeviceId device) {
  Changes out;
  if (!s.flow.source.is_v4()) return out;
  Chance chance{std::vector<std::uint32_t>{}};
  const route::FibResult way = s.h.fib.lookup({.destination = s.flow.source}, chance);
  if (way.kind == route::FibResult::Kind::found) return out;
  for (const Gateway& g : possible_gateways(s.machine, s.host))
    if (g.device == device && !leads_back(s.machine, s.host, g))
      out.push_back(default_route(s.machine, s.host, g.gateway, g.device));
  return out;
}

Changes for_rp_filter(const Scene& s) {
  const DeviceId device = device_of_rp_filter(s);
  Changes out = for_no_way_back(s, device);
  out.push_back(set_sysctl(s.machine, s.host, Sysctl::rp_filter, device, 2));
  out.push_back(set_sysctl(s.machine, s.host, Sysctl::src_valid_mark, device, 1));
  if (const auto stray = route_of_its_own(s.h, s.flow.source))
    out.push_back(delete_route(s.machine, s.host, *stray));
  // The way back is looked for with source and destination changed over.
  for (std::uint32_t i = 0; i < s.h.fib.rules.size(); ++i) {
    const route::Rule& rule = s.h.fib.rules[i];
    using Action = route::RuleAction;
    const bool refuses = rule.action == Action::blackhole || rule.action == Action::unreachable ||
                         rule.action == Action::prohibit;
    const auto covers = [](const wire::Prefix& prefix, const wire::IpAddress& address) {
      return prefix.length == 0 || prefix.contains(address);
    };
    if (!refuses || !covers(rule.from, s.flow.destination) || !covers(rule.to, s.flow.source))
      continue;
    out.push_back(delete_routing_rule(s.machine, s.host, i));
    out.back().blames = Cause::routing_rule(i);
  }
  return out;
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
    case Sysctl::rp_filter: return for_rp_filter(s);
    case Sysctl::accept_local: set(Sysctl::accept_local, device, 1); break;
    case Sysctl::proxy_arp: set(Sysctl::proxy_arp, device, 1); break;
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
    case Sysctl::mcast_solicit: set(s.cause.sysctl(), device, 3); break;
    case Sysctl::ipfrag_high_thresh: set(s.cause.sysctl(), no_device, 4 << 20); break;
    case Sysctl::icmp_echo_ignore_all: set(s.cause.sysctl(), no_device, 0); break;
    default: break;
  }
  return out;
}

Changes for_device(const Scene& s) {
  const host::DeviceRef device{s.host, s.cause.device()};
  switch (static_cast<DeviceCause>(s.cause.value())) {
    case DeviceCause::down: return {link_up(s.machine, device)};
    case DeviceCause::no_carrier: return for_carrier(s, device);
    case DeviceCause::other_host: {
      Changes out = for_wrong_mac(s);
      for (Change& c : for_mute_ports(s)) out.push_back(std::move(c));
      return out;
    }
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
    case BridgeCause::same_port: {
      Changes out{set_port(s.machine, port, "hairpin", "on", [](Port& p) { p.hairpin = true; })};
      for (Change& c : for_wrong_mac(s)) out.push_back(std::move(c));
      return out;
    }
    case BridgeCause::isolated:
      return {set_port(s.machine, port, "isolated", "off", [](Port& p) { p.isolated = false; })};
    case BridgeCause::no_flood:
      return {set_port(s.machine, port, "flood", "on", [](Port& p) { p.flood = true; })};
    case BridgeCause::locked:
      return {set_port(s.machine, port, "locked", "off", [](Port& p) { p.locked = false; })};
    case BridgeCause::not_a_port: {
      Changes out;
      for (DeviceId id = 1; id < s.h.devices.size(); ++id)
        if (s.h.devices[id].kind == link::DeviceKind::bridge)
          out.push_back(set_master(s.machine, port, id));
      return out;
    }
    case BridgeCause::own_source:
    case BridgeCause::static_fdb: return for_wrong_mac(s);
    default: return {};
  }
}

/// The route that the packet was on, when its own `mtu` decided and not the device's.
std::optional<RouteRef> route_with_mtu(const Scene& s) {
  for (auto step = s.account.steps.rbegin(); step != s.account.steps.rend(); ++step) {
    if (step->host != s.host || step->did != Did::routed || step->by.kind() != CauseKind::route)
      continue;
    const route::Route& route = s.h.fib.route(step->by.route());
    const bool decided = route.mtu_bytes == s.cause.value() && route.nexthops.size() == 1 &&
                         step->device == s.cause.device();
    return decided ? std::optional(step->by.route()) : std::nullopt;
  }
  return std::nullopt;
}

Changes for_mtu(const Scene& s) {
  const auto size = static_cast<std::uint32_t>(s.packet.network().size());
  const host::DeviceRef device{s.host, s.cause.device()};
  Changes out;
  if (s.account.end.stop.stage == Stage::skb_tunnel_check_pmtu) {
    const std::uint32_t carried = s.cause.value() + link::vxlan_overhead_bytes;
    for (DeviceId id = 1; id < s.h.devices.size(); ++id)
      if (s.h.devices[id].mtu_bytes == carried && !s.h.devices[id].port && id != device.device)
        out.push_back(set_mtu(s.machine, {s.host, id}, size + link::vxlan_overhead_bytes));
  } else if (const auto route = route_with_mtu(s)) {
    out.push_back(without_route_mtu(s.machine, s.host, *route));
  } else {
    out.push_back(set_mtu(s.machine, device, size));
  }
  return out;
}

/// The packet ran out of hops: a rule left it few, or whoever sent it gave it fewer than usual.
Changes for_ttl(const Scene& s) {
  constexpr int usual = 64;
  Changes out;
  for (auto step = s.account.steps.rbegin(); step != s.account.steps.rend(); ++step) {
    if (step->did != Did::rule_matched || step->by.kind() != CauseKind::rule ||
        step->packet != s.account.legs.back().packet)
      continue;
    const RuleRef ref = step->by.rule_ref();
    const netfilter::Rule& rule = s.machine.hosts[step->host].netfilter.rule(ref);
    const auto* target = std::get_if<netfilter::KeptTarget>(&rule.target);
    if (target == nullptr || target->name != "TTL") continue;
    out.push_back(delete_rule(s.machine, step->host, ref));
  }
  const bool from_here = s.account.reached && s.back();
  const std::uint32_t sender = from_here ? *s.account.reached : s.question.from;
  if (s.machine.hosts[sender].ip.default_ttl < usual)
    out.push_back(set_sysctl(s.machine, sender, Sysctl::ip_default_ttl, no_device, usual));
  return out;
}

/// The packet has the address of this host as its source: a rule led its question back to who asked,
/// or an address is there twice.
Changes for_own_source(const Scene& s) {
  Changes out = for_dnat_without_masquerade(s);
  for (Change& c : for_added_address(s, s.flow.source)) out.push_back(std::move(c));
  return out;
}

Changes for_address(const Scene& s) {
  switch (static_cast<AddressCause>(s.cause.value())) {
    case AddressCause::not_answered: return for_unanswered(s);
    case AddressCause::not_owned:
    case AddressCause::not_known_there: return for_wrong_source(s);
    case AddressCause::own_source: return for_own_source(s);
    case AddressCause::localnet:
      return {set_sysctl(s.machine, s.host, Sysctl::route_localnet, s.packet.device, 1)};
    default: return {};
  }
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
    case CauseKind::address: return for_address(s);
    case CauseKind::device: return for_device(s);
    case CauseKind::bridge: return for_bridge(s);
    case CauseKind::mtu: return for_mtu(s);
    case CauseKind::packet:
      if (static_cast<PacketCause>(s.cause.value()) == PacketCause::ttl) return for_ttl(s);
      if (static_cast<PacketCause>(s.cause.value()) == PacketCause::layer2_class)
        return for_wrong_mac(s);
      return {};
    case CauseKind::conntrack: return for_ports(s);
    case CauseKind::socket: return for_shadowed_publication(s);
    default: return {};
  }
}

/// Nobody changes a provider's router where something can be changed on the own side of it.
void weigh_foreign(const host::Machine& machine, const Account& account, Changes& changes) {
  constexpr int not_ones_own = 5;
  std::set<std::uint32_t> met, asked, foreign;
  for (const Step& step : account.steps) met.insert(step.host);
  for (Change& c : changes) {
    if (asked.insert(c.host).second && std::ranges::any_of(met, [&](std::uint32_t router) {
          return is_foreign(machine, c.host, router);
        }))
      foreign.insert(c.host);
    if (foreign.contains(c.host)) c.weight += not_ones_own;
  }
}

/// What the routes were asked for: where a tunnel's datagram found no way, that.
route::Flow flow_to_mend(const host::Machine& machine, const Account& account, const Packet& packet) {
  route::Flow flow = route::flow_of(packet);
  if (packet.encapsulates) return flow;
  if (const auto sent = into_tunnel(machine, account); sent && sent->remote.is_set()) {
    const auto& options = machine.hosts[sent->tunnel.host].devices[sent->tunnel.device].vxlan;
    flow = {.source = options.local, .destination = sent->remote, .protocol = wire::protocol::udp,
            .dport = options.port};
  }
  return flow;
}

}  // namespace

std::vector<Change> candidates(const host::Machine& machine, const Question& question,
                               const Account& account) {
  const path::JourneyEnd& end = account.end;
  const CauseKind kind = end.stop.cause.kind();
  const bool by_rule = kind == CauseKind::rule || kind == CauseKind::policy;
  const Packet& packet = by_rule ? lost_packet(end) : end.packet;
  const Scene scene{machine, question, account, end.cause_host, machine.hosts[end.cause_host],
                    packet, flow_to_mend(machine, account, packet), end.stop.cause};
  Changes out;
  const auto add = [&](Changes more) {
    for (Change& change : more) {
      const bool is_known = std::ranges::any_of(out, [&](const Change& c) {
        return c.host == change.host && c.command == change.command;
      });
      if (!is_known) out.push_back(std::move(change));
    }
  };
  add(for_stale_entries(scene));
  add(for_loopback_source(scene));
  add(for_stray_translation(scene));
  add(for_own_question(scene));
  add(for_stray_way(scene));
  add(for_other_table(scene));
  Changes marks = for_lost_mark(scene), as_it_came = for_answer_as_it_came(scene);
  // Where marks are to do it, the answers of the other uplinks hang on them, too.
  for (Change& change : as_it_came) change.last_resort = !marks.empty();
  add(std::move(marks));
  add(std::move(as_it_came));
  add(for_lost_own_entry(scene));
  add(for_arp_off(scene));
  Changes stray = for_stray_end(scene);
  const bool has_strayed = !stray.empty();
  add(std::move(stray));
  add(for_lost_way_back(scene));
  add(for_tunnel(scene));
  add(for_wrong_neighbour(scene));
  add(by_kind(scene));
  add(for_untracked(scene));
  add(for_lost_local_rule(scene));
  if (!has_strayed) add(for_lost_cable(scene));
  add(for_neighbour_as_gateway(scene));
  if (scene.back()) add(for_missing_gateways(scene));
  weigh_foreign(machine, account, out);
  return out;
}

}  // namespace wayout::why
