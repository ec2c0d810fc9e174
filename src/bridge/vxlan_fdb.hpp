// The forwarding database of a VXLAN device: which remote host a MAC lives behind.
#pragma once

#include <vector>

#include "bridge/bridge.hpp"

namespace wayout::bridge {

/// The remotes that get a copy of a frame for this MAC: its own, else those of the all-zero entry.
/// None: it is dropped (NO_TX_TARGET, Stage::vxlan_xmit).
/// Linux: drivers/net/vxlan/vxlan_core.c vxlan_xmit, vxlan_find_mac.
[[nodiscard]] std::vector<link::VxlanRemote> vxlan_remotes(const State& state, DeviceId vxlan,
                                                           const wire::MacAddress& destination);

/// A frame from this MAC came from this remote host. A device with learning notes it; one without
/// lets everything pass.
/// Linux: vxlan_core.c vxlan_snoop.
/// Ends: MAC_INVALID_SOURCE; VXLAN_ENTRY_EXISTS (a static entry says that it lives elsewhere).
/// Not modelled: ageing.
Stop vxlan_learn(State& state, DeviceId vxlan, const link::Devices& devices,
                 const wire::MacAddress& source, const wire::IpAddress& remote);

}  // namespace wayout::bridge
