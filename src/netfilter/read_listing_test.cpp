// Listings as people paste them. The outputs are those of iptables 1.8.9 and of older versions.
#include "netfilter/read_listing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "netfilter/print.hpp"

namespace wayout::netfilter {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::vector<TableKind> all_but_filter = {TableKind::raw, TableKind::mangle, TableKind::nat,
                                               TableKind::security};

std::string printed(const Result<Ruleset>& ruleset) {
  return ruleset ? print_save(*ruleset, true) : ruleset.error().text();
}

Result<Ruleset> read(const std::string& text, const ReadOptions& options = {}) {
  return read_rules(text, "pasted", options);
}

/// The rules of one chain of a listing with -v, of which only the text behind the columns varies.
std::string rule_of(const std::string& target, const std::string& text,
                    TableKind table = TableKind::filter) {
  const std::string line = "    0     0 " + target +
                           " 6    --  *      *       0.0.0.0/0            0.0.0.0/0            " +
                           text;
  const auto ruleset = read(
      "Chain FORWARD (policy ACCEPT 0 packets, 0 bytes)\n"
      " pkts bytes target     prot opt in     out     source  destination\n" +
          line + "\n",
      {.table = table});
  if (!ruleset) return ruleset.error().text();
  const Chain& chain = *ruleset->tables[0].at(Hook::forward);
  return print_rule(chain, chain.rules.at(0), wire::Family::ipv4).substr(11);
}

// ------------------------------------------------------------ iptables -S

TEST(RuleListing, OneTable) {
  const auto ruleset = read(
      "-P INPUT ACCEPT\n-P FORWARD DROP\n-P OUTPUT ACCEPT\n-N DOCKER\n"
      "-A FORWARD -o docker0 -j DOCKER\n");
  EXPECT_EQ(printed(ruleset), R"(*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
[0:0] -A FORWARD -o docker0 -j DOCKER
COMMIT
)");
  EXPECT_EQ(ruleset->not_shown, all_but_filter);
  EXPECT_THAT(ruleset->notes, IsEmpty());
}

TEST(RuleListing, CountersOfVerboseOutput) {
  const auto ruleset = read(
      "-P INPUT ACCEPT -c 12 3456\n-P FORWARD DROP -c 0 0\n"
      "-P OUTPUT ACCEPT -c 1 2\n-A INPUT -i lo -c 5 600 -j ACCEPT\n");
  EXPECT_THAT(printed(ruleset), HasSubstr(":INPUT ACCEPT [12:3456]\n"));
  EXPECT_THAT(printed(ruleset), HasSubstr("[5:600] -A INPUT -i lo -j ACCEPT\n"));
}

TEST(RuleListing, TablesAreToldByHeadingsOrByTheirChains) {
  const std::string filter = "-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n";
  const std::string nat =
      "-P PREROUTING ACCEPT\n-P INPUT ACCEPT\n-P OUTPUT ACCEPT\n"
      "-P POSTROUTING ACCEPT\n-A POSTROUTING -j MASQUERADE\n";
  const auto kinds = [](const std::string& text) {
    std::string names;
    const auto ruleset = read(text);
    if (!ruleset) return ruleset.error().text();
    for (const Table& table : ruleset->tables)
      names += std::string(table_name(table.kind)) + " ";
    return names;
  };
  EXPECT_EQ(kinds("# iptables -S\n" + filter + "\n# iptables -t nat -S\n" + nat), "filter nat ");
  EXPECT_EQ(kinds(filter + "-N X\n" + nat), "filter nat ");
  EXPECT_EQ(kinds(filter + nat), "filter nat ");
  EXPECT_EQ(kinds("-P PREROUTING ACCEPT\n-P OUTPUT ACCEPT\n" + filter + nat), "raw filter nat ");
  // iptables 1.8.2 has another order in nat.
  EXPECT_EQ(kinds("-P PREROUTING ACCEPT\n-P INPUT ACCEPT\n-P POSTROUTING ACCEPT\n"
                  "-P OUTPUT ACCEPT\n" +
                  filter),
            "nat filter ");
  EXPECT_EQ(kinds(nat + filter), "nat filter ");
  EXPECT_EQ(kinds("root@a:~# sudo iptables -S -t mangle\n-P FORWARD ACCEPT\n"), "mangle ");
  EXPECT_EQ(kinds("-P PREROUTING ACCEPT\n-P OUTPUT ACCEPT\n"), "raw ");
  // Without INPUT: nat of an old kernel.
  EXPECT_EQ(kinds("-P PREROUTING ACCEPT\n-P OUTPUT ACCEPT\n-P POSTROUTING ACCEPT\n"), "nat ");
  EXPECT_EQ(kinds("some prose\n"), "pasted:1:1: a line outside of any table");
  EXPECT_EQ(kinds(filter + "some prose\n"),
            "pasted:4:1: neither a rule nor a heading that names a table");
}

TEST(RuleListing, WhatIsNotShownIsNotGuessed) {
  const auto ruleset = read("-P FORWARD DROP\n-A FORWARD -j DOCKER-USER\n-A FORWARD -j ACCEPT\n");
  ASSERT_TRUE(ruleset);
  const Table& filter = ruleset->tables[0];
  const auto& jump = std::get<KeptTarget>(filter.at(Hook::forward)->rules[0].target);
  EXPECT_EQ(jump.name, "DOCKER-USER");
  EXPECT_FALSE(jump.passes);
  ASSERT_EQ(filter.at(Hook::input)->rules.size(), 1U);
  EXPECT_EQ(std::get<KeptTarget>(filter.at(Hook::input)->rules[0].target).name,
            chain_not_shown);
  EXPECT_THAT(ruleset->notes,
              ElementsAre("filter: the chain INPUT is not shown",
                          "filter: FORWARD jumps to DOCKER-USER, which is not shown",
                          "filter: the chain OUTPUT is not shown"));
}

TEST(RuleListing, TablesThatAreNotShown) {
  auto ruleset = read("-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n");
  ASSERT_TRUE(ruleset);
  add_tables_not_shown(*ruleset);
  EXPECT_THAT(ruleset->not_shown, IsEmpty());
  EXPECT_THAT(printed(ruleset), HasSubstr(R"(*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
[0:0] -A PREROUTING -m addrtype --dst-type LOCAL -j (table not shown)
[0:0] -A OUTPUT -m addrtype --dst-type LOCAL -j (table not shown)
[0:0] -A POSTROUTING -m (table not shown) -j MASQUERADE
COMMIT
)"));
  EXPECT_THAT(ruleset->notes,
              ElementsAre(HasSubstr("nat: the table is not shown"),
                          "not shown, and taken as empty: the tables raw, mangle, security"));
  EXPECT_TRUE(is_of_table_not_shown(ruleset->tables[1].chains[3].rules[0]));

  auto nat = read("# iptables -t nat -S\n-P POSTROUTING ACCEPT\n");
  ASSERT_TRUE(nat);
  add_tables_not_shown(*nat);
  EXPECT_THAT(printed(nat), HasSubstr("-A FORWARD -j (table not shown)\n"));
}

TEST(RuleListing, ATableOfAnotherListingIsShown) {
  const std::string filter = "-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n";
  auto listing = read(filter);
  auto nat = read("# iptables -t nat -S\n-P POSTROUTING ACCEPT\n");
  add_tables_of(*listing, std::move(*nat));
  EXPECT_THAT(listing->not_shown,
              ElementsAre(TableKind::raw, TableKind::mangle, TableKind::security));
  EXPECT_EQ(listing->tables.size(), 2U);
  auto save = read("*filter\nCOMMIT\n");
  add_tables_of(*listing, std::move(*save));
  EXPECT_THAT(listing->not_shown, IsEmpty()) << "what a save lacks is not there";
  EXPECT_EQ(listing->tables.size(), 2U);
}

TEST(RuleListing, WhatACommandComplainsOfIsNoHeading) {
  const std::string filter = "-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n";
  const std::string chains = "Chain INPUT (policy ACCEPT)\ntarget prot opt source destination\n\n";
  for (const char* complaint :
       {"iptables v1.8.9 (legacy): can't initialize iptables table `nat': Permission denied (you must "
        "be root)",
        "iptables v1.8.9 (nf_tables): table `nat' is incompatible, use 'nft' tool.",
        "bash: iptables: command not found", "sudo: iptables-legacy: command not found",
        "iptables/1.8.7 Failed to initialize nft: Protocol not supported"}) {
    EXPECT_THAT(printed(read(filter + complaint + "\n")), HasSubstr("pasted:4:1: neither a rule"));
    EXPECT_THAT(printed(read(chains + complaint + "\n")), HasSubstr("pasted:4:1: neither a chain"));
  }
  for (const char* heading : {"Table: nat", "nat table:", "web1: sudo iptables -t nat -S",
                              "# iptables -t nat -S", "== the NAT table =="}) {
    const auto ruleset = read(filter + heading + "\n-P OUTPUT ACCEPT\n");
    ASSERT_TRUE(ruleset) << ruleset.error().text();
    EXPECT_EQ(ruleset->tables.back().kind, TableKind::nat) << heading;
  }
  EXPECT_THAT(printed(read("hello\n" + chains)), HasSubstr("pasted:1:1: neither a chain"));
}

// ------------------------------------------------------------ iptables -L

TEST(Listing, ColumnsOfVerboseOutput) {
  const auto ruleset = read(R"(# iptables -nvL --line-numbers
Chain INPUT (policy DROP 12K packets, 3M bytes)
num   pkts bytes target     prot opt in     out     source               destination
1     1234  567K ACCEPT     all  --  lo     *       0.0.0.0/0            0.0.0.0/0
2        0     0 MASQUERADE-ALL  6    --  !eth+  *      !10.0.0.0/8           192.0.2.1            tcp dpt:22
3        7   588            17   --  *      *       0.0.0.0/0            0.0.0.0/0
4        0     0 blocked   !1    !f  *      *       0.0.0.0/0            0.0.0.0/0           [goto] mark match ! 0x1

Chain FORWARD (policy ACCEPT 0 packets, 0 bytes)
num   pkts bytes target     prot opt in     out     source               destination

Chain OUTPUT (policy ACCEPT 0 packets, 0 bytes)
num   pkts bytes target     prot opt in     out     source               destination

Chain MASQUERADE-ALL (1 references)
num   pkts bytes target     prot opt in     out     source               destination

Chain blocked (1 references)
num   pkts bytes target     prot opt in     out     source               destination
)");
  EXPECT_EQ(printed(ruleset), R"(*filter
:INPUT DROP [12000:3000000]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:MASQUERADE-ALL - [0:0]
:blocked - [0:0]
[1234:567000] -A INPUT -i lo -j ACCEPT
[0:0] -A INPUT ! -s 10.0.0.0/8 -d 192.0.2.1/32 ! -i eth+ -p tcp -m tcp --dport 22 -j MASQUERADE-ALL
[7:588] -A INPUT -p udp
[0:0] -A INPUT ! -p icmp ! -f -m mark ! --mark 0x1 -g blocked
COMMIT
)");
  EXPECT_EQ(ruleset->not_shown, all_but_filter);
  EXPECT_THAT(ruleset->notes, IsEmpty());
}

TEST(Listing, WithoutInterfacesEveryRuleHasAConditionWeDoNotKnow) {
  const auto ruleset = read(R"(Chain FORWARD (policy DROP)
target     prot opt source               destination
ACCEPT     all  --  0.0.0.0/0            0.0.0.0/0
)");
  ASSERT_TRUE(ruleset) << ruleset.error().text();
  const Rule& rule = ruleset->tables[0].at(Hook::forward)->rules[0];
  EXPECT_EQ(std::get<KeptMatch>(rule.matches.at(0)).name, interfaces_not_shown);
  EXPECT_THAT(ruleset->notes, Contains(HasSubstr("without -v")));
}

TEST(Listing, NamesOfAnotherMachineAreNotLookedUp) {
  const auto ruleset = read(R"(Chain PREROUTING (policy ACCEPT 0 packets, 0 bytes)
 pkts bytes target prot opt in  out source   destination
    0     0 DNAT   tcp  --  any any anywhere web.example  tcp dpt:paragent to:192.0.2.2:80
)",
                            {.table = TableKind::nat});
  ASSERT_TRUE(ruleset) << ruleset.error().text();
  const Chain& chain = *ruleset->tables[0].at(Hook::prerouting);
  EXPECT_EQ(print_rule(chain, chain.rules[0], wire::Family::ipv4),
            "-A PREROUTING -p tcp -m tcp --dport paragent -m (destination web.example) "
            "-j DNAT --to-destination 192.0.2.2:80");
  EXPECT_THAT(ruleset->notes, Contains(HasSubstr("without -n")));
}

TEST(Listing, OldIp6tablesLeaveOutAColumn) {
  const auto ruleset = read(R"(Chain INPUT (policy ACCEPT 0 packets, 0 bytes)
 pkts bytes target     prot opt in     out     source               destination
    0     0 ACCEPT     tcp      eth0   *       2001:db8::/32        ::/0                 tcp dpt:22
    0     0            udp      *      *       ::/0                 ::/0
)",
                            {.family = wire::Family::ipv6});
  EXPECT_THAT(printed(ruleset), HasSubstr("-A INPUT -s 2001:db8::/32 -i eth0 -p tcp -m tcp "
                                          "--dport 22 -j ACCEPT\n[0:0] -A INPUT -p udp\n"));
}

TEST(Listing, TextBehindTheColumns) {
  const struct {
    const char *target, *text, *rule;
  } rows[] = {
      {"ACCEPT", "tcp spts:1:2 dpt:!3 option=5 flags:!0x17/0x02",
       "-p tcp -m tcp --sport 1:2 ! --dport 3 --tcp-option 5 ! --tcp-flags FIN,SYN,RST,ACK SYN "
       "-j ACCEPT"},
      {"ACCEPT", "tcp dpt:ssh flags:FIN,SYN,RST,ACK/SYN",
       "-p tcp -m tcp --dport 22 --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT"},
      {"ACCEPT", "multiport dports  !22,80:90",
       "-p tcp -m multiport ! --dports 22,80:90 -j ACCEPT"},
      {"ACCEPT", "! ctstate INVALID ctproto 6 /* a \"b\" */",
       "-p tcp -m conntrack ! --ctstate INVALID --ctproto 6 "
       "-m comment --comment \"a \\\"b\\\"\" -j ACCEPT"},
      {"ACCEPT", "ctdir REPLY ctstate NEW",
       "-p tcp -m conntrack --ctdir REPLY -m conntrack --ctstate NEW -j ACCEPT"},
      {"ACCEPT", "connmark match  0x1/0xff limit: avg 3/min burst 7",
       "-p tcp -m connmark --mark 0x1/0xff -m limit --limit 3/min --limit-burst 7 -j ACCEPT"},
      {"ACCEPT", "! match-set foo src,dst return-nomatch ! update-counters",
       "-p tcp -m set ! --match-set foo src,dst --return-nomatch ! --update-counters -j ACCEPT"},
      {"ACCEPT",
       "recent: UPDATE seconds: 60 hit_count: 4 TTL-Match name: a b side: dest mask: "
       "255.255.0.0",
       "-p tcp -m recent --update --seconds 60 --hitcount 4 --rttl --name a b --mask 255.255.0.0 "
       "--rdest -j ACCEPT"},
      {"ACCEPT", "recent: SET name: DEFAULT side: source",
       "-p tcp -m recent --set --name DEFAULT --mask 255.255.255.255 --rsource -j ACCEPT"},
      {"ACCEPT",
       "source IP range 1.1.1.1-1.1.1.5 destination IP range ! 2.2.2.1-2.2.2.2 MAC ! "
       "02:0A:00:00:00:01",
       "-p tcp -m iprange --src-range 1.1.1.1-1.1.1.5 ! --dst-range 2.2.2.1-2.2.2.2 "
       "-m mac ! --mac-source 02:0a:00:00:00:01 -j ACCEPT"},
      {"ACCEPT",
       "PHYSDEV match --physdev-in eth+ ! --physdev-is-bridged ADDRTYPE match src-type "
       "!LOCAL dst-type UNICAST limit-out",
       "-p tcp -m physdev --physdev-in eth+ ! --physdev-is-bridged "
       "-m addrtype ! --src-type LOCAL --dst-type UNICAST --limit-iface-out -j ACCEPT"},
      {"ACCEPT", "policy match dir in pol ipsec tcp dpt:80",
       "-p tcp -m tcp --dport 80 -m policy match dir in pol ipsec -j ACCEPT"},
      {"REJECT", "reject-with tcp-reset", "-p tcp -j REJECT --reject-with tcp-reset"},
      {"LOG", "LOG flags 9 level 7 prefix \"a tcp dpt:1 \"",
       "-p tcp -j LOG --log-prefix \"a tcp dpt:1 \" --log-level 7 --log-tcp-sequence --log-uid"},
      {"LOG", "LOG level debug uid prefix \"x\"",
       "-p tcp -j LOG --log-prefix x --log-level 7 --log-uid"},
      {"MARK", "MARK and 0xff", "-p tcp -j MARK --set-xmark 0x0/0xffffff00"},
      {"CONNMARK", "CONNMARK restore ctmask 0xf0 nfmask ~0xff",
       "-p tcp -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xf0"},
      {"NFLOG", "mark match 0x1 nflog-group 5", "-p tcp -m mark --mark 0x1 -j NFLOG nflog-group 5"},
      {"TARPIT", "statistic mode random probability 0.5",
       "-p tcp -m statistic mode random probability 0.5 -j TARPIT"},
      {"gone", "owner UID match alice", "-p tcp -m owner UID match alice -j gone"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(rule_of(row.target, row.text), row.rule) << row.text;
}

TEST(Listing, LinesThatAreNoneAreAMistake) {
  EXPECT_EQ(
      printed(read("Chain INPUT (policy ACCEPT)\ntarget prot opt source destination\nhello\n")),
      "pasted:3:1: no line of iptables -L");
  EXPECT_THAT(printed(read("Chain INPUT (policy MAYBE)\n")), HasSubstr("\"MAYBE\" is no policy"));
}

}  // namespace
}  // namespace wayout::netfilter
