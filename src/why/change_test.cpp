// Each change: the command that is shown, and what it does to the model.
#include "why/change.hpp"

#include "conntrack/listing.hpp"
#include "why/test_changed.hpp"

namespace wayout::why {
namespace {

using host::TestMachine;
using host::two_containers;
using netfilter::TableKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(Change, ASysctlOfADevice) {
  Changed c(two_containers());
  const Change change = set_sysctl(c.machine, 0, Sysctl::rp_filter, c.device("eth0"), 2);
  EXPECT_EQ(c.make(change), "sysctl -w net.ipv4.conf.eth0.rp_filter=2");
  EXPECT_EQ(change.lasting,
            "write \"net.ipv4.conf.eth0.rp_filter = 2\" to a file in /etc/sysctl.d");
  EXPECT_EQ(c.host().interfaces[c.device("eth0")].conf.rp_filter, 2);
  EXPECT_EQ(c.host().interfaces[c.device("br0")].conf.rp_filter, 0);
}

TEST(Change, ASysctlOfAll) {
  Changed c(two_containers());
  EXPECT_EQ(c.make(set_sysctl(c.machine, 0, Sysctl::arp_ignore, all_devices, 1)),
            "sysctl -w net.ipv4.conf.all.arp_ignore=1");
  EXPECT_EQ(c.host().interfaces.all.arp_ignore, 1);
}

TEST(Change, ASysctlOfTheNamespace) {
  Changed c(two_containers());
  EXPECT_EQ(c.make(set_sysctl(c.machine, 0, Sysctl::bridge_nf_call_iptables, no_device, 0)),
            "sysctl -w net.bridge.bridge-nf-call-iptables=0");
  EXPECT_FALSE(c.host().bridging.nf_call_iptables);
}

TEST(Change, IpForwardIsForwardingOfEveryDevice) {
  Changed c(two_containers().set("host/sysctl.txt",
                                 "net.ipv4.ip_forward = 0\n"
                                 "net.ipv4.conf.br0.forwarding = 0\n"));
  EXPECT_EQ(c.make(enable_forwarding(c.machine, 0)), "sysctl -w net.ipv4.ip_forward=1");
  EXPECT_TRUE(c.host().interfaces.all.forwarding);
  EXPECT_TRUE(c.host().interfaces[c.device("br0")].conf.forwarding);
  EXPECT_EQ(c.host().sysctls.at("net.ipv4.conf.br0.forwarding"), "1");
}

TestMachine three_rules() {
  return two_containers().rules("filter",
                                "-A FORWARD -i a -j DROP\n-A FORWARD -i b -j DROP\n"
                                "-A FORWARD -i c -j DROP\n");
}

TEST(Change, ARuleBeforeAnother) {
  const struct {
    std::uint32_t at;
    const char* command;
  } rows[] = {{0, "iptables -I FORWARD -i new -j ACCEPT"},
              {1, "iptables -I FORWARD 2 -i new -j ACCEPT"},
              {3, "iptables -A FORWARD -i new -j ACCEPT"}};
  for (const auto& row : rows) {
    Changed c(three_rules());
    const RuleRef forward = c.chain(TableKind::filter, "FORWARD");
    EXPECT_EQ(c.make(insert_rule(c.machine, 0, forward, row.at, rule("-i new -j ACCEPT"))),
              row.command);
    const auto rules = c.rules(TableKind::filter, "FORWARD");
    ASSERT_THAT(rules, SizeIs(4));
    EXPECT_EQ(rules[row.at], "-A FORWARD -i new -j ACCEPT");
  }
}

TEST(Change, ARuleDeleted) {
  Changed c(three_rules());
  RuleRef second = c.chain(TableKind::filter, "FORWARD");
  second.rule = 1;
  EXPECT_EQ(c.make(delete_rule(c.machine, 0, second)), "iptables -D FORWARD -i b -j DROP");
  EXPECT_THAT(c.rules(TableKind::filter, "FORWARD"),
              ElementsAre("-A FORWARD -i a -j DROP", "-A FORWARD -i c -j DROP"));
}

TEST(Change, ARuleThatCannotBePastedGoesByItsNumber) {
  Changed c(two_containers().rules(
      "filter", "-A FORWARD -j ACCEPT\n-A FORWARD -m comment --comment \"a\x1b]0;b\" -j DROP\n"));
  RuleRef second = c.chain(TableKind::filter, "FORWARD");
  second.rule = 1;
  EXPECT_EQ(c.make(delete_rule(c.machine, 0, second)), "iptables -D FORWARD 2");
}

TEST(Change, AMacAddress) {
  Changed c(two_containers());
  const DeviceId eth0 = c.device("eth0");
  EXPECT_EQ(c.make(set_mac(c.machine, {0, eth0}, {{2, 0x42, 10, 1, 0, 3}})),
            "ip link set eth0 address 02:42:0a:01:00:03");
  EXPECT_EQ(c.host().devices[eth0].mac.text(), "02:42:0a:01:00:03");
}

TEST(Change, ARuleOfTheOtherIptables) {
  Changed c(
      two_containers().rules("filter", "-A FORWARD -j DROP\n", "host/iptables-legacy-save.txt"));
  EXPECT_EQ(c.make(delete_rule(c.machine, 0, c.chain(TableKind::filter, "FORWARD"))),
            "iptables-legacy -D FORWARD -j DROP");
}

TEST(Change, ARuleInATableThatIsNotThereYet) {
  Changed c(two_containers().set("host/iptables-save.txt", ""));
  const auto masquerade = rule("-s 10.1.0.0/24 ! -o br0 -j MASQUERADE", "nat");
  EXPECT_EQ(c.make(add_rule(c.machine, 0, TableKind::nat, Hook::postrouting, false, masquerade)),
            "iptables -t nat -A POSTROUTING -s 10.1.0.0/24 ! -o br0 -j MASQUERADE");
  EXPECT_THAT(c.rules(TableKind::nat, "POSTROUTING"),
              ElementsAre("-A POSTROUTING -s 10.1.0.0/24 ! -o br0 -j MASQUERADE"));
  EXPECT_EQ(c.make(add_rule(c.machine, 0, TableKind::nat, Hook::postrouting, true,
                            rule("-s 10.1.0.2 -j ACCEPT"))),
            "iptables -t nat -I POSTROUTING -s 10.1.0.2/32 -j ACCEPT");
  EXPECT_THAT(c.rules(TableKind::nat, "POSTROUTING"), SizeIs(2));
  EXPECT_TRUE(c.host().conntrack_config.enabled) << "NAT needs it";
}

TEST(Change, WhatARuleSaysIsQuotedForAShell) {
  Changed c(two_containers());
  const RuleRef chain = c.chain(TableKind::nat, "POSTROUTING");
  const auto hostile = rule(R"(-m comment --comment "$(reboot) \"quoted\"" -j ACCEPT)");
  EXPECT_EQ(
      insert_rule(c.machine, 0, chain, 0, hostile).command,
      R"(iptables -t nat -I POSTROUTING -m comment --comment '$(reboot) "quoted"' -j ACCEPT)");
  const auto inverted = rule("! -i br0 -j ACCEPT");
  EXPECT_EQ(insert_rule(c.machine, 0, chain, 0, inverted).command,
            "iptables -t nat -I POSTROUTING ! -i br0 -j ACCEPT");
}

TEST(Change, ADefaultRoute) {
  Changed c(two_containers());
  const auto gateway = wire::IpAddress::v4(198, 51, 100, 7);
  EXPECT_EQ(c.make(default_route(c.machine, 0, gateway, c.device("eth0"))),
            "ip route replace default via 198.51.100.7 dev eth0");
  EXPECT_THAT(c.routes(), testing::Contains("default via 198.51.100.7 dev eth0"));
  EXPECT_THAT(c.routes(), testing::Not(testing::Contains(HasSubstr("198.51.100.1 dev"))));
}

TEST(Change, ARoute) {
  Changed c(two_containers());
  const auto gateway = wire::IpAddress::v4(10, 1, 0, 2);
  EXPECT_EQ(c.make(add_route(c.machine, 0, *wire::Prefix::parse("203.0.113.0/24"), gateway,
                             c.device("br0"))),
            "ip route replace 203.0.113.0/24 via 10.1.0.2 dev br0");
  EXPECT_THAT(c.routes(), testing::Contains("203.0.113.0/24 via 10.1.0.2 dev br0"));
}

TEST(Change, ARouteDeleted) {
  const struct {
    const char* route;
    const char* command;
  } rows[] = {
      {"203.0.113.0/24 via 198.51.100.9 dev eth0", "ip route del 203.0.113.0/24"},
      {"blackhole 203.0.113.0/24", "ip route del blackhole 203.0.113.0/24"},
      {"prohibit 203.0.113.0/24 metric 7", "ip route del prohibit 203.0.113.0/24 metric 7"},
      {"unreachable default metric 9", "ip route del unreachable default metric 9"},
      {"blackhole 203.0.113.0/24 tos 0x10", "ip route del blackhole 203.0.113.0/24 tos 0x10"},
      {"blackhole 203.0.113.0/24 table 77", "ip route del blackhole 203.0.113.0/24 table 77"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.route);
    Changed c(two_containers().append("host/ip-route.txt", fmt::format("{}\n", row.route)));
    const auto& tables = c.host().fib.tables;
    std::optional<RouteRef> wanted;
    for (std::uint32_t t = 0; t < tables.size(); ++t)
      for (std::uint32_t r = 0; r < tables[t].routes.size(); ++r)
        if (std::string(row.route).starts_with(route_line(c.host(), {t, r}).substr(0, 25)))
          wanted = RouteRef{t, r};
    ASSERT_TRUE(wanted);
    const std::size_t before = tables[wanted->table].routes.size();
    EXPECT_EQ(c.make(delete_route(c.machine, 0, *wanted)), row.command);
    EXPECT_EQ(c.host().fib.tables[wanted->table].routes.size(), before - 1);
  }
}

TEST(Change, ARoutingRuleDeleted) {
  Changed c(two_containers().set("host/ip-rule.txt",
                                 "0: from all lookup local\n100: from all prohibit\n"
                                 "32766: from all lookup main\n"));
  EXPECT_EQ(c.make(delete_routing_rule(c.machine, 0, 1)), "ip rule del pref 100");
  EXPECT_THAT(c.host().fib.rules, SizeIs(2));
}

TEST(Change, ALinkUpBringsItsRoutesBack) {
  Changed c(two_containers()
                .edit("host/ip-addr.txt", "<BROADCAST,MULTICAST,UP,LOWER_UP>",
                      "<BROADCAST,MULTICAST>", ": eth0@")
                .set("host/ip-route.txt", ""));
  const Change change = link_up(c.machine, {0, c.device("eth0")});
  EXPECT_EQ(c.make(change), "ip link set eth0 up");
  EXPECT_TRUE(c.host().devices[c.device("eth0")].running());
  EXPECT_THAT(c.routes(), testing::Contains(testing::StartsWith("198.51.100.0/24 dev eth0")));
  EXPECT_THAT(c.routes(), testing::Not(testing::Contains(testing::StartsWith("default"))));
  EXPECT_TRUE(change.prepares);
}

TEST(Change, APortOfABridge) {
  Changed c(two_containers().edit("host/ip-addr.txt", " master br0", "", ": vethc1@"));
  const Change change = set_master(c.machine, {0, c.device("vethc1")}, c.device("br0"));
  EXPECT_EQ(c.make(change), "ip link set vethc1 master br0");
  EXPECT_EQ(c.host().devices[c.device("vethc1")].master, c.device("br0"));
  EXPECT_TRUE(c.host().devices[c.device("vethc1")].port);
}

TEST(Change, AnMtu) {
  Changed c(two_containers());
  EXPECT_EQ(c.make(set_mtu(c.machine, {0, c.device("eth0")}, 9000)), "ip link set eth0 mtu 9000");
  EXPECT_EQ(c.host().devices[c.device("eth0")].mtu_bytes, 9000u);
  EXPECT_EQ(c.host().interfaces[c.device("eth0")].mtu_bytes, 9000u);
}

TEST(Change, AnAddressAndItsRoutes) {
  Changed c(two_containers());
  const auto address = wire::IpAddress::v4(10, 7, 0, 1);
  EXPECT_EQ(c.make(add_address(c.machine, {0, c.device("br0")}, address, 24)),
            "ip addr add 10.7.0.1/24 dev br0");
  EXPECT_EQ(c.host().interfaces.owner_of(address), c.device("br0"));
  EXPECT_THAT(c.routes(), testing::Contains(testing::StartsWith("10.7.0.0/24 dev br0")));
}

TEST(Change, AFlagOfAPort) {
  Changed c(two_containers());
  EXPECT_EQ(c.make(set_port(c.machine, {0, c.device("vethc1")}, "hairpin", "on",
                            [](link::BridgePort& port) { port.hairpin = true; })),
            "bridge link set dev vethc1 hairpin on");
  EXPECT_TRUE(c.host().devices[c.device("vethc1")].port->hairpin);
}

TEST(Change, StpOff) {
  Changed c(two_containers().edit("host/ip-addr.txt", "stp_state 0", "stp_state 1"));
  EXPECT_TRUE(c.host().devices[c.device("br0")].bridge.stp);
  EXPECT_EQ(c.make(disable_stp(c.machine, {0, c.device("br0")})),
            "ip link set br0 type bridge stp_state 0");
  EXPECT_FALSE(c.host().devices[c.device("br0")].bridge.stp);
}

TEST(Change, ANeighbourForgotten) {
  Changed c(two_containers().set("host/ip-neigh.txt",
                                 "198.51.100.1 dev eth0 lladdr 02:77:00:00:00:ee PERMANENT\n"
                                 "198.51.100.2 dev eth0 lladdr 02:77:00:00:00:ef PERMANENT\n"));
  const Change change =
      delete_neighbour(c.machine, {0, c.device("eth0")}, wire::IpAddress::v4(198, 51, 100, 1));
  EXPECT_EQ(c.make(change), "ip neigh del 198.51.100.1 dev eth0");
  ASSERT_THAT(c.host().neighbours, SizeIs(1));
  EXPECT_EQ(c.host().neighbours[0].address.text(), "198.51.100.2");
  EXPECT_THAT(change.lasting, IsEmpty());
}

TEST(Change, AnFdbEntryForgotten) {
  Changed c(two_containers().set("host/bridge-fdb.txt",
                                 "02:77:00:00:00:aa dev vethc1 master br0 static\n"));
  ASSERT_THAT(c.host().bridging.fdb, SizeIs(1));
  EXPECT_EQ(c.make(delete_fdb(c.machine, 0, c.host().bridging.fdb[0])),
            "bridge fdb del 02:77:00:00:00:aa dev vethc1 master");
  EXPECT_THAT(c.host().bridging.fdb, IsEmpty());
}

TEST(Change, AConnectionForgotten) {
  const struct {
    const char* listed;
    const char* command;
  } rows[] = {
      {"ipv4 2 tcp 6 100 ESTABLISHED src=10.1.0.2 dst=198.51.100.1 sport=40000 dport=80 "
       "src=198.51.100.1 dst=198.51.100.10 sport=80 dport=40000 [ASSURED] mark=0 use=1\n",
       "conntrack -D -s 10.1.0.2 -d 198.51.100.1 -p tcp --sport 40000 --dport 80"},
      {"ipv4 2 udp 17 100 src=10.1.0.2 dst=198.51.100.1 sport=40000 dport=53 "
       "[UNREPLIED] src=198.51.100.1 dst=198.51.100.10 sport=53 dport=40000 mark=0 use=1\n",
       "conntrack -D -s 10.1.0.2 -d 198.51.100.1 -p udp --sport 40000 --dport 53"},
      {"ipv4 2 icmp 1 100 src=10.1.0.2 dst=198.51.100.1 type=8 code=0 id=7 "
       "src=198.51.100.1 dst=198.51.100.10 type=0 code=0 id=7 mark=0 use=1\n",
       "conntrack -D -s 10.1.0.2 -d 198.51.100.1 -p icmp --icmp-id 7"},
  };
  for (const auto& row : rows) {
    Changed c(two_containers().set("host/conntrack.txt", row.listed));
    ASSERT_THAT(c.host().connections, SizeIs(1));
    EXPECT_EQ(c.make(delete_connection(c.machine, 0, c.host().connections[0])), row.command);
    EXPECT_THAT(c.host().connections, IsEmpty());
  }
}

/// Every kind of change that names a device or a chain, made with one name for both.
std::vector<std::string> commands_about(const std::string& name) {
  Changed c(two_containers()
                .set("host/ip-rule.txt",
                     "0: from all lookup local\n100: from all iif eth0 prohibit\n"
                     "100: from all oif eth0 lookup main\n32766: from all lookup main\n")
                .rules("filter", "-A FORWARD -i eth0 -j DROP\n"));
  const DeviceId device = c.device("eth0"), bridge = c.device("br0");
  host::Host& h = c.host();
  h.devices[device].name = name;
  for (route::Rule& rule : h.fib.rules) {
    if (!rule.iif.empty()) rule.iif = name;
    if (!rule.oif.empty()) rule.oif = name;
  }
  RuleRef forward = c.chain(TableKind::filter, "FORWARD");
  auto& rules = h.netfilter.rulesets[0].tables[forward.table].chains[forward.chain].rules;
  rules[0].in.name = name;
  netfilter::Rule made;
  made.out.name = name;
  made.target = netfilter::AcceptTarget{};
  const host::Machine& m = c.machine;
  const host::DeviceRef ref{0, device};
  const auto gateway = wire::IpAddress::v4(198, 51, 100, 1);
  const bridge::FdbEntry entry{.port = device};
  return {link_up(m, ref).command,
          set_mtu(m, ref, 1500).command,
          set_mac(m, ref, {}).command,
          set_master(m, ref, bridge).command,
          disable_stp(m, ref).command,
          add_address(m, ref, gateway, 24).command,
          default_route(m, 0, gateway, device).command,
          delete_neighbour(m, ref, gateway).command,
          delete_fdb(m, 0, entry).command,
          set_port(m, ref, "hairpin", "on", [](link::BridgePort&) {}).command,
          set_sysctl(m, 0, Sysctl::forwarding, device, 1).command,
          delete_routing_rule(m, 0, 1).command,
          delete_routing_rule(m, 0, 2).command,
          insert_rule(m, 0, forward, 0, made).command,
          add_rule(m, 0, TableKind::filter, Hook::forward, true, made).command,
          delete_rule(m, 0, forward).command};
}

/// The words of a command that a shell would see, without running it: quotes are taken away, and
/// what would be expanded outside of them is marked.
std::vector<std::string> words_of_shell(const std::string& command) {
  std::vector<std::string> words(1);
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char ch = command[i];
    if (ch == '\'') {
      const std::size_t end = command.find('\'', i + 1);
      words.back() += command.substr(i + 1, end - i - 1);
      i = end;
    } else if (ch == '\\') {
      words.back() += command[++i];
    } else if (ch == ' ') {
      words.emplace_back();
    } else {
      constexpr std::string_view specials = "$`;&|<>(){}*?[]\"#~!";
      const bool special = specials.find(ch) != std::string_view::npos;
      words.back() += special ? "EXPANDED" : std::string(1, ch);
    }
  }
  return words;
}

TEST(Change, NamesAreOneWordToAShell) {
  for (const std::string name : {"$(id)", "b;id", "v`id`&x", "a\"b", "\"q", "it's", "a|b>c",
                                 "*?[x]", "#x", "~root", "u\\\"'", "!!", "{a,b}"}) {
    for (const std::string& command : commands_about(name)) {
      SCOPED_TRACE(command);
      const bool is_key = command.starts_with("sysctl");
      const std::string wanted =
          is_key ? fmt::format("net.ipv4.conf.{}.forwarding=1", name) : name;
      EXPECT_THAT(words_of_shell(command), testing::Contains(wanted));
      EXPECT_THAT(words_of_shell(command), testing::Each(testing::Not(HasSubstr("EXPANDED"))));
    }
  }
  EXPECT_EQ(commands_about("-x")[0], "ip link set dev -x up");
  // What no terminal shows is spelled, for else it could not be copied.
  EXPECT_EQ(commands_about("u\x1b[31m'\\")[1], "ip link set $'u\\x1b[31m\\'\\\\' mtu 1500");
}

TEST(Change, WhoMakesTheRulesIsTold) {
  const struct {
    const char* chain;
    const char* adds;
    const char* deletes;
  } rows[] = {{"other", "netfilter-persistent", "netfilter-persistent"},
              {"ufw-user-forward", "/etc/ufw/before.rules", "ufw delete"},
              {"shorewall", "/etc/shorewall/rules", "/etc/shorewall/rules"},
              {"FWDI_public", "firewall-cmd --permanent --direct --add-rule", "firewall-cmd"}};
  for (const auto& row : rows) {
    Changed c(two_containers().rules(
        "filter", fmt::format("-N {}\n-A FORWARD -i eth0 -j DROP\n", row.chain)));
    const RuleRef forward = c.chain(TableKind::filter, "FORWARD");
    EXPECT_THAT(insert_rule(c.machine, 0, forward, 0, rule("-j ACCEPT")).lasting,
                HasSubstr(row.adds));
    EXPECT_THAT(delete_rule(c.machine, 0, forward).lasting, HasSubstr(row.deletes));
  }
}

TEST(Change, WhoMakesAChainIsTold) {
  const struct {
    const char* chain;
    const char* adds;
    const char* deletes;
  } rows[] = {{"DOCKER-USER", "netfilter-persistent", "netfilter-persistent"},
              {"DOCKER", "put it in DOCKER-USER", "docker makes the chain DOCKER anew"},
              {"NETAVARK_FORWARD", "netavark makes the chain", "podman's network"},
              {"KUBE-SERVICES", "Kubernetes makes the chain", "the Service"},
              {"cali-FORWARD", "make it a NetworkPolicy", "change the NetworkPolicy"},
              {"LIBVIRT_FWO", "/etc/libvirt/hooks/network", "virsh net-edit"},
              {"f2b-sshd", "in front of the jump", "fail2ban-client unban"}};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.chain);
    Changed c(two_containers().rules(
        "filter", fmt::format(":{0} - [0:0]\n-A {0} -i eth0 -j DROP\n", row.chain)));
    const RuleRef chain = c.chain(TableKind::filter, row.chain);
    EXPECT_THAT(insert_rule(c.machine, 0, chain, 0, rule("-j ACCEPT")).lasting, HasSubstr(row.adds));
    EXPECT_THAT(delete_rule(c.machine, 0, chain).lasting, HasSubstr(row.deletes));
  }
}

TEST(Change, ARuleReplaced) {
  Changed c(three_rules());
  RuleRef second = c.chain(TableKind::filter, "FORWARD");
  second.rule = 1;
  EXPECT_EQ(c.make(replace_rule(c.machine, 0, second, rule("-i new -j ACCEPT"))),
            "iptables -R FORWARD 2 -i new -j ACCEPT");
  EXPECT_THAT(c.rules(TableKind::filter, "FORWARD"),
              ElementsAre("-A FORWARD -i a -j DROP", "-A FORWARD -i new -j ACCEPT",
                          "-A FORWARD -i c -j DROP"));
}

TEST(Change, ARouteToACable) {
  Changed c(two_containers());
  const auto address = wire::Prefix::host(wire::IpAddress::v4(10, 1, 0, 2));
  EXPECT_EQ(c.make(add_link_route(c.machine, 0, address, c.device("eth0"))),
            "ip route replace 10.1.0.2 dev eth0 scope link");
  EXPECT_THAT(c.routes(), testing::Contains("10.1.0.2 dev eth0 scope link"));
}

TEST(Change, AThrowRouteDeleted) {
  Changed c(two_containers().append("host/ip-route.txt", "throw 203.0.113.0/24\n"));
  const host::Host& h = c.host();
  const std::uint32_t main = c.host().fib.table_position(route::table_main);
  const auto last = static_cast<std::uint32_t>(h.fib.tables[main].routes.size() - 1);
  EXPECT_EQ(c.make(delete_route(c.machine, 0, {main, last})), "ip route del throw 203.0.113.0/24");
}

TEST(Change, ARuleForTheMainTable) {
  Changed c(two_containers());
  const auto from = wire::Prefix::host(wire::IpAddress::v4(198, 51, 100, 10));
  EXPECT_EQ(c.make(add_main_rule(c.machine, 0, from, 100)),
            "ip rule add from 198.51.100.10 table main pref 100");
  EXPECT_EQ(routing_rule_line(c.host(), 1), "100: from 198.51.100.10 lookup main");
  EXPECT_EQ(c.make(add_main_rule(c.machine, 0, {}, 40000)), "ip rule add table main pref 40000");
  EXPECT_EQ(c.host().fib.rules.back().preference, 40000U);
}

TEST(Change, APortSetFree) {
  Changed c(two_containers());
  EXPECT_EQ(c.make(free_port(c.machine, {0, c.device("vethc1")})), "ip link set vethc1 nomaster");
  EXPECT_FALSE(c.host().devices[c.device("vethc1")].port);
}

TEST(Change, AnAddressDeletedTakesItsRoutes) {
  Changed c(two_containers());
  const DeviceId br0 = c.device("br0");
  const route::InterfaceAddress address = c.host().interfaces[br0].addresses.front();
  EXPECT_EQ(c.make(delete_address(c.machine, {0, br0}, address)),
            "ip addr del 10.1.0.1/24 dev br0");
  EXPECT_THAT(c.host().interfaces[br0].addresses, IsEmpty());
  EXPECT_THAT(c.routes(), testing::Not(testing::Contains(testing::StartsWith("10.1.0.0/24"))));
}

}  // namespace
}  // namespace wayout::why
