// Changes for packets that are led astray: into a leftover bridge, out by another uplink than the
// question came in by, back to the server that asks.
#include <fmt/format.h>

#include <algorithm>

#include "why/candidates.hpp"
#include "why/hops.hpp"

namespace wayout::why {
namespace {

/// By which device a route of the main table, or the one that is to blame, leads to `address`.
struct Lead {
  DeviceId device = no_device;
  std::optional<RouteRef> route;
};

Lead lead_to(const Scene& s, const wire::IpAddress& address) {
  RouteRef route;
  std::uint32_t nexthop = 0;
  if (s.cause.kind() == CauseKind::route && s.h.fib.route(s.cause.route()).destination.contains(address)) {
    route = s.cause.route();
  } else {
    Chance chance{std::vector<std::uint32_t>{}};
    const route::FibResult way = s.h.fib.lookup({.destination = address}, chance);
    if (way.kind != route::FibResult::Kind::found || !way.by_route) return {};
    route = way.route, nexthop = way.nexthop;
  }
  const auto& nexthops = s.h.fib.route(route).nexthops;
  return {nexthop < nexthops.size() ? nexthops[nexthop].device : no_device, route};
}

/// The address whose subnet this route of the kernel's is, when no other stands in it.
const route::InterfaceAddress* address_behind(const host::Host& host, const Lead& lead) {
  if (!lead.route || host.fib.route(*lead.route).protocol != route::made_by_kernel) return nullptr;
  const route::InterfaceAddress* only = nullptr;
  for (const route::InterfaceAddress& a : host.interfaces[lead.device].addresses) {
    if (a.subnet() != host.fib.route(*lead.route).destination) continue;
    if (only != nullptr) return nullptr;
    only = &a;
  }
  return only;
}

bool is_known(const host::Machine& machine, const wire::IpAddress& address) {
  return std::ranges::any_of(machine.hosts, [&](const host::Host& h) {
    return h.interfaces.owner_of(address) != no_device;
  });
}

/// Nobody is behind this bridge, and it takes what is for others: without its address it does not.
Changes without_leftover(const Scene& s, const Lead& lead, const wire::IpAddress& address) {
  if (!is_empty_bridge(s.h, lead.device)) return {};
  if (address.is_private() && !is_known(s.machine, address)) return {};
  const route::InterfaceAddress* own = address_behind(s.h, lead);
  if (own == nullptr) return {};
  Changes out{delete_address(s.machine, {s.host, lead.device}, *own)};
  out.back().prepares = false;
  return out;
}

/// The bridge behind which `address` is has lost the address that its container sends by.
Changes with_lost_address(const Scene& s, DeviceId bridge, const wire::IpAddress& address) {
  Changes out;
  for (std::uint32_t i = 0; i < s.machine.hosts.size(); ++i) {
    const DeviceId own = s.machine.hosts[i].interfaces.owner_of(address);
    if (own == no_device || segment_gateway(s.machine, {i, own}) != host::DeviceRef{s.host, bridge})
      continue;
    for (const route::FibTable& table : s.machine.hosts[i].fib.tables)
      for (const route::Route& route : table.routes)
        for (const route::Nexthop& hop : route.nexthops)
          if (route.destination.length == 0 && hop.gateway.is_set() && hop.device == own)
            if (auto given = give_gateway(s.machine, {i, own}, hop.gateway))
              out.push_back(std::move(*given));
  }
  return out;
}

/// A table of its own with a default route by this device.
std::optional<std::uint32_t> table_by(const host::Host& host, DeviceId device) {
  for (const route::FibTable& table : host.fib.tables)
    if (table.id != route::table_main && table.id != route::table_local &&
        leads_out_by(table, device))
      return table.id;
  return std::nullopt;
}

/// This service is asked by other uplinks, too, whose answers would then leave by this one.
std::string taken_from_others(const Scene& s, const Step& step, DeviceId ingress) {
  const host::Host& h = s.machine.hosts[step.host];
  const auto& own = h.interfaces[ingress].addresses;
  const wire::IpAddress& from = s.account.seen->destination;
  const bool is_of_this_uplink =
      std::ranges::any_of(own, [&](const auto& a) { return a.local == from; });
  if (is_of_this_uplink || !leads_out_by(h.fib.tables[step.by.route().table], step.device))
    return "";
  return fmt::format("leads the answers to who asks through {} out through {}, too",
                     h.devices[step.device].name, h.devices[ingress].name);
}

/// Who takes on `device` what goes further: a gateway of some route, or the router that is there.
std::optional<wire::IpAddress> gateway_on(const Scene& s, std::uint32_t host, DeviceId device) {
  for (const route::FibTable& table : s.machine.hosts[host].fib.tables)
    for (const route::Route& route : table.routes)
      for (const route::Nexthop& hop : route.nexthops)
        if (hop.device == device && hop.gateway.is_set()) return hop.gateway;
  for (const auto& [d, gateway, router] : possible_gateways(s.machine, host))
    if (d == device) return gateway;
  return std::nullopt;
}

}  // namespace

Changes for_stray_way(const Scene& s) {
  Changes out;
  const bool unanswered = s.account.end.stop.stage == Stage::neigh_invalidate;
  const bool by_source = s.cause.kind() == CauseKind::sysctl;
  if (by_source && s.cause.sysctl() != Sysctl::rp_filter) return out;
  if (!by_source && s.cause.kind() != CauseKind::route && s.cause.kind() != CauseKind::no_route &&
      !unanswered)
    return out;
  const wire::IpAddress address = by_source ? s.flow.source : s.flow.destination;
  if (!address.is_v4()) return out;
  const Lead lead = lead_to(s, address);
  const DeviceId belongs = strayed_from(s.machine, s.host, lead.device, address);
  if (belongs != no_device || (unanswered && !by_source)) out = without_leftover(s, lead, address);
  if (belongs != no_device) {
    const auto& own = s.h.interfaces[belongs].addresses;
    const bool is_its_subnet =
        std::any_of(own.begin(), own.end(), [&](const auto& a) { return a.subnet().contains(address); });
    if (!is_its_subnet)
      out = with_lost_address(s, belongs, address);
    else if (lead.device != no_device)
      out.push_back(add_link_route(s.machine, s.host, wire::Prefix::host(address), belongs));
  }
  for (Change& c : out)
    c.blames = lead.route ? std::optional(Cause::route(*lead.route)) : std::nullopt;
  return out;
}

Changes for_answer_as_it_came(const Scene& s) {
  Changes out;
  if (!s.back() || !s.account.seen) return out;
  for (const Step& step : s.account.steps) {
    if (step.packet != s.account.legs.back().packet || step.did != Did::routed ||
        step.by.kind() != CauseKind::route)
      continue;
    const DeviceId ingress = came_in_by(s.account, step.host);
    if (ingress == no_device || ingress == step.device) continue;
    const host::Host& h = s.machine.hosts[step.host];
    std::uint32_t first = 101;  // a rule in front of all that look elsewhere
    for (const route::Rule& rule : h.fib.rules)
      if (rule.table != route::table_local) first = std::min(first, rule.preference);
    const auto table = table_by(h, ingress);
    if (table && first > 1) {
      route::Rule rule{.preference = first - 1,
                       .from = wire::Prefix::host(s.account.seen->destination), .table = *table};
      if (s.question.probe != Probe::icmp) {
        rule.ip_protocol = protocol_of(s.question.probe);
        rule.sport_low = rule.sport_high = s.account.seen->dport;
      }
      out.push_back(add_table_rule(s.machine, step.host, rule));
      out.back().blames = step.by;
      out.back().besides = taken_from_others(s, step, ingress);
      if (!out.back().besides.empty()) out.back().weight = 2;
    } else if (const auto gateway = gateway_on(s, step.host, ingress); gateway && !table) {
      std::uint32_t free = 100;
      while (h.fib.find_table(free) != nullptr || h.table_names.contains(free)) ++free;
      out.push_back(add_table_default(s.machine, step.host, free, *gateway, ingress));
      out.back().blames = step.by;
    }
  }
  return out;
}

Changes for_own_question(const Scene& s) {
  Changes out;
  if (s.cause.kind() != CauseKind::rule) return out;
  for (const Step& step : s.account.steps) {
    if (step.did != Did::translated || step.packet != s.account.legs.front().packet ||
        step.by != s.cause || step.host != s.host || step.address != s.account.asked.source)
      continue;
    const RuleRef ref = step.by.rule_ref();
    netfilter::Rule rule = s.h.netfilter.rule(ref);
    if (!rule.source.asked()) {
      rule.source = exactly(step.address);
      rule.source.invert = true;
      out.push_back(replace_rule(s.machine, s.host, ref, rule));
    } else {
      rule.source = exactly(step.address);
      rule.target = netfilter::AcceptTarget{};
      out.push_back(insert_rule(s.machine, s.host, ref, ref.rule, rule));
    }
    out.back().blames = step.by;
    break;
  }
  return out;
}

}  // namespace wayout::why
