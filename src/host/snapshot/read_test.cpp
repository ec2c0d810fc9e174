#include "host/snapshot/read.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <string>
#include <vector>

#include "host/snapshot/folder_test.hpp"
#include "host/snapshot/manifest.hpp"

namespace wayout::host::snapshot {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// The error, without the directory's name.
std::string error_of(const TestFolder& folder) {
  const Result<Machine> machine = read(folder.path());
  if (machine) return "";
  std::string text = machine.error().text();
  const std::string prefix = folder.path().string();
  if (text.starts_with(prefix)) text.erase(0, prefix.size());
  return text;
}

constexpr const char* one_device =
    R"([{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP","LOWER_UP"],"link_type":"loopback",
         "promiscuity":0,"addr_info":[]},
        {"ifindex":2,"ifname":"eth0","flags":["UP","LOWER_UP"],"link_type":"ether",
         "address":"02:00:00:00:00:01","promiscuity":0,"addr_info":[{"family":"inet",
         "local":"192.0.2.1","prefixlen":24,"broadcast":"192.0.2.255","scope":"global"}]}])";

TEST(Snapshot, ABareFolderIsOneNamespace) {
  TestFolder folder;
  folder.write("ip-addr.json", one_device)
      .write("ip-route.txt", "default via 192.0.2.254 dev eth0\n")
      .write("iptables-save.txt",
             "*filter\n:FORWARD DROP [3:4]\n-A FORWARD -i eth0 -j ACCEPT\nCOMMIT\n");
  const Result<Machine> machine = read(folder.path());
  ASSERT_TRUE(machine) << machine.error().text();
  ASSERT_THAT(machine.value().hosts, SizeIs(1));
  const Host& host = machine.value().hosts[0];
  EXPECT_EQ(host.name, "host");
  EXPECT_THAT(host.rule_files, SizeIs(1));
  EXPECT_EQ(host.rule_files[0].name, "iptables-save.txt");
  EXPECT_EQ(host.netfilter.rulesets.at(0).tables.at(0).chains.size(), 3u);
  // The default route was shown; the local table was not, and follows from the address.
  EXPECT_THAT(host.fib.find_table(route::table_main)->routes, SizeIs(1));
  EXPECT_EQ(route::address_type(host.fib, *wire::IpAddress::parse("192.0.2.1")), RouteType::local);
  EXPECT_THAT(host.assumed, Contains("the three default routing rules: there is no ip-rule.json"));
  EXPECT_THAT(host.assumed, Contains("no tracked connections: there is no conntrack.txt"));
  EXPECT_THAT(host.assumed, testing::Not(Contains(HasSubstr("iptables-save"))));
}

TEST(Snapshot, WhatIsNotReadIsNamed) {
  TestFolder bare;
  bare.write("ip-addr.json", one_device).write("ip-addr.txt", "").write("iptables.txt", "*filter\n");
  bare.write("ip6tables-save.txt", "").write("c1/ip-addr.json", one_device);
  const Result<Machine> machine = read(bare.path());
  ASSERT_TRUE(machine) << machine.error().text();
  std::vector<std::string> not_read;
  for (const std::string& line : machine.value().hosts[0].assumed)
    if (line.find("not read") != std::string::npos) not_read.push_back(line);
  EXPECT_THAT(not_read,
              ElementsAre("ip-addr.txt is not read beside ip-addr.json",
                          "iptables.txt is not read: no file of a snapshot has this name",
                          "the folder c1 is not read: no manifest.json names it"));

  TestFolder many;
  many.write("ip-addr.json", one_device);
  for (char c = 'a'; c <= 'z'; ++c) many.write(std::string(1, c), "");
  EXPECT_THAT(read(many.path()).value().hosts[0].assumed,
              Contains("18 more files and folders are not read"));
}

TEST(Snapshot, ANamespaceThatWentAwayIsLeftOut) {
  TestFolder folder;
  folder.write("manifest.json", R"({"namespaces": [{"name": "host"}, {"name": "gone"}]})")
      .write("host/ip-addr.json", one_device);
  std::filesystem::create_directory(folder.path() / "gone");
  const Result<Machine> machine = read(folder.path());
  ASSERT_TRUE(machine) << machine.error().text();
  ASSERT_THAT(machine.value().hosts, SizeIs(1));
  EXPECT_THAT(machine.value().hosts[0].assumed, Contains(HasSubstr("gone is left out")));

  folder.write("manifest.json", R"({"namespaces": [{"name": "gone"}]})");
  EXPECT_THAT(error_of(folder), EndsWith("gone: holds no file of a snapshot"))
      << "of one that is all there is nothing can be said";
}

TEST(Snapshot, PlainTextInAJsonFileIsReadAsSuch) {
  TestFolder folder;
  folder.write("ip-addr.json", one_device)
      .write("ip-route.json", "default via 192.0.2.254 dev eth0\n");
  const Result<Machine> machine = read(folder.path());
  ASSERT_TRUE(machine) << machine.error().text();
  EXPECT_THAT(machine.value().hosts[0].fib.find_table(route::table_main)->routes, SizeIs(1));
}

TEST(Snapshot, DevicesMayBeKnownByRoutesAlone) {
  TestFolder folder;
  folder.write("ip-route.txt",
               "default via 192.0.2.254 dev eth0\n192.0.2.0/24 dev eth0 scope link\n");
  const Result<Machine> machine = read(folder.path());
  ASSERT_TRUE(machine);
  EXPECT_EQ(machine.value().hosts[0].devices.size(), 2u);
  EXPECT_THAT(machine.value().hosts[0].assumed,
              Contains("device eth0 exists and is up: no list of devices shows it"));
}

TEST(Snapshot, AFilteringBridgeHasItsDefaultVlanWhereNoneIsShown) {
  TestFolder folder;
  folder.write("ip-link.txt",
               "2: br0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP\n"
               "    link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff\n"
               "    bridge forward_delay 1500 vlan_filtering 1 vlan_default_pvid 5\n"
               "3: veth0@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master br0\n"
               "    link/ether 02:00:00:00:00:03 brd ff:ff:ff:ff:ff:ff link-netnsid 0\n"
               "    veth\n    bridge_slave state forwarding\n");
  const Result<Machine> machine = read(folder.path());
  ASSERT_TRUE(machine) << machine.error().text();
  const Host& host = machine.value().hosts[0];
  EXPECT_THAT(host.assumed, Contains(HasSubstr("default VLAN only")));
  ASSERT_THAT(host.bridging.vlans, SizeIs(2));  // the port's and the bridge's own
  for (const bridge::VlanMembership& vlan : host.bridging.vlans)
    EXPECT_TRUE(vlan.low == 5 && vlan.high == 5 && vlan.pvid && vlan.untagged);
}
TEST(Snapshot, AManifestNamesFolders) {
  TestFolder folder;
  folder
      .write("manifest.json",
             R"({"format":1,"kernel":"6.1.0","time":"2026-01-31T12:00:00Z","namespaces":[
                   {"name":"web","folder":"c1","container":{"runtime":"docker","id":"abcdef",
                    "name":"web-1","pid":7}},
                   {"name":"host","folder":"host"}]})")
      .write("host/ip-addr.json", one_device)
      .write("c1/ip-addr.json", one_device);
  const Result<Machine> machine = read(folder.path());
  ASSERT_TRUE(machine) << machine.error().text();
  EXPECT_EQ(machine.value().kernel_release, "6.1.0");
  EXPECT_EQ(machine.value().read_at_ms, 1769860800000);
  ASSERT_THAT(machine.value().hosts, SizeIs(2));
  EXPECT_EQ(machine.value().hosts[0].name, "host");
  const Host& web = machine.value().hosts[1];
  EXPECT_EQ(web.name, "web");
  EXPECT_EQ(web.folder, "c1");
  EXPECT_EQ(web.runtime, "docker");
  EXPECT_EQ(web.container_id, "abcdef");
  EXPECT_EQ(web.pid, 7u);
  EXPECT_THAT(web.aliases, ElementsAre("web-1", "abcdef"));
}

TEST(Snapshot, AManifestPrintsBack) {
  Manifest manifest;
  manifest.kernel = "6.1 \"quoted\"";
  manifest.time_ms = 1769860800000;
  manifest.namespaces = {{"host", "host", "", "", "", 0, {}},
                         {"web", "web", "docker", "abc", "web", 9, {"other"}}};
  const Result<Manifest> back = read_manifest(File{"manifest.json", print_manifest(manifest)});
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(back.value().kernel, manifest.kernel);
  EXPECT_EQ(back.value().time_ms, manifest.time_ms);
  ASSERT_THAT(back.value().namespaces, SizeIs(2));
  EXPECT_EQ(back.value().namespaces[1].container_id, "abc");
  EXPECT_EQ(back.value().namespaces[1].container_name, "web");
  EXPECT_EQ(back.value().namespaces[1].pid, 9u);
  EXPECT_THAT(back.value().namespaces[1].aliases, ElementsAre("other"));
}

struct BadManifest {
  const char* text;
  const char* error;
};
class Manifests : public testing::TestWithParam<BadManifest> {};
TEST_P(Manifests, AreRefused) {
  TestFolder folder;
  folder.write("manifest.json", GetParam().text).write("a/ip-addr.json", "[]");
  EXPECT_EQ(error_of(folder), GetParam().error);
}
INSTANTIATE_TEST_SUITE_P(
    Rows, Manifests,
    testing::Values(BadManifest{"{", "/manifest.json:1:2: the JSON text ends too early"},
                    BadManifest{"[]", "/manifest.json:1:1: expected an object"},
                    BadManifest{"{}", "/manifest.json:1:1: names no namespace"},
                    BadManifest{R"({"format":2,"namespaces":[{"name":"a"}]})",
                                "/manifest.json:1:1: was written by a newer wayout"},
                    BadManifest{R"({"namespaces":[{"folder":"a"}]})",
                                "/manifest.json:1:16: a namespace without \"name\""},
                    BadManifest{R"({"namespaces":[{"name":"a","folder":"../a"}]})",
                                "/manifest.json:1:16: \"folder\" must be a folder of the snapshot"},
                    BadManifest{R"({"namespaces":[{"name":"a","folder":"/etc"}]})",
                                "/manifest.json:1:16: \"folder\" must be a folder of the snapshot"},
                    BadManifest{R"({"namespaces":[{"name":"a"},{"name":"a"}]})",
                                "/manifest.json:1:29: two namespaces of one name"},
                    BadManifest{R"({"namespaces":[{"name":"b","folder":"b"}]})",
                                "/b: holds no file of a snapshot"}));

TEST(Snapshot, BadInputIsRefusedWithItsPlace) {
  struct Row {
    const char* file;
    const char* text;
    const char* error;
  };
  for (const Row& row : {
           Row{"ip-addr.json", "[{\"ifname\":\"lo\"",
               "/ip-addr.json:1:16: the JSON text ends too early"},
           Row{"ip-addr.json", "", "/ip-addr.json:1:1: is empty, which is no JSON"},
           Row{"ip-route.txt", "default via\n", "/ip-route.txt:1:12: the line ends after \"via\""},
           Row{"sysctl.txt", "net.ipv4.ip_forward\n", "/sysctl.txt:1:1: expected \"name = value\""},
           Row{"ip-6-route.json", "[{", "/ip-6-route.json:1:3: the JSON text ends too early"},
           Row{"nft.json", "[]", "/nft.json:1:1: expected an object with \"nftables\""},
       }) {
    TestFolder folder;
    folder.write(row.file, row.text);
    EXPECT_EQ(error_of(folder), row.error);
  }
}

TEST(Snapshot, RulesAndConnectionsAreRefusedWithTheirPlace) {
  TestFolder rules, connections;
  rules.write("iptables-save.txt", "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j\nCOMMIT\n");
  EXPECT_THAT(error_of(rules), testing::StartsWith("/iptables-save.txt:3:"));
  connections.write("conntrack.txt", "tcp 6 nonsense\n");
  EXPECT_THAT(error_of(connections), testing::StartsWith("/conntrack.txt:1:"));
}

TEST(Snapshot, WhatIsNoSnapshotIsSaid) {
  TestFolder empty;
  EXPECT_EQ(error_of(empty), ": holds no file of a snapshot");
  const Result<Machine> missing = read(empty.path() / "nowhere");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().text(), EndsWith("nowhere: No such file or directory"));
  TestFolder file;
  file.write("x", "");
  const Result<Machine> no_directory = read(file.path() / "x");
  ASSERT_FALSE(no_directory);
  EXPECT_THAT(no_directory.error().text(), EndsWith("x: is not a directory"));
}

TEST(Snapshot, ADeviceInPlaceOfAFileIsNotWaitedFor) {
  TestFolder folder;
  std::filesystem::create_symlink("/dev/zero", folder.path() / "sysctl.txt");
  EXPECT_EQ(error_of(folder), "/sysctl.txt: is not a regular file");
}

// ---------------------------------------------------------------- rules of several files

constexpr const char* legacy_save =
    "# Generated by iptables-save v1.8.9 on Mon Nov 23 15:36:14 2026\n"
    "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n";
constexpr const char* nft_save =
    "# Generated by iptables-save v1.8.9 (nf_tables) on Mon Nov 23 15:36:14 2026\n"
    "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
    ":POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n";

const Host& host_of(const Result<Machine>& machine) {
  return machine.value().hosts.at(0);
}

TEST(RuleFiles, LegacyAndNftStandBesideEachOther) {
  TestFolder folder;
  folder.write("iptables-save.txt", nft_save).write("iptables-legacy-save.txt", legacy_save);
  const Result<Machine> machine = read(folder.path());
  ASSERT_TRUE(machine) << machine.error().text();
  const Host& host = host_of(machine);
  ASSERT_THAT(host.netfilter.rulesets, SizeIs(2));
  EXPECT_EQ(host.netfilter.rulesets[0].backend, netfilter::Backend::legacy);
  EXPECT_EQ(host.netfilter.rulesets[1].backend, netfilter::Backend::nft);
  EXPECT_TRUE(host.conntrack_config.enabled);
  EXPECT_THAT(
      host.assumed,
      Contains("iptables-legacy runs before iptables-nft: which was loaded first cannot be seen"));
  ASSERT_TRUE(host.netfilter.unknown_order);
  EXPECT_EQ(host.unmodelled[*host.netfilter.unknown_order].text,
            "the order in which iptables-legacy and iptables-nft were loaded");
}

TEST(RuleFiles, TheSameRulesTwiceCountOnce) {
  TestFolder folder;
  folder.write("iptables-save.txt", legacy_save).write("iptables-legacy-save.txt", legacy_save);
  const Result<Machine> machine = read(folder.path());
  ASSERT_TRUE(machine) << machine.error().text();
  EXPECT_THAT(host_of(machine).netfilter.rulesets, SizeIs(1));
  ASSERT_THAT(host_of(machine).rule_files, SizeIs(2));
  EXPECT_EQ(host_of(machine).rule_files[0].ruleset, 0u);
  EXPECT_EQ(host_of(machine).rule_files[1].ruleset, 0u);
}

TEST(RuleFiles, AListingServesWhereThereIsNoSave) {
  TestFolder folder;
  folder.write("iptables-S.txt", "-P INPUT ACCEPT\n-P FORWARD DROP\n-P OUTPUT ACCEPT\n");
  const Result<Machine> machine = read(folder.path());
  ASSERT_TRUE(machine) << machine.error().text();
  ASSERT_THAT(host_of(machine).netfilter.rulesets, SizeIs(1));
}

TEST(RuleFiles, NftChainsOfIptablesAreNotCountedTwice) {
  constexpr const char* nft =
      R"({"nftables":[{"chain":{"family":"ip","table":"nat","name":"POSTROUTING","type":"nat",
          "hook":"postrouting","prio":100,"policy":"accept"}},
          {"rule":{"family":"ip","table":"nat","chain":"POSTROUTING","expr":[{"masquerade":null}]}}]})";
  TestFolder with_save, without;
  with_save.write("iptables-save.txt", nft_save).write("nft.json", nft);
  without.write("nft.json", nft);
  EXPECT_THAT(host_of(read(with_save.path())).unmodelled, IsEmpty());
  EXPECT_THAT(host_of(read(without.path())).unmodelled, SizeIs(1));
}

}  // namespace
}  // namespace wayout::host::snapshot
