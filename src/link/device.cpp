#include "link/device.hpp"

#include <algorithm>

namespace wayout::link {
namespace {

template <class Predicate>
DeviceId find_if(const std::vector<Device>& list, Predicate predicate) {
  const auto found = std::find_if(list.begin() + 1, list.end(), predicate);
  return found == list.end() ? no_device : static_cast<DeviceId>(found - list.begin());
}

}  // namespace

DeviceId Devices::find(std::string_view name) const {
  return find_if(list, [&](const Device& device) { return device.name == name; });
}

DeviceId Devices::find_ifindex(std::uint32_t ifindex) const {
  return find_if(list, [&](const Device& device) { return device.ifindex == ifindex; });
}

}  // namespace wayout::link
