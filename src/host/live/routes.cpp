#include "host/live/routes.hpp"

#include <linux/fib_rules.h>
#include <linux/lwtunnel.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace wayout::host::live {

namespace {

/// The kernel's route cache entries and its multicast routing table; neither is a route here.
bool is_no_route(const rtmsg& header) {
  return header.rtm_family != AF_INET || (header.rtm_flags & RTM_F_CLONED) != 0;
}

void read_flags(std::uint32_t flags, route::Nexthop& nexthop) {
  nexthop.onlink = (flags & RTNH_F_ONLINK) != 0;
  nexthop.dead = (flags & RTNH_F_DEAD) != 0;
  nexthop.linkdown = (flags & RTNH_F_LINKDOWN) != 0;
}

bool has_encapsulation(const Attributes& attributes, std::size_t type) {
  return attributes.number<std::uint16_t>(type).value_or(LWTUNNEL_ENCAP_NONE) !=
         LWTUNNEL_ENCAP_NONE;
}

/// RTA_VIA: a gateway of another family, behind its family.
wire::IpAddress read_via(const Attributes& attributes) {
  const nlattr* via = attributes[RTA_VIA];
  if (via == nullptr || mnl_attr_get_payload_len(via) != sizeof(std::uint16_t) + 16) return {};
  std::array<std::uint8_t, 16> bytes;
  std::memcpy(bytes.data(), static_cast<const std::byte*>(mnl_attr_get_payload(via)) + 2, 16);
  return wire::IpAddress::v6(bytes);
}

void read_gateway(const Attributes& attributes, route::Nexthop& nexthop) {
  nexthop.gateway =
      attributes.has(RTA_VIA) ? read_via(attributes) : attributes.address(RTA_GATEWAY);
  nexthop.encap = has_encapsulation(attributes, RTA_ENCAP_TYPE);
}

std::vector<route::Nexthop> read_multipath(const nlattr& list, const DeviceBook& book) {
  std::vector<route::Nexthop> result;
  const auto* bytes = static_cast<const std::byte*>(mnl_attr_get_payload(&list));
  std::size_t left = mnl_attr_get_payload_len(&list);
  while (left >= sizeof(rtnexthop)) {
    rtnexthop hop;
    std::memcpy(&hop, bytes, sizeof hop);
    if (hop.rtnh_len < sizeof hop || hop.rtnh_len > left) break;
    route::Nexthop nexthop;
    nexthop.device = book.find_ifindex(static_cast<std::uint32_t>(hop.rtnh_ifindex));
    nexthop.weight = hop.rtnh_hops + 1U;
    read_flags(hop.rtnh_flags, nexthop);
    read_gateway(Attributes(bytes + sizeof hop, hop.rtnh_len - sizeof hop), nexthop);
    result.push_back(nexthop);
    const std::size_t aligned = MNL_ALIGN(hop.rtnh_len);
    if (aligned >= left) break;
    bytes += aligned;
    left -= aligned;
  }
  return result;
}

void read_metrics(const Attributes& attributes, route::Route& route) {
  const auto metrics = attributes.nested(RTA_METRICS);
  if (!metrics) return;
  route.mtu_bytes = metrics->number<std::uint32_t>(RTAX_MTU).value_or(0);
  route.hop_limit = static_cast<std::uint8_t>(
      metrics->number<std::uint32_t>(RTAX_HOPLIMIT).value_or(0));
  const std::uint32_t locked = metrics->number<std::uint32_t>(RTAX_LOCK).value_or(0);
  route.mtu_locked = (locked & 1U << RTAX_MTU) != 0;
}

/// Next hop objects by id, groups joined.
class NexthopObjects {
 public:
  /// Kernels before 5.3 have none and say so.
  static NexthopObjects read(Netlink& netlink, const DeviceBook& book) {
    NexthopObjects objects;
    std::vector<std::pair<std::uint32_t, std::vector<nexthop_grp>>> groups;
    nhmsg header{};
    const Result<void> read = netlink.dump(RTM_GETNEXTHOP, header, [&](const nlmsghdr& message) {
      objects.add(message, book, groups);
    });
    if (!read) return {};
    for (const auto& [id, members] : groups)
      objects.join(id, members);
    return objects;
  }

  /// Where the kernel does not show them with the route (nexthop_compat_mode = 0).
  void resolve(route::Route& route) const {
    const auto object = by_id_.find(route.nexthop_id);
    if (route.nexthop_id == 0 || !route.nexthops.empty() || object == by_id_.end()) return;
    route.nexthops = object->second;
    if (blackholes_.contains(route.nexthop_id)) route.type = RouteType::blackhole;
  }

 private:
  void add(const nlmsghdr& message, const DeviceBook& book,
           std::vector<std::pair<std::uint32_t, std::vector<nexthop_grp>>>& groups) {
    const auto* header = header_of<nhmsg>(message);
    if (header == nullptr) return;
    const Attributes attributes(message, sizeof *header);
    const auto id = attributes.number<std::uint32_t>(NHA_ID);
    if (!id) return;
    if (const nlattr* group = attributes[NHA_GROUP]) {
      std::vector<nexthop_grp> members(mnl_attr_get_payload_len(group) / sizeof(nexthop_grp));
      std::memcpy(members.data(), mnl_attr_get_payload(group),
                  members.size() * sizeof(nexthop_grp));
      groups.emplace_back(*id, std::move(members));
      return;
    }
    if (attributes.has(NHA_BLACKHOLE)) {
      blackholes_.emplace(*id, true);
      by_id_[*id];
      return;
    }
    route::Nexthop nexthop;
    nexthop.gateway = attributes.address(NHA_GATEWAY);
    nexthop.device = book.find_ifindex(attributes.number<std::uint32_t>(NHA_OIF).value_or(0));
    nexthop.encap = has_encapsulation(attributes, NHA_ENCAP_TYPE);
    read_flags(header->nh_flags, nexthop);
    by_id_[*id].push_back(nexthop);
  }

  void join(std::uint32_t id, const std::vector<nexthop_grp>& members) {
    std::vector<route::Nexthop> joined;
    for (const nexthop_grp& member : members) {
      const auto found = by_id_.find(member.id);
      if (found == by_id_.end()) continue;
      for (route::Nexthop nexthop : found->second) {
        nexthop.weight = member.weight + 1U;
        joined.push_back(nexthop);
      }
    }
    by_id_[id] = std::move(joined);
  }

  std::unordered_map<std::uint32_t, std::vector<route::Nexthop>> by_id_;
  std::unordered_map<std::uint32_t, bool> blackholes_;
};

void add_route(const nlmsghdr& message, const NexthopObjects& objects, Host& host,
               const DeviceBook& book) {
  const auto* header = header_of<rtmsg>(message);
  if (header == nullptr || is_no_route(*header)) return;
  const Attributes attributes(message, sizeof *header);
  route::Route route;
  route.destination = {attributes.has(RTA_DST) ? attributes.address(RTA_DST)
                                               : wire::IpAddress::any(wire::Family::ipv4),
                       header->rtm_dst_len};
  route.type = static_cast<RouteType>(header->rtm_type);
  route.tos = header->rtm_tos;
  route.scope = static_cast<route::Scope>(header->rtm_scope);
  route.protocol = header->rtm_protocol;
  route.metric = attributes.number<std::uint32_t>(RTA_PRIORITY).value_or(0);
  route.preferred_source = attributes.address(RTA_PREFSRC);
  route.nexthop_id = attributes.number<std::uint32_t>(RTA_NH_ID).value_or(0);
  read_metrics(attributes, route);
  if (const nlattr* multipath = attributes[RTA_MULTIPATH]) {
    route.nexthops = read_multipath(*multipath, book);
  } else if (const auto device = attributes.number<std::uint32_t>(RTA_OIF)) {
    route::Nexthop nexthop;
    nexthop.device = book.find_ifindex(*device);
    read_flags(header->rtm_flags, nexthop);
    read_gateway(attributes, nexthop);
    route.nexthops.push_back(nexthop);
  }
  objects.resolve(route);
  const auto table = attributes.number<std::uint32_t>(RTA_TABLE).value_or(header->rtm_table);
  host.fib.tables[host.fib.table_position(table)].routes.push_back(std::move(route));
}

// ---------------------------------------------------------------- rules

/// Since 6.15, and not yet in <linux/fib_rules.h> of every system: masks for ports. All ones is
/// what a single port has.
constexpr std::size_t source_port_mask = 28, destination_port_mask = 29;

bool is_plain_port_mask(const Attributes& attributes, std::size_t type) {
  return (type == source_port_mask || type == destination_port_mask) &&
         attributes.number<std::uint16_t>(type) == 0xffff;
}

bool is_known_attribute(std::size_t type) {
  switch (type) {
    case FRA_DST:
    case FRA_SRC:
    case FRA_IIFNAME:
    case FRA_GOTO:
    case FRA_PRIORITY:
    case FRA_FWMARK:
    case FRA_FLOW:
    case FRA_SUPPRESS_IFGROUP:
    case FRA_SUPPRESS_PREFIXLEN:
    case FRA_TABLE:
    case FRA_FWMASK:
    case FRA_OIFNAME:
    case FRA_PAD:
    case FRA_L3MDEV:
    case FRA_UID_RANGE:
    case FRA_PROTOCOL:
    case FRA_IP_PROTO:
    case FRA_SPORT_RANGE:
    case FRA_DPORT_RANGE:
    case FRA_TUN_ID:
      return true;
    default:
      return false;
  }
}

route::RuleAction action_of(const fib_rule_hdr& header, route::Rule& rule) {
  switch (header.action) {
    case FR_ACT_TO_TBL:
      return route::RuleAction::to_table;
    case FR_ACT_GOTO:
      return route::RuleAction::goto_;
    case FR_ACT_NOP:
      return route::RuleAction::nop;
    case FR_ACT_BLACKHOLE:
      return route::RuleAction::blackhole;
    case FR_ACT_UNREACHABLE:
      return route::RuleAction::unreachable;
    case FR_ACT_PROHIBIT:
      return route::RuleAction::prohibit;
    default:
      rule.unmodelled = true;
      return route::RuleAction::nop;
  }
}

void read_ports(const Attributes& attributes, std::size_t type, std::uint16_t& low,
                std::uint16_t& high) {
  if (const auto range = attributes.number<fib_rule_port_range>(type)) {
    low = range->start;
    high = range->end;
  }
}

void read_selectors(const fib_rule_hdr& header, const Attributes& attributes, route::Rule& rule) {
  rule.invert = (header.flags & FIB_RULE_INVERT) != 0;
  if (header.src_len != 0) rule.from = {attributes.address(FRA_SRC), header.src_len};
  if (header.dst_len != 0) rule.to = {attributes.address(FRA_DST), header.dst_len};
  rule.iif = attributes.text(FRA_IIFNAME);
  rule.oif = attributes.text(FRA_OIFNAME);
  rule.tos = header.tos;
  rule.fwmark = attributes.number<std::uint32_t>(FRA_FWMARK).value_or(0);
  rule.fwmask = attributes.number<std::uint32_t>(FRA_FWMASK).value_or(0);
  rule.ip_protocol = attributes.number<std::uint8_t>(FRA_IP_PROTO).value_or(0);
  read_ports(attributes, FRA_SPORT_RANGE, rule.sport_low, rule.sport_high);
  read_ports(attributes, FRA_DPORT_RANGE, rule.dport_low, rule.dport_high);
  if (const auto range = attributes.number<fib_rule_uid_range>(FRA_UID_RANGE))
    rule.uid_range = {range->start, range->end};
  if (const auto id = attributes.number<std::uint64_t>(FRA_TUN_ID))
    rule.tunnel_id = be64toh(*id);
  rule.l3mdev = attributes.number<std::uint8_t>(FRA_L3MDEV).value_or(0) != 0;
}

void add_rule(const nlmsghdr& message, Host& host) {
  const auto* header = header_of<fib_rule_hdr>(message);
  if (header == nullptr || header->family != AF_INET) return;
  const Attributes attributes(message, sizeof *header);
  route::Rule rule;
  rule.preference = attributes.number<std::uint32_t>(FRA_PRIORITY).value_or(0);
  read_selectors(*header, attributes, rule);
  rule.action = action_of(*header, rule);
  rule.goto_preference = attributes.number<std::uint32_t>(FRA_GOTO).value_or(0);
  if (rule.action == route::RuleAction::to_table && !rule.l3mdev)
    rule.table = attributes.number<std::uint32_t>(FRA_TABLE).value_or(header->table);
  constexpr std::uint32_t unset = 0xffffffff;
  const auto length = attributes.number<std::uint32_t>(FRA_SUPPRESS_PREFIXLEN).value_or(unset);
  if (length != unset) rule.suppress_prefix_length = static_cast<std::int32_t>(length);
  const auto group = attributes.number<std::uint32_t>(FRA_SUPPRESS_IFGROUP).value_or(unset);
  if (group != unset) rule.suppress_ifgroup = group;
  for (std::size_t type = 1; type < 128; ++type)
    if (attributes.has(type) && !is_known_attribute(type) && !is_plain_port_mask(attributes, type))
      rule.unmodelled = true;
  host.fib.rules.push_back(std::move(rule));
}

}  // namespace

Result<void> read_routes(Netlink& netlink, Host& host, const DeviceBook& book) {
  const NexthopObjects objects = NexthopObjects::read(netlink, book);
  rtmsg header{};
  header.rtm_family = AF_INET;
  return netlink.dump(RTM_GETROUTE, header,
                      [&](const nlmsghdr& message) { add_route(message, objects, host, book); });
}

Result<void> read_rules(Netlink& netlink, Host& host) {
  fib_rule_hdr header{};
  header.family = AF_INET;
  return netlink.dump(RTM_GETRULE, header,
                      [&](const nlmsghdr& message) { add_rule(message, host); });
}

}  // namespace wayout::host::live
