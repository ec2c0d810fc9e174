#include "why/words.hpp"

#include <gmock/gmock.h>

#include "host/test_machine.hpp"

namespace wayout::why {
namespace {

using host::TestMachine;
using host::two_containers;

TestMachine with_rules() {
  return two_containers()
      .rules("filter",
             ":FORWARD DROP [0:0]\n:mine - [0:0]\n-A FORWARD -j mine\n"
             "-A mine -i br0 -p tcp -m tcp --dport 80 -m comment --comment \"no web\" -j DROP\n")
      .append("host/ip-route.txt", "blackhole 203.0.113.0/24 metric 7\n")
      .set("host/ip-rule.txt",
           "0:\tfrom all lookup local\n100:\tfrom 10.1.0.0/24 fwmark 0x7 lookup 77\n"
           "32766:\tfrom all lookup main\n");
}

class Words : public testing::Test {
 protected:
  [[nodiscard]] const host::Host& h() const { return machine_.hosts[0]; }
  [[nodiscard]] DeviceId device(const char* name) const { return h().devices.find(name); }
  [[nodiscard]] RuleRef rule(netfilter::TableKind table, const char* chain,
                             std::uint32_t number) const {
    const auto& tables = h().netfilter.rulesets[0].tables;
    for (std::uint8_t t = 0; t < tables.size(); ++t)
      if (tables[t].kind == table)
        return {0, t, static_cast<std::uint32_t>(tables[t].find(chain)),
                number == 0 ? RuleRef::policy : number - 1};
    return {};
  }
  [[nodiscard]] Cause route(const char* line) const {
    for (std::uint32_t t = 0; t < h().fib.tables.size(); ++t)
      for (std::uint32_t r = 0; r < h().fib.tables[t].routes.size(); ++r)
        if (route_line(h(), {t, r}).starts_with(line)) return Cause::route({t, r});
    return {};
  }

  struct Row {
    Cause cause;
    const char* kind;
    const char* line;
    const char* sentence;  ///< null: the line itself
  };
  void check(const std::vector<Row>& rows) const {
    for (const Row& row : rows) {
      SCOPED_TRACE(row.line);
      EXPECT_STREQ(cause_kind(row.cause), row.kind);
      EXPECT_EQ(cause_line(h(), row.cause), row.line);
      EXPECT_EQ(sentence(h(), Stop::drop(Stage::ip_error, DropReason::NOT_SPECIFIED, row.cause)),
                row.sentence == nullptr ? row.line : row.sentence);
    }
  }

  host::Machine machine_ = with_rules().read();
};

TEST_F(Words, OfRules) {
  using netfilter::TableKind;
  check({
      {Cause::rule(rule(TableKind::filter, "mine", 1)), "rule",
       R"(-A mine -i br0 -p tcp -m tcp --dport 80 -m comment --comment "no web" -j DROP)",
       R"(rule 1 in chain mine of table filter: -A mine -i br0 -p tcp -m tcp --dport 80 -m comment --comment "no web" -j DROP)"},
      {Cause::rule(rule(TableKind::nat, "POSTROUTING", 1)), "rule",
       "-A POSTROUTING -s 10.1.0.0/24 ! -o br0 -j MASQUERADE",
       "rule 1 in chain POSTROUTING of table nat: "
       "-A POSTROUTING -s 10.1.0.0/24 ! -o br0 -j MASQUERADE"},
      {Cause::rule(rule(TableKind::filter, "FORWARD", 0)), "policy", "-P FORWARD DROP",
       "the policy in chain FORWARD of table filter: -P FORWARD DROP"},
  });
}

TEST_F(Words, OfSysctls) {
  check({
      {Cause::sysctl(Sysctl::rp_filter, device("eth0")), "sysctl",
       "net.ipv4.conf.all.rp_filter = 0",
       "the source has no valid way back through eth0 (net.ipv4.conf.all.rp_filter = 0)"},
      {Cause::sysctl(Sysctl::route_localnet, device("br0")), "sysctl",
       "net.ipv4.conf.br0.route_localnet = 0", nullptr},
      {Cause::sysctl(Sysctl::bridge_nf_call_iptables), "sysctl",
       "net.bridge.bridge-nf-call-iptables = 1", nullptr},
  });
}

TEST_F(Words, OfTheForwardingGateNameTheKeyThatPeopleSet) {
  const auto key = [](const char* sysctls) {
    const host::Machine machine = two_containers().set("host/sysctl.txt", sysctls).read();
    const host::Host& host = machine.hosts[0];
    return cause_line(host, Cause::sysctl(Sysctl::forwarding, host.devices.find("br0")));
  };
  EXPECT_EQ(key("net.ipv4.ip_forward = 0\n"), "net.ipv4.ip_forward = 0");
  EXPECT_EQ(key("net.ipv4.ip_forward = 1\nnet.ipv4.conf.br0.forwarding = 0\n"),
            "net.ipv4.conf.br0.forwarding = 0");
}

TEST_F(Words, OfSysctlsThatAreTheLargerOfTwo) {
  const auto key = [](const char* sysctls) {
    const host::Machine machine = two_containers().set("host/sysctl.txt", sysctls).read();
    const host::Host& host = machine.hosts[0];
    return cause_line(host, Cause::sysctl(Sysctl::rp_filter, host.devices.find("br0")));
  };
  EXPECT_EQ(key("net.ipv4.conf.all.rp_filter = 1\nnet.ipv4.conf.br0.rp_filter = 0\n"),
            "net.ipv4.conf.all.rp_filter = 1");
  EXPECT_EQ(key("net.ipv4.conf.all.rp_filter = 0\nnet.ipv4.conf.br0.rp_filter = 1\n"),
            "net.ipv4.conf.br0.rp_filter = 1");
  EXPECT_EQ(key("net.ipv4.conf.all.rp_filter = 1\nnet.ipv4.conf.br0.rp_filter = 2\n"),
            "net.ipv4.conf.br0.rp_filter = 2");
}

TEST_F(Words, ADotInADevicesNameIsASlashInItsSysctl) {
  const host::Machine machine = two_containers()
                                    .set("host/ip-addr.txt",
                                         "2: lan.10: <BROADCAST,UP,LOWER_UP> mtu 1500\n"
                                         "    link/ether 02:77:00:00:00:67\n"
                                         "    inet 10.1.0.1/24 scope global lan.10\n")
                                    .set("host/ip-route.txt", "")
                                    .read();
  const host::Host& host = machine.hosts[0];
  EXPECT_EQ(sysctl_key(host, Cause::sysctl(Sysctl::route_localnet, host.devices.find("lan.10"))),
            "net.ipv4.conf.lan/10.route_localnet");
}

TEST_F(Words, OfRoutes) {
  check({
      {route("default"), "route", "default via 198.51.100.1 dev eth0",
       "this route: default via 198.51.100.1 dev eth0"},
      {route("blackhole"), "route", "blackhole 203.0.113.0/24 metric 7",
       "this route: blackhole 203.0.113.0/24 metric 7"},
      {Cause::no_route(), "route", "no route", "there is no route to the destination"},
      {Cause::routing_rule(1), "route", "100: from 10.1.0.0/24 fwmark 0x7 lookup 77",
       "this routing rule: 100: from 10.1.0.0/24 fwmark 0x7 lookup 77"},
  });
}

TEST_F(Words, OfDevices) {
  const DeviceId port = device("vethc1"), eth0 = device("eth0");
  using B = BridgeCause;
  using D = DeviceCause;
  check({
      {Cause::mtu(eth0, 1400), "mtu", "eth0 mtu 1400", "it is too big for eth0 mtu 1400"},
      {Cause::on_device(DeviceCause::arp_off, eth0), "device",
       "eth0 has ARP off (NOARP): it asks nobody, and answers nobody", nullptr},
      {Cause::neighbour(eth0), "neighbour", "an entry of `ip neigh` on eth0", nullptr},
      {Cause::bridge(B::port_state, port), "bridge", "port vethc1 is not in state forwarding",
       nullptr},
      {Cause::bridge(B::isolated, port), "bridge",
       "port vethc1 is isolated, and so is the port it came from", nullptr},
      {Cause::bridge(B::same_port, port), "bridge",
       "port vethc1 would have to send it back where it came from: hairpin off", nullptr},
      {Cause::on_device(D::down, eth0), "device", "eth0 is down", nullptr},
      {Cause::on_device(D::no_carrier, eth0), "device", "eth0 has no carrier", nullptr},
      {Cause::on_device(D::other_host, eth0), "neighbour", "eth0 got a frame for another MAC",
       nullptr},
      {Cause::on_device(D::discards, eth0), "device", "eth0 swallows what is sent", nullptr},
  });
}

TEST_F(Words, OfTheRest) {
  const DeviceId eth0 = device("eth0");
  using A = AddressCause;
  using N = NatCause;
  check({
      {Cause::nat(N::not_translated, eth0), "nat",
       "nothing translates the source of what leaves through eth0", nullptr},
      {Cause::nat(N::no_address, eth0), "nat", "MASQUERADE found no address to take for eth0",
       nullptr},
      {Cause::nat(N::ports_exhausted), "nat", "no port is left to translate to", nullptr},
      {Cause::conntrack(ConntrackCause::table_full), "conntrack", "the connection table is full",
       nullptr},
      {Cause::conntrack(ConntrackCause::invalid), "conntrack", "conntrack calls it INVALID",
       nullptr},
      {Cause::address(A::martian_source), "address", "its source address is impossible (martian)",
       nullptr},
      {Cause::address(A::not_answered, eth0), "neighbour",
       "nobody answers for the next hop on eth0", nullptr},
      {Cause::socket(), "socket", "nothing listens there", nullptr},
      {Cause::packet(PacketCause::ttl), "ttl", "its TTL ran out", nullptr},
      {Cause::packet(PacketCause::checksum), "packet", "its checksum is wrong", nullptr},
      {Cause{}, "none", "", nullptr},
  });
}

TEST_F(Words, EveryCauseHasItsWords) {
  const auto all_told = [&](auto make, std::uint32_t last, const char* unknown) {
    for (std::uint32_t value = 1; value <= last; ++value) {
      SCOPED_TRACE(value);
      const std::string line = cause_line(h(), make(value));
      EXPECT_FALSE(line.empty());
      EXPECT_THAT(line, testing::Not(testing::HasSubstr(unknown)));
    }
  };
  const DeviceId eth0 = device("eth0");
  all_told([&](auto v) { return Cause::bridge(static_cast<BridgeCause>(v), eth0); },
           static_cast<std::uint32_t>(BridgeCause::arp_proxy), "refused it");
  all_told([&](auto v) { return Cause::on_device(static_cast<DeviceCause>(v), eth0); },
           static_cast<std::uint32_t>(DeviceCause::discards), "refused it");
  all_told([&](auto v) { return Cause::nat(static_cast<NatCause>(v), eth0); },
           static_cast<std::uint32_t>(NatCause::no_redirect_address), "NAT refused it");
  all_told([&](auto v) { return Cause::conntrack(static_cast<ConntrackCause>(v)); },
           static_cast<std::uint32_t>(ConntrackCause::invalid), "conntrack refused it");
  all_told([&](auto v) { return Cause::address(static_cast<AddressCause>(v), eth0); },
           static_cast<std::uint32_t>(AddressCause::not_unicast), "its address is refused");
  all_told([&](auto v) { return Cause::socket(static_cast<SocketCause>(v)); },
           static_cast<std::uint32_t>(SocketCause::broadcast), "nothing listens");
  all_told([&](auto v) { return Cause::packet(static_cast<PacketCause>(v)); },
           static_cast<std::uint32_t>(PacketCause::unknown_protocol), "it is refused");
}

TEST_F(Words, WhereARuleStands) {
  using netfilter::TableKind;
  const RulePlace place = rule_place(h(), rule(TableKind::filter, "mine", 1));
  EXPECT_EQ(place.table, "filter");
  EXPECT_EQ(place.chain, "mine");
  EXPECT_EQ(place.number, 1u);
  EXPECT_EQ(place.command, "iptables");
  EXPECT_EQ(rule_place(h(), rule(TableKind::filter, "FORWARD", 0)).number, 0u);
}

TEST_F(Words, WhichIptables) {
  const auto tool = [](TestMachine machine, std::size_t ruleset) {
    return std::string(iptables_tool(machine.read().hosts[0].netfilter, ruleset));
  };
  EXPECT_EQ(tool(two_containers(), 0), "iptables");
  TestMachine legacy = two_containers();
  legacy.set("host/iptables-save.txt", "")
      .rules("filter", "-A FORWARD -j ACCEPT\n", "host/iptables-legacy-save.txt");
  EXPECT_EQ(tool(legacy, 0), "iptables-legacy");
  TestMachine both = two_containers();
  both.rules("filter", "-A FORWARD -j ACCEPT\n", "host/iptables-legacy-save.txt");
  EXPECT_EQ(tool(both, 0), "iptables-legacy");
  EXPECT_EQ(tool(both, 1), "iptables-nft") << "iptables may be either of them";
}

TEST_F(Words, WhatIsNotKnown) {
  using netfilter::TableKind;
  EXPECT_EQ(unknown_line(h(), Cause::rule(rule(TableKind::nat, "POSTROUTING", 1))),
            "iptables -t nat -A POSTROUTING -s 10.1.0.0/24 ! -o br0 -j MASQUERADE (number 1)");
  machine_.hosts[0].unmodelled.push_back({.text = "XDP program on eth0"});
  EXPECT_EQ(unknown_line(h(), Cause::unmodelled(0)), "XDP program on eth0");
  EXPECT_STREQ(cause_kind(Cause::unmodelled(0)), "unmodelled");
}

TEST(ShellWord, OnlyWhatNeedsItIsQuoted) {
  const struct {
    const char* word;
    const char* quoted;
  } rows[] = {
      {"eth0.10", "eth0.10"},
      {"net.ipv4.conf.lan/10.forwarding=1", "net.ipv4.conf.lan/10.forwarding=1"},
      {"br-5f3c@x:1,2%+=/", "br-5f3c@x:1,2%+=/"},
      {"", "''"},
      {"two words", "'two words'"},
      {"$(reboot)", "'$(reboot)'"},
      {"a;b", "'a;b'"},
      {"it's", "'it'\\''s'"},
      {"!", "'!'"},
      {"*", "'*'"},
      {"a\x1b'\\", "$'a\\x1b\\'\\\\'"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(shell_word(row.word), row.quoted);
}

TEST(WordsOfAnMtu, TheRouteIsNamedThatHasIt) {
  const auto told = [](const char* routes) {
    const host::Machine machine = two_containers().append("host/ip-route.txt", routes).read();
    const DeviceId eth0 = machine.hosts[0].devices.find("eth0");
    return cause_line(machine.hosts[0], Cause::mtu(eth0, 1300));
  };
  EXPECT_EQ(told("203.0.113.0/24 via 198.51.100.1 dev eth0 mtu 1300\n"),
            "the route 203.0.113.0/24 via 198.51.100.1 dev eth0 mtu 1300");
  EXPECT_EQ(told("203.0.113.0/24 via 198.51.100.1 dev eth0 mtu 1300\n"
                 "192.0.2.0/24 via 198.51.100.1 dev eth0 mtu 1300\n"),
            "a route through eth0 with mtu 1300");
}

}  // namespace
}  // namespace wayout::why
