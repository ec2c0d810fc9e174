#include "random_host.hpp"

#include <fmt/format.h>

#include "random_rules.hpp"

namespace wayout::oracle {
namespace {

using wire::IpAddress;

/// Writes one host, part by part.
class WorldMaker {
 public:
  explicit WorldMaker(std::mt19937& random) : random_(random) {}

  World make() {
    const unsigned legs = 2 + below(3);
    for (unsigned number = 1; number <= legs; ++number) make_leg(static_cast<std::uint8_t>(number));
    world_.far = {IpAddress::v4(8, 8, 8, 8), IpAddress::v4(9, 9, 9, 9),
                  IpAddress::v4(203, 0, 113, 80), IpAddress::v4(172, 31, 0, 9)};
    for (Leg& leg : world_.legs) {
      line("ip link set {} up", leg.device);
      make_addresses(leg);
    }
    line("ip link set lo up");
    make_neighbours();
    make_routes();
    make_routing_rules();
    make_sysctls();
    make_rules();
    return std::move(world_);
  }

 private:
  unsigned below(unsigned n) { return random_() % n; }
  bool one_in(unsigned n) { return below(n) == 0; }
  template <class T>
  const T& one_of(const std::vector<T>& list) {
    return list[below(static_cast<unsigned>(list.size()))];
  }
  std::string word(std::initializer_list<const char*> list) {
    return list.begin()[below(static_cast<unsigned>(list.size()))];
  }
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    world_.scenario.setup.push_back(fmt::format(format, std::forward<Args>(args)...));
  }
  static wire::MacAddress mac(std::uint8_t group, std::uint8_t leg, std::uint8_t number) {
    return {{2, 0, 0, group, leg, number}};
  }

  void make_leg(std::uint8_t number) {
    Leg leg;
    leg.number = number;
    leg.device = fmt::format("eth{}", number);
    leg.mac = mac(0, number, 0);
    const unsigned ports = one_in(3) ? 2 + below(2) : 0;
    if (ports == 0) {
      leg.taps = {leg.device};
      world_.scenario.taps.push_back(leg.device);
      line("ip link set {} address {}", leg.device, leg.mac.text());
      if (one_in(8)) line("ip link set {} mtu {}", leg.device, word({"1400", "576", "1280"}));
    } else {
      bridged_ = true;
      leg.device = fmt::format("br{}", number);
      line("ip link add {} address {} type bridge mcast_snooping 0", leg.device,
           leg.mac.text());  // else the bridge reports a group, when it likes
      for (unsigned i = 0; i < ports; ++i) {
        const std::string tap = fmt::format("p{}{}", number, i);
        leg.taps.push_back(tap);
        world_.scenario.taps.push_back(tap);
        line("ip link set {} address {}", tap,
             mac(1, number, static_cast<std::uint8_t>(i)).text());
        line("ip link set {} master {}", tap, leg.device);
        line("ip link set {} up", tap);
        if (one_in(8))
          line("ip link set {} type bridge_slave {}", tap,
               word({"hairpin on", "isolated on", "learning off", "flood off", "bcast_flood off"}));
      }
    }
    for (std::uint8_t i = 0; i < 2 + ports; ++i) {
      const bool router = i == 0;
      const auto last = static_cast<std::uint8_t>(router ? 254 : 10 + i);
      world_.stations.push_back({one_of(leg.taps), mac(2, number, last),
                                 IpAddress::v4(10, 0, number, last), router});
    }
    world_.legs.push_back(leg);
  }

  void make_addresses(Leg& leg) {
    const std::uint8_t number = leg.number;
    const auto add = [&](const IpAddress& address, unsigned length, const std::string& more) {
      line("ip addr add {}/{} dev {}{}", address.text(), length, leg.device, more);
      leg.addresses.push_back(address);
    };
    leg.broadcast = IpAddress::v4(10, 0, number, 255);
    add(IpAddress::v4(10, 0, number, 1), one_in(10) ? 16 : 24, " brd +");
    if (one_in(4)) add(IpAddress::v4(10, 0, number, 129), 24, " brd +");
    if (one_in(5)) add(IpAddress::v4(192, 168, number, 1), 24, one_in(3) ? " scope link" : "");
    if (one_in(8)) add(IpAddress::v4(198, 51, 100, number), 32, one_in(3) ? " scope host" : "");
  }

  std::string leg_of(const Station& station) {
    for (const Leg& leg : world_.legs)
      for (const std::string& tap : leg.taps)
        if (tap == station.tap) return leg.device;
    return "";
  }

  void make_neighbours() {
    for (const Station& station : world_.stations)
      if (!one_in(6))
        line("ip neigh add {} lladdr {} nud permanent dev {}", station.address.text(),
             station.mac.text(), leg_of(station));
  }

  std::string a_router() {
    for (;;) {
      const Station& station = one_of(world_.stations);
      if (station.router) return station.address.text();
    }
  }

  void make_routes() {
    if (!one_in(10)) line("ip route add default via {}", a_router());
    if (one_in(2)) line("ip route add 203.0.113.0/24 via {}", a_router());
    if (one_in(4)) line("ip route add 9.0.0.0/8 via {} metric {}", a_router(), 10 + below(3));
    if (one_in(6))
      line("ip route add {} {}", word({"blackhole", "unreachable", "prohibit", "throw"}),
           word({"9.9.9.0/24", "203.0.113.80", "172.16.0.0/12"}));
    if (one_in(8)) line("ip route add 8.8.8.8 via {} mtu {}", a_router(), word({"1000", "600"}));
    if (one_in(10)) line("ip route add 172.31.0.0/16 dev {} scope link", one_of(world_.legs).device);
  }

  void make_routing_rules() {
    if (!one_in(3)) return;
    line("ip route add default via {} table 100", a_router());
    if (one_in(2)) line("ip route add 10.0.1.0/24 via {} table 100", a_router());
    for (unsigned i = 1 + below(2); i > 0; --i) {
      const std::string selector =
          one_in(3) ? fmt::format("iif {}", one_of(world_.legs).device)
                    : word({"from 10.0.1.0/24", "to 8.8.8.0/24", "fwmark 0x1", "fwmark 0x2/0x6",
                            "from 10.0.2.11", "tos 0x10", "not from 10.0.0.0/8"});
      const std::string action =
          one_in(6) ? word({"blackhole", "prohibit", "unreachable"}) : "table 100";
      line("ip rule add pref {} {} {}", 100 + 10 * i, selector, action);
    }
  }

  void make_sysctls() {
    const auto set = [&](const std::string& key, const std::string& value) {
      line("sysctl net/{}={}", key, value);
    };
    set("ipv6/conf/all/disable_ipv6", "1");
    set("ipv4/icmp_msgs_per_sec", "1000000");
    set("ipv4/icmp_msgs_burst", "100000");
    if (!one_in(8)) set("ipv4/icmp_ratemask", "0");  // with a limit of 0 the kernel's ticks would count
    set("ipv4/ip_forward", one_in(12) ? "0" : "1");
    set("ipv4/conf/all/rp_filter", word({"0", "0", "0", "1", "2"}));
    set("ipv4/conf/all/send_redirects", "0");
    for (const Leg& leg : world_.legs) {
      const std::string conf = "ipv4/conf/" + leg.device + "/";
      set(conf + "rp_filter", word({"0", "0", "1", "2"}));
      set(conf + "send_redirects", "0");
      set("ipv4/neigh/" + leg.device + "/proxy_delay", "0");  // else drawn
      if (one_in(12)) set(conf + "forwarding", word({"0", "1"}));
      if (one_in(10)) set(conf + "accept_local", "1");
      if (one_in(10)) set(conf + "route_localnet", "1");
      if (one_in(10)) set(conf + "src_valid_mark", "1");
      if (one_in(10)) set(conf + "proxy_arp", "1");
      if (one_in(10)) set(conf + "arp_ignore", word({"1", "2", "8"}));
      if (one_in(10)) set(conf + "arp_filter", "1");
    }
    if (bridged_) set("bridge/bridge-nf-call-iptables", word({"0", "1", "1"}));
    set("netfilter/nf_conntrack_acct", "1");
    if (one_in(6)) set("netfilter/nf_conntrack_tcp_be_liberal", "1");
    if (one_in(6)) set("netfilter/nf_conntrack_tcp_loose", "0");
    if (one_in(6)) set("netfilter/nf_conntrack_checksum", "0");
    if (one_in(6)) set("netfilter/nf_conntrack_tcp_ignore_invalid_rst", "1");
    if (one_in(20)) set("ipv4/icmp_echo_ignore_all", "1");
    if (one_in(10)) set("ipv4/icmp_echo_ignore_broadcasts", "0");
    if (one_in(10)) set("ipv4/ip_default_ttl", "60");
    if (one_in(10)) set("ipv4/fwmark_reflect", "1");
  }

  void make_rules() {
    kernel::RuleWords words;
    words.devices = {"lo", "nothere", "eth+", "br+", "e+"};
    for (const Leg& leg : world_.legs) {
      words.devices.push_back(leg.device);
      words.addresses.push_back(leg.addresses.front().text() + "/32");
    }
    for (const Station& station : world_.stations) {
      words.addresses.push_back(station.address.text() + "/32");
      words.dnat.push_back(station.address.text());
      words.macs.push_back(station.mac.text());
    }
    for (const Leg& leg : world_.legs)
      for (const IpAddress& address : leg.addresses) words.snat.push_back(address.text());
    using netfilter::Backend;
    switch (below(8)) {
      case 0: return;
      case 1:
      case 2:
      case 3:
        world_.scenario.rules.push_back({Backend::nft, kernel::random_rules(random_, words)});
        return;
      default:
        world_.scenario.rules.push_back({Backend::legacy, kernel::random_rules(random_, words)});
    }
  }

  std::mt19937& random_;
  World world_;
  bool bridged_ = false;
};

}  // namespace

World random_world(std::mt19937& random) { return WorldMaker(random).make(); }

}  // namespace wayout::oracle
