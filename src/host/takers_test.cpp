// tc, BPF, IPsec, IPVS, ebtables: what is found of them.
#include "host/takers.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "host/bpf.hpp"
#include "host/tc.hpp"

namespace wayout::host {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Direction = FilterPlace::Direction;

struct Found {
  Found() {
    for (const char* name : {"eth0", "eth1"}) {
      link::Device device;
      device.name = name;
      book.add(device);
    }
  }
  std::vector<std::string> texts() const {
    std::vector<std::string> result;
    for (const Unmodelled& found : host.unmodelled)
      result.push_back(found.text);
    return result;
  }
  Host host;
  DeviceBook book{host};
};

// ---------------------------------------------------------------- tc

TEST(Tc, DisciplinesThatLosePacketsOnPurposeAreNamed) {
  Found found;
  const Result<std::vector<Qdisc>> qdiscs = read_qdiscs_json(
      File{"q.json", R"([{"kind":"noqueue","dev":"eth0","root":true},{"kind":"netem","dev":"eth0"},
                         {"kind":"htb","dev":"eth1"},{"kind":"netem","dev":"gone"}])"},
      found.book);
  ASSERT_TRUE(qdiscs);
  add_unmodelled_qdiscs(qdiscs.value(), found.host);
  EXPECT_THAT(found.texts(), ElementsAre("tc qdisc netem on eth0"));
  EXPECT_TRUE(found.host.unmodelled[0].egress);
  EXPECT_FALSE(found.host.unmodelled[0].ingress);
}

TEST(Tc, DisciplinesWithoutRoomForAFrameAreNamed) {
  Found found;
  const Result<std::vector<Qdisc>> qdiscs = read_qdiscs_json(
      File{"q.json", R"([{"kind":"tbf","dev":"eth0","options":{"rate":125000,"burst":1000,"lat":50000}},
                         {"kind":"bfifo","dev":"eth1","options":{"limit":60}},
                         {"kind":"pfifo","dev":"eth0","options":{"limit":0}},
                         {"kind":"tbf","dev":"eth1","options":{"rate":125000,"burst":1540}},
                         {"kind":"bfifo","dev":"eth1","options":{"limit":1514}},
                         {"kind":"pfifo","dev":"eth0","options":{"limit":1}}])"},
      found.book);
  ASSERT_TRUE(qdiscs);
  add_unmodelled_qdiscs(qdiscs.value(), found.host);
  EXPECT_THAT(found.texts(),
              ElementsAre("tc qdisc tbf on eth0, which loses frames of more than 1000 bytes",
                          "tc qdisc bfifo on eth1, which loses frames of more than 60 bytes",
                          "tc qdisc pfifo on eth0, which loses frames of more than 0 bytes"));
}

TEST(Tc, PlacesForFilters) {
  EXPECT_THAT(filter_places({{1, "clsact"}, {1, "fq_codel"}, {2, "ingress"}, {2, "htb"}}),
              ElementsAre(FilterPlace{1, Direction::ingress}, FilterPlace{1, Direction::egress},
                          FilterPlace{2, Direction::ingress}, FilterPlace{2, Direction::root}));
}

constexpr const char* two_filters =
    "filter protocol all pref 49152 bpf chain 0 \n"
    "filter protocol all pref 49152 bpf chain 0 handle 0x1 prog.o:[x] direct-action not_in_hw id "
    "5\n"
    "filter protocol ip pref 49153 u32 chain 0 \n"
    "filter protocol ip pref 49153 u32 chain 0 fh 800: ht divisor 1 \n"
    "filter protocol ip pref 49153 u32 chain 0 fh 800::800 order 2048 key ht 800 bkt 0 \n"
    "  match 01020304/ffffffff at 16\n";

TEST(Tc, FiltersOfAnIngressAreNamedOnceEach) {
  Found found;
  add_tc_filters({1, Direction::ingress}, two_filters, found.host);
  EXPECT_THAT(found.texts(), ElementsAre("tc filter on eth0 ingress (bpf, pref 49152)",
                                         "tc filter on eth0 ingress (u32, pref 49153)"));
  EXPECT_TRUE(found.host.unmodelled[0].ingress);
}

TEST(Tc, AtTheRootOnlyFiltersThatActCount) {
  Found found;
  add_tc_filters({1, Direction::root}, two_filters, found.host);
  EXPECT_THAT(found.texts(), ElementsAre("tc filter on eth0 root (bpf, pref 49152)"));
  EXPECT_TRUE(found.host.unmodelled[0].egress);
}

TEST(Tc, PlacesThatWereNotListedAreUnknown) {
  Found found;
  const File file{"tc-filter.txt", std::string("# tc filter show dev eth0 ingress\n") +
                                       two_filters + "# tc filter show dev eth0 egress\n"};
  ASSERT_TRUE(read_tc_filters(file, filter_places({{1, "clsact"}, {2, "ingress"}}), found.host,
                              found.book));
  EXPECT_THAT(found.texts(), ElementsAre("tc filter on eth0 ingress (bpf, pref 49152)",
                                         "tc filter on eth0 ingress (u32, pref 49153)",
                                         "tc filters on eth1 ingress, which were not read"));
  EXPECT_EQ(read_tc_filters(File{"f", "hello\n"}, {}, found.host, found.book).error().text(),
            "f:1:1: expected \"# tc filter show dev DEVICE DIRECTION\"");
}

// ---------------------------------------------------------------- BPF

TEST(Bpf, BpftoolNet) {
  Found found;
  ASSERT_TRUE(read_bpftool_net(File{"b.json", R"([{"xdp":[{"devname":"eth0","id":3}],
        "tc":[{"devname":"eth0","kind":"tcx/ingress"},{"devname":"eth1","kind":"clsact/egress"},
              {"devname":"eth1","kind":"tcx/egress"}],
        "netfilter":[{"pf":"ip","hook":"forward","prio":-128},{"pf":"ip6","hook":"input","prio":0}]}])"},
                               found.host, found.book));
  EXPECT_THAT(found.texts(),
              ElementsAre("BPF program (tcx) on eth0 ingress", "BPF program (tcx) on eth1 egress",
                          "BPF program (netfilter hook FORWARD, priority -128)"));
}

// ---------------------------------------------------------------- IPsec, IPVS

TEST(Ipsec, PoliciesWithTheirSelectors) {
  Found found;
  ASSERT_TRUE(read_ipsec_policies(File{"p.txt",
                                       "src 1.2.3.0/24 dst 4.5.6.0/24 \n"
                                       "\tdir out priority 0 ptype main \n"
                                       "\ttmpl src 192.0.2.1 dst 192.0.2.2\n"
                                       "\t\tproto esp reqid 1 mode tunnel\n"
                                       "src 0.0.0.0/0 dst 10.0.0.1/32 proto tcp \n"
                                       "\tdir fwd action block priority 0\n"
                                       "src ::/0 dst ::/0 \n"
                                       "\tdir in priority 0\n"
                                       "src 0.0.0.0/0 dst 0.0.0.0/0 \n"
                                       "\tsocket in priority 0 ptype main \n"},
                                  found.host));
  EXPECT_THAT(found.texts(), ElementsAre("IPsec policy 1.2.3.0/24 → 4.5.6.0/24 dir out",
                                         "IPsec policy 0.0.0.0/0 → 10.0.0.1/32 dir fwd"));
  EXPECT_EQ(found.host.unmodelled[0].hook, Hook::postrouting);
  EXPECT_EQ(found.host.unmodelled[0].destination.text(), "4.5.6.0/24");
  EXPECT_EQ(found.host.unmodelled[1].hook, Hook::forward);
}

TEST(Ipvs, ServicesAndTranslatedServers) {
  Found found;
  ASSERT_TRUE(read_ipvs(File{"ip_vs",
                             "IP Virtual Server version 1.2.1 (size=4096)\n"
                             "Prot LocalAddress:Port Scheduler Flags\n"
                             "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n"
                             "TCP  0A000001:0050 rr  \n"
                             "  -> 0A000102:1F90      Masq    1      0          0\n"
                             "  -> 0A000103:1F90      Route   1      0          0\n"
                             "FWM  00000005 rr  \n"
                             "TCP  [2001:0db8::1]:0050 rr  \n"},
                        found.host));
  EXPECT_THAT(found.texts(),
              ElementsAre("IPVS service TCP 10.0.0.1:80", "IPVS service TCP 10.0.0.1:80",
                          "IPVS service TCP 10.0.0.1:80", "IPVS service for mark 00000005",
                          "IPVS service for mark 00000005"));
  EXPECT_EQ(found.host.unmodelled[0].hook, Hook::input);
  EXPECT_EQ(found.host.unmodelled[0].destination.text(), "10.0.0.1/32");
  EXPECT_EQ(found.host.unmodelled[2].hook, Hook::forward);
  EXPECT_EQ(found.host.unmodelled[2].source.text(), "10.0.1.2/32");
}

// ---------------------------------------------------------------- ebtables

TEST(Ebtables, TablesThatOnlyAcceptAreHarmless) {
  Found found;
  ASSERT_TRUE(read_ebtables(File{"e.txt",
                                 "# Generated by ebtables-save v1.0\n"
                                 "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n"
                                 ":mine ACCEPT\n-A FORWARD -j mine\n-A mine -p ARP -j CONTINUE\n"},
                            found.host));
  EXPECT_THAT(found.host.unmodelled, IsEmpty());
}

TEST(Ebtables, ChainsOfTheOthersAreNamed) {
  Found found;
  ASSERT_TRUE(
      read_ebtables(File{"e.txt",
                         "*filter\n:INPUT ACCEPT\n:FORWARD DROP\n:OUTPUT ACCEPT\n"
                         "-A INPUT -p IPv4 -j ACCEPT\n"
                         "*nat\n:PREROUTING ACCEPT\n:OUTPUT ACCEPT\n"
                         "[1:2] -A PREROUTING -p ARP -j arpreply --arpreply-mac 0:0:0:0:0:1\n"},
                    found.host));
  EXPECT_THAT(found.texts(), ElementsAre("ebtables filter FORWARD (0 rules, policy DROP)",
                                         "ebtables filter INPUT (1 rules, policy ACCEPT)",
                                         "ebtables nat PREROUTING (1 rules, policy ACCEPT)"));
  EXPECT_EQ(found.host.unmodelled[0].family, Unmodelled::Family::bridge);
  EXPECT_EQ(read_ebtables(File{"e.txt", "*filter\nhello\n"}, found.host).error().text(),
            "e.txt:2:1: expected a table, a chain or a rule of ebtables-save");
}

}  // namespace
}  // namespace wayout::host
