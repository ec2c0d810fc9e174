#include "replay/replay.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <string>

#include "replay/test_router.hpp"
#include "wire/text.hpp"

namespace wayout::replay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t second_ns = 1'000'000'000, start_ns = 1'700'000'000 * second_ns;

/// Everything as lines.
class Lines : public Sink {
 public:
  explicit Lines(const host::Machine& machine) : machine_(machine) {}
  void left(DeviceId device, std::int64_t time_ns, const Packet& frame) override {
    const auto bytes = frame.on_wire();
    frames.push_back(fmt::format("{} {} ms {}", machine_.hosts[0].devices[device].name,
                                 (time_ns - start_ns) / 1'000'000, wire::describe_frame(bytes)));
  }
  void decided(const Verdict& verdict) override {
    verdicts.push_back(fmt::format("{} {} {}", verdict.index, stage_name(verdict.stop.stage),
                                   reason_name(verdict.stop.reason)));
    steps.push_back(verdict.steps.size());
    unknown += verdict.unknown.size();
  }
  void ended(std::span<const path::JourneyEnd>) override {}

  std::vector<std::string> frames, verdicts;
  std::vector<std::size_t> steps;
  std::size_t unknown = 0;

 private:
  const host::Machine& machine_;
};

class Router : public testing::Test {
 protected:
  void in(double seconds, std::uint16_t port) {
    EXPECT_TRUE(replay.receive(2, at(seconds), Packet::from_frame(question(port))));
  }
  static std::int64_t at(double seconds) {
    return start_ns + static_cast<std::int64_t>(seconds * second_ns);
  }

  const host::Machine machine = test_router().read();
  Lines lines{machine};
  Replay replay{machine, 1, start_ns, lines};
};

TEST_F(Router, AFrameWaitsForItsNeighbourAndIsThenTold) {
  in(0, 80);
  EXPECT_THAT(lines.frames, ElementsAre(HasSubstr("Request who-has 10.0.2.254")));
  EXPECT_THAT(lines.verdicts, IsEmpty());
  lines.frames.clear();
  EXPECT_TRUE(replay.receive(3, at(0.5), Packet::from_frame(arp_answer())));
  EXPECT_THAT(lines.frames, ElementsAre(AllOf(HasSubstr("out0 500 ms"), HasSubstr("8.8.8.8.80: UDP"))));
  EXPECT_EQ(lines.verdicts.size(), 2U);
  in(0.6, 81);
  EXPECT_EQ(lines.frames.size(), 2U) << "the neighbour is known by now";
}

TEST_F(Router, NobodyAnswers) {
  in(0, 80);
  EXPECT_TRUE(replay.finish());
  EXPECT_THAT(lines.frames,
              ElementsAre(HasSubstr("out0 0 ms"), HasSubstr("out0 1000 ms"), HasSubstr("out0 2000 ms"),
                          AllOf(HasSubstr("in0 3000 ms"), HasSubstr("host 8.8.8.8 unreachable"))));
  EXPECT_THAT(lines.verdicts, ElementsAre("0 neigh_invalidate NEIGH_FAILED"));
}

TEST_F(Router, RulesCountAndConnectionsExpire) {
  in(0, 53);
  EXPECT_THAT(lines.verdicts, ElementsAre("0 nft_do_chain NETFILTER_DROP"));
  EXPECT_TRUE(replay.receive(3, at(0), Packet::from_frame(arp_answer())));
  in(1, 80);
  std::size_t connections = 0;
  const auto count = [&](ConnectionId, const conntrack::Connection&) { ++connections; };
  replay.state().connections.for_each(count);
  EXPECT_EQ(connections, 1U);
  EXPECT_TRUE(replay.wait_until(at(40)));
  in(40, 53);
  connections = 0;
  replay.state().connections.for_each(count);
  EXPECT_EQ(connections, 0U) << "30 s after its only packet it is gone";
}

TEST_F(Router, AFrameThatWaitsKeepsItsOwnStepsOnly) {
  in(0, 80);
  for (int i = 0; i < 50; ++i) in(0.1, 53);
  EXPECT_TRUE(replay.finish());
  ASSERT_EQ(lines.verdicts.size(), 51U);
  EXPECT_EQ(lines.verdicts.back(), "0 neigh_invalidate NEIGH_FAILED");
  EXPECT_LT(lines.steps.back(), 2 * lines.steps.front());
}

TEST_F(Router, ATimeThatGoesBackIsThatOfTheLast) {
  in(2, 53);
  in(1, 53);
  EXPECT_EQ(replay.state().now_ms, 2000);
}

/// Two ports of one bridge that are the ends of one cable.
TEST(Replay, FramesInCirclesEndAndTheNextIsAnother) {
  const host::Machine machine = host::TestMachine(R"(
-- host/ip-addr.txt --
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
2: br0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500
    link/ether 02:00:00:00:00:07 brd ff:ff:ff:ff:ff:ff
    bridge forward_delay 1500 hello_time 200 max_age 2000 ageing_time 30000 stp_state 0
3: a@b: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br0
    link/ether 02:00:00:00:00:08 brd ff:ff:ff:ff:ff:ff
    veth
    bridge_slave state forwarding
4: b@a: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br0
    link/ether 02:00:00:00:00:09 brd ff:ff:ff:ff:ff:ff
    veth
    bridge_slave state forwarding
5: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br0
    link/ether 02:00:00:00:00:0a brd ff:ff:ff:ff:ff:ff
    bridge_slave state forwarding
)").read();
  Lines lines(machine);
  Replay replay(machine, 1, start_ns, lines);
  const auto frame = wire::make_arp(wire::ArpHeader::request, client_mac, wire::MacAddress::broadcast(),
                                    client_mac, client, {}, server);
  const DeviceId eth0 = machine.hosts[0].devices.find("eth0");
  EXPECT_FALSE(replay.receive(eth0, start_ns, Packet::from_frame(frame)));
  EXPECT_EQ(lines.verdicts.size(), 1U);
  EXPECT_TRUE(replay.wait_until(start_ns + second_ns)) << "nothing of it goes on";
}

TEST(Replay, WhatIsNotModelledIsKeptWithItsFrame) {
  const host::Machine machine =
      test_router().set("host/iptables-save.txt", R"(*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
[0:0] -A FORWARD -m u32 --u32 "0x0=0x1" -j DROP
COMMIT
)").read();
  Lines lines(machine);
  Replay replay(machine, 1, start_ns, lines);
  EXPECT_TRUE(replay.receive(2, start_ns, Packet::from_frame(question(80))));
  EXPECT_TRUE(replay.finish());
  EXPECT_EQ(lines.verdicts.size(), 1U);
  EXPECT_EQ(lines.unknown, 1U);
}

}  // namespace
}  // namespace wayout::replay
