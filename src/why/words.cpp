#include "why/words.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "host/escape.hpp"
#include "netfilter/print.hpp"
#include "netfilter/read_listing.hpp"
#include "route/print.hpp"

namespace wayout::why {
namespace {

std::string device_name(const host::Host& host, DeviceId device) {
  if (device == all_devices) return "all";
  if (device == default_device) return "default";
  return device < host.devices.size() ? host.devices[device].name : "";
}

int rp_filter_of(const host::Host& host, DeviceId device) {
  return device == all_devices ? host.interfaces.all.rp_filter
                               : host.interfaces[device].conf.rp_filter;
}

/// The device whose value is in force: `all` where the larger, or either, of two counts.
DeviceId device_in_force(const host::Host& host, const Cause& cause) {
  const DeviceId device = cause.device();
  if (device == all_devices || device == no_device) return device;
  const auto& all = host.interfaces.all;
  const auto& own = host.interfaces[device].conf;
  switch (cause.sysctl()) {
    case Sysctl::rp_filter: return all.rp_filter >= own.rp_filter ? all_devices : device;
    case Sysctl::arp_ignore: return all.arp_ignore >= own.arp_ignore ? all_devices : device;
    case Sysctl::arp_filter: return all.arp_filter ? all_devices : device;
    default: return device;
  }
}

const char* bridge_phrase(BridgeCause why) {
  switch (why) {
    case BridgeCause::port_state: return "is not in state forwarding";
    case BridgeCause::same_port: return "would have to send it back where it came from: hairpin off";
    case BridgeCause::isolated: return "is isolated, and so is the port it came from";
    case BridgeCause::no_flood: return "does not flood, and nobody knows the destination MAC";
    case BridgeCause::vlan: return "does not carry this VLAN";
    case BridgeCause::locked: return "is locked for MACs that are not in the fdb";
    case BridgeCause::static_fdb: return "has an fdb entry that sends it elsewhere";
    case BridgeCause::own_source: return "got a frame with a MAC of its own as source";
    case BridgeCause::no_port: return "is the only one: there is nowhere to send it";
    case BridgeCause::not_a_port: return "is not a port of the bridge behind which it is looked for";
    case BridgeCause::port_has_address:
      return "has an address of its own, but the bridge takes what comes in there";
    case BridgeCause::no_own_entry:
      return "has lost the fdb entry of its own MAC: what is for the host is flooded";
    case BridgeCause::arp_proxy: return "answers ARP in another's place";
    case BridgeCause::group_filtered: return "does not forward link-local groups";
    case BridgeCause::none: break;
  }
  return "refused it";
}

const char* device_phrase(DeviceCause why) {
  switch (why) {
    case DeviceCause::down: return "is down";
    case DeviceCause::no_carrier: return "has no carrier";
    case DeviceCause::no_peer: return "leads into a namespace that cannot be read";
    case DeviceCause::other_host: return "got a frame for another MAC";
    case DeviceCause::no_handler: return "got a frame of a protocol nobody handles";
    case DeviceCause::no_remote: return "knows no remote for this MAC";
    case DeviceCause::unknown_vni: return "has no VXLAN of this VNI";
    case DeviceCause::no_vlan: return "has no device for this VLAN";
    case DeviceCause::discards: return "swallows what is sent";
    case DeviceCause::arp_off: return "has ARP off (NOARP): it asks nobody, and answers nobody";
    case DeviceCause::none: break;
  }
  return "refused it";
}

const char* socket_phrase(SocketCause why) {
  switch (why) {
    case SocketCause::connects: return "the program's socket asks for its route once, or twice";
    case SocketCause::broadcast:
      return "a program may send to a broadcast address only if it asks for that (SO_BROADCAST)";
    case SocketCause::answers_from: return "a program may answer from another address";
    case SocketCause::source_port: return "a program's socket may get any port";
    case SocketCause::nobody_listens: break;
  }
  return "nothing listens there";
}

const char* packet_phrase(PacketCause why) {
  switch (why) {
    case PacketCause::header: return "its IP header is broken";
    case PacketCause::checksum: return "its checksum is wrong";
    case PacketCause::truncated: return "it is shorter than it says";
    case PacketCause::ttl: return "its TTL ran out";
    case PacketCause::options: return "its IP options are refused";
    case PacketCause::layer2_class: return "it came as a broadcast frame";
    case PacketCause::hotdrop: return "it is too short for a match that looked at it";
    case PacketCause::fragment: return "its fragments do not fit";
    case PacketCause::unknown_protocol: return "nobody takes this protocol";
    case PacketCause::too_many_rules:
      return "rules whose chains call each other so often that the packet is not followed to their "
             "end";
    case PacketCause::none: break;
  }
  return "it is refused";
}

std::string nat_phrase(const host::Host& host, const Cause& cause) {
  const std::string device = device_name(host, cause.device());
  switch (static_cast<NatCause>(cause.value())) {
    case NatCause::no_address:
      return fmt::format("MASQUERADE found no address to take for {}", device);
    case NatCause::no_redirect_address:
      return fmt::format("REDIRECT finds no address on {}", device);
    case NatCause::ports_exhausted: return "no port is left to translate to";
    case NatCause::not_translated:
      return fmt::format("nothing translates the source of what leaves through {}", device);
    case NatCause::masquerade_changed:
      return "the masqueraded connection now leaves through another device";
    case NatCause::icmp_refused: return "NAT refuses this ICMP message";
    case NatCause::answer_elsewhere:
      return "the answer does not come from the address that was asked";
    case NatCause::not_translated_back:
      return fmt::format("the answer comes to {}, but nothing translates it back: it is not taken "
                         "for the connection's", device);
    case NatCause::none: break;
  }
  return "NAT refused it";
}

std::string address_phrase(const host::Host& host, const Cause& cause) {
  const std::string device = device_name(host, cause.device());
  switch (static_cast<AddressCause>(cause.value())) {
    case AddressCause::martian_source: return "its source address is impossible (martian)";
    case AddressCause::martian_destination: return "its destination address is impossible (martian)";
    case AddressCause::own_source: return "its source is an address of this namespace itself";
    case AddressCause::localnet: return "an address of 127/8 came from outside";
    case AddressCause::not_answered:
      return fmt::format("nobody answers for the next hop on {}", device);
    case AddressCause::not_owned:
      return fmt::format("nobody owns the source that what leaves through {} was given", device);
    case AddressCause::not_known_there:
      return fmt::format("the network behind {} does not know the source that it was given", device);
    case AddressCause::not_unicast:
      return "TCP goes to one host only, and this is a broadcast or multicast address";
    case AddressCause::none: break;
  }
  return "its address is refused";
}

std::string conntrack_phrase(const Cause& cause) {
  switch (static_cast<ConntrackCause>(cause.value())) {
    case ConntrackCause::table_full: return "the connection table is full";
    case ConntrackCause::entry: return "an existing connection entry decided";
    case ConntrackCause::clash: return "another connection already has this translation";
    case ConntrackCause::invalid: return "conntrack calls it INVALID";
    case ConntrackCause::none: break;
  }
  return "conntrack refused it";
}

}  // namespace

const char* cause_kind(const Cause& cause) {
  switch (cause.kind()) {
    case CauseKind::none: return "none";
    case CauseKind::sysctl: return "sysctl";
    case CauseKind::rule: return "rule";
    case CauseKind::policy: return "policy";
    case CauseKind::route:
    case CauseKind::no_route:
    case CauseKind::routing_rule: return "route";
    case CauseKind::neighbour: return "neighbour";
    case CauseKind::bridge:
    case CauseKind::fdb: return "bridge";
    case CauseKind::nat: return "nat";
    case CauseKind::conntrack: return "conntrack";
    case CauseKind::address:
      return static_cast<AddressCause>(cause.value()) == AddressCause::not_answered ? "neighbour"
                                                                                    : "address";
    case CauseKind::mtu: return "mtu";
    case CauseKind::device:  // a wrong MAC is a wrong neighbour entry, wherever it was noticed
      return static_cast<DeviceCause>(cause.value()) == DeviceCause::other_host ? "neighbour"
                                                                                : "device";
    case CauseKind::socket: return "socket";
    case CauseKind::packet:
      if (static_cast<PacketCause>(cause.value()) == PacketCause::too_many_rules) return "unmodelled";
      return static_cast<PacketCause>(cause.value()) == PacketCause::ttl ? "ttl" : "packet";
    case CauseKind::unmodelled: return "unmodelled";
  }
  return "none";
}

std::string sysctl_key(const host::Host& host, const Cause& cause) {
  if (cause.sysctl() == Sysctl::forwarding && !host.interfaces.all.forwarding)
    return "net.ipv4.ip_forward";  // the one people set; it is conf.all.forwarding
  std::string key{sysctl_pattern(cause.sysctl())};
  const std::size_t star = key.find('*');
  if (star == std::string::npos) return key;
  std::string name = device_name(host, device_in_force(host, cause));
  for (char& c : name)
    if (c == '.') c = '/';
  return key.replace(star, 1, name);
}

std::string sysctl_value(const host::Host& host, const Cause& cause) {
  const auto read = host.sysctls.find(sysctl_key(host, cause));
  if (read != host.sysctls.end()) return read->second;
  switch (cause.sysctl()) {
    case Sysctl::forwarding: return "0";
    case Sysctl::rp_filter: return std::to_string(rp_filter_of(host, device_in_force(host, cause)));
    case Sysctl::bridge_nf_call_iptables: return host.bridging.nf_call_iptables ? "1" : "0";
    case Sysctl::nf_conntrack_max: return std::to_string(host.conntrack_config.max);
    default: return "0";
  }
}

std::string shell_word(const std::string& word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("_.,:@%+=-/").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (plain) return word;
  if (host::escaped(word) != word) {  // no terminal shows it, so nobody can copy it as it is
    std::string spelled = "$'";
    for (const unsigned char c : word) {
      if (c < 0x20 || c >= 0x7f) spelled += fmt::format("\\x{:02x}", c);
      else if (c == '\'' || c == '\\') spelled += fmt::format("\\{:c}", c);
      else spelled += static_cast<char>(c);
    }
    return spelled + "'";
  }
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

const char* iptables_tool(const netfilter::Netfilter& netfilter, std::size_t ruleset) {
  const auto backend = ruleset < netfilter.rulesets.size() ? netfilter.rulesets[ruleset].backend
                                                           : netfilter::Backend::nft;
  if (backend == netfilter::Backend::legacy) return "iptables-legacy";
  const bool both = std::any_of(
      netfilter.rulesets.begin(), netfilter.rulesets.end(), [](const netfilter::Ruleset& r) {
        return r.backend == netfilter::Backend::legacy && !r.tables.empty();
      });
  return both ? "iptables-nft" : "iptables";
}

RulePlace rule_place(const host::Host& host, RuleRef ref) {
  const netfilter::Ruleset& ruleset = host.netfilter.rulesets[ref.ruleset];
  return {.table = netfilter::table_name(ruleset.tables[ref.table].kind),
          .chain = host.netfilter.chain(ref).name,
          .number = ref.rule == RuleRef::policy ? 0 : ref.rule + 1,
          .command = iptables_tool(host.netfilter, ref.ruleset)};
}

namespace {

std::vector<std::string> device_names(const host::Host& host) {
  std::vector<std::string> names;
  for (const link::Device& device : host.devices.list) names.push_back(device.name);
  return names;
}

}  // namespace

std::string route_line(const host::Host& host, RouteRef route) {
  const std::vector<std::string> devices = device_names(host);
  return route::text(host.fib, route, {devices, host.table_names});
}

std::string routing_rule_line(const host::Host& host, std::uint32_t position) {
  const std::vector<std::string> devices = device_names(host);
  std::string line = route::rule_text(host.fib, position, {devices, host.table_names});
  std::replace(line.begin(), line.end(), '\t', ' ');
  return line;
}

std::string match_line(const netfilter::Match& match) {
  const netfilter::Chain chain{.name = "-"};
  netfilter::Rule rule;
  rule.matches.push_back(match);
  return netfilter::print_rule(chain, rule, wire::Family::ipv4).substr(std::string_view("-A - ").size());
}

namespace {

/// An entry of a VXLAN device as `bridge fdb` prints it.
std::string fdb_line(const host::Host& host, const bridge::FdbEntry& entry) {
  std::string line = fmt::format("{} dev {} dst {}", entry.mac.text(), device_name(host, entry.port),
                                 entry.remote.text());
  if (entry.remote_port != 0) line += fmt::format(" port {}", entry.remote_port);
  if (entry.remote_vni != 0) line += fmt::format(" vni {}", entry.remote_vni);
  if (entry.remote_via != no_device) line += fmt::format(" via {}", device_name(host, entry.remote_via));
  if (entry.remote_via_ifindex != 0) line += fmt::format(" via ifindex {}", entry.remote_via_ifindex);
  return line + (entry.is_static ? " self permanent" : " self");
}

/// An MTU that is not the device's is that of a route through it.
std::string mtu_phrase(const host::Host& host, const Cause& cause) {
  std::vector<RouteRef> with_it;
  for (std::uint32_t t = 0; t < host.fib.tables.size(); ++t)
    for (std::uint32_t r = 0; r < host.fib.tables[t].routes.size(); ++r) {
      const route::Route& route = host.fib.tables[t].routes[r];
      const bool through = std::ranges::any_of(
          route.nexthops, [&](const auto& hop) { return hop.device == cause.device(); });
      if (through && route.mtu_bytes == cause.value()) with_it.push_back({t, r});
    }
  const std::string device = device_name(host, cause.device());
  if (host.devices[cause.device()].mtu_bytes == cause.value() || with_it.empty())
    return fmt::format("{} mtu {}", device, cause.value());
  if (with_it.size() == 1) return fmt::format("the route {}", route_line(host, with_it.front()));
  return fmt::format("a route through {} with mtu {}", device, cause.value());
}

}  // namespace

std::string cause_line(const host::Host& host, const Cause& cause) {
  switch (cause.kind()) {
    case CauseKind::sysctl:
      return fmt::format("{} = {}", sysctl_key(host, cause), sysctl_value(host, cause));
    case CauseKind::rule:
      return netfilter::print_rule(host.netfilter.chain(cause.rule_ref()),
                                   host.netfilter.rule(cause.rule_ref()), wire::Family::ipv4);
    case CauseKind::policy:
      return netfilter::print_chain(host.netfilter.chain(cause.rule_ref()));
    case CauseKind::route:
      return route_line(host, cause.route());
    case CauseKind::no_route: return "no route";
    case CauseKind::routing_rule: return routing_rule_line(host, cause.value());
    case CauseKind::neighbour:
      return fmt::format("an entry of `ip neigh` on {}", device_name(host, cause.device()));
    case CauseKind::bridge:
      return fmt::format("port {} {}", device_name(host, cause.device()),
                         bridge_phrase(static_cast<BridgeCause>(cause.value())));
    case CauseKind::fdb: return fdb_line(host, host.bridging.fdb[cause.value()]);
    case CauseKind::nat: return nat_phrase(host, cause);
    case CauseKind::conntrack: return conntrack_phrase(cause);
    case CauseKind::address: return address_phrase(host, cause);
    case CauseKind::mtu:
      if (host.devices[cause.device()].kind == link::DeviceKind::vxlan)
        return fmt::format("{}, whose tunnel carries {} bytes", device_name(host, cause.device()),
                           cause.value());
      return mtu_phrase(host, cause);
    case CauseKind::device:
      return fmt::format("{} {}", device_name(host, cause.device()),
                         device_phrase(static_cast<DeviceCause>(cause.value())));
    case CauseKind::socket: return socket_phrase(static_cast<SocketCause>(cause.value()));
    case CauseKind::packet: return packet_phrase(static_cast<PacketCause>(cause.value()));
    case CauseKind::unmodelled: return host.unmodelled[cause.value()].text;
    case CauseKind::none: break;
  }
  return "";
}

namespace {

/// What became of the packet, where the rule alone does not say it.
const char* what_befell(const host::Host& host, const Stop& stop) {
  if (stop.stage == Stage::nf_queue)
    return ", and no program reads this queue: the kernel drops what nobody takes";
  if (stop.stage == Stage::synproxy_tg4)
    return ", which answers in the server's name and asks the server only when the client has "
           "answered to its cookie: that is not followed";
  if (stop.cause.kind() != CauseKind::rule) return "";
  const auto* target =
      std::get_if<netfilter::KeptTarget>(&host.netfilter.rule(stop.cause.rule_ref()).target);
  if (target == nullptr || !std::holds_alternative<netfilter::TproxyChange>(target->does)) return "";
  if (stop.stage == Stage::ip_forward)
    return ", which gives it to a proxy's socket here; but no routing rule for its mark leads to a "
           "local route, and what a socket has is not forwarded";
  return ", and no transparent socket (IP_TRANSPARENT) listens there";
}

}  // namespace

std::string sentence(const host::Host& host, const Stop& stop) {
  const Cause& cause = stop.cause;
  const std::string line = cause_line(host, cause);
  switch (cause.kind()) {
    case CauseKind::sysctl: {
      const std::string device = device_name(host, cause.device());
      if (cause.sysctl() == Sysctl::forwarding)
        return fmt::format("packets that come in on {} are not forwarded ({})", device, line);
      if (cause.sysctl() == Sysctl::rp_filter)
        return fmt::format("the source has no valid way back through {} ({})", device, line);
      return line;
    }
    case CauseKind::rule:
    case CauseKind::policy: {
      const RulePlace place = rule_place(host, cause.rule_ref());
      return fmt::format("{} {} of table {}: {}{}",
                         cause.kind() == CauseKind::rule ? fmt::format("rule {}", place.number)
                                                         : std::string("the policy"),
                         "in chain " + place.chain, place.table, line, what_befell(host, stop));
    }
    case CauseKind::route: return fmt::format("this route: {}", line);
    case CauseKind::no_route: return "there is no route to the destination";
    case CauseKind::routing_rule: return fmt::format("this routing rule: {}", line);
    case CauseKind::mtu: return fmt::format("it is too big for {}", line);
    case CauseKind::bridge:
    case CauseKind::device: return line;
    default: return line;
  }
}

namespace {

const char* unknown_socket_line(SocketCause why) {
  switch (why) {
    case SocketCause::answers_from:
      return "the program that answers: bound to all addresses, its UDP socket may answer from "
             "another one than it was asked at";
    case SocketCause::source_port:
      return "the source port that the asking program's socket gets (--sport names one)";
    case SocketCause::connects:
      return "the program that sends: if it connects its socket, routing is asked a second time, "
             "with the source address, and answers otherwise";
    case SocketCause::broadcast:
      return "the program that sends: it may send to a broadcast address only if it asks for that "
             "(SO_BROADCAST)";
    case SocketCause::nobody_listens: break;
  }
  return "whether a program listens on the port that it is sent to";
}

}  // namespace

std::string unknown_line(const host::Host& host, const Cause& cause) {
  if (cause.kind() == CauseKind::rule || cause.kind() == CauseKind::policy) {
    const RulePlace place = rule_place(host, cause.rule_ref());
    if (cause.kind() == CauseKind::rule &&
        netfilter::is_of_table_not_shown(host.netfilter.rule(cause.rule_ref())))
      return fmt::format("the table {} of {}, which is not shown", place.table, place.command);
    return fmt::format("{} -t {} {} (number {})", place.command, place.table,
                       cause_line(host, cause), place.number);
  }
  if (cause.kind() == CauseKind::conntrack)
    return "a connection entry in state CLOSE: a new SYN reopens it if its own side aborted it, which "
           "is not shown";
  if (cause.kind() == CauseKind::nat && static_cast<NatCause>(cause.value()) == NatCause::none)
    return "NAT, which takes another source port at random where the packet's own is in use";
  if (cause.kind() == CauseKind::socket)
    return unknown_socket_line(static_cast<SocketCause>(cause.value()));
  return cause_line(host, cause);
}

}  // namespace wayout::why
