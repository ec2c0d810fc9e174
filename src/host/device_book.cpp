#include "host/device_book.hpp"

#include <fmt/format.h>

#include <array>
#include <cassert>
#include <charconv>
#include <utility>

namespace wayout::host {

using link::DeviceKind;

DeviceBook::DeviceBook(Host& host) : host_(host) {
  for (DeviceId id = 1; id < host.devices.size(); ++id) {
    by_name_.emplace(host.devices[id].name, id);
    by_ifindex_.emplace(host.devices[id].ifindex, id);
  }
}

DeviceId DeviceBook::add(link::Device device) {
  assert(find(device.name) == no_device);
  const DeviceId id = host_.devices.size();
  by_name_.emplace(device.name, id);
  if (device.ifindex != 0) by_ifindex_.emplace(device.ifindex, id);
  host_.devices.list.push_back(std::move(device));
  host_.interfaces.list.resize(host_.devices.list.size());
  return id;
}

DeviceId DeviceBook::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? no_device : found->second;
}

DeviceId DeviceBook::find_ifindex(std::uint32_t ifindex) const {
  const auto found = by_ifindex_.find(ifindex);
  return found == by_ifindex_.end() ? no_device : found->second;
}

DeviceId DeviceBook::find_or_assume(std::string_view name) {
  const DeviceId known = find(name);
  if (known != no_device || complete_ || name.empty()) return known;
  host_.assumed.push_back(
      fmt::format("device {} exists and is up: no list of devices shows it", name));
  link::Device device;
  device.name = name;
  device.kind = device_kind("", name == "lo");
  device.up = true;
  return add(std::move(device));
}

link::DeviceKind device_kind(std::string_view kind_name, bool loopback) {
  static constexpr std::pair<std::string_view, DeviceKind> kinds[] = {
      {"veth", DeviceKind::veth},       {"bridge", DeviceKind::bridge},
      {"vlan", DeviceKind::vlan},       {"vxlan", DeviceKind::vxlan},
      {"vrf", DeviceKind::vrf},         {"macvlan", DeviceKind::macvlan},
      {"macvtap", DeviceKind::macvlan}, {"ipvlan", DeviceKind::ipvlan},
      {"ipvtap", DeviceKind::ipvlan},   {"dummy", DeviceKind::dummy},
      {"tun", DeviceKind::tun},         {"bond", DeviceKind::bond},
      {"team", DeviceKind::bond},       {"wireguard", DeviceKind::wireguard},
      {"ifb", DeviceKind::ifb},         {"gre", DeviceKind::tunnel},
      {"gretap", DeviceKind::tunnel},   {"erspan", DeviceKind::tunnel},
      {"ip6gre", DeviceKind::tunnel},   {"ip6gretap", DeviceKind::tunnel},
      {"ipip", DeviceKind::tunnel},     {"ip6tnl", DeviceKind::tunnel},
      {"sit", DeviceKind::tunnel},      {"geneve", DeviceKind::tunnel},
      {"vti", DeviceKind::tunnel},      {"vti6", DeviceKind::tunnel},
      {"xfrm", DeviceKind::tunnel},     {"gtp", DeviceKind::tunnel},
      {"bareudp", DeviceKind::tunnel},  {"ppp", DeviceKind::tunnel},
  };
  if (loopback) return DeviceKind::loopback;
  for (const auto& [name, kind] : kinds)
    if (name == kind_name) return kind;
  return DeviceKind::nic;
}

std::uint32_t TableBook::number(std::string_view name) {
  if (name == "local") return route::table_local;
  if (name == "main") return route::table_main;
  if (name == "default") return route::table_default;
  std::uint32_t value = 0;
  const auto [end, status] = std::from_chars(name.data(), name.data() + name.size(), value);
  if (status == std::errc{} && end == name.data() + name.size()) return value;
  const auto [entry, is_new] = by_name_.try_emplace(std::string(name), next_);
  if (is_new) host_.table_names.emplace(next_++, name);
  return entry->second;
}

}  // namespace wayout::host
