// VLAN filtering of a bridge: which VLAN a frame is in, and which devices are in that VLAN.
#pragma once

#include <optional>

#include "bridge/bridge.hpp"

namespace wayout::bridge {

/// True when the port, or the bridge device itself, is in this VLAN (`bridge vlan`).
[[nodiscard]] bool is_member(const Config& config, DeviceId device, std::uint16_t vlan);

/// The VLAN of a frame that comes in by `device`, a port or the bridge itself: its tag's, else the
/// device's PVID. None: the bridge filters and refuses it. 0 when the bridge does not filter.
/// Linux: net/bridge/br_vlan.c __allowed_ingress, br_should_learn.
[[nodiscard]] std::optional<std::uint16_t> vlan_of(const Packet& frame, DeviceId bridge,
                                                   DeviceId device, const link::Devices& devices,
                                                   const Config& config);

}  // namespace wayout::bridge
