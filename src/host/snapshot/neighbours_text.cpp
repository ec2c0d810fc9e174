#include "host/snapshot/neighbours_text.hpp"

#include "host/bridging.hpp"
#include "host/names.hpp"
#include "host/words.hpp"

namespace wayout::host::snapshot {

namespace {

/// `10.0.0.2 dev br0 lladdr 02:00:00:00:00:02 REACHABLE`, `10.0.0.3 dev br0 proxy`
void read_neighbour(Words& words, Host& host, DeviceBook& book) {
  link::Neighbour neighbour;
  neighbour.address = words.parsed("the line's begin", wire::IpAddress::parse);
  bool device_is_gone = false, has_device = false;
  while (!words.done()) {
    const std::string_view word = words.next();
    if (word == "dev") {
      neighbour.device = book.find_or_assume(words.value(word));
      device_is_gone = neighbour.device == no_device;
      has_device = true;
    } else if (word == "lladdr") {
      neighbour.mac = wire::MacAddress::parse(words.value(word)).value_or(wire::MacAddress{});
    } else if (word == "proxy") {
      neighbour.proxy = true;
    } else if (const auto state = nud_state(word)) {
      neighbour.state = *state;
    }
  }
  if (!has_device)
    words.fail("expected a line like \"10.0.0.2 dev br0 lladdr 02:00:00:00:00:02 REACHABLE\"");
  if (!words.error() && !device_is_gone) host.neighbours.push_back(neighbour);
}

/// `via eth0`, `via ifindex 3` of the namespace in which the device was made.
void read_via(Words& words, bridge::FdbEntry& entry, const DeviceBook& book) {
  if (words.take("ifindex")) entry.remote_via_ifindex = words.number_after<std::uint32_t>("ifindex");
  else entry.remote_via = book.find(words.value("via"));
}

/// `02:00:00:00:00:02 dev veth1 vlan 1 master br0 permanent`,
/// `02:00:00:00:00:03 dev vxlan0 dst 192.0.2.9 via eth0 self`
void read_fdb_entry(Words& words, Host& host, DeviceBook& book) {
  bridge::FdbEntry entry;
  bool permanent = false;
  const auto mac = wire::MacAddress::parse(words.next());
  while (!words.done()) {
    const std::string_view word = words.next();
    if (word == "dev") entry.port = book.find_or_assume(words.value(word));
    if (word == "master") entry.bridge = book.find(words.value(word));
    if (word == "vlan") entry.vlan = words.number_after<std::uint16_t>(word);
    if (word == "dst") entry.remote = words.parsed(word, wire::IpAddress::parse);
    if (word == "port") entry.remote_port = words.number_after<std::uint16_t>(word);
    if (word == "vni") entry.remote_vni = words.number_after<std::uint32_t>(word);
    if (word == "via") read_via(words, entry, book);
    if (word == "permanent") permanent = true;
    if (word == "static") entry.is_static = true;
    if (word == "sticky") entry.sticky = true;
    if (word == "offload") entry.offloaded = true;
  }
  if (words.line().find(" dev ") == std::string_view::npos)
    words.fail("expected a line like \"02:00:00:00:00:02 dev veth1 master br0\"");
  if (!mac || words.error()) return;  // an InfiniBand or tunnel address
  entry.mac = *mac;
  entry.is_static |= permanent;
  entry.local = permanent && entry.bridge != no_device;
  if (is_bridge_or_vxlan_entry(entry, host)) host.bridging.fdb.push_back(entry);
}

/// `eth0  1 PVID Egress Untagged`, and further lines of the same port without its name.
void read_vlan(Words& words, DeviceId device, Host& host) {
  bridge::VlanMembership membership;
  membership.device = device;
  const std::string_view range = words.value("the port");
  const std::size_t dash = range.find('-');
  const auto low = number<std::uint16_t>(range.substr(0, dash));
  const auto high =
      dash == std::string_view::npos ? low : number<std::uint16_t>(range.substr(dash + 1));
  if (!low || !high) return words.fail("expected a VLAN id or a range of them");
  membership.low = *low;
  membership.high = *high;
  while (!words.done()) {
    const std::string_view word = words.next();
    if (word == "PVID") membership.pvid = true;
    if (word == "Untagged") membership.untagged = true;
  }
  if (device != no_device && !words.error()) host.bridging.vlans.push_back(membership);
}

}  // namespace

Result<void> read_neighbours_text(const File& file, Host& host, DeviceBook& book) {
  return read_lines(file, [&](Words& words) { read_neighbour(words, host, book); });
}

Result<void> read_fdb_text(const File& file, Host& host, DeviceBook& book) {
  return read_lines(file, [&](Words& words) { read_fdb_entry(words, host, book); });
}

Result<void> read_vlans_text(const File& file, Host& host, DeviceBook& book) {
  DeviceId device = no_device;
  return read_lines(file, [&](Words& words) {
    if (words.peek() == "port") return;  // the heading
    const bool names_port = words.line().find_first_of(" \t") != 0;
    if (names_port) device = book.find_or_assume(words.next());
    if (words.peek() == "None" || words.done()) return;
    read_vlan(words, device, host);
  });
}

}  // namespace wayout::host::snapshot
