#include "host/join.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace wayout::host {

using link::DeviceKind;

namespace {

class Joiner {
 public:
  explicit Joiner(Machine& machine) : machine_(machine), ids_(machine.hosts.size()) {}

  void run() {
    take_over_known_ids();
    clear();
    join_pairs_of_one_namespace();
    index_open_ends();
    while (join_unambiguous_pairs()) {
    }
    join_lowers();
  }

 private:
  [[nodiscard]] const link::Device& device(DeviceRef ref) const {
    return machine_.hosts[ref.host].devices[ref.device];
  }

  void take_over_known_ids() {
    std::unordered_map<std::string, std::uint32_t> by_name;
    for (std::uint32_t h = 0; h < machine_.hosts.size(); ++h) {
      by_name.emplace(machine_.hosts[h].name, h);
      for (const std::string& alias : machine_.hosts[h].aliases)
        by_name.emplace(alias, h);
    }
    for (std::uint32_t h = 0; h < machine_.hosts.size(); ++h) {
      for (const auto& [id, name] : machine_.hosts[h].namespace_ids) {
        const auto found = by_name.find(name);
        ids_[h][id] = found == by_name.end() ? not_here : found->second;
      }
    }
  }

  void clear() {
    machine_.peers.clear();
    for (std::uint32_t h = 0; h < machine_.hosts.size(); ++h)
      machine_.peers.emplace_back(machine_.hosts[h].devices.size(), DeviceRef{h, no_device});
    machine_.lowers = machine_.peers;
    machine_.stacked.clear();
    for (const Host& host : machine_.hosts)
      machine_.stacked.emplace_back(host.devices.size());
  }

  template <class Visit>
  void for_each_device(Visit visit) const {
    for (std::uint32_t h = 0; h < machine_.hosts.size(); ++h)
      for (DeviceId d = 1; d < machine_.hosts[h].devices.size(); ++d)
        visit(DeviceRef{h, d});
  }

  void connect(DeviceRef a, DeviceRef b) {
    machine_.peers[a.host][a.device] = b;
    machine_.peers[b.host][b.device] = a;
  }
  [[nodiscard]] bool is_open(DeviceRef end) const {
    return machine_.peers[end.host][end.device].device == no_device;
  }

  void join_pairs_of_one_namespace() {
    for_each_device([&](DeviceRef end) {
      const link::Device& own = device(end);
      if (own.kind != DeviceKind::veth || !own.peer_ifindex || own.peer_netnsid) return;
      const DeviceRef other{end.host,
                            machine_.hosts[end.host].devices.find_ifindex(*own.peer_ifindex)};
      if (other.device == no_device || other == end || !is_open(end)) return;
      if (device(other).kind == DeviceKind::veth && device(other).peer_ifindex == own.ifindex &&
          !device(other).peer_netnsid)
        connect(end, other);
    });
  }

  // ------------------------------------------------------------ pairs across namespaces

  void index_open_ends() {
    for_each_device([&](DeviceRef end) {
      const link::Device& own = device(end);
      if (own.kind == DeviceKind::veth && own.peer_ifindex && is_open(end))
        open_ends_[key(own.ifindex, *own.peer_ifindex)].push_back(end);
    });
  }

  static std::uint64_t key(std::uint32_t own, std::uint32_t other) {
    return std::uint64_t{own} << 32 | other;
  }

  /// May what `from` calls `id` be the namespace `to`? An id means one namespace, and a namespace
  /// has one id.
  [[nodiscard]] bool may_be(std::uint32_t from, std::optional<std::int32_t> id,
                            std::uint32_t to) const {
    if (!id || *id == -1) return true;
    const auto known = ids_[from].find(*id);
    if (known != ids_[from].end()) return known->second == to;
    return std::ranges::none_of(ids_[from], [&](const auto& entry) { return entry.second == to; });
  }

  [[nodiscard]] std::vector<DeviceRef> candidates(DeviceRef end) const {
    const link::Device& own = device(end);
    std::vector<DeviceRef> result;
    const auto found = open_ends_.find(key(*own.peer_ifindex, own.ifindex));
    if (found == open_ends_.end()) return result;
    for (const DeviceRef other : found->second) {
      if (other.host != end.host && is_open(other) &&
          may_be(end.host, own.peer_netnsid, other.host) &&
          may_be(other.host, device(other).peer_netnsid, end.host))
        result.push_back(other);
    }
    return result;
  }

  void learn(DeviceRef from, DeviceRef to) {
    const auto id = device(from).peer_netnsid;
    if (id && *id != -1) ids_[from.host][*id] = to.host;
  }

  /// Then its peer is certain, even if the other end could also belong to a twin elsewhere.
  [[nodiscard]] bool knows_namespace_of_peer(DeviceRef end) const {
    const auto id = device(end).peer_netnsid;
    return id && ids_[end.host].contains(*id);
  }

  bool join_unambiguous_pairs() {
    bool any = false;
    for (const auto& [numbers, ends] : open_ends_) {
      for (const DeviceRef end : ends) {
        if (!is_open(end)) continue;
        const std::vector<DeviceRef> others = candidates(end);
        if (others.size() != 1) continue;
        if (!knows_namespace_of_peer(end) && candidates(others.front()).size() != 1) continue;
        connect(end, others.front());
        learn(end, others.front());
        learn(others.front(), end);
        any = true;
      }
    }
    return any;
  }

  // ------------------------------------------------------------ what is stacked on what

  /// The namespace that `id` means, or the only one that has a device of this number.
  [[nodiscard]] std::optional<std::uint32_t> namespace_below(DeviceRef child) const {
    const link::Device& own = device(child);
    const auto known = ids_[child.host].find(own.peer_netnsid.value_or(-1));
    if (known != ids_[child.host].end())
      return known->second == not_here ? std::nullopt : std::optional(known->second);
    std::optional<std::uint32_t> only;
    for (std::uint32_t h = 0; h < machine_.hosts.size(); ++h) {
      if (h == child.host || !may_be(child.host, own.peer_netnsid, h)) continue;
      const DeviceId below = machine_.hosts[h].devices.find_ifindex(own.peer_ifindex.value_or(0));
      if (below == no_device || !machine_.hosts[h].devices[below].ethernet) continue;
      if (only) return std::nullopt;
      only = h;
    }
    return only;
  }

  [[nodiscard]] DeviceRef find_lower(DeviceRef child) const {
    const link::Device& own = device(child);
    if (own.lower != no_device) return {child.host, own.lower};
    if (!own.peer_ifindex && !own.peer_netnsid) return {child.host, no_device};
    const auto below = namespace_below(child);
    if (!below) return {child.host, no_device};
    return {*below, machine_.hosts[*below].devices.find_ifindex(own.peer_ifindex.value_or(0))};
  }

  void join_lowers() {
    for_each_device([&](DeviceRef child) {
      const link::Device& own = device(child);
      const bool stacked = own.kind == DeviceKind::vlan || own.kind == DeviceKind::macvlan ||
                           own.kind == DeviceKind::ipvlan;
      if (own.kind == DeviceKind::vxlan && own.peer_netnsid)
        machine_.lowers[child.host][child.device] = find_lower(child);
      if (!stacked) return;
      const DeviceRef lower = find_lower(child);
      machine_.lowers[child.host][child.device] = lower;
      if (lower.device != no_device) machine_.stacked[lower.host][lower.device].push_back(child);
    });
  }

  static constexpr std::uint32_t not_here = 0xffffffff;  ///< a namespace that was not read

  Machine& machine_;
  std::vector<std::unordered_map<std::int32_t, std::uint32_t>> ids_;  ///< by host: id → host
  std::unordered_map<std::uint64_t, std::vector<DeviceRef>> open_ends_;
};

}  // namespace

void join(Machine& machine) {
  Joiner(machine).run();
}

}  // namespace wayout::host
