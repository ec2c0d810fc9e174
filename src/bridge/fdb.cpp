#include "bridge/fdb.hpp"

#include "bridge/vlan_filter.hpp"

namespace wayout::bridge {
namespace {

std::int64_t ageing_ms(const link::Device& bridge) {
  return std::int64_t{bridge.bridge.ageing_s} * 1000;
}

bool has_aged(const State::Entry& entry, const link::Device& bridge, std::int64_t now_ms) {
  return !entry.local && !entry.is_static && entry.seen_ms + ageing_ms(bridge) <= now_ms;
}

/// The entries that the kernel makes of a bridge's own MAC addresses and its ports'. Somebody may have
/// deleted them, which only a whole listing shows.
void add_own_macs(const link::Devices& devices, State& state) {
  for (DeviceId id = 1; id < devices.size(); ++id) {
    const link::Device& device = devices[id];
    if (!device.port) continue;
    state.fdb.insert_or_assign({device.master, 0, device.mac},
                               State::Entry{.port = id, .local = true, .is_static = true});
  }
  for (DeviceId id = 1; id < devices.size(); ++id) {
    if (devices[id].kind != link::DeviceKind::bridge) continue;
    // A bridge usually wears the MAC of one of its ports; the port's entry then stands for both.
    state.fdb.try_emplace({id, 0, devices[id].mac}, State::Entry{.local = true, .is_static = true});
  }
}

void add_remotes(const Config& config, const link::Devices& devices, State& state) {
  for (const FdbEntry& entry : config.fdb) {
    if (entry.bridge != no_device || !entry.remote.is_set()) continue;
    const link::VxlanOptions& options = devices[entry.port].vxlan;
    State::Remotes& remotes = state.vxlan[{entry.port, 0, entry.mac}];
    remotes.list.push_back({entry.remote, entry.remote_vni != 0 ? entry.remote_vni : options.vni,
                            entry.remote_port != 0 ? entry.remote_port : options.port,
                            entry.remote_via, entry.remote_via_ifindex});
    remotes.is_static = entry.is_static || entry.local;
  }
  for (DeviceId id = 1; id < devices.size(); ++id) {
    const link::VxlanOptions& options = devices[id].vxlan;
    if (devices[id].kind != link::DeviceKind::vxlan || !options.remote.is_set()) continue;
    state.vxlan.try_emplace(
        {id, 0, {}},
        State::Remotes{.list = {{options.remote, options.vni, options.port, devices[id].lower, 0}},
                       .is_static = true});
  }
}

}  // namespace

State initial_state(const Config& config, const link::Devices& devices, std::int64_t now_ms) {
  State state;
  for (const FdbEntry& entry : config.fdb) {
    if (entry.bridge == no_device) continue;
    const bool is_bridge = entry.port == entry.bridge;
    state.fdb[{entry.bridge, entry.vlan, entry.mac}] = {
        .port = is_bridge ? no_device : entry.port,
        .local = entry.local,
        .is_static = entry.is_static,
        .sticky = entry.sticky,
        .seen_ms = now_ms,
    };
  }
  if (!config.fdb_is_whole) add_own_macs(devices, state);
  add_remotes(config, devices, state);
  return state;
}

const State::Entry* find(const State& state, const FdbKey& key, const link::Devices& devices,
                         const Config& config, std::int64_t now_ms) {
  auto found = state.fdb.find(key);
  if (found == state.fdb.end() && key.vlan != 0) {
    found = state.fdb.find({key.bridge, 0, key.mac});
    if (found == state.fdb.end() || !found->second.local) return nullptr;
    const DeviceId owner = found->second.port;
    if (!is_member(config, owner == no_device ? key.bridge : owner, key.vlan)) return nullptr;
  }
  if (found == state.fdb.end()) return nullptr;
  return has_aged(found->second, devices[key.bridge], now_ms) ? nullptr : &found->second;
}

bool learn(State& state, const FdbKey& key, DeviceId port, const link::Devices& devices,
           std::int64_t now_ms) {
  const link::Device& bridge = devices[key.bridge];
  if (bridge.bridge.ageing_s == 0) return false;  // such a bridge always floods
  const auto own = state.fdb.find({key.bridge, 0, key.mac});
  if (own != state.fdb.end() && own->second.local) return false;
  const auto [at, is_new] = state.fdb.try_emplace(key);
  State::Entry& entry = at->second;
  if (entry.local) return false;
  const bool moves = is_new || (entry.port != port && !entry.sticky);
  const bool is_news = moves || has_aged(entry, bridge, now_ms);
  if (moves) entry.port = port;
  entry.seen_ms = now_ms;
  return is_news;
}

}  // namespace wayout::bridge
