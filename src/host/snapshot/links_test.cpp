// Devices and addresses: the JSON and the plain form of the same listing give the same.
#include <gmock/gmock.h>

#include <string>

#include "host/snapshot/links_json.hpp"
#include "host/snapshot/links_text.hpp"

namespace wayout::host::snapshot {
namespace {

using link::DeviceKind;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

/// `ip -details -json addr`, shortened.
constexpr const char* json_listing = R"([
{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP","LOWER_UP"],"mtu":65536,
 "link_type":"loopback","address":"00:00:00:00:00:00","promiscuity":0,
 "addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8,"scope":"host","label":"lo"},
              {"family":"inet6","local":"::1","prefixlen":128,"scope":"host"}]},
{"ifindex":2,"link_index":7,"ifname":"va","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],
 "mtu":1500,"master":"br0","link_type":"ether","address":"02:00:00:00:00:0a","link_netnsid":3,
 "promiscuity":1,"linkinfo":{"info_kind":"veth","info_slave_kind":"bridge","info_slave_data":{
 "state":"forwarding","hairpin":true,"learning":false,"flood":true,"isolated":true,
 "mcast_flood":true,"bcast_flood":false,"neigh_suppress":false,"locked":false}},"addr_info":[]},
{"ifindex":4,"ifname":"br0","flags":["NO-CARRIER","BROADCAST","MULTICAST","UP"],"mtu":1400,
 "link_type":"ether","address":"02:00:00:00:00:0b","promiscuity":0,"linkinfo":{"info_kind":"bridge",
 "info_data":{"ageing_time":1000,"stp_state":1,"vlan_filtering":1,"group_fwd_mask":"0x8",
 "mcast_snooping":0,"nf_call_iptables":1,"vlan_default_pvid":5}},
 "addr_info":[{"family":"inet","local":"10.9.0.1","prefixlen":24,"broadcast":"10.9.0.255",
 "scope":"global","label":"br0"},
 {"family":"inet","local":"10.9.0.9","prefixlen":24,"scope":"link","secondary":true,
  "deprecated":true,"noprefixroute":true}]},
{"ifindex":5,"link":"d1","ifname":"d0","flags":["BROADCAST","NOARP","UP","LOWER_UP"],"mtu":1500,
 "link_type":"ether","address":"02:00:00:00:00:0c","promiscuity":0,"linkinfo":{"info_kind":"veth"},
 "addr_info":[{"family":"inet","local":"192.0.2.1","address":"192.0.2.2","prefixlen":32,
 "scope":"global"}]},
{"ifindex":6,"link":"d0","ifname":"d1","flags":["BROADCAST"],"mtu":1500,"link_type":"ether",
 "address":"02:00:00:00:00:0d","promiscuity":0,"linkinfo":{"info_kind":"veth"},"addr_info":[]},
{"ifindex":9,"ifname":"vx0","flags":["BROADCAST","UP","LOWER_UP"],"mtu":1450,"link_type":"ether",
 "address":"02:00:00:00:00:0e","promiscuity":0,"xdp":{"mode":2,"prog":{"id":5}},
 "linkinfo":{"info_kind":"vxlan","info_data":{"id":42,"remote":"192.0.2.2","local":"192.0.2.1",
 "link":"d0","port":4789,"learning":false,"ttl":16,"df":"inherit"}},"addr_info":[]},
{"ifindex":10,"link":"d0","ifname":"d0.10","flags":["BROADCAST"],"mtu":1500,"link_type":"ether",
 "address":"02:00:00:00:00:0c","promiscuity":0,"linkinfo":{"info_kind":"vlan",
 "info_data":{"protocol":"802.1Q","id":10,"flags":["REORDER_HDR"]}},"addr_info":[]},
{"ifindex":11,"ifname":"blue","flags":["NOARP","MASTER","UP","LOWER_UP"],"mtu":65575,
 "link_type":"ether","address":"02:00:00:00:00:0f","promiscuity":0,"linkinfo":{"info_kind":"vrf",
 "info_data":{"table":1001}},"addr_info":[]},
{"ifindex":12,"link_index":6,"ifname":"mv0","flags":["BROADCAST"],"mtu":1500,"link_type":"ether",
 "address":"02:00:00:00:00:10","link_netnsid":0,"promiscuity":0,"linkinfo":{"info_kind":"macvlan",
 "info_data":{"mode":"private"}},"addr_info":[]},
{"ifindex":13,"ifname":"wg0","flags":["POINTOPOINT","NOARP","UP","LOWER_UP"],"mtu":1420,
 "link_type":"none","promiscuity":0,"linkinfo":{"info_kind":"wireguard"},"addr_info":[]}
])";

/// `ip -details addr`, shortened.
constexpr const char* text_listing =
    R"(1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00 promiscuity 0  allmulti 0 minmtu 0
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
    inet6 ::1/128 scope host 
       valid_lft forever preferred_lft forever
2: va@if7: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master br0 state UP group default
    link/ether 02:00:00:00:00:0a brd ff:ff:ff:ff:ff:ff link-netnsid 3 promiscuity 1  allmulti 1
    veth 
    bridge_slave state forwarding priority 32 hairpin on guard off learning off flood on mcast_flood on bcast_flood off neigh_suppress off isolated on locked off addrgenmode eui64
4: br0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1400 qdisc noqueue state DOWN group default qlen 1000
    link/ether 02:00:00:00:00:0b brd ff:ff:ff:ff:ff:ff promiscuity 0  allmulti 0
    bridge forward_delay 1500 ageing_time 1000 stp_state 1 vlan_filtering 1 group_fwd_mask 0x8 mcast_snooping 0 nf_call_iptables 1 vlan_default_pvid 5 numtxqueues 1
    inet 10.9.0.1/24 brd 10.9.0.255 scope global br0
       valid_lft forever preferred_lft forever
    inet 10.9.0.9/24 scope link secondary deprecated noprefixroute br0
       valid_lft forever preferred_lft 0sec
5: d0@d1: <BROADCAST,NOARP,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
    link/ether 02:00:00:00:00:0c brd ff:ff:ff:ff:ff:ff promiscuity 0  allmulti 0
    veth numtxqueues 2
    inet 192.0.2.1 peer 192.0.2.2/32 scope global d0
       valid_lft forever preferred_lft forever
6: d1@d0: <BROADCAST> mtu 1500 qdisc noop state DOWN group default qlen 1000
    link/ether 02:00:00:00:00:0d brd ff:ff:ff:ff:ff:ff promiscuity 0  allmulti 0
    veth numtxqueues 2
9: vx0: <BROADCAST,UP,LOWER_UP> mtu 1450 xdpgeneric/id:5 qdisc noqueue state UNKNOWN group default
    link/ether 02:00:00:00:00:0e brd ff:ff:ff:ff:ff:ff promiscuity 0  allmulti 0
    vxlan id 42 remote 192.0.2.2 local 192.0.2.1 dev d0 srcport 0 0 dstport 4789 nolearning ttl 16 df inherit
    prog/xdp id 5 tag 3b185187f1855c4c jited
10: d0.10@d0: <BROADCAST> mtu 1500 qdisc noop state DOWN group default qlen 1000
    link/ether 02:00:00:00:00:0c brd ff:ff:ff:ff:ff:ff promiscuity 0  allmulti 0
    vlan protocol 802.1Q id 10 <REORDER_HDR> numtxqueues 1
11: blue: <NOARP,MASTER,UP,LOWER_UP> mtu 65575 qdisc noqueue state UP group default qlen 1000
    link/ether 02:00:00:00:00:0f brd ff:ff:ff:ff:ff:ff promiscuity 0  allmulti 0
    vrf table 1001 numtxqueues 1
12: mv0@if6: <BROADCAST> mtu 1500 qdisc noop state DOWN group default qlen 1000
    link/ether 02:00:00:00:00:10 brd ff:ff:ff:ff:ff:ff link-netnsid 0 promiscuity 0  allmulti 0
    macvlan mode private bcqueuelen 1000
13: wg0: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1420 qdisc noqueue state UNKNOWN group default qlen 1000
    link/none  promiscuity 0  allmulti 0
    wireguard numtxqueues 1
)";

class Links : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    const bool json = GetParam();
    const File file{json ? "ip-addr.json" : "ip-addr.txt", json ? json_listing : text_listing};
    const Result<void> links =
        json ? read_links_json(file, host_, book_) : read_links_text(file, host_, book_);
    ASSERT_TRUE(links) << links.error().text();
    const Result<void> addresses =
        json ? read_addresses_json(file, host_, book_) : read_addresses_text(file, host_, book_);
    ASSERT_TRUE(addresses) << addresses.error().text();
  }
  const link::Device& device(const char* name) { return host_.devices[book_.find(name)]; }
  const route::Interface& interface(const char* name) { return host_.interfaces[book_.find(name)]; }

  Host host_;
  DeviceBook book_{host_};
};

TEST_P(Links, EveryDeviceWithItsFlags) {
  EXPECT_EQ(host_.devices.size(), 11u);
  EXPECT_EQ(device("lo").kind, DeviceKind::loopback);
  EXPECT_EQ(device("lo").mtu_bytes, 65536u);
  EXPECT_TRUE(device("br0").up);
  EXPECT_FALSE(device("br0").carrier);
  EXPECT_FALSE(device("d1").up);
  EXPECT_FALSE(device("d0").arp);
  EXPECT_TRUE(device("va").promiscuous);
  EXPECT_EQ(device("va").mac.text(), "02:00:00:00:00:0a");
  EXPECT_FALSE(device("wg0").ethernet);
  EXPECT_TRUE(device("wg0").point_to_point);
  EXPECT_EQ(device("wg0").kind, DeviceKind::wireguard);
  EXPECT_THAT(host_.assumed, IsEmpty());
}

TEST_P(Links, BridgeAndPort) {
  const link::Device& br0 = device("br0");
  EXPECT_EQ(br0.kind, DeviceKind::bridge);
  EXPECT_TRUE(br0.bridge.stp && br0.bridge.vlan_filtering && br0.bridge.nf_call_iptables);
  EXPECT_FALSE(br0.bridge.multicast_snooping);
  EXPECT_EQ(br0.bridge.ageing_s, 10u);
  EXPECT_EQ(br0.bridge.group_fwd_mask, 8);
  EXPECT_EQ(br0.bridge.default_pvid, 5);
  const link::Device& va = device("va");
  EXPECT_EQ(va.master, book_.find("br0"));
  ASSERT_TRUE(va.port);
  EXPECT_TRUE(va.port->hairpin && va.port->isolated && va.port->flood);
  EXPECT_FALSE(va.port->learning || va.port->broadcast_flood || va.port->locked);
}

TEST_P(Links, OtherEnds) {
  EXPECT_EQ(device("va").peer_ifindex, 7u);
  EXPECT_EQ(device("va").peer_netnsid, 3);
  EXPECT_EQ(device("d0").peer_ifindex, 6u);
  EXPECT_EQ(device("d1").peer_ifindex, 5u);
  EXPECT_FALSE(device("d0").peer_netnsid);
  EXPECT_EQ(device("d0").lower, no_device);
  EXPECT_EQ(device("d0.10").lower, book_.find("d0"));
  EXPECT_EQ(device("mv0").peer_ifindex, 6u);
  EXPECT_EQ(device("mv0").peer_netnsid, 0);
}

TEST_P(Links, KindsWithData) {
  EXPECT_EQ(device("d0.10").kind, DeviceKind::vlan);
  EXPECT_EQ(device("d0.10").vlan_id, 10);
  EXPECT_EQ(device("blue").kind, DeviceKind::vrf);
  EXPECT_EQ(device("blue").vrf_table, 1001u);
  EXPECT_EQ(device("mv0").kind, DeviceKind::macvlan);
  EXPECT_EQ(device("mv0").macvlan_mode, link::MacvlanMode::private_);
  const link::Device& vx0 = device("vx0");
  EXPECT_EQ(vx0.kind, DeviceKind::vxlan);
  EXPECT_EQ(vx0.vxlan.vni, 42u);
  EXPECT_EQ(vx0.vxlan.port, 4789);
  EXPECT_FALSE(vx0.vxlan.learning);
  EXPECT_EQ(vx0.vxlan.remote.text(), "192.0.2.2");
  EXPECT_EQ(vx0.vxlan.local.text(), "192.0.2.1");
  EXPECT_EQ(vx0.vxlan.ttl, 16);
  EXPECT_FALSE(vx0.vxlan.ttl_inherit);
  EXPECT_EQ(vx0.vxlan.df, link::TunnelDf::inherit);
  EXPECT_EQ(vx0.lower, book_.find("d0"));
  EXPECT_TRUE(vx0.xdp);
}

TEST_P(Links, Addresses) {
  ASSERT_THAT(interface("lo").addresses, SizeIs(1));
  EXPECT_EQ(interface("lo").addresses[0].scope, route::Scope::host);
  ASSERT_THAT(interface("br0").addresses, SizeIs(2));
  const route::InterfaceAddress& primary = interface("br0").addresses[0];
  EXPECT_EQ(primary.local.text(), "10.9.0.1");
  EXPECT_EQ(primary.peer, primary.local);
  EXPECT_EQ(primary.prefix_length, 24);
  EXPECT_EQ(primary.broadcast.text(), "10.9.0.255");
  EXPECT_FALSE(primary.secondary || primary.deprecated || primary.noprefixroute);
  const route::InterfaceAddress& second = interface("br0").addresses[1];
  EXPECT_TRUE(second.secondary && second.deprecated && second.noprefixroute);
  EXPECT_EQ(second.scope, route::Scope::link);
  EXPECT_FALSE(second.broadcast.is_set());
  ASSERT_THAT(interface("d0").addresses, SizeIs(1));
  EXPECT_EQ(interface("d0").addresses[0].peer.text(), "192.0.2.2");
  EXPECT_EQ(interface("d0").addresses[0].prefix_length, 32);
}

INSTANTIATE_TEST_SUITE_P(Form, Links, testing::Bool(),
                         [](const auto& form) { return form.param ? "Json" : "Text"; });

// ---------------------------------------------------------------- what people paste

struct Pasted {
  Result<void> read(std::string text) {
    const File file{"ip-addr.txt", std::move(text)};
    Result<void> links = read_links_text(file, host, book);
    return links ? read_addresses_text(file, host, book) : links;
  }
  const link::Device& device(const char* name) { return host.devices[book.find(name)]; }
  Host host;
  DeviceBook book{host};
};

TEST(PastedLinks, KindsAreConcludedFromWhatIsThere) {
  Pasted paste;
  ASSERT_TRUE(paste.read(
      "root@box:~# ip addr\n"
      "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 16436 qdisc noqueue \n"
      "    inet 127.0.0.1/8 scope host lo\n"
      "\n"
      "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc pfifo_fast qlen 1000\n"
      "     link/ether XX:XX:XX:XX:XX:X brd ff:ff:ff:ff:ff:ff\n"
      "3: eth0.10@eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP \n"
      "    inet 192.168.10.254/24 brd 192.168.10.255 scope global eth0.10\n"
      "4: docker0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc noqueue state DOWN\n"
      "5: lan: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP\n"
      "6: veth1@if2: <BROADCAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master lan state UP\n"
      "    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff link-netnsid 0\n"
      "7: a@b: <BROADCAST,UP,LOWER_UP> mtu 1500\n"
      "8: b@a: <BROADCAST,UP,LOWER_UP> mtu 1500\n"
      "9: bond0: <BROADCAST,MASTER,UP,LOWER_UP> mtu 1500\n"));
  EXPECT_EQ(paste.device("eth0").kind, DeviceKind::nic);
  EXPECT_EQ(paste.device("eth0.10").kind, DeviceKind::vlan);
  EXPECT_EQ(paste.device("eth0.10").vlan_id, 10);
  EXPECT_EQ(paste.device("docker0").kind, DeviceKind::bridge);
  EXPECT_EQ(paste.device("lan").kind, DeviceKind::bridge);
  EXPECT_TRUE(paste.device("veth1").port);
  EXPECT_EQ(paste.device("veth1").kind, DeviceKind::veth);
  EXPECT_EQ(paste.device("a").kind, DeviceKind::veth);
  EXPECT_EQ(paste.device("b").peer_ifindex, 7u);
  EXPECT_EQ(paste.device("bond0").kind, DeviceKind::bond);
  EXPECT_THAT(paste.host.assumed,
              ElementsAre("eth0.10 is a VLAN 10: the listing does not say its kind",
                          "bond0 is a bond: the listing does not say its kind",
                          "docker0, lan are each a bridge: the listing does not say their kind",
                          "veth1 is a veth: the listing does not say its kind"));
}

TEST(PastedLinks, IndentationMayBeLost) {
  Pasted paste;
  ASSERT_TRUE(
      paste.read("2: eth0: <BROADCAST,UP> mtu 1500\nlink/ether 02:00:00:00:00:01 brd x\n"
                 "inet 10.0.0.1/8 scope global eth0\n"));
  EXPECT_THAT(paste.host.interfaces[1].addresses, SizeIs(1));
}

TEST(PastedLinks, ANamespaceMayBeNamedInsteadOfNumbered) {
  Pasted paste;
  ASSERT_TRUE(
      paste.read("2: va@if3: <UP> mtu 1500\n"
                 "    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff link-netns web\n"
                 "3: vb@if3: <UP> mtu 1500\n"
                 "    link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff link-netns web\n"));
  const auto id = paste.device("va").peer_netnsid;
  ASSERT_TRUE(id);
  EXPECT_EQ(paste.device("vb").peer_netnsid, id);
  EXPECT_EQ(paste.host.namespace_ids.at(*id), "web");
}

struct Bad {
  const char* text;
  const char* error;
};
class BadPaste : public testing::TestWithParam<Bad> {};

TEST_P(BadPaste, IsRefusedWithItsPlace) {
  Pasted paste;
  const Result<void> read = paste.read(GetParam().text);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().text(), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, BadPaste,
    testing::Values(Bad{"hello\n", "ip-addr.txt:1:1: expected a line like \"2: eth0: <FLAGS> …\""},
                    Bad{"2: eth0: <UP\n", "ip-addr.txt:1:10: expected <FLAGS>"},
                    Bad{"2: eth0:\n", "ip-addr.txt:1:9: the line ends after the name"},
                    Bad{"2: eth0: <UP> mtu\n", "ip-addr.txt:1:18: the line ends after \"mtu\""},
                    Bad{"2: eth0: <UP> mtu x\n",
                        "ip-addr.txt:1:19: unexpected \"x\" after \"mtu\""},
                    Bad{"2: eth0: <UP> mtu 1\n    inet [PUBLIC IP HERE] scope global eth0\n",
                        "ip-addr.txt:2:10: unexpected \"[PUBLIC\" after \"inet\""},
                    Bad{"2: eth0: <UP> mtu 1\n    inet 10.0.0.1/24 brd\n",
                        "ip-addr.txt:2:25: the line ends after \"brd\""},
                    Bad{"2: eth0: <UP> mtu 1\n    link/ether 02:00:00:zz brd x\n",
                        "ip-addr.txt:2:16: expected a MAC address"},
                    Bad{"2: eth0: <UP> mtu 1\n3: eth0: <UP> mtu 1\n",
                        "ip-addr.txt:2:4: device eth0 is listed twice"}));

TEST(JsonLinks, ADeviceTwiceIsRefused) {
  Host host;
  DeviceBook book(host);
  const Result<void> read =
      read_links_json(File{"l.json", R"([{"ifname":"a"},{"ifname":"a"}])"}, host, book);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().text(), "l.json:1:17: device a is listed twice");
}

TEST(JsonLinks, AnAddressOfADeviceThatIsGoneIsNoted) {
  Host host;
  DeviceBook book(host);
  ASSERT_TRUE(read_links_json(File{"l.json", R"([{"ifname":"a"}])"}, host, book));
  ASSERT_TRUE(read_addresses_json(
      File{"a.json", R"([{"ifname":"b","addr_info":[{"family":"inet","local":"10.0.0.1"}]}])"},
      host, book));
  EXPECT_THAT(host.assumed, ElementsAre("b is gone: it has addresses, but no link"));
}

}  // namespace
}  // namespace wayout::host::snapshot
