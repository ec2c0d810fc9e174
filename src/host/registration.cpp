#include "host/registration.hpp"

#include <algorithm>

#include "host/words.hpp"

namespace wayout::host {

Result<void> read_registration(const File& file, Host& host, const DeviceBook& book) {
  return read_lines(file, [&](Words& words) {
    const bool is_group = words.line().find_first_of(" \t") == 0;
    if (is_group || words.take("Idx")) return;
    const auto ifindex = words.number_after<std::uint32_t>("the line's begin");
    const DeviceId device = book.find_ifindex(ifindex);
    const bool listed = std::ranges::find(host.registered, device) != host.registered.end();
    if (device != no_device && !listed) host.registered.push_back(device);
  });
}

std::vector<DeviceId> registration_order(const Host& host) {
  std::vector<DeviceId> order = host.registered;
  const auto number = [&](DeviceId id) {
    const std::uint32_t ifindex = host.devices[id].ifindex;
    return ifindex != 0 ? ifindex : id;
  };
  std::vector<DeviceId> others;
  for (DeviceId id = 1; id < host.devices.size(); ++id)
    if (std::ranges::find(order, id) == order.end()) others.push_back(id);
  std::ranges::stable_sort(others, {}, number);
  for (const DeviceId id : others) {
    auto at = order.end();
    while (at != order.begin() && number(*std::prev(at)) > number(id))
      --at;
    order.insert(at, id);
  }
  return order;
}

}  // namespace wayout::host
