#include "host/live/links.hpp"

#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace wayout::host::live {

using link::DeviceKind;

namespace {

/// Ifindexes that become DeviceIds when all devices are known.
struct References {
  std::uint32_t master = 0;
  std::uint32_t lower = 0;
};

void read_bridge(const Attributes& data, link::BridgeOptions& bridge) {
  bridge.stp = data.number<std::uint32_t>(IFLA_BR_STP_STATE).value_or(0) != 0;
  bridge.vlan_filtering = data.number<std::uint8_t>(IFLA_BR_VLAN_FILTERING).value_or(0) != 0;
  bridge.multicast_snooping = data.number<std::uint8_t>(IFLA_BR_MCAST_SNOOPING).value_or(1) != 0;
  bridge.nf_call_iptables = data.number<std::uint8_t>(IFLA_BR_NF_CALL_IPTABLES).value_or(0) != 0;
  bridge.group_fwd_mask = data.number<std::uint16_t>(IFLA_BR_GROUP_FWD_MASK).value_or(0);
  bridge.default_pvid = data.number<std::uint16_t>(IFLA_BR_VLAN_DEFAULT_PVID).value_or(1);
  if (const auto centiseconds = data.number<std::uint32_t>(IFLA_BR_AGEING_TIME))
    bridge.ageing_s = *centiseconds / 100;
}

link::BridgePort read_port(const Attributes& data) {
  const auto flag = [&](std::size_t type, bool absent) {
    return data.number<std::uint8_t>(type).value_or(absent ? 1 : 0) != 0;
  };
  link::BridgePort port;
  const auto state = data.number<std::uint8_t>(IFLA_BRPORT_STATE);
  if (state && *state <= BR_STATE_BLOCKING) port.state = static_cast<link::PortState>(*state);
  port.hairpin = flag(IFLA_BRPORT_MODE, false);
  port.learning = flag(IFLA_BRPORT_LEARNING, true);
  port.flood = flag(IFLA_BRPORT_UNICAST_FLOOD, true);
  port.multicast_flood = flag(IFLA_BRPORT_MCAST_FLOOD, true);
  port.broadcast_flood = flag(IFLA_BRPORT_BCAST_FLOOD, true);
  port.isolated = flag(IFLA_BRPORT_ISOLATED, false);
  port.locked = flag(IFLA_BRPORT_LOCKED, false);
  port.proxy_arp = flag(IFLA_BRPORT_PROXYARP, false);
  port.neigh_suppress = flag(IFLA_BRPORT_NEIGH_SUPPRESS, false);
  return port;
}

/// The value by which a tunnel says that its TOS is the inner packet's.
constexpr std::uint8_t inherited_tos = 1;

/// Newer than <linux/if_link.h> of some systems.
constexpr std::size_t vxlan_vnifilter = 30;

/// What is not modelled. The flags without a value are there or not; the others are 0 or 1.
constexpr std::pair<std::size_t, const char*> vxlan_extensions[] = {
    {IFLA_VXLAN_PROXY, "proxy"},         {IFLA_VXLAN_RSC, "rsc"},
    {IFLA_VXLAN_GBP, "gbp"},             {IFLA_VXLAN_GPE, "gpe"},
    {IFLA_VXLAN_REMCSUM_TX, "remcsumtx"}, {IFLA_VXLAN_REMCSUM_RX, "remcsumrx"},
    {vxlan_vnifilter, "vnifilter"}};

void read_vxlan(const Attributes& data, link::VxlanOptions& vxlan, References& references) {
  vxlan.vni = data.number<std::uint32_t>(IFLA_VXLAN_ID).value_or(0);
  vxlan.port = data.be16(IFLA_VXLAN_PORT).value_or(8472);
  vxlan.learning = data.number<std::uint8_t>(IFLA_VXLAN_LEARNING).value_or(1) != 0;
  vxlan.collect_metadata = data.number<std::uint8_t>(IFLA_VXLAN_COLLECT_METADATA).value_or(0) != 0;
  const auto df = data.number<std::uint8_t>(IFLA_VXLAN_DF);
  if (df && *df <= VXLAN_DF_INHERIT) vxlan.df = static_cast<link::TunnelDf>(*df);
  vxlan.ttl = data.number<std::uint8_t>(IFLA_VXLAN_TTL).value_or(0);
  vxlan.ttl_inherit = data.number<std::uint8_t>(IFLA_VXLAN_TTL_INHERIT).value_or(0) != 0;
  const std::uint8_t tos = data.number<std::uint8_t>(IFLA_VXLAN_TOS).value_or(0);
  vxlan.tos_inherit = tos == inherited_tos;
  vxlan.tos = vxlan.tos_inherit ? 0 : tos & 0xfc;
  for (const auto& [type, name] : vxlan_extensions) {
    const nlattr* option = data[type];
    const bool set = option != nullptr && (mnl_attr_get_payload_len(option) == 0 ||
                                           data.number<std::uint8_t>(type).value_or(0) != 0);
    if (set) vxlan.others.emplace_back(name);
  }
  vxlan.remote = data.address(data.has(IFLA_VXLAN_GROUP) ? IFLA_VXLAN_GROUP : IFLA_VXLAN_GROUP6);
  vxlan.local = data.address(data.has(IFLA_VXLAN_LOCAL) ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6);
  references.lower = data.number<std::uint32_t>(IFLA_VXLAN_LINK).value_or(0);
}

link::MacvlanMode macvlan_mode(std::uint32_t bit) {
  switch (bit) {
    case MACVLAN_MODE_PRIVATE:
      return link::MacvlanMode::private_;
    case MACVLAN_MODE_VEPA:
      return link::MacvlanMode::vepa;
    case MACVLAN_MODE_PASSTHRU:
      return link::MacvlanMode::passthru;
    case MACVLAN_MODE_SOURCE:
      return link::MacvlanMode::source;
    default:
      return link::MacvlanMode::bridge;
  }
}

void read_data(const Attributes& data, link::Device& device, References& references) {
  switch (device.kind) {
    case DeviceKind::bridge:
      return read_bridge(data, device.bridge);
    case DeviceKind::vxlan:
      return read_vxlan(data, device.vxlan, references);
    case DeviceKind::vlan:
      device.vlan_id = data.number<std::uint16_t>(IFLA_VLAN_ID).value_or(0);
      return;
    case DeviceKind::vrf:
      device.vrf_table = data.number<std::uint32_t>(IFLA_VRF_TABLE).value_or(0);
      return;
    case DeviceKind::macvlan:
      device.macvlan_mode =
          macvlan_mode(data.number<std::uint32_t>(IFLA_MACVLAN_MODE).value_or(MACVLAN_MODE_BRIDGE));
      return;
    default:
      return;
  }
}

void read_kind(const Attributes& attributes, link::Device& device, References& references) {
  const auto info = attributes.nested(IFLA_LINKINFO);
  if (!info) return;
  device.kind_name = info->text(IFLA_INFO_KIND);
  device.kind = device_kind(device.kind_name, device.kind == DeviceKind::loopback);
  if (const auto data = info->nested(IFLA_INFO_DATA)) read_data(*data, device, references);
  if (info->text(IFLA_INFO_SLAVE_KIND) == "bridge") {
    const auto slave = info->nested(IFLA_INFO_SLAVE_DATA);
    device.port = slave ? read_port(*slave) : link::BridgePort{};
  }
}

/// IFLA_LINK is the other end of a veth, or the device below; with IFLA_LINK_NETNSID its number
/// counts in another namespace.
void read_link(const Attributes& attributes, link::Device& device, References& references) {
  const auto link = attributes.number<std::uint32_t>(IFLA_LINK);
  device.peer_netnsid = attributes.number<std::int32_t>(IFLA_LINK_NETNSID);
  const bool own_number = device.kind == DeviceKind::vxlan;
  if (!link || *link == 0 || own_number) return;
  if (device.peer_netnsid || device.kind == DeviceKind::veth) {
    device.peer_ifindex = *link;
  } else {
    references.lower = *link;
  }
}

void add_device(const nlmsghdr& message, DeviceBook& book, std::vector<References>& references) {
  const auto* header = header_of<ifinfomsg>(message);
  if (header == nullptr) return;
  const Attributes attributes(message, sizeof *header);
  link::Device device;
  References refers;
  device.name = attributes.text(IFLA_IFNAME);
  device.ifindex = static_cast<std::uint32_t>(header->ifi_index);
  device.up = (header->ifi_flags & IFF_UP) != 0;
  device.carrier = (header->ifi_flags & IFF_LOWER_UP) != 0;
  device.arp = (header->ifi_flags & IFF_NOARP) == 0;
  device.point_to_point = (header->ifi_flags & IFF_POINTOPOINT) != 0;
  device.promiscuous = (header->ifi_flags & IFF_PROMISC) != 0 ||
                       attributes.number<std::uint32_t>(IFLA_PROMISCUITY).value_or(0) > 0;
  device.mtu_bytes = attributes.number<std::uint32_t>(IFLA_MTU).value_or(1500);
  device.group = attributes.number<std::uint32_t>(IFLA_GROUP).value_or(0);
  device.ethernet = header->ifi_type == ARPHRD_ETHER || header->ifi_type == ARPHRD_LOOPBACK;
  device.kind = device_kind("", header->ifi_type == ARPHRD_LOOPBACK);
  if (device.ethernet) device.mac = attributes.mac(IFLA_ADDRESS).value_or(wire::MacAddress{});
  if (const auto xdp = attributes.nested(IFLA_XDP))
    device.xdp = xdp->number<std::uint8_t>(IFLA_XDP_ATTACHED).value_or(0) != XDP_ATTACHED_NONE;
  refers.master = attributes.number<std::uint32_t>(IFLA_MASTER).value_or(0);
  read_kind(attributes, device, refers);
  read_link(attributes, device, refers);
  if (device.name.empty() || book.find(device.name) != no_device) return;
  book.add(std::move(device));
  references.push_back(refers);
}

void add_address(const nlmsghdr& message, Host& host, const DeviceBook& book) {
  const auto* header = header_of<ifaddrmsg>(message);
  if (header == nullptr || header->ifa_family != AF_INET) return;
  const Attributes attributes(message, sizeof *header);
  const DeviceId device = book.find_ifindex(header->ifa_index);
  if (device == no_device) return;
  route::InterfaceAddress address;
  address.peer = attributes.address(IFA_ADDRESS);
  address.local = attributes.has(IFA_LOCAL) ? attributes.address(IFA_LOCAL) : address.peer;
  address.prefix_length = header->ifa_prefixlen;
  address.broadcast = attributes.address(IFA_BROADCAST);
  address.scope = static_cast<route::Scope>(header->ifa_scope);
  const auto flags = attributes.number<std::uint32_t>(IFA_FLAGS).value_or(header->ifa_flags);
  address.secondary = (flags & IFA_F_SECONDARY) != 0;
  address.deprecated = (flags & IFA_F_DEPRECATED) != 0;
  address.noprefixroute = (flags & IFA_F_NOPREFIXROUTE) != 0;
  host.interfaces[device].addresses.push_back(address);
}

}  // namespace

Result<void> read_links(Netlink& netlink, Host& host, DeviceBook& book) {
  std::vector<References> references(1);  // parallel to host.devices
  const Result<void> read = netlink.dump(RTM_GETLINK, ifinfomsg{}, [&](const nlmsghdr& message) {
    add_device(message, book, references);
  });
  if (!read) return read;
  for (DeviceId id = 1; id < host.devices.size(); ++id) {
    host.devices[id].master = book.find_ifindex(references[id].master);
    if (!host.devices[id].peer_netnsid)
      host.devices[id].lower = book.find_ifindex(references[id].lower);
  }
  book.complete();
  return {};
}

Result<void> read_addresses(Netlink& netlink, Host& host, const DeviceBook& book) {
  ifaddrmsg header{};
  header.ifa_family = AF_INET;
  return netlink.dump(RTM_GETADDR, header,
                      [&](const nlmsghdr& message) { add_address(message, host, book); });
}

}  // namespace wayout::host::live
