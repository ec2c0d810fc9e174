#include <gtest/gtest.h>

#include "netfilter/test_bench.hpp"

namespace wayout::netfilter {
namespace {

using wire::IpAddress;

/// One rule a line of `options` in this chain of mangle; a digit each: 1 when it counted the packet.
class Rules {
 public:
  Rules(Hook hook, std::initializer_list<const char*> options)
      : hook_(hook), count_(static_cast<std::uint32_t>(options.size())), bench(text(hook, options)) {}

  std::string counted(Packet packet) {
    bench.state.counters.assign(bench.state.counters.size(), {});
    EXPECT_FALSE(bench.run(hook_, packet));
    std::string digits;
    for (std::uint32_t i = 1; i <= count_; ++i)
      digits += bench.counted(TableKind::mangle, hook_name(hook_), i) != 0 ? '1' : '0';
    return digits;
  }

 private:
  static std::string text(Hook hook, std::initializer_list<const char*> options) {
    const std::string chain = hook_name(hook);
    std::string rules = "*mangle\n:" + chain + " ACCEPT [0:0]\n";
    for (const char* option : options) rules += "-A " + chain + " " + option + "\n";
    return rules + "COMMIT\n";
  }

  Hook hook_;
  std::uint32_t count_;

 public:
  TestBench bench;
};

Packet to(IpAddress destination) {
  return TestBench::forwarded(
      wire::make_udp({.source = TestBench::client, .destination = destination}, 1, 5));
}

// Counters of these rules in mangle PREROUTING of 6.18; 198.51.100.0/24 had an unreachable route.
TEST(MatchPlace, AddrtypeSeesTheLocalTableOnly) {
  Rules rules(Hook::prerouting,
              {"-m addrtype --dst-type LOCAL", "-m addrtype --dst-type UNICAST",
               "-m addrtype --dst-type BROADCAST", "-m addrtype --dst-type MULTICAST",
               "-m addrtype ! --dst-type LOCAL", "-m addrtype --src-type UNICAST --dst-type UNICAST",
               "-m addrtype --dst-type LOCAL --limit-iface-in",
               "-m addrtype --dst-type UNICAST --limit-iface-in"});
  const std::pair<IpAddress, const char*> rows[] = {
      {IpAddress::v4(10, 0, 1, 1), "10000010"},      {IpAddress::v4(10, 0, 2, 1), "10000001"},
      {IpAddress::v4(10, 0, 1, 255), "00101000"},    {IpAddress::v4(10, 0, 1, 0), "01001101"},
      {IpAddress::v4(0xffffffff), "00101000"},       {IpAddress::v4(224, 0, 0, 1), "00011000"},
      {IpAddress::v4(8, 8, 8, 8), "01001101"},       {IpAddress::v4(198, 51, 100, 1), "01001101"},
      {IpAddress::v4(127, 0, 0, 1), "10000001"},     {IpAddress::v4(0, 0, 0, 0), "00101000"}};
  for (const auto& [destination, counted] : rows)
    EXPECT_EQ(rules.counted(to(destination)), counted) << destination.text();
}

TEST(MatchPlace, FixedPart) {
  Rules rules(Hook::forward,
              {"-i in0", "-i in+", "-i +", "! -i out+", "-i in", "-o out0 ! -i in+",
               "-s 10.0.1.0/24 -d 8.8.8.8/32", "! -s 10.0.1.0/24", "-s 10.0.0.2/255.0.0.255",
               "-p udp", "! -p udp", "! -p tcp", "! -f", "-f"});
  EXPECT_EQ(rules.counted(to(TestBench::server)), "11110010110110");
  rules.bench.hook_devices = HookDevices{};  // an absent device has the empty name
  EXPECT_EQ(rules.counted(to(TestBench::server)), "00110010110110");
}

TEST(MatchPlace, Iprange) {
  Rules rules(Hook::forward,
              {"-m iprange --src-range 10.0.1.2-10.0.1.2", "-m iprange --src-range 10.0.1.3-10.0.1.9",
               "-m iprange ! --src-range 10.0.1.3-10.0.1.9 --dst-range 8.8.0.0-8.8.8.8",
               "-m iprange --src-range 0.0.0.0-255.255.255.255 ! --dst-range 8.8.8.8-8.8.8.9"});
  EXPECT_EQ(rules.counted(to(TestBench::server)), "1010");
}

TEST(MatchPlace, MacIsTheReceivedFrames) {
  Rules rules(Hook::forward, {"-m mac --mac-source 02:00:00:00:00:11",
                              "-m mac ! --mac-source 02:00:00:00:00:11"});
  EXPECT_EQ(rules.counted(to(TestBench::server)), "10");
  Packet bare = to(TestBench::server);
  bare.pull_link_header();
  EXPECT_EQ(rules.counted(bare), "00");
  rules.bench.hook_devices = HookDevices{TestBench::lo, no_device};
  EXPECT_EQ(rules.counted(to(TestBench::server)), "00") << "loopback is no Ethernet";
}

TEST(MatchPlace, PhysdevOfBridgedAndRoutedPackets) {
  Rules rules(Hook::forward,
              {"-m physdev --physdev-in p1", "-m physdev ! --physdev-in p1",
               "-m physdev --physdev-in p+", "-m physdev --physdev-out p2",
               "-m physdev ! --physdev-out p2", "-m physdev --physdev-is-bridged",
               "-m physdev ! --physdev-is-bridged", "-m physdev --physdev-is-in",
               "-m physdev ! --physdev-is-out"});
  Packet packet = to(TestBench::server);
  EXPECT_EQ(rules.counted(packet), "010010101") << "nothing to do with a bridge";
  packet.bridge_port_in = TestBench::p1;
  EXPECT_EQ(rules.counted(packet), "101010111") << "routed from a bridge";
  packet.bridge_port_out = TestBench::p2;
  EXPECT_EQ(rules.counted(packet), "101101010") << "bridged";
}

TEST(MatchPlace, Mark) {
  Rules rules(Hook::forward, {"-m mark --mark 0x0", "-m mark ! --mark 0x0", "-m mark --mark 0x2/0x6"});
  Packet packet = to(TestBench::server);
  EXPECT_EQ(rules.counted(packet), "100");
  packet.mark = 0xb;
  EXPECT_EQ(rules.counted(packet), "011");
}

Packet sent_from_here() {
  Packet packet = Packet::from_ip(
      wire::make_udp({.source = IpAddress::v4(10, 0, 2, 1), .destination = TestBench::server}, 1, 2));
  packet.sender = {.uid = 1000, .gid = 100};
  return packet;
}

TEST(MatchPlace, Owner) {
  Rules rules(Hook::output,
              {"-m owner --uid-owner 1000", "-m owner ! --uid-owner 1000", "-m owner --uid-owner 0-999",
               "-m owner --gid-owner 100 --uid-owner 1000", "-m owner ! --gid-owner 5",
               "-m owner --socket-exists", "-m owner ! --socket-exists"});
  EXPECT_EQ(rules.counted(sent_from_here()), "1001110");

  Packet by_the_kernel = sent_from_here();
  by_the_kernel.answers = 7;
  EXPECT_EQ(rules.counted(by_the_kernel), "0100110") << "an echo reply, an error, a closed port's reset";
  by_the_kernel.sender.socket = false;
  EXPECT_EQ(rules.counted(by_the_kernel), "0100101") << "REJECT's reset has no socket at all";
}

TEST(MatchPlace, OwnerOfAnUnknownProcessIsAsked) {
  TestBench bench("*filter\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -m owner --uid-owner 1000 -j DROP\n"
                  "-A OUTPUT -m owner --uid-owner 1001 -d 1.2.3.4 -j DROP\nCOMMIT\n");
  Packet packet = sent_from_here();
  packet.sender = {};
  bench.chance = Chance(std::vector<std::uint32_t>{1});
  EXPECT_TRUE(bench.run(Hook::output, packet));
  ASSERT_EQ(bench.chance.asked().size(), 1U);
  EXPECT_EQ(bench.chance.asked()[0].asked_by, Cause::rule(bench.ref(TableKind::filter, "OUTPUT", 1)));
}

}  // namespace
}  // namespace wayout::netfilter
