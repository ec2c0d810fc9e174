#include "bridge/vlan_filter.hpp"

#include <algorithm>

#include "link/vlan.hpp"

namespace wayout::bridge {
namespace {

const VlanMembership* membership(const Config& config, DeviceId device, std::uint16_t vlan) {
  const auto found =
      std::find_if(config.vlans.begin(), config.vlans.end(), [&](const VlanMembership& m) {
        return m.device == device && m.low <= vlan && vlan <= m.high;
      });
  return found == config.vlans.end() ? nullptr : &*found;
}

std::uint16_t pvid_of(const Config& config, DeviceId device) {
  const auto found =
      std::find_if(config.vlans.begin(), config.vlans.end(),
                   [&](const VlanMembership& m) { return m.device == device && m.pvid; });
  return found == config.vlans.end() ? std::uint16_t{0} : found->low;
}

}  // namespace

bool is_member(const Config& config, DeviceId device, std::uint16_t vlan) {
  return membership(config, device, vlan) != nullptr;
}

std::optional<std::uint16_t> vlan_of(const Packet& frame, DeviceId bridge, DeviceId device,
                                     const link::Devices& devices, const Config& config) {
  if (!devices[bridge].bridge.vlan_filtering) return std::uint16_t{0};
  const std::uint16_t tagged = link::vlan_id(frame.vlan_tci.value_or(0));
  const std::uint16_t vlan = tagged != 0 ? tagged : pvid_of(config, device);
  if (vlan == 0 || !is_member(config, device, vlan)) return std::nullopt;
  return vlan;
}

void leave_vlan(Packet& copy, DeviceId bridge, DeviceId to, const link::Devices& devices,
                const Config& config) {
  if (!devices[bridge].bridge.vlan_filtering || !copy.vlan_tci) return;
  const VlanMembership* member = membership(config, to, link::vlan_id(*copy.vlan_tci));
  if (member != nullptr && member->untagged) link::pull_vlan(copy);
}

}  // namespace wayout::bridge
