#include "host/snapshot/link_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "host/names.hpp"
#include "host/words.hpp"

namespace wayout::host::snapshot {

using link::DeviceKind;

namespace {

/// Names that docker, podman, libvirt, LXC and CNI give to bridges.
bool is_named_like_bridge(std::string_view name) {
  const auto rest_is = [&](std::string_view prefix, auto test) {
    return name.starts_with(prefix) && name.size() > prefix.size() &&
           std::all_of(name.begin() + static_cast<std::ptrdiff_t>(prefix.size()), name.end(), test);
  };
  const auto digit = [](unsigned char c) { return std::isdigit(c) != 0; };
  const auto hex = [](unsigned char c) { return std::isxdigit(c) != 0; };
  return name == "docker_gwbridge" || rest_is("docker", digit) || rest_is("br", digit) ||
         rest_is("br-", hex) || rest_is("virbr", digit) || rest_is("cni", digit) ||
         rest_is("cni-podman", digit) || rest_is("podman", digit) || rest_is("lxcbr", digit) ||
         rest_is("lxdbr", digit);
}

/// `eth0.10`, `vlan10`: the digits at the end.
std::optional<std::uint16_t> vlan_id_in(std::string_view name) {
  const std::size_t before = name.find_last_not_of("0123456789");
  const auto id =
      number<std::uint16_t>(name.substr(before == std::string_view::npos ? 0 : before + 1));
  return id && *id < 4095 ? id : std::nullopt;
}

}  // namespace

void LinkList::add(Entry entry) {
  const DeviceId id = book_.add(entry.device);
  if (first_ == no_device) first_ = id;
  entries_.push_back(std::move(entry));
}

void LinkList::finish() {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    link::Device& device = host_.devices[first_ + static_cast<DeviceId>(i)];
    resolve(entries_[i], device);
    if (!entries_[i].detailed) guess_kind(entries_[i], device);
    if (entries_[i].brief && device.kind == DeviceKind::bridge)
      add_unknown_ports(first_ + static_cast<DeviceId>(i));
  }
  for (const auto& [kind, names] : guessed_)
    note_guess(kind, names);
  for (link::Device& device : host_.devices.list) {
    const bool is_port = host_.devices[device.master].kind == DeviceKind::bridge;
    if (is_port && !device.port) device.port.emplace();
  }
  book_.complete();
}

/// Turn names into DeviceIds. A veth peer is kept as a number, as netlink has it.
void LinkList::resolve(Entry& entry, link::Device& device) {
  device.master = book_.find(entry.master);
  const DeviceId lower = book_.find(entry.lower);
  const bool is_veth_pair =
      device.kind == DeviceKind::veth ||
      (!entry.detailed && lower != no_device && entries_[lower - first_].lower == device.name);
  if (is_veth_pair && lower != no_device) {
    device.kind = DeviceKind::veth;
    device.peer_ifindex = host_.devices[lower].ifindex;
  } else {
    device.lower = lower;
  }
  if (entry.peer_namespace.empty()) return;
  // The listing gives a name in place of the number; any number that is not in use will do.
  std::int32_t id = -2;
  while (host_.namespace_ids.contains(id) && host_.namespace_ids[id] != entry.peer_namespace)
    --id;
  host_.namespace_ids[id] = entry.peer_namespace;
  device.peer_netnsid = id;
}

/// One line for all devices of a kind: a host may have a thousand.
void LinkList::note_guess(const std::string& kind, const std::vector<std::string>& names) {
  const bool one = names.size() == 1;
  std::string text = fmt::format("{} {} a {}: the listing does not say {} kind", shortened(names),
                                 one ? "is" : "are each", kind, one ? "its" : "their");
  host_.assumed.push_back(std::move(text));
}

/// A bridge whose ports are not known may lead anywhere.
void LinkList::add_unknown_ports(DeviceId bridge) {
  Unmodelled found;
  found.kind = Unmodelled::Kind::other;
  found.text = fmt::format("the ports of {}, which `ip -brief` does not show",
                           host_.devices[bridge].name);
  found.device = bridge;
  found.ingress = found.egress = true;
  found.hook = Hook::output;  // its own ARP goes nowhere else
  found.family = Unmodelled::Family::arp;
  host_.unmodelled.push_back(std::move(found));
}

bool LinkList::has_ports(const std::string& name) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const Entry& other) { return other.master == name; });
}

/// `name@lower`: a VLAN says its id in its name; with a MAC of its own it is a macvlan.
bool LinkList::guess_by_lower(const Entry& entry, link::Device& device) const {
  const bool own_mac = !device.mac.is_zero() && device.mac != host_.devices[device.lower].mac;
  const auto vlan_id = vlan_id_in(device.name);
  const bool vlan_name =
      device.name.starts_with(entry.lower + ".") || device.name.starts_with("vlan");
  if (vlan_id && (vlan_name || !own_mac)) {
    device.kind = DeviceKind::vlan;
    device.vlan_id = *vlan_id;
    return true;
  }
  if (!own_mac) return false;
  device.kind = DeviceKind::macvlan;
  return true;
}

void LinkList::guess_kind(const Entry& entry, link::Device& device) {
  if (device.kind != DeviceKind::nic) return;  // loopback, and veth pairs by their names
  if (device.lower != no_device) {
    if (!guess_by_lower(entry, device)) return;
  } else if (device.peer_ifindex) {
    device.kind = DeviceKind::veth;
  } else if (entry.flag_master) {
    device.kind = device.arp ? DeviceKind::bond : DeviceKind::vrf;
  } else if (has_ports(device.name) || is_named_like_bridge(device.name)) {
    device.kind = DeviceKind::bridge;
  } else {
    return;
  }
  static constexpr auto kind_text = [](const link::Device& d) -> std::string {
    switch (d.kind) {
      case DeviceKind::vlan:
        return fmt::format("VLAN {}", d.vlan_id);
      case DeviceKind::macvlan:
        return "macvlan in bridge mode";
      case DeviceKind::veth:
        return "veth";
      case DeviceKind::bond:
        return "bond";
      case DeviceKind::vrf:
        return "VRF";
      default:
        return "bridge";
    }
  };
  guessed_[kind_text(device)].push_back(device.name);
}

}  // namespace wayout::host::snapshot
