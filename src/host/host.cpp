#include "host/host.hpp"

namespace wayout::host {

namespace {

template <class T>
const T* at(const std::vector<std::vector<T>>& table, DeviceRef ref) {
  if (ref.host >= table.size() || ref.device >= table[ref.host].size()) return nullptr;
  return &table[ref.host][ref.device];
}

}  // namespace

DeviceRef Machine::peer(DeviceRef end) const {
  const DeviceRef* found = at(peers, end);
  return found ? *found : DeviceRef{end.host, no_device};
}

DeviceRef Machine::lower(DeviceRef child) const {
  const DeviceRef* found = at(lowers, child);
  return found ? *found : DeviceRef{child.host, no_device};
}

std::optional<std::uint32_t> Machine::carrier(DeviceRef tunnel) const {
  if (!hosts[tunnel.host].devices[tunnel.device].peer_netnsid) return tunnel.host;
  const std::uint32_t below = lower(tunnel).host;
  return below == tunnel.host ? std::nullopt : std::optional(below);
}

const std::vector<DeviceRef>& Machine::uppers(DeviceRef lower) const {
  static const std::vector<DeviceRef> none;
  const std::vector<DeviceRef>* found = at(stacked, lower);
  return found ? *found : none;
}

}  // namespace wayout::host
