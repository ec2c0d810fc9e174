// What of a listing of forwarding databases is kept.
#pragma once

#include "host/host.hpp"

namespace wayout::host {

/// An entry of a bridge or of a VXLAN device; the same listings show the unicast and multicast
/// filters of every other device, which decide nothing here. entry.port is filled in.
[[nodiscard]] inline bool is_bridge_or_vxlan_entry(const bridge::FdbEntry& entry,
                                                   const Host& host) {
  if (entry.port == no_device) return false;
  return entry.bridge != no_device || host.devices[entry.port].kind == link::DeviceKind::vxlan;
}

}  // namespace wayout::host
