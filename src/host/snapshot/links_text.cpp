#include "host/snapshot/links_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "host/escape.hpp"
#include "host/names.hpp"
#include "host/snapshot/link_list.hpp"
#include "host/words.hpp"

namespace wayout::host::snapshot {

using link::DeviceKind;

namespace {

/// `3: eth0@if4: <BROADCAST,UP> …`
struct Heading {
  std::uint32_t ifindex = 0;
  std::string_view name, lower;
};

/// Nothing when the line does not begin with a number: it goes on with the device before it.
std::optional<Heading> heading(Words& words) {
  std::string_view index = words.peek();
  if (!index.ends_with(':')) return std::nullopt;
  index.remove_suffix(1);
  const auto ifindex = number<std::uint32_t>(index);
  if (!ifindex) return std::nullopt;
  words.next();
  std::string_view name = words.next();
  if (!name.ends_with(':') || name.size() < 2) {
    words.fail("expected a line like \"2: eth0: <FLAGS> …\"");
    return std::nullopt;
  }
  name.remove_suffix(1);
  const std::size_t at = name.find('@');
  if (at == std::string_view::npos) return Heading{*ifindex, name, {}};
  return Heading{*ifindex, name.substr(0, at), name.substr(at + 1)};
}

/// `eth0@if4  UP  …` of `ip -brief`: name and state, which are taken. Nothing: another line.
struct Brief {
  Heading heading;  ///< without a number
  std::string_view state;
};
std::optional<Brief> brief(Words& words) {
  static constexpr std::array<std::string_view, 7> states = {
      "UP", "DOWN", "UNKNOWN", "LOWERLAYERDOWN", "DORMANT", "TESTING", "NOTPRESENT"};
  if (words.is_indented()) return std::nullopt;
  Words ahead = words;
  const std::string_view name = ahead.next();
  const std::string_view state = ahead.next();
  if (std::ranges::find(states, state) == states.end()) return std::nullopt;
  words = ahead;
  const std::size_t at = name.find('@');
  if (at == std::string_view::npos) return Brief{{0, name, {}}, state};
  return Brief{{0, name.substr(0, at), name.substr(at + 1)}, state};
}

/// A line that goes on with the device before it. What people paste may have lost its indentation.
bool goes_on(const Words& words) {
  static constexpr std::array<std::string_view, 13> begins = {
      "link/", "inet", "valid_lft", "altname", "alias", "prog/xdp", "RX", "TX",
      "vf",    "bridge_slave", "bridge", "vlan", "veth"};
  return words.is_indented() || std::ranges::any_of(begins, [&](std::string_view begin) {
           return words.peek().starts_with(begin);
         });
}

constexpr const char* expected_device = "expected a line like \"2: eth0: <FLAGS> …\"";

void read_flags(std::string_view list, Words& words, LinkList::Entry& entry) {
  if (!list.starts_with('<') || !list.ends_with('>')) return words.fail("expected <FLAGS>");
  list = list.substr(1, list.size() - 2);
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const std::string_view flag = list.substr(0, comma);
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    if (flag == "UP") entry.device.up = true;
    if (flag == "LOWER_UP") entry.device.carrier = true;
    if (flag == "NOARP") entry.device.arp = false;
    if (flag == "POINTOPOINT") entry.device.point_to_point = true;
    if (flag == "PROMISC") entry.device.promiscuous = true;
    if (flag == "MASTER") entry.flag_master = true;
    if (flag == "LOOPBACK") entry.device.kind = DeviceKind::loopback;
  }
}

/// What follows the flags: `mtu 1500 qdisc noqueue master br0 state UP …`.
void read_heading_rest(Words& words, LinkList::Entry& entry) {
  while (!words.done()) {
    const std::string_view word = words.next();
    if (word == "mtu") entry.device.mtu_bytes = words.number_after<std::uint32_t>(word);
    if (word == "master") entry.master = words.value(word);
    if (word == "group") entry.device.group = device_group(words.value(word));
    if (word == "xdp" || word.starts_with("xdp/id:") || word.starts_with("xdpgeneric") ||
        word.starts_with("xdpoffload") || word.starts_with("xdpmulti"))
      entry.device.xdp = true;
  }
}

void name_entry(const Heading& heading, LinkList::Entry& entry) {
  entry.device.name = heading.name;
  entry.device.ifindex = heading.ifindex;
  entry.device.carrier = false;
  const bool elsewhere =
      heading.lower.starts_with("if") && number<std::uint32_t>(heading.lower.substr(2)).has_value();
  if (elsewhere) {
    entry.device.peer_ifindex = number<std::uint32_t>(heading.lower.substr(2));
  } else if (heading.lower != "NONE") {
    entry.lower = heading.lower;
  }
}

LinkList::Entry new_entry(const Heading& heading, Words& words) {
  LinkList::Entry entry;
  name_entry(heading, entry);
  read_flags(words.value("the name"), words, entry);
  read_heading_rest(words, entry);
  return entry;
}

/// `XX:XX:XX:XX:XX:XX`: masked before it was published.
bool is_masked(std::string_view mac) {
  return mac.find_first_of("xX") != std::string_view::npos &&
         mac.find_first_not_of("0123456789abcdefABCDEFxX:") == std::string_view::npos;
}

/// `link/ether 02:… brd ff:… link-netnsid 0 promiscuity 1 …`
void read_link_line(Words& words, LinkList::Entry& entry) {
  const std::string_view type = words.next().substr(5);
  entry.device.ethernet = type == "ether" || type == "loopback";
  if (entry.device.ethernet && !words.done()) {
    const std::string_view mac = words.next();
    if (const auto parsed = wire::MacAddress::parse(mac)) {
      entry.device.mac = *parsed;
    } else if (!is_masked(mac)) {
      words.fail("expected a MAC address");
    }
  }
  while (!words.done()) {
    const std::string_view word = words.next();
    if (word == "link-netns") entry.peer_namespace = words.value(word);
    if (word == "link-netnsid" && !words.take("unknown"))
      entry.device.peer_netnsid = words.number_after<std::int32_t>(word);
    if (word == "promiscuity") {
      entry.detailed = true;
      if (words.number_after<std::uint32_t>(word) > 0) entry.device.promiscuous = true;
    }
  }
}

bool on(Words& words, std::string_view keyword) {
  return words.value(keyword) == "on";
}

/// `bridge_slave state forwarding … hairpin off … learning on flood on …`
link::BridgePort read_port(Words& words) {
  link::BridgePort port;
  while (!words.done()) {
    const std::string_view word = words.next();
    if (word == "state") port.state = words.parsed(word, port_state);
    if (word == "hairpin") port.hairpin = on(words, word);
    if (word == "learning") port.learning = on(words, word);
    if (word == "flood") port.flood = on(words, word);
    if (word == "mcast_flood") port.multicast_flood = on(words, word);
    if (word == "bcast_flood") port.broadcast_flood = on(words, word);
    if (word == "isolated") port.isolated = on(words, word);
    if (word == "locked") port.locked = on(words, word);
    if (word == "proxy_arp") port.proxy_arp = on(words, word);
    if (word == "neigh_suppress") port.neigh_suppress = on(words, word);
  }
  return port;
}

void read_bridge(Words& words, link::BridgeOptions& bridge) {
  while (!words.done()) {
    const std::string_view word = words.next();
    if (word == "ageing_time") bridge.ageing_s = words.number_after<std::uint32_t>(word) / 100;
    if (word == "stp_state") bridge.stp = words.number_after<int>(word) != 0;
    if (word == "vlan_filtering") bridge.vlan_filtering = words.number_after<int>(word) != 0;
    if (word == "mcast_snooping") bridge.multicast_snooping = words.number_after<int>(word) != 0;
    if (word == "nf_call_iptables") bridge.nf_call_iptables = words.number_after<int>(word) != 0;
    if (word == "group_fwd_mask") bridge.group_fwd_mask = words.number_after<std::uint16_t>(word);
    if (word == "vlan_default_pvid") bridge.default_pvid = words.number_after<std::uint16_t>(word);
  }
}

/// `ttl auto`, `ttl inherit`, `ttl 16`.
void read_ttl(Words& words, link::VxlanOptions& vxlan) {
  if (words.peek() == "auto" || words.peek() == "inherit")
    vxlan.ttl_inherit = words.next() == "inherit";
  else
    vxlan.ttl = words.number_after<std::uint8_t>("ttl");
}

/// `tos inherit`, `tos 0x10`.
void read_tos(Words& words, link::VxlanOptions& vxlan) {
  vxlan.tos_inherit = words.take("inherit");
  if (!vxlan.tos_inherit) vxlan.tos = words.parsed("tos", tos) & 0xfc;
}

bool is_unmodelled_vxlan_option(std::string_view word) {
  return word == "proxy" || word == "rsc" || word == "gbp" || word == "gpe" ||
         word == "remcsumtx" || word == "remcsumrx" || word == "vnifilter";
}

void read_vxlan(Words& words, LinkList::Entry& entry) {
  link::VxlanOptions& vxlan = entry.device.vxlan;
  while (!words.done()) {
    const std::string_view word = words.next();
    if (word == "id") vxlan.vni = words.number_after<std::uint32_t>(word);
    if (word == "remote" || word == "group")
      vxlan.remote = words.parsed(word, wire::IpAddress::parse);
    if (word == "local") vxlan.local = words.parsed(word, wire::IpAddress::parse);
    if (word == "dev") entry.lower = words.value(word);
    if (word == "dstport") vxlan.port = words.number_after<std::uint16_t>(word);
    if (word == "nolearning") vxlan.learning = false;
    if (word == "external") vxlan.collect_metadata = true;
    if (word == "df") vxlan.df = words.parsed(word, tunnel_df);
    if (word == "ttl") read_ttl(words, vxlan);
    if (word == "tos") read_tos(words, vxlan);
    if (is_unmodelled_vxlan_option(word)) vxlan.others.emplace_back(word);
  }
}

/// The line of `-details` that begins with the kind.
void read_kind_line(Words& words, LinkList::Entry& entry) {
  link::Device& device = entry.device;
  const std::string_view first = words.next();
  if (first == "bridge_slave") {
    device.port = read_port(words);
    return;
  }
  const DeviceKind kind = device_kind(first, false);
  const bool is_first = device.kind == DeviceKind::nic && device.kind_name.empty();
  if (kind == DeviceKind::nic || !is_first) return;
  device.kind = kind;
  device.kind_name = first;
  if (kind == DeviceKind::bridge) return read_bridge(words, device.bridge);
  if (kind == DeviceKind::vxlan) {
    device.peer_ifindex.reset();  // is its own number
    return read_vxlan(words, entry);
  }
  while (!words.done()) {
    const std::string_view word = words.next();
    if (kind == DeviceKind::vlan && word == "id")
      device.vlan_id = words.number_after<std::uint16_t>(word);
    if (kind == DeviceKind::vrf && word == "table")
      device.vrf_table = words.number_after<std::uint32_t>(word);
    if (kind == DeviceKind::macvlan && word == "mode")
      device.macvlan_mode = words.parsed(word, macvlan_mode);
  }
}

/// `inet 10.0.0.1/24 brd 10.0.0.255 scope global secondary eth0`,
/// `inet 10.0.0.1 peer 10.0.0.2/32 scope global ppp0`
void read_inet(Words& words, route::Interface& interface) {
  route::InterfaceAddress address;
  wire::Prefix prefix = words.parsed("inet", wire::Prefix::parse);
  address.local = prefix.address;
  while (!words.done()) {
    const std::string_view word = words.next();
    if (word == "peer") prefix = words.parsed(word, wire::Prefix::parse);
    if (word == "brd") address.broadcast = words.parsed(word, wire::IpAddress::parse);
    if (word == "scope") address.scope = words.parsed(word, scope);
    if (word == "secondary") address.secondary = true;
    if (word == "deprecated") address.deprecated = true;
    if (word == "noprefixroute") address.noprefixroute = true;
  }
  address.peer = prefix.address;
  address.prefix_length = prefix.length;
  interface.addresses.push_back(address);
}

/// A device of `ip -brief`, which tells little: of addresses (`ip -br addr`) not even the flags.
LinkList::Entry brief_entry(const Brief& line, Words& words, Host& host) {
  LinkList::Entry entry;
  entry.brief = true;
  name_entry(line.heading, entry);
  link::Device& device = entry.device;
  bool has_flags = false;
  while (!words.done()) {
    const std::string_view word = words.next();
    has_flags |= word.starts_with('<');
    if (word.starts_with('<')) read_flags(word, words, entry);
    if (const auto mac = wire::MacAddress::parse(word)) device.mac = *mac;
  }
  if (device.name == "lo") device.kind = DeviceKind::loopback;
  if (device.kind == DeviceKind::loopback) device.mtu_bytes = 65536;
  if (has_flags) return entry;
  device.up = true;
  device.carrier = line.state == "UP" || line.state == "UNKNOWN" || line.state == "DORMANT";
  if (!device.carrier)
    host.assumed.push_back(fmt::format("{} is up without a carrier: the listing says only {}",
                                       device.name, line.state));
  return entry;
}

/// `10.0.0.1/24 metric 100 10.0.0.2 peer 10.0.0.3/32 fe80::1/64` behind name and state.
void read_brief_addresses(Words& words, route::Interface* interface) {
  while (!words.done()) {
    const std::string_view word = words.next();
    if (word == "metric") words.value(word);
    const bool is_mac = wire::MacAddress::parse(word).has_value();
    if (word == "metric" || is_mac || word.starts_with('<')) continue;
    const auto local = wire::Prefix::parse(word);
    if (!local) return words.fail(fmt::format("\"{}\" is no address", escaped(word)));
    wire::Prefix peer = *local;
    if (words.take("peer")) peer = words.parsed("peer", wire::Prefix::parse);
    if (!local->address.is_v4() || interface == nullptr) continue;
    route::InterfaceAddress address;
    address.local = local->address;
    address.peer = peer.address;
    address.prefix_length = peer.length;
    if (local->address.is_loopback()) address.scope = route::Scope::host;
    interface->addresses.push_back(address);
  }
}

}  // namespace

Result<void> read_links_text(const File& file, Host& host, DeviceBook& book) {
  LinkList links(host, book);
  std::optional<LinkList::Entry> current;
  const auto begin = [&](const Heading& head, Words& words) {
    if (current) links.add(std::move(*current));
    current.reset();
    if (book.find(head.name) != no_device)
      words.fail(fmt::format("device {} is listed twice", escaped(head.name)));
    return !words.error();
  };
  const Result<void> read = read_lines(file, [&](Words& words) {
    if (const auto head = heading(words)) {
      if (begin(*head, words)) current = new_entry(*head, words);
    } else if (const auto line = brief(words); line && !words.error()) {
      if (begin(line->heading, words)) current = brief_entry(*line, words, host);
    } else if (words.error() || !current || !goes_on(words)) {
      words.fail(expected_device);
    } else if (words.peek().starts_with("link/")) {
      read_link_line(words, *current);
    } else if (words.peek() == "prog/xdp") {
      current->device.xdp = true;
    } else {
      read_kind_line(words, *current);
    }
  });
  if (!read) return read;
  if (!current) return file.error_at(0, "shows no device, and every namespace has one");
  links.add(std::move(*current));
  links.finish();
  return {};
}

Result<void> read_addresses_text(const File& file, Host& host, DeviceBook& book) {
  DeviceId device = no_device;
  std::string name;
  return read_lines(file, [&](Words& words) {
    if (const auto head = heading(words)) {
      name = head->name;
      device = book.find_or_assume(name);
    } else if (const auto line = brief(words); line && !words.error()) {
      device = book.find_or_assume(line->heading.name);
      read_brief_addresses(words, device == no_device ? nullptr : &host.interfaces[device]);
    } else if (words.error() || name.empty() || !goes_on(words)) {
      words.fail(words.peek() == "inet" ? "an address before the first device" : expected_device);
    } else if (words.take("inet")) {
      if (device != no_device) {
        read_inet(words, host.interfaces[device]);
      } else {
        host.assumed.push_back(fmt::format("{} is gone: it has addresses, but no link", name));
      }
    }
  });
}

}  // namespace wayout::host::snapshot
