// Neighbours, forwarding databases and VLANs: both forms of the same listing give the same.
#include <gmock/gmock.h>

#include "host/snapshot/neighbours_json.hpp"
#include "host/snapshot/neighbours_text.hpp"

namespace wayout::host::snapshot {
namespace {

using link::NudState;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* neighbours_json = R"([
{"dst":"10.9.0.2","dev":"br0","lladdr":"02:00:00:00:00:02","state":["REACHABLE"]},
{"dst":"10.9.0.3","dev":"br0","state":["FAILED"]},
{"dst":"10.9.0.4","dev":"br0","lladdr":"02:00:00:00:00:04","router":null,"state":["PERMANENT"]},
{"dst":"fe80::1","dev":"br0","lladdr":"02:00:00:00:00:05","state":["STALE"]},
{"dst":"10.9.0.78","dev":"br0","proxy":null},
{"dst":"10.9.0.9","dev":"gone","lladdr":"02:00:00:00:00:09","state":["STALE"]}])";
constexpr const char* neighbours_text =
    "10.9.0.2 dev br0 lladdr 02:00:00:00:00:02 REACHABLE \n"
    "10.9.0.3 dev br0  FAILED\n"
    "10.9.0.4 dev br0 lladdr 02:00:00:00:00:04 router PERMANENT \n"
    "fe80::1 dev br0 lladdr 02:00:00:00:00:05 STALE\n"
    "10.9.0.78 dev br0 proxy \n"
    "10.9.0.9 dev gone lladdr 02:00:00:00:00:09 STALE\n";

constexpr const char* fdb_json = R"([
{"mac":"02:00:00:00:00:55","ifname":"va","flags":[],"master":"br0","state":"static"},
{"mac":"02:00:00:00:00:56","ifname":"va","vlan":7,"flags":["sticky","offload"],"master":"br0","state":""},
{"mac":"02:00:00:00:00:0a","ifname":"va","flags":[],"master":"br0","state":"permanent"},
{"mac":"01:00:5e:00:00:01","ifname":"va","flags":["self"],"state":"permanent"},
{"mac":"02:00:00:00:00:58","ifname":"vx0","dst":"192.0.2.9","port":4790,"vni":77,"viaIf":"eth0",
 "flags":["self"],"state":"permanent"},
{"mac":"02:00:00:00:00:59","ifname":"vx0","dst":"192.0.2.9","viaIfIndex":5,"linkNetNsId":0,
 "flags":["self"],"state":"permanent"},
{"mac":"33:33:00:00:00:01","ifname":"eth0","flags":["self"],"state":"permanent"}])";
constexpr const char* fdb_text =
    "02:00:00:00:00:55 dev va master br0 static\n"
    "02:00:00:00:00:56 dev va vlan 7 offload sticky master br0 \n"
    "02:00:00:00:00:0a dev va master br0 permanent\n"
    "01:00:5e:00:00:01 dev va self permanent\n"
    "02:00:00:00:00:58 dev vx0 dst 192.0.2.9 port 4790 vni 77 via eth0 self permanent\n"
    "02:00:00:00:00:59 dev vx0 dst 192.0.2.9 via ifindex 5 link-netnsid 0 self permanent\n"
    "33:33:00:00:00:01 dev eth0 self permanent\n";

constexpr const char* vlans_json = R"([
{"ifname":"va","vlans":[{"vlan":1,"flags":["PVID","Egress Untagged"]},{"vlan":20,"vlanEnd":30}]},
{"ifname":"br0","vlans":[{"vlan":5,"flags":["Egress Untagged"]}]}])";
constexpr const char* vlans_text =
    "port              vlan-id  \n"
    "va                1 PVID Egress Untagged\n"
    "                  20-30\n"
    "br0               5 Egress Untagged\n"
    "eth0              None\n";

class Layer2 : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    for (const char* name : {"br0", "va", "vx0", "eth0"}) {
      link::Device device;
      device.name = name;
      if (device.name == "vx0") device.kind = link::DeviceKind::vxlan;
      book_.add(device);
    }
    book_.complete();
  }
  /// By the reader of the form under test.
  template <class Json, class Text>
  void read(Json json, const char* json_text, Text text, const char* plain_text) {
    const Result<void> result = GetParam() ? json(File{"f.json", json_text}, host_, book_)
                                           : text(File{"f.txt", plain_text}, host_, book_);
    ASSERT_TRUE(result) << result.error().text();
  }
  Host host_;
  DeviceBook book_{host_};
};

TEST_P(Layer2, Neighbours) {
  read(read_neighbours_json, neighbours_json, read_neighbours_text, neighbours_text);
  const auto& list = host_.neighbours;
  ASSERT_THAT(list, SizeIs(5));
  EXPECT_EQ(list[0].address.text(), "10.9.0.2");
  EXPECT_EQ(list[0].device, book_.find("br0"));
  EXPECT_EQ(list[0].mac.text(), "02:00:00:00:00:02");
  EXPECT_EQ(list[0].state, NudState::reachable);
  EXPECT_EQ(list[1].state, NudState::failed);
  EXPECT_TRUE(list[1].mac.is_zero());
  EXPECT_EQ(list[2].state, NudState::permanent);
  EXPECT_EQ(list[3].address.text(), "fe80::1");
  EXPECT_TRUE(list[4].proxy);
  EXPECT_FALSE(list[0].proxy);
}

TEST_P(Layer2, ForwardingDatabase) {
  read(read_fdb_json, fdb_json, read_fdb_text, fdb_text);
  const auto& list = host_.bridging.fdb;
  ASSERT_THAT(list, SizeIs(5));
  EXPECT_EQ(list[0].bridge, book_.find("br0"));
  EXPECT_EQ(list[0].port, book_.find("va"));
  EXPECT_TRUE(list[0].is_static);
  EXPECT_FALSE(list[0].local || list[0].sticky);
  EXPECT_EQ(list[1].vlan, 7);
  EXPECT_TRUE(list[1].sticky && list[1].offloaded);
  EXPECT_FALSE(list[1].is_static);
  EXPECT_TRUE(list[2].local && list[2].is_static);
  EXPECT_EQ(list[3].bridge, no_device);
  EXPECT_EQ(list[3].remote.text(), "192.0.2.9");
  EXPECT_EQ(list[3].remote_port, 4790);
  EXPECT_EQ(list[3].remote_vni, 77u);
  EXPECT_EQ(list[3].remote_via, book_.find("eth0"));
  EXPECT_EQ(list[4].remote_via, no_device);
  EXPECT_EQ(list[4].remote_via_ifindex, 5u);
  EXPECT_FALSE(list[3].local);
}

TEST_P(Layer2, Vlans) {
  read(read_vlans_json, vlans_json, read_vlans_text, vlans_text);
  const auto& list = host_.bridging.vlans;
  ASSERT_THAT(list, SizeIs(3));
  EXPECT_EQ(list[0].device, book_.find("va"));
  EXPECT_TRUE(list[0].pvid && list[0].untagged);
  EXPECT_EQ(list[1].low, 20);
  EXPECT_EQ(list[1].high, 30);
  EXPECT_FALSE(list[1].pvid || list[1].untagged);
  EXPECT_EQ(list[2].device, book_.find("br0"));
  EXPECT_EQ(list[2].high, 5);
}

INSTANTIATE_TEST_SUITE_P(Form, Layer2, testing::Bool(),
                         [](const auto& form) { return form.param ? "Json" : "Text"; });

TEST(BadLayer2, IsRefusedWithItsPlace) {
  Host host;
  DeviceBook book(host);
  EXPECT_EQ(read_neighbours_text(File{"n.txt", "10.0.0.1 dev\n"}, host, book).error().text(),
            "n.txt:1:13: the line ends after \"dev\"");
  EXPECT_EQ(read_neighbours_text(File{"n.txt", "x dev br0\n"}, host, book).error().text(),
            "n.txt:1:1: unexpected \"x\" after the line's begin");
  EXPECT_EQ(read_fdb_text(File{"f.txt", "hello\n"}, host, book).error().text(),
            "f.txt:1:1: expected a line like \"02:00:00:00:00:02 dev veth1 master br0\"");
  EXPECT_EQ(read_neighbours_json(File{"n.json", "[{\"dev\":\"br0\"}]"}, host, book).error().text(),
            "n.json:1:2: a neighbour without \"dst\"");
  EXPECT_THAT(host.neighbours, IsEmpty());
}

}  // namespace
}  // namespace wayout::host::snapshot
