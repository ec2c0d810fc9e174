#include "host/snapshot/neighbours_json.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "host/bridging.hpp"
#include "host/json.hpp"
#include "host/names.hpp"

namespace wayout::host::snapshot {

namespace {

bool holds(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

void read_neighbour(const JsonObject& object, Host& host, DeviceBook& book) {
  link::Neighbour neighbour;
  neighbour.address = object.parsed("dst", wire::IpAddress::parse, wire::IpAddress{});
  if (!neighbour.address.is_set()) return object.fail("a neighbour without \"dst\"");
  neighbour.device = book.find_or_assume(object.text("dev"));
  neighbour.proxy = object.has("proxy");
  if (object.has("lladdr"))  // of tunnels it is no MAC
    neighbour.mac = wire::MacAddress::parse(object.text("lladdr")).value_or(wire::MacAddress{});
  for (const std::string& name : object.texts("state"))
    if (const auto state = nud_state(name)) neighbour.state = *state;
  const bool device_is_gone = neighbour.device == no_device && object.has("dev");
  if (!device_is_gone) host.neighbours.push_back(neighbour);
}

void read_fdb_entry(const JsonObject& object, Host& host, DeviceBook& book) {
  bridge::FdbEntry entry;
  const auto mac = wire::MacAddress::parse(object.text("mac"));
  if (!mac) return;  // an InfiniBand or tunnel address
  entry.mac = *mac;
  entry.port = book.find_or_assume(object.text("ifname"));
  entry.bridge = book.find(object.text("master"));
  entry.vlan = object.number<std::uint16_t>("vlan").value_or(0);
  const std::string state = object.text("state");
  const std::vector<std::string> flags = object.texts("flags");
  entry.local = state == "permanent" && entry.bridge != no_device;
  entry.is_static = state == "static" || state == "permanent";
  entry.sticky = holds(flags, "sticky");
  entry.offloaded = holds(flags, "offload");
  entry.remote = object.parsed("dst", wire::IpAddress::parse, wire::IpAddress{});
  entry.remote_port = object.number<std::uint16_t>("port").value_or(0);
  entry.remote_vni = object.number<std::uint32_t>("vni").value_or(0);
  entry.remote_via = book.find(object.text("viaIf"));
  entry.remote_via_ifindex = object.number<std::uint32_t>("viaIfIndex").value_or(0);
  if (is_bridge_or_vxlan_entry(entry, host)) host.bridging.fdb.push_back(entry);
}

void read_vlan(const JsonObject& object, DeviceId device, Host& host) {
  bridge::VlanMembership membership;
  const std::vector<std::string> flags = object.texts("flags");
  membership.device = device;
  membership.low = object.number<std::uint16_t>("vlan").value_or(1);
  membership.high = object.number<std::uint16_t>("vlanEnd").value_or(membership.low);
  membership.pvid = holds(flags, "PVID");
  membership.untagged = holds(flags, "Egress Untagged");
  host.bridging.vlans.push_back(membership);
}

}  // namespace

Result<void> read_neighbours_json(const File& file, Host& host, DeviceBook& book) {
  return read_json_list(file,
                        [&](const JsonObject& object) { read_neighbour(object, host, book); });
}

Result<void> read_fdb_json(const File& file, Host& host, DeviceBook& book) {
  return read_json_list(file,
                        [&](const JsonObject& object) { read_fdb_entry(object, host, book); });
}

Result<void> read_vlans_json(const File& file, Host& host, DeviceBook& book) {
  return read_json_list(file, [&](const JsonObject& object) {
    const DeviceId device = book.find_or_assume(object.text("ifname"));
    for (const JsonObject& vlan : object.objects("vlans"))
      if (device != no_device) read_vlan(vlan, device, host);
  });
}

}  // namespace wayout::host::snapshot
