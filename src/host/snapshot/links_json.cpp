#include "host/snapshot/links_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "host/json.hpp"
#include "host/names.hpp"
#include "host/snapshot/link_list.hpp"

namespace wayout::host::snapshot {

using link::DeviceKind;

namespace {

void read_bridge(const JsonObject& data, link::BridgeOptions& bridge) {
  bridge.stp = data.boolean("stp_state", false);
  bridge.vlan_filtering = data.boolean("vlan_filtering", false);
  bridge.multicast_snooping = data.boolean("mcast_snooping", true);
  bridge.nf_call_iptables = data.boolean("nf_call_iptables", false);
  bridge.group_fwd_mask = data.number<std::uint16_t>("group_fwd_mask").value_or(0);
  bridge.default_pvid = data.number<std::uint16_t>("vlan_default_pvid").value_or(1);
  if (const auto centiseconds = data.number<std::uint32_t>("ageing_time"))
    bridge.ageing_s = *centiseconds / 100;
}

link::BridgePort read_port(const JsonObject& data) {
  link::BridgePort port;
  port.state = data.parsed("state", port_state, link::PortState::forwarding);
  port.hairpin = data.boolean("hairpin", false);
  port.learning = data.boolean("learning", true);
  port.flood = data.boolean("flood", true);
  port.multicast_flood = data.boolean("mcast_flood", true);
  port.broadcast_flood = data.boolean("bcast_flood", true);
  port.isolated = data.boolean("isolated", false);
  port.locked = data.boolean("locked", false);
  port.proxy_arp = data.boolean("proxy_arp", false);
  port.neigh_suppress = data.boolean("neigh_suppress", false);
  return port;
}

wire::IpAddress address_of(const JsonObject& object, const char* key) {
  return object.parsed(key, wire::IpAddress::parse, wire::IpAddress{});
}

void read_vxlan(const JsonObject& data, LinkList::Entry& entry) {
  link::VxlanOptions& vxlan = entry.device.vxlan;
  vxlan.vni = data.number<std::uint32_t>("id").value_or(0);
  vxlan.port = data.number<std::uint16_t>("port").value_or(8472);
  vxlan.learning = data.boolean("learning", true);
  vxlan.collect_metadata = data.boolean("external", false);
  vxlan.df = data.parsed("df", tunnel_df, link::TunnelDf::unset);
  vxlan.ttl_inherit = !data.has("ttl") && data.has("df");  // its JSON leaves out `ttl inherit`
  if (!vxlan.ttl_inherit) vxlan.ttl = data.number<std::uint8_t>("ttl").value_or(0);
  const std::uint8_t outer_tos = data.parsed("tos", tos, std::uint8_t{0});
  vxlan.tos_inherit = outer_tos == 1;  // how its JSON says `tos inherit`
  vxlan.tos = vxlan.tos_inherit ? 0 : outer_tos & 0xfc;
  for (const char* key : {"proxy", "rsc", "gbp", "gpe", "remcsum_tx", "remcsum_rx", "vnifilter"})
    if (data.boolean(key, false)) vxlan.others.emplace_back(key);
  for (const char* key : {"remote", "remote6", "group", "group6"})
    if (data.has(key)) vxlan.remote = address_of(data, key);
  for (const char* key : {"local", "local6"})
    if (data.has(key)) vxlan.local = address_of(data, key);
  entry.lower = data.text("link");
}

void read_kind(const JsonObject& info, LinkList::Entry& entry) {
  link::Device& device = entry.device;
  device.kind_name = info.text("info_kind");
  device.kind = device_kind(device.kind_name, device.kind == DeviceKind::loopback);
  if (info.text("info_slave_kind") == "bridge") {
    const auto slave = info.object("info_slave_data");
    device.port = slave ? read_port(*slave) : link::BridgePort{};
  }
  const auto data = info.object("info_data");
  if (!data) return;
  switch (device.kind) {
    case DeviceKind::bridge:
      return read_bridge(*data, device.bridge);
    case DeviceKind::vxlan:
      return read_vxlan(*data, entry);
    case DeviceKind::vlan:
      device.vlan_id = data->number<std::uint16_t>("id").value_or(0);
      return;
    case DeviceKind::vrf:
      device.vrf_table = data->number<std::uint32_t>("table").value_or(0);
      return;
    case DeviceKind::macvlan:
      device.macvlan_mode = data->parsed("mode", macvlan_mode, link::MacvlanMode::bridge);
      return;
    default:
      return;
  }
}

void read_flags(const JsonObject& object, LinkList::Entry& entry) {
  const std::vector<std::string> flags = object.texts("flags");
  const auto has = [&](const char* flag) {
    return std::find(flags.begin(), flags.end(), flag) != flags.end();
  };
  entry.device.up = has("UP");
  entry.device.carrier = has("LOWER_UP");
  entry.device.arp = !has("NOARP");
  entry.device.point_to_point = has("POINTOPOINT");
  entry.device.promiscuous =
      has("PROMISC") || object.number<std::uint32_t>("promiscuity").value_or(0) > 0;
  entry.flag_master = has("MASTER");
}

LinkList::Entry read_link(const JsonObject& object) {
  LinkList::Entry entry;
  link::Device& device = entry.device;
  device.name = object.text("ifname");
  if (device.name.empty()) object.fail("a device without \"ifname\"");
  device.ifindex = object.number<std::uint32_t>("ifindex").value_or(0);
  device.mtu_bytes = object.number<std::uint32_t>("mtu").value_or(1500);
  device.group = device_group(object.text("group"));
  read_flags(object, entry);

  const std::string type = object.text("link_type");
  const bool loopback = type == "loopback";
  device.ethernet = loopback || type == "ether" || type.empty();
  device.kind = device_kind("", loopback);
  if (device.ethernet) device.mac = object.parsed("address", wire::MacAddress::parse, device.mac);

  entry.master = object.text("master");
  entry.lower = object.text("link");
  device.peer_ifindex = object.number<std::uint32_t>("link_index");
  device.peer_netnsid = object.number<std::int32_t>("link_netnsid");
  entry.detailed = object.has("promiscuity");
  if (const auto xdp = object.object("xdp"))
    device.xdp = xdp->number<std::uint32_t>("mode").value_or(1) != 0;
  if (const auto info = object.object("linkinfo")) read_kind(*info, entry);
  if (device.kind == DeviceKind::vxlan) device.peer_ifindex.reset();  // is its own number
  return entry;
}

void read_address(const JsonObject& object, route::Interface& interface) {
  if (object.text("family") != "inet") return;
  route::InterfaceAddress address;
  address.local = address_of(object, "local");
  address.peer = object.has("address") ? address_of(object, "address") : address.local;
  address.prefix_length = object.number<std::uint8_t>("prefixlen").value_or(32);
  if (!address.local.is_v4() || !address.peer.is_v4() || address.prefix_length > 32)
    return object.fail("an \"inet\" address that is no IPv4 address");
  address.broadcast = address_of(object, "broadcast");
  address.scope = object.parsed("scope", scope, route::Scope::universe);
  address.secondary = object.has("secondary");
  address.deprecated = object.has("deprecated");
  address.noprefixroute = object.has("noprefixroute");
  interface.addresses.push_back(address);
}

}  // namespace

Result<void> read_links_json(const File& file, Host& host, DeviceBook& book) {
  LinkList links(host, book);
  const Result<void> read = read_json_list(file, [&](const JsonObject& object) {
    LinkList::Entry entry = read_link(object);
    if (book.find(entry.device.name) == no_device) return links.add(std::move(entry));
    object.fail(fmt::format("device {} is listed twice", entry.device.name));
  });
  if (read) links.finish();
  return read;
}

Result<void> read_addresses_json(const File& file, Host& host, DeviceBook& book) {
  return read_json_list(file, [&](const JsonObject& object) {
    const std::string name = object.text("ifname");
    const std::vector<JsonObject> addresses = object.objects("addr_info");
    const DeviceId device = book.find_or_assume(name);
    if (device != no_device) {
      for (const JsonObject& address : addresses)
        read_address(address, host.interfaces[device]);
    } else if (!addresses.empty()) {
      host.assumed.push_back(fmt::format("{} is gone: it has addresses, but no link", name));
    }
  });
}

}  // namespace wayout::host::snapshot
