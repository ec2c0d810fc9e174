#include "describe.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "netfilter/print.hpp"

namespace wayout::host {

namespace {

std::string name_of(const Host& host, DeviceId id) {
  return id == no_device ? "-" : host.devices[id].name;
}

template <class T>
std::string optional(const std::optional<T>& value) {
  return value ? fmt::format("{}", *value) : "-";
}

std::string describe(const link::BridgePort& port) {
  return fmt::format(
      " port state={} hairpin={} learning={} flood={}{}{} isolated={} locked={} {}{}",
      static_cast<int>(port.state), port.hairpin, port.learning, port.flood, port.multicast_flood,
      port.broadcast_flood, port.isolated, port.locked, port.proxy_arp, port.neigh_suppress);
}

std::string describe(const link::Device& d, const Host& host) {
  const link::BridgeOptions& b = d.bridge;
  std::string line = fmt::format(
      "device {} #{} kind={}/{} up={} carrier={} arp={} ptp={} promisc={} mtu={} mac={} eth={} "
      "master={} lower={} peer={} vlan={} vrf={} macvlan={} xdp={}",
      d.name, d.ifindex, static_cast<int>(d.kind), d.kind_name, d.up, d.carrier, d.arp,
      d.point_to_point, d.promiscuous, d.mtu_bytes, d.mac.text(), d.ethernet,
      name_of(host, d.master), name_of(host, d.lower), optional(d.peer_ifindex), d.vlan_id,
      d.vrf_table, static_cast<int>(d.macvlan_mode), d.xdp);
  if (d.kind == link::DeviceKind::bridge)
    line += fmt::format(" bridge stp={} vlan={} snoop={} nf={} ageing={} fwd={} pvid={}", b.stp,
                        b.vlan_filtering, b.multicast_snooping, b.nf_call_iptables, b.ageing_s,
                        b.group_fwd_mask, b.default_pvid);
  if (d.kind == link::DeviceKind::vxlan)
    line += fmt::format(" vxlan {} {} {} {} {} {}", d.vxlan.vni, d.vxlan.local.text(),
                        d.vxlan.remote.text(), d.vxlan.port, d.vxlan.learning,
                        d.vxlan.collect_metadata);
  return d.port ? line + describe(*d.port) : line;
}

std::string describe(const route::Ipv4Conf& c) {
  return fmt::format(
      "fwd={} rpf={} local={} localnet={} svm={} asr={} bc={} mc={} redir={} shared={} proxy={}{} "
      "ign={} ann={} filter={} accept={} grat={} linkdown={} l2={} dp={} log={} promote={}",
      c.forwarding, c.rp_filter, c.accept_local, c.route_localnet, c.src_valid_mark,
      c.accept_source_route, c.bc_forwarding, c.mc_forwarding, c.send_redirects, c.shared_media,
      c.proxy_arp, c.proxy_arp_pvlan, c.arp_ignore, c.arp_announce, c.arp_filter, c.arp_accept,
      c.drop_gratuitous_arp, c.ignore_routes_with_linkdown, c.drop_unicast_in_l2_multicast,
      c.disable_policy, c.log_martians, c.promote_secondaries);
}

std::string describe(const route::InterfaceAddress& a) {
  return fmt::format("{} peer {}/{} brd {} scope {} {}{}{}", a.local.text(), a.peer.text(),
                     a.prefix_length, a.broadcast.text(), static_cast<int>(a.scope), a.secondary,
                     a.deprecated, a.noprefixroute);
}

void describe_interfaces(const Host& host, std::vector<std::string>& lines) {
  lines.push_back("conf all " + describe(host.interfaces.all));
  lines.push_back("conf default " + describe(host.interfaces.defaults));
  for (DeviceId id = 1; id < host.interfaces.size(); ++id) {
    const route::Interface& i = host.interfaces[id];
    lines.push_back(
        fmt::format("interface {} up={} carrier={} lo={} mtu={} vrf={} table={} conf {}",
                    name_of(host, id), i.up, i.carrier, i.loopback, i.mtu_bytes,
                    name_of(host, i.vrf), i.vrf_table, describe(i.conf)));
    for (std::size_t n = 0; n < i.addresses.size(); ++n)  // their order counts
      lines.push_back(
          fmt::format("address {} {} {}", name_of(host, id), n, describe(i.addresses[n])));
  }
}

std::string describe(const route::Route& r, std::uint32_t table, const Host& host) {
  std::string line = fmt::format(
      "route table {} {} type={} tos={} metric={} scope={} proto={} src={} mtu={} nhid={} made={}",
      table, r.destination.text(), static_cast<int>(r.type), r.tos, r.metric,
      static_cast<int>(r.scope), r.protocol, r.preferred_source.text(), r.mtu_bytes, r.nexthop_id,
      r.synthesized);
  for (const route::Nexthop& n : r.nexthops)
    line += fmt::format(" via {} dev {} weight {} onlink={} encap={}", n.gateway.text(),
                        name_of(host, n.device), n.weight, n.onlink, n.encap);
  return line;
}

std::string describe(const route::Rule& r) {
  return fmt::format(
      "rule {} not={} from {} to {} iif {} oif {} mark {}/{} tos {} proto {} sport {}-{} dport "
      "{}-{} uid {} l3mdev={} action={} table={} goto={} suppress={}/{} unmodelled={}",
      r.preference, r.invert, r.from.text(), r.to.text(), r.iif, r.oif, r.fwmark, r.fwmask, r.tos,
      r.ip_protocol, r.sport_low, r.sport_high, r.dport_low, r.dport_high,
      r.uid_range ? fmt::format("{}-{}", r.uid_range->first, r.uid_range->second) : "-", r.l3mdev,
      static_cast<int>(r.action), r.table, r.goto_preference, r.suppress_prefix_length,
      r.suppress_ifgroup, r.unmodelled);
}

void describe_layer2(const Host& host, std::vector<std::string>& lines) {
  for (const link::Neighbour& n : host.neighbours)
    lines.push_back(fmt::format("neighbour {} dev {} mac {} permanent={} proxy={}",
                                n.address.text(), name_of(host, n.device), n.mac.text(),
                                n.state == link::NudState::permanent, n.proxy));
  for (const bridge::FdbEntry& e : host.bridging.fdb)
    if (e.is_static)
      lines.push_back(fmt::format("fdb {} bridge {} port {} vlan {} {}{}{} dst {} vni {} port {}",
                                  e.mac.text(), name_of(host, e.bridge), name_of(host, e.port),
                                  e.vlan, e.local, e.sticky, e.offloaded, e.remote.text(),
                                  e.remote_vni, e.remote_port));
  for (const bridge::VlanMembership& v : host.bridging.vlans)
    lines.push_back(fmt::format("vlan {} {}-{} pvid={} untagged={}", name_of(host, v.device), v.low,
                                v.high, v.pvid, v.untagged));
  lines.push_back(fmt::format("bridging nf={} tagged={}", host.bridging.nf_call_iptables,
                              host.bridging.nf_filter_vlan_tagged));
}

/// Without counters: multicast of the kernel's own passes all the time.
netfilter::Ruleset uncounted(netfilter::Ruleset ruleset) {
  for (netfilter::Table& table : ruleset.tables)
    for (netfilter::Chain& chain : table.chains) {
      chain.counters = {};
      for (netfilter::Rule& rule : chain.rules)
        rule.counters = {};
    }
  return ruleset;
}

void describe_rules(const Host& host, std::vector<std::string>& lines) {
  for (const netfilter::Ruleset& ruleset : host.netfilter.rulesets)
    if (!ruleset.tables.empty())
      lines.push_back(fmt::format("ruleset {}\n{}", static_cast<int>(ruleset.backend),
                                  netfilter::print_save(uncounted(ruleset), true)));
  for (const netfilter::ForeignHook& f : host.netfilter.foreign)
    lines.push_back(fmt::format("foreign {} {} {} {}", hook_name(f.hook), f.priority, f.nat,
                                host.unmodelled[f.unmodelled].text));
  for (const netfilter::IpSet& set : host.netfilter.sets.list)
    lines.push_back(fmt::format("set {} {} {} elements", set.name, set.type, set.elements.size()));
  for (const Unmodelled& u : host.unmodelled)
    lines.push_back(fmt::format("unmodelled {} {} dev {} {}{} bridge={} {} {}",
                                static_cast<int>(u.kind), u.text, name_of(host, u.device),
                                u.ingress, u.egress, static_cast<int>(u.family), u.source.text(),
                                u.destination.text()));
}

void describe_rest(const Host& host, std::vector<std::string>& lines) {
  const conntrack::Config& c = host.conntrack_config;
  lines.push_back(fmt::format("conntrack enabled={} max={} {} {} {} {} {}", c.enabled, c.max,
                              c.max_known, c.checksum, c.tcp_loose, c.tcp_timeout_s[3],
                              c.udp_timeout_s));
  for (const conntrack::Connection& entry : host.connections)
    if (!entry.original().destination.is_multicast())
      lines.push_back(fmt::format("connection {} {}:{} -> {}:{}", entry.original().protocol,
                                  entry.original().source.text(), entry.original().source_port,
                                  entry.original().destination.text(),
                                  entry.original().destination_port));
  lines.push_back(fmt::format("listeners known={}", host.listeners_known));
  for (const Listener& l : host.listeners)
    lines.push_back(fmt::format("listener {} {}:{} dev {} dual={}", l.protocol, l.address.text(),
                                l.port, name_of(host, l.device), l.dual_stack));
}

std::string end_name(const Machine& machine, DeviceRef ref) {
  return fmt::format("{}/{}", machine.hosts[ref.host].name,
                     name_of(machine.hosts[ref.host], ref.device));
}

}  // namespace

std::vector<std::string> describe(const Host& host) {
  std::vector<std::string> lines;
  lines.push_back("name " + host.name);
  for (DeviceId id = 1; id < host.devices.size(); ++id)
    lines.push_back(describe(host.devices[id], host));
  describe_interfaces(host, lines);
  for (const route::FibTable& table : host.fib.tables)
    for (const route::Route& route : table.routes)
      lines.push_back(describe(route, table.id, host));
  for (const route::Rule& rule : host.fib.rules)
    lines.push_back(describe(rule));
  describe_layer2(host, lines);
  describe_rules(host, lines);
  describe_rest(host, lines);
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::vector<std::string> describe_joins(const Machine& machine) {
  std::vector<std::string> lines;
  for (std::uint32_t h = 0; h < machine.hosts.size(); ++h)
    for (DeviceId d = 1; d < machine.hosts[h].devices.size(); ++d) {
      const DeviceRef own{h, d};
      if (machine.peer(own).device != no_device)
        lines.push_back("peer " + end_name(machine, own) + " " +
                        end_name(machine, machine.peer(own)));
      if (machine.lower(own) != DeviceRef{h, no_device})
        lines.push_back("lower " + end_name(machine, own) + " " +
                        end_name(machine, machine.lower(own)));
      for (const DeviceRef upper : machine.uppers(own))
        lines.push_back("upper " + end_name(machine, own) + " " + end_name(machine, upper));
    }
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace wayout::host
