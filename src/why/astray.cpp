#include "why/astray.hpp"

#include <algorithm>

#include "nat/map.hpp"
#include "why/hops.hpp"
#include "why/segments.hpp"
#include "why/tunnels.hpp"
#include "wire/headers.hpp"

namespace wayout::why {
namespace {

class Astray {
 public:
  Astray(const host::Machine& machine, const Account& account)
      : machine_(machine), account_(account), end_(account.end) {}

  [[nodiscard]] std::optional<Culprit> asks_itself() const;
  [[nodiscard]] std::optional<Culprit> wrong_remote() const;
  [[nodiscard]] std::optional<Culprit> wrong_mac() const;
  [[nodiscard]] std::optional<Culprit> stray_way() const;
  [[nodiscard]] std::optional<Culprit> asked_on_the_wire() const;
  [[nodiscard]] std::optional<Culprit> impossible_source() const;
  [[nodiscard]] std::optional<Culprit> not_masqueraded() const;
  [[nodiscard]] std::optional<Culprit> source_of_another_uplink() const;
  [[nodiscard]] std::optional<Culprit> other_way_back() const;

 private:
  [[nodiscard]] std::uint32_t probe() const { return account_.legs.front().packet; }
  [[nodiscard]] std::uint32_t last_leg() const { return account_.legs.back().packet; }
  [[nodiscard]] bool unanswered() const {
    return end_.stop.stage == Stage::neigh_invalidate;
  }
  [[nodiscard]] bool is_sysctl(Sysctl sysctl) const {
    return end_.stop.cause.kind() == CauseKind::sysctl && end_.stop.cause.sysctl() == sysctl;
  }
  [[nodiscard]] bool exists_beyond(const Step& translated) const;
  [[nodiscard]] bool minds_the_source(std::uint32_t host) const;
  [[nodiscard]] bool is_lost_behind(const Hop& hop, const std::vector<Hop>& out) const;

  const host::Machine& machine_;
  const Account& account_;
  const path::JourneyEnd& end_;
};

/// Somebody has the address that was asked, behind the rule that led the question elsewhere. An
/// address that rules name alone, and that nobody is known to have, is a service's: there is
/// nothing behind them (a cluster's service addresses exist nowhere else).
bool Astray::exists_beyond(const Step& translated) const {
  const wire::IpAddress& asked = account_.asked.destination;
  const auto owns = [&](const host::Host& h) { return h.interfaces.owner_of(asked) != no_device; };
  if (std::ranges::any_of(machine_.hosts, owns)) return true;
  return std::ranges::none_of(account_.steps, [&](const Step& step) {
    if (step.packet != probe() || step.host != translated.host || step.did != Did::rule_matched ||
        step.hook != translated.hook || step.by.kind() != CauseKind::rule)
      return false;
    const netfilter::AddressMatch& named =
        machine_.hosts[step.host].netfilter.rule(step.by.rule_ref()).destination;
    return named.asked() && !named.invert && named.prefix == wire::Prefix::host(asked);
  });
}

/// A rule that leads questions to a server led the server's own question back to itself. What is
/// published there under an address of the host, or one that is the service's alone, is another
/// thing.
std::optional<Culprit> Astray::asks_itself() const {
  constexpr auto of_destination = static_cast<std::uint32_t>(nat::Manip::destination);
  for (const Step& step : account_.steps) {
    if (step.packet != probe() || step.did != Did::translated || step.value != of_destination ||
        step.by.kind() != CauseKind::rule || step.address != account_.asked.source)
      continue;
    const host::Host& host = machine_.hosts[step.host];
    if (host.interfaces.owner_of(step.address) != no_device ||
        host.interfaces.owner_of(account_.asked.destination) != no_device || !exists_beyond(step))
      continue;
    return Culprit{step.host, step.by};
  }
  return std::nullopt;
}

/// A tunnel sent the frame to another host than the one where its receiver is, and nobody took it there:
/// the entry of its fdb is wrong.
std::optional<Culprit> Astray::wrong_remote() const {
  switch (end_.stop.cause.kind()) {
    case CauseKind::rule:
    case CauseKind::policy:
    case CauseKind::mtu:
    case CauseKind::packet:
    case CauseKind::conntrack: return std::nullopt;
    default: break;
  }
  const auto sent = into_tunnel(machine_, account_);
  const auto far = sent ? far_end(machine_, *sent) : std::nullopt;
  if (!far) return std::nullopt;
  const host::Host& host = machine_.hosts[sent->tunnel.host];
  std::optional<std::uint32_t> wrong;
  for (const std::uint32_t i : entries_for(host, sent->tunnel.device, sent->to)) {
    const wire::IpAddress& remote = host.bridging.fdb[i].remote;
    if (comes_to(machine_, far->tunnel, remote)) return std::nullopt;
    if (!sent->remote.is_set() || remote == sent->remote) wrong = i;
  }
  if (!wrong) return std::nullopt;
  return Culprit{sent->tunnel.host, Cause::fdb(*wrong, sent->tunnel.device)};
}

/// Frames went to a MAC address that the next hop does not have: whoever has that entry is to blame,
/// not the bridge that found nobody, nor whom it was flooded to.
std::optional<Culprit> Astray::wrong_mac() const {
  const Step* resolved = nullptr;
  for (const Step& step : account_.steps)
    if (step.packet == last_leg() && step.did == Did::resolved) resolved = &step;
  if (resolved == nullptr) return std::nullopt;
  const host::DeviceRef from{resolved->host, resolved->device};
  const auto& neighbours = machine_.hosts[from.host].neighbours;
  const auto entry = std::ranges::find_if(neighbours, [&](const link::Neighbour& n) {
    return n.device == from.device && n.address == resolved->address && !n.proxy &&
           link::nud_valid(n.state);
  });
  if (entry == neighbours.end()) return std::nullopt;
  auto owner = owner_on_segment(machine_, from, entry->address);
  if (!owner) owner = owner_beyond(machine_, from, entry->address);
  if (!owner || machine_.hosts[owner->host].devices[owner->device].mac == entry->mac)
    return std::nullopt;
  const bool other_host =
      end_.stop.cause.kind() == CauseKind::device &&
      static_cast<DeviceCause>(end_.stop.cause.value()) == DeviceCause::other_host;
  // Somebody may answer for another (proxy ARP); then the frames are taken.
  const bool is_taken = std::ranges::any_of(machine_.hosts, [&](const host::Host& h) {
    return std::ranges::any_of(h.devices.list, [&](const link::Device& d) { return d.mac == entry->mac; });
  });
  if (is_taken && !other_host) return std::nullopt;
  return Culprit{from.host, Cause::neighbour(from.device)};
}

/// A route leads into another segment than the one behind which the destination is.
std::optional<Culprit> Astray::stray_way() const {
  const CauseKind kind = end_.stop.cause.kind();
  if (kind == CauseKind::sysctl || kind == CauseKind::socket) return std::nullopt;
  constexpr auto of_destination = static_cast<std::uint32_t>(nat::Manip::destination);
  const bool back = account_.legs.back().way == Way::back;  // the outside may have sent none
  if (back && !account_.seen) return std::nullopt;
  wire::IpAddress to = back ? account_.seen->source : account_.asked.destination;
  for (const Step& step : account_.steps) {
    if (step.packet != last_leg()) continue;
    if (step.did == Did::translated && step.value == of_destination) to = step.address;
    if (step.did != Did::routed || step.by.kind() != CauseKind::route || !to.is_v4() ||
        step.device == no_device || static_cast<RouteType>(step.value) != RouteType::unicast)
      continue;
    if (strayed_from(machine_, step.host, step.device, to) != no_device)
      return Culprit{step.host, step.by};
  }
  return std::nullopt;
}

/// A route without a gateway lets this host ask its uplink's wire for who is far away. It is wrong,
/// not the router there, which does not answer for everybody.
std::optional<Culprit> Astray::asked_on_the_wire() const {
  if (!unanswered() || !is_sysctl(Sysctl::proxy_arp) || end_.cause_host == end_.host ||
      !is_foreign(machine_, end_.cause_host, end_.host))
    return std::nullopt;
  const Routing& routing = end_.packet.routing;
  if (routing.gateway.is_set() || routing.by.kind() != CauseKind::route) return std::nullopt;
  return Culprit{end_.host, routing.by};
}

/// A rule gave the packet a source that its next hop has itself, or that no wire carries.
std::optional<Culprit> Astray::impossible_source() const {
  const bool is_its_own =
      account_.direction == Way::out && end_.stop.cause.kind() == CauseKind::address &&
      static_cast<AddressCause>(end_.stop.cause.value()) == AddressCause::own_source;
  if (!is_its_own && !is_sysctl(Sysctl::route_localnet)) return std::nullopt;
  const wire::IpAddress source = route::flow_of(end_.packet).source;
  constexpr auto of_source = static_cast<std::uint32_t>(nat::Manip::source);
  for (const Step& step : account_.steps) {
    if (step.packet != probe() || step.did != Did::translated || step.value != of_source ||
        step.by.kind() != CauseKind::rule || step.address != source)
      continue;
    const bool is_here = machine_.hosts[step.host].interfaces.owner_of(source) != no_device;
    for (const Hop& hop : hops_of(machine_, account_, probe()))
      if (hop.decision.host == step.host && step.host != end_.cause_host)
        return Culprit{step.host, Cause::address(is_here ? AddressCause::not_known_there
                                                         : AddressCause::not_owned,
                                                 hop.decision.device)};
  }
  return std::nullopt;
}

/// Who asks for a service that it serves itself gets its own question with its own source: the host
/// that led it back had to give it another.
std::optional<Culprit> Astray::not_masqueraded() const {
  constexpr auto of_destination = static_cast<std::uint32_t>(nat::Manip::destination);
  const bool is_own =
      account_.direction == Way::out && end_.stop.cause.kind() == CauseKind::address &&
      static_cast<AddressCause>(end_.stop.cause.value()) == AddressCause::own_source;
  if (!is_own || route::flow_of(end_.packet).source != account_.asked.source) return std::nullopt;
  for (const Step& step : account_.steps) {
    if (step.packet != probe() || step.did != Did::translated || step.value != of_destination ||
        step.address != account_.asked.source || step.host == end_.host)
      continue;
    for (const Hop& hop : hops_of(machine_, account_, probe()))
      if (hop.decision.host == step.host)
        return Culprit{step.host, Cause::nat(NatCause::not_translated, hop.decision.device)};
  }
  return std::nullopt;
}

/// What ended the packet looks at its source: rp_filter, a rule that asks for sources, the policy
/// of a chain with such rules.
bool Astray::minds_the_source(std::uint32_t host) const {
  const Cause& cause = end_.stop.cause;
  if (is_sysctl(Sysctl::rp_filter)) return true;
  if (cause.kind() != CauseKind::rule && cause.kind() != CauseKind::policy) return false;
  const netfilter::Netfilter& rules = machine_.hosts[host].netfilter;
  if (cause.kind() == CauseKind::rule) return rules.rule(cause.rule_ref()).source.asked();
  return std::ranges::any_of(rules.chain(cause.rule_ref()).rules,
                             [](const netfilter::Rule& rule) { return rule.source.asked(); });
}

/// A rule gave the packet this host's address of one uplink, and it left by another, whose provider
/// takes no such source: nobody changes a provider's router for that.
std::optional<Culprit> Astray::source_of_another_uplink() const {
  if (account_.direction != Way::out || !minds_the_source(end_.cause_host)) return std::nullopt;
  constexpr auto of_source = static_cast<std::uint32_t>(nat::Manip::source);
  for (const Step& step : account_.steps) {
    if (step.packet != probe() || step.did != Did::translated || step.value != of_source ||
        step.by.kind() != CauseKind::rule || step.host == end_.cause_host ||
        !is_foreign(machine_, end_.cause_host, step.host))
      continue;
    const route::Interfaces& own = machine_.hosts[step.host].interfaces;
    for (const Hop& hop : hops_of(machine_, account_, probe())) {
      if (hop.decision.host != step.host || hop.source != step.address) continue;
      const DeviceId egress = hop.decision.device, owner = own.owner_of(step.address);
      if (owner == no_device || owner == egress || egress == no_device) continue;
      const bool is_of_that_wire = std::ranges::any_of(
          own[egress].addresses, [&](const auto& a) { return a.subnet().contains(step.address); });
      if (!is_of_that_wire)
        return Culprit{step.host, Cause::address(AddressCause::not_known_there, egress)};
    }
  }
  return std::nullopt;
}

/// It was lost because of this hop of the answer: nobody takes it there, or somebody beyond this
/// host whom the question did not pass, or by another wire.
bool Astray::is_lost_behind(const Hop& hop, const std::vector<Hop>& out) const {
  const std::uint32_t here = hop.decision.host;
  if (end_.host == here)
    return unanswered() && (end_.cause_host == here || is_foreign(machine_, end_.cause_host, here));
  if (!is_foreign(machine_, end_.host, here)) return false;
  const auto passed = std::ranges::find_if(
      out, [&](const Hop& h) { return h.decision.host == end_.host; });
  return passed == out.end() || passed->decision.device != end_.packet.ingress;
}

/// The answer leaves a host by another device than the question came in by, and is lost there. Not
/// for a source that this host cannot be asked to know: that was for the one before it to hide.
std::optional<Culprit> Astray::other_way_back() const {
  if (account_.legs.back().way != Way::back || !account_.reached) return std::nullopt;
  const std::vector<Hop> out = hops_of(machine_, account_, probe());
  if (out.empty() || end_.host == out.front().decision.host) return std::nullopt;
  for (const Hop& hop : hops_of(machine_, account_, last_leg())) {
    const auto there = std::ranges::find_if(
        out, [&](const Hop& h) { return h.decision.host == hop.decision.host; });
    if (there == out.begin() || there == out.end() || hop.decision.by.kind() != CauseKind::route ||
        there->ingress == no_device || there->ingress == hop.decision.device)
      continue;
    const Hop& before = *(there - 1);
    const host::Host& host = machine_.hosts[hop.decision.host];
    // Who belongs to a subnet of this host and asks from another wire is plugged in wrong.
    if (host.fib.route(hop.decision.by.route()).protocol == route::made_by_kernel) continue;
    const bool comes_from_its_router = std::ranges::any_of(host.fib.tables, [&](const auto& table) {
      return std::ranges::any_of(table.routes, [&](const route::Route& route) {
        return std::ranges::any_of(route.nexthops, [&](const route::Nexthop& next) {
          return next.gateway.is_set() && machine_.hosts[before.decision.host].interfaces.owner_of(
                                              next.gateway) != no_device;
        });
      });
    });
    if ((before.source.is_private() && !comes_from_its_router) || !is_lost_behind(hop, out)) continue;
    return Culprit{hop.decision.host, hop.decision.by};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Culprit> who_led_astray(const host::Machine& machine, const Account& account) {
  const Astray astray(machine, account);
  if (const auto culprit = astray.asks_itself()) return culprit;
  if (const auto culprit = astray.wrong_remote()) return culprit;
  if (const auto culprit = astray.wrong_mac()) return culprit;
  if (const auto culprit = astray.stray_way()) return culprit;
  if (const auto culprit = astray.asked_on_the_wire()) return culprit;
  if (const auto culprit = astray.impossible_source()) return culprit;
  if (const auto culprit = astray.not_masqueraded()) return culprit;
  if (const auto culprit = astray.source_of_another_uplink()) return culprit;
  return astray.other_way_back();
}

}  // namespace wayout::why
