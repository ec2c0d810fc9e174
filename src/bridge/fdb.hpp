// The forwarding database of a bridge: asked, and taught.
#pragma once

#include "bridge/bridge.hpp"

namespace wayout::bridge {

/// The entry for this MAC in this VLAN, or null. Entries of the host's own MACs without a VLAN hold
/// in every VLAN that the device is a member of. An aged entry is not there.
/// Linux: net/bridge/br_fdb.c br_fdb_find_rcu, has_expired.
[[nodiscard]] const State::Entry* find(const State& state, const FdbKey& key,
                                       const link::Devices& devices, const Config& config,
                                       std::int64_t now_ms);

/// A frame from this MAC came in by this port. True when that was news (new, or moved).
/// Linux: br_fdb.c br_fdb_update.
bool learn(State& state, const FdbKey& key, DeviceId port, const link::Devices& devices,
           std::int64_t now_ms);

}  // namespace wayout::bridge
