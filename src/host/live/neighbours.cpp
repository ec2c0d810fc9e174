#include "host/live/neighbours.hpp"

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <optional>

#include "host/bridging.hpp"

namespace wayout::host::live {

namespace {

std::optional<link::NudState> nud_state(std::uint16_t bit) {
  switch (bit) {
    case NUD_INCOMPLETE:
      return link::NudState::incomplete;
    case NUD_REACHABLE:
      return link::NudState::reachable;
    case NUD_STALE:
      return link::NudState::stale;
    case NUD_DELAY:
      return link::NudState::delay;
    case NUD_PROBE:
      return link::NudState::probe;
    case NUD_FAILED:
      return link::NudState::failed;
    case NUD_PERMANENT:
      return link::NudState::permanent;
    case NUD_NOARP:
      return link::NudState::noarp;
    default:
      return std::nullopt;  // NUD_NONE
  }
}

void add_neighbour(const nlmsghdr& message, Host& host, const DeviceBook& book) {
  const auto* header = header_of<ndmsg>(message);
  if (header == nullptr || (header->ndm_family != AF_INET && header->ndm_family != AF_INET6))
    return;
  const Attributes attributes(message, sizeof *header);
  link::Neighbour neighbour;
  neighbour.address = attributes.address(NDA_DST);
  neighbour.device = book.find_ifindex(static_cast<std::uint32_t>(header->ndm_ifindex));
  neighbour.mac = attributes.mac(NDA_LLADDR).value_or(wire::MacAddress{});
  neighbour.proxy = (header->ndm_flags & NTF_PROXY) != 0;
  const auto state = nud_state(header->ndm_state);
  if (!state && !neighbour.proxy) return;
  neighbour.state = state.value_or(link::NudState::none);
  if (neighbour.device != no_device || header->ndm_ifindex == 0)
    host.neighbours.push_back(neighbour);
}

void add_fdb_entry(const nlmsghdr& message, Host& host, const DeviceBook& book) {
  const auto* header = header_of<ndmsg>(message);
  if (header == nullptr || header->ndm_family != AF_BRIDGE) return;
  const Attributes attributes(message, sizeof *header);
  const auto mac = attributes.mac(NDA_LLADDR);
  if (!mac) return;
  bridge::FdbEntry entry;
  entry.mac = *mac;
  entry.port = book.find_ifindex(static_cast<std::uint32_t>(header->ndm_ifindex));
  entry.bridge = book.find_ifindex(attributes.number<std::uint32_t>(NDA_MASTER).value_or(0));
  entry.vlan = attributes.number<std::uint16_t>(NDA_VLAN).value_or(0);
  entry.local = (header->ndm_state & NUD_PERMANENT) != 0 && entry.bridge != no_device;
  entry.is_static = (header->ndm_state & (NUD_PERMANENT | NUD_NOARP)) != 0;
  entry.sticky = (header->ndm_flags & NTF_STICKY) != 0;
  entry.offloaded = (header->ndm_flags & NTF_OFFLOADED) != 0;
  entry.remote = attributes.address(NDA_DST);
  entry.remote_port = attributes.be16(NDA_PORT).value_or(0);
  entry.remote_vni = attributes.number<std::uint32_t>(NDA_VNI).value_or(0);
  const auto via = attributes.number<std::uint32_t>(NDA_IFINDEX).value_or(0);
  if (attributes.has(NDA_LINK_NETNSID)) entry.remote_via_ifindex = via;
  else entry.remote_via = book.find_ifindex(via);
  if (is_bridge_or_vxlan_entry(entry, host)) host.bridging.fdb.push_back(entry);
}

/// IFLA_AF_SPEC of a bridge or port: the VLANs, ranges marked at both ends.
void add_vlans(const nlmsghdr& message, Host& host, const DeviceBook& book) {
  const auto* header = header_of<ifinfomsg>(message);
  if (header == nullptr) return;
  const DeviceId device = book.find_ifindex(static_cast<std::uint32_t>(header->ifi_index));
  const Attributes attributes(message, sizeof *header);
  const nlattr* spec = attributes[IFLA_AF_SPEC];
  if (device == no_device || spec == nullptr) return;
  std::uint16_t range_begin = 0;
  for_each_nested(*spec, [&](const nlattr& attribute) {
    if (mnl_attr_get_type(&attribute) != IFLA_BRIDGE_VLAN_INFO ||
        mnl_attr_get_payload_len(&attribute) < sizeof(bridge_vlan_info))
      return;
    bridge_vlan_info info;
    std::memcpy(&info, mnl_attr_get_payload(&attribute), sizeof info);
    if ((info.flags & BRIDGE_VLAN_INFO_RANGE_BEGIN) != 0) {
      range_begin = info.vid;
      return;
    }
    bridge::VlanMembership membership;
    membership.device = device;
    membership.high = info.vid;
    membership.low = (info.flags & BRIDGE_VLAN_INFO_RANGE_END) != 0 ? range_begin : info.vid;
    membership.pvid = (info.flags & BRIDGE_VLAN_INFO_PVID) != 0;
    membership.untagged = (info.flags & BRIDGE_VLAN_INFO_UNTAGGED) != 0;
    host.bridging.vlans.push_back(membership);
  });
}

/// ifinfomsg with one attribute behind it, as strict dumps of bridge VLANs want it.
struct VlanRequest {
  ifinfomsg header{};
  nlattr attribute{};
  std::uint32_t mask = 0;
};

Result<void> read_vlans(Netlink& netlink, Host& host, const DeviceBook& book) {
  VlanRequest request;
  request.header.ifi_family = AF_BRIDGE;
  request.attribute.nla_len = sizeof(nlattr) + sizeof request.mask;
  request.attribute.nla_type = IFLA_EXT_MASK;
  request.mask = RTEXT_FILTER_BRVLAN_COMPRESSED;
  return netlink.dump(RTM_GETLINK, request,
                      [&](const nlmsghdr& message) { add_vlans(message, host, book); });
}

}  // namespace

Result<void> read_neighbours(Netlink& netlink, Host& host, const DeviceBook& book) {
  for (const std::uint8_t flags : {std::uint8_t{0}, std::uint8_t{NTF_PROXY}}) {
    ndmsg header{};
    header.ndm_flags = flags;
    const Result<void> read = netlink.dump(
        RTM_GETNEIGH, header, [&](const nlmsghdr& message) { add_neighbour(message, host, book); });
    if (!read) return read;
  }
  return {};
}

Result<void> read_bridging(Netlink& netlink, Host& host, const DeviceBook& book) {
  ndmsg header{};
  header.ndm_family = AF_BRIDGE;
  const Result<void> read = netlink.dump(
      RTM_GETNEIGH, header, [&](const nlmsghdr& message) { add_fdb_entry(message, host, book); });
  if (!read) return read;
  host.bridging.fdb_is_whole = true;
  return read_vlans(netlink, host, book);
}

}  // namespace wayout::host::live
