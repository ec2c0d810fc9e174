#include "route/fib.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <numeric>
#include <tuple>

namespace wayout::route {
namespace {

FibResult::Kind kind_of(RouteType type) {
  switch (type) {
    case RouteType::blackhole: return FibResult::Kind::blackhole;
    case RouteType::unreachable: return FibResult::Kind::unreachable;
    case RouteType::prohibit: return FibResult::Kind::prohibit;
    case RouteType::throw_: return FibResult::Kind::no_route;
    default: return FibResult::Kind::found;
  }
}

bool same_gateway(const Nexthop& a, const Nexthop& b) {
  return a.device == b.device && a.gateway == b.gateway && a.onlink == b.onlink;
}

/// The same for the packet, its source address included (which is chosen by the gateway).
bool same_way(const Nexthop& a, const Nexthop& b) {
  return same_gateway(a, b) && a.encap == b.encap;
}

}  // namespace

std::uint32_t Fib::table_position(std::uint32_t id) {
  for (std::uint32_t i = 0; i < tables.size(); ++i)
    if (tables[i].id == id) return i;
  tables.push_back({id, {}});
  return static_cast<std::uint32_t>(tables.size() - 1);
}

const FibTable* Fib::find_table(std::uint32_t id) const {
  const auto it = std::ranges::find(tables, id, &FibTable::id);
  return it == tables.end() ? nullptr : &*it;
}

// ---------------------------------------------------------------- index

void Fib::index(const Interfaces& interfaces, const std::vector<std::string>& device_names) {
  index_devices(interfaces);
  index_rules(device_names);
  lookups_.assign(tables.size(), {});
  table_positions_.clear();
  custom_local_routes_ = false;
  for (std::uint32_t i = 0; i < tables.size(); ++i) {
    table_positions_.emplace(tables[i].id, i);
    index_table(i);
  }
  settle_nexthops();
}

void Fib::index_devices(const Interfaces& interfaces) {
  devices_.clear();
  loopback_ = no_device;
  for (DeviceId id = 0; id < interfaces.size(); ++id) {
    const Interface& interface = interfaces[id];
    devices_.push_back({interface.up, interface.carrier, interface.group,
                        interfaces.either(id, &Ipv4Conf::ignore_routes_with_linkdown),
                        interfaces.l3_domain(id), interface.vrf_table});
    if (interface.loopback && loopback_ == no_device) loopback_ = id;
  }
}

void Fib::index_table(std::uint32_t position) {
  const std::vector<Route>& routes = tables[position].routes;
  Lookup& lookup = lookups_[position];
  std::vector<wire::Prefix> prefixes;
  prefixes.reserve(routes.size());
  for (const Route& route : routes) {
    prefixes.push_back(route.destination.masked());
    if (route.type == RouteType::local && route.protocol != made_by_kernel && !route.synthesized)
      custom_local_routes_ = true;
  }
  const auto key = [&](std::uint32_t i) {
    return std::tuple(-prefixes[i].length, prefixes[i].address, -routes[i].tos, routes[i].metric);
  };
  lookup.order.resize(routes.size());
  std::iota(lookup.order.begin(), lookup.order.end(), 0U);
  std::ranges::stable_sort(lookup.order, {}, key);

  for (std::uint32_t i = 0; i < lookup.order.size(); ++i) {
    const wire::Prefix& prefix = prefixes[lookup.order[i]];
    if (lookup.lengths.empty() || lookup.lengths.back().bits != prefix.length)
      lookup.lengths.push_back({prefix.length, {}});
    lookup.lengths.back().prefixes.try_emplace(prefix.address, Range{i, i}).first->second.end =
        i + 1;
  }
}

/// Clear what follows from the state of the device, so that it can change without the flags.
void Fib::forget_implied_flags(Nexthop& nexthop) const {
  if (nexthop.device == no_device || nexthop.device >= devices_.size()) return;
  const DeviceFacts& device = devices_[nexthop.device];
  if (device.up && device.carrier) return;
  if (!device.up || (nexthop.linkdown && device.ignores_linkdown)) nexthop.dead = false;
  nexthop.linkdown = false;
}

/// What the kernel finds when the route is added: a gateway that is this host's own address says
/// that the destination itself is on-link. (A route of scope link can have no other gateway.)
/// Linux: fib_semantics.c fib_check_nh_v4_gw.
bool Fib::gateway_is_own(std::uint32_t table, Scope scope, const Nexthop& nexthop) const {
  if (!nexthop.gateway.is_v4() || nexthop.onlink) return false;
  if (scope >= Scope::link) return true;
  Flow flow;
  flow.destination = nexthop.gateway;
  flow.egress = nexthop.device;
  flow.link_scope_only = true;
  FibResult found;
  if (table != table_main && table != table_local)
    found = lookup_table(table, flow, /*ignore_linkstate=*/true);
  if (found.kind != FibResult::Kind::found) {  // as before any rule was added
    Chance as_scripted{std::vector<std::uint32_t>{}};
    found = lookup_merged(flow, as_scripted, /*ignore_linkstate=*/true);
  }
  return found.kind == FibResult::Kind::found && this->route(found.route).scope >= Scope::host;
}

void Fib::settle_nexthops() {
  for (FibTable& table : tables) {
    const Nexthop* last = nullptr;  // tables of many routes have few gateways
    for (Route& route : table.routes) {
      for (Nexthop& nexthop : route.nexthops) {
        forget_implied_flags(nexthop);
        const bool again = last != nullptr && same_gateway(*last, nexthop);
        nexthop.to_self =
            again ? last->to_self : gateway_is_own(table.id, route.scope, nexthop);
        last = route.scope >= Scope::link ? nullptr : &nexthop;
      }
    }
  }
}

// ---------------------------------------------------------------- one table

bool Fib::usable(const Route& route, const Nexthop& nexthop, bool ignore_linkstate) const {
  if (nexthop.dead) return false;
  // The host's own addresses stay reachable while their device is down.
  if (route.scope == Scope::host || nexthop.device == no_device ||
      nexthop.device >= devices_.size())
    return true;
  const DeviceFacts& device = devices_[nexthop.device];
  if (!device.up) return false;
  const bool linkdown = nexthop.linkdown || !device.carrier;
  return ignore_linkstate || !(linkdown && device.ignores_linkdown);
}

/// `leaf_missed`: a nexthop object had no usable member, and the kernel then gives up all routes
/// that begin at the same address, of whatever length.
FibResult Fib::lookup_range(std::uint32_t table, Range range, const Flow& flow,
                            bool ignore_linkstate, bool& leaf_missed) const {
  const Scope wanted = flow.link_scope_only ? Scope::link : Scope::universe;
  for (std::uint32_t i = range.begin; i < range.end && !leaf_missed; ++i) {
    const RouteRef ref{table, lookups_[table].order[i]};
    const Route& route = this->route(ref);
    if (!tos_fits(route.tos, flow) || route.scope < wanted) continue;

    FibResult result{.kind = kind_of(route.type),
                     .type = route.type,
                     .route = ref,
                     .by_route = true,
                     .prefix_length = route.destination.length,
                     .cause = Cause::route(ref)};
    if (result.kind != FibResult::Kind::found || route.type == RouteType::throw_) return result;
    // A nexthop object whose members were not listed: the route is known, the way is not.
    if (route.nexthops.empty() && flow.egress == no_device) return result;
    for (; result.nexthop < route.nexthops.size(); ++result.nexthop) {
      const Nexthop& nexthop = route.nexthops[result.nexthop];
      if (usable(route, nexthop, ignore_linkstate) &&
          (flow.egress == no_device || flow.egress == nexthop.device))
        return result;
    }
    leaf_missed = route.nexthop_id != 0;
  }
  return {};
}

/// The longest prefix in any of the tables; of equal ones, that of the table named first.
FibResult Fib::lookup_trie(std::span<const std::uint32_t> table_ids, const Flow& flow,
                           bool ignore_linkstate) const {
  struct Cursor {
    std::uint32_t table;
    std::span<const Length> lengths;
  };
  std::array<Cursor, 2> cursors{};
  std::size_t count = 0;
  assert(table_ids.size() <= cursors.size());
  for (const std::uint32_t id : table_ids) {
    const auto position = table_positions_.find(id);
    if (position == table_positions_.end() || position->second >= lookups_.size()) continue;
    cursors[count++] = {position->second, lookups_[position->second].lengths};
  }
  const std::uint8_t address_bits = wire::address_bits(flow.destination.family());
  wire::IpAddress missed;
  while (true) {
    Cursor* longest = nullptr;
    for (Cursor& cursor : std::span(cursors).first(count)) {
      if (cursor.lengths.empty()) continue;
      if (longest == nullptr || cursor.lengths.front().bits > longest->lengths.front().bits)
        longest = &cursor;
    }
    if (longest == nullptr) return {};
    const Length& length = longest->lengths.front();
    longest->lengths = longest->lengths.subspan(1);
    if (length.bits > address_bits) continue;
    const auto prefix = wire::Prefix{flow.destination, length.bits}.masked().address;
    const auto range = length.prefixes.find(prefix);
    if (range == length.prefixes.end() || prefix == missed) continue;
    bool leaf_missed = false;
    const FibResult result =
        lookup_range(longest->table, range->second, flow, ignore_linkstate, leaf_missed);
    if (result.by_route) return result;
    if (leaf_missed) missed = prefix;
  }
}

FibResult Fib::lookup_table(std::uint32_t table_id, const Flow& flow,
                            bool ignore_linkstate) const {
  FibResult result = lookup_trie({&table_id, 1}, flow, ignore_linkstate);
  if (!result.by_route) result.cause = Cause::no_route(table_id);
  return result;
}

// ---------------------------------------------------------------- which of several

std::vector<std::uint32_t> Fib::usable_paths(const FibResult& result, const Flow& flow, bool local,
                                             const Interfaces& interfaces) const {
  const Route& route = this->route(result.route);
  // Nexthop objects are chosen by the hash alone.
  const bool prefer_source = local && flow.source.is_set() && route.nexthop_id == 0;
  std::vector<std::uint32_t> all, preferred;
  const auto add = [&](std::vector<std::uint32_t>& list, std::uint32_t i) {
    const bool known = std::ranges::any_of(
        list, [&](std::uint32_t j) { return same_way(route.nexthops[i], route.nexthops[j]); });
    if (!known) list.push_back(i);
  };
  for (std::uint32_t i = 0; i < route.nexthops.size(); ++i) {
    const Nexthop& nexthop = route.nexthops[i];
    if (!usable(route, nexthop)) continue;
    add(all, i);
    if (prefer_source && select_source_address(interfaces, nexthop.device, nexthop.gateway,
                                               route.scope) == flow.source)
      add(preferred, i);
  }
  return preferred.empty() ? all : preferred;
}

std::vector<RouteRef> Fib::equal_defaults(const FibResult& result, const Flow& flow) const {
  const Route& chosen = route(result.route);
  const Lookup& lookup = lookups_[result.route.table];
  assert(!lookup.lengths.empty() && lookup.lengths.back().bits == 0);
  const auto any = wire::IpAddress::any(flow.destination.family());
  const auto range = lookup.lengths.back().prefixes.find(any);
  std::vector<RouteRef> equal;
  for (std::uint32_t i = range->second.begin; i < range->second.end; ++i) {
    const RouteRef ref{result.route.table, lookup.order[i]};
    const Route& other = route(ref);
    if (other.tos != chosen.tos || other.metric != chosen.metric || other.scope != chosen.scope ||
        other.type != RouteType::unicast || other.nexthops.empty())
      continue;
    const Nexthop& nexthop = other.nexthops.front();
    if (!nexthop.via().is_set() || !usable(other, nexthop)) continue;
    if (equal.empty() && ref != result.route) break;
    const bool known = std::ranges::any_of(
        equal, [&](RouteRef r) { return same_way(route(r).nexthops.front(), nexthop); });
    if (!known) equal.push_back(ref);
  }
  return equal;
}

namespace {

/// Which path a flow takes hangs on a hash with a secret seed; this only tells flows apart.
/// Linux: net/ipv4/route.c fib_multipath_hash, by addresses alone unless told otherwise.
std::uint64_t hash_of(const Flow& flow) {
  const std::uint64_t addresses =
      std::uint64_t{flow.source.v4()} << 32 | flow.destination.v4();
  return addresses == 0 ? 1 : addresses;
}

}  // namespace

void Fib::select_path(FibResult& result, const Flow& flow, bool local,
                      const Interfaces& interfaces, Chance& chance) const {
  if (result.kind != FibResult::Kind::found || !result.by_route) return;
  if (in_l3_domain(flow).egress != no_device) return;
  if (route(result.route).nexthops.size() > 1) {
    const auto paths = usable_paths(result, flow, local, interfaces);
    if (paths.size() == 1) result.nexthop = paths.front();
    if (paths.size() > 1) {
      const auto options = static_cast<std::uint32_t>(paths.size());
      result.nexthop = paths[chance.choose_for(hash_of(flow), Cause::route(result.route), options)];
    }
    return;
  }
  // Which gateway of several equal defaults is used depends on what their neighbour entries have
  // been through; while none has failed it is the first.
  if (!local || result.prefix_length != 0 || result.type != RouteType::unicast ||
      !chance.explores())
    return;
  const auto defaults = equal_defaults(result, flow);
  if (defaults.size() < 2) return;
  const auto options = static_cast<std::uint32_t>(defaults.size());
  const std::uint64_t to = flow.destination.v4() + std::uint64_t{1};  // whoever asks
  result.route = defaults[chance.choose_for(to, Cause::route(result.route), options)];
  result.nexthop = 0;
  result.cause = Cause::route(result.route);
}

}  // namespace wayout::route
