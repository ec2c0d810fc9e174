// Expectations recorded on Linux 6.18: ARP frames into a0 of a router with a0 10.0.1.1/24 (and
// 10.0.1.7/24, 172.16.0.1/16), b0 10.0.2.1/24, lo 10.77.0.1/32, default via b0; what came back, and
// `ip neigh` afterwards. Changes of a known entry: more than a second after its last one
// (locktime).
#include "ip/arp.hpp"

#include <gmock/gmock.h>

#include "route/test_world.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::ip {
namespace {

using link::NudState;
using route::TestWorld;
using wire::ArpHeader;

constexpr wire::MacAddress own_mac{{2, 0, 0, 0, 0, 1}}, asker{{2, 0, 0, 0, 0, 0xc1}},
    before{{2, 0, 0, 0, 0, 0xee}}, nobody{};

class Arp : public testing::Test {
 protected:
  Arp() {
    for (const char* name : {"a0", "b0"}) world_.add_device(name);
    for (const char* line : {"10.77.0.1/32 dev lo", "10.0.1.1/24 dev a0", "10.0.1.7/24 dev a0",
                             "172.16.0.1/16 dev a0", "10.0.2.1/24 dev b0"})
      world_.address(line);
    world_.route("default via 10.0.2.254 dev b0");
    world_.route("unreachable 66.2.0.0/16");
    world_.index();
    devices_.list.resize(world_.names.size());
    for (DeviceId id = 1; id < devices_.size(); ++id) devices_[id].mac = own_mac;
  }

  route::Ipv4Conf& conf() { return world_["a0"].conf; }

  ArpResult process(std::uint16_t operation, const char* sender, const char* target,
                    PacketType type, const wire::MacAddress& target_mac = nobody,
                    const wire::MacAddress& sender_mac = asker) {
    const auto to = type == PacketType::host ? own_mac : wire::MacAddress::broadcast();
    Packet frame = Packet::from_frame(wire::make_arp(operation, sender_mac, to, sender_mac,
                                                     TestWorld::ip(sender), target_mac,
                                                     TestWorld::ip(target)));
    frame.device = world_.device("a0");
    frame.type = type;
    NoTrace trace;
    Chance chance;
    return arp_process(frame, world_.fib, world_.interfaces, devices_, configured_, neighbours_,
                       now_ms_, chance, trace);
  }

  /// The address answered for, or "-".
  std::string ask(const char* sender, const char* target,
                  PacketType type = PacketType::broadcast) {
    const ArpResult result = process(ArpHeader::request, sender, target, type);
    EXPECT_EQ(result.answer.has_value(), result.stop.fate == Fate::delivered);
    stop_ = result.stop;
    if (!result.answer) return "-";
    const auto* arp = wire::header_at<ArpHeader>(result.answer->network());
    EXPECT_EQ(arp->operation, ArpHeader::reply);
    EXPECT_EQ(arp->sender_mac, own_mac);
    EXPECT_EQ(arp->target_mac, asker);
    EXPECT_EQ(wire::IpAddress::v4(arp->target_ip).text(), sender);
    return wire::IpAddress::v4(arp->sender_ip).text();
  }

  link::NeighbourState::Entry& entry(const char* address) {
    return neighbours_.entries[{world_.device("a0"), TestWorld::ip(address)}];
  }
  bool knows(const char* address) {
    return neighbours_.entries.contains({world_.device("a0"), TestWorld::ip(address)});
  }

  TestWorld world_;
  link::Devices devices_;
  std::vector<link::Neighbour> configured_;
  link::NeighbourState neighbours_;
  std::int64_t now_ms_ = 0;
  Stop stop_;
};

TEST_F(Arp, AnswersForEveryAddressOfTheHost) {
  for (const char* target : {"10.0.1.1", "10.0.1.7", "10.0.2.1", "10.77.0.1", "172.16.0.1"})
    EXPECT_EQ(ask("10.0.1.9", target), target);
  EXPECT_EQ(ask("10.0.1.9", "10.0.1.1", PacketType::host), "10.0.1.1") << "a unicast frame";
  for (const char* target :
       {"127.0.0.1", "224.0.0.1", "10.0.1.50", "10.0.1.255", "10.0.1.0", "8.8.8.8"})
    EXPECT_EQ(ask("10.0.1.9", target), "-") << target;
  EXPECT_EQ(stop_.reason, DropReason::NOT_SPECIFIED);
  conf().route_localnet = true;
  EXPECT_EQ(ask("10.0.1.9", "127.0.0.1"), "127.0.0.1");
}

TEST_F(Arp, LearnsWhomItAnswers) {
  ask("10.0.1.9", "10.0.1.1");
  EXPECT_EQ(entry("10.0.1.9").state, NudState::stale);
  EXPECT_EQ(entry("10.0.1.9").mac, asker);
  ask("66.6.6.6", "10.0.1.1");
  EXPECT_TRUE(knows("66.6.6.6")) << "off any subnet of the device";
  ask("10.0.1.8", "10.0.1.50");
  EXPECT_FALSE(knows("10.0.1.8"));
}

TEST_F(Arp, ProbesAreAnsweredAndNotLearned) {
  EXPECT_EQ(ask("0.0.0.0", "10.0.1.1"), "10.0.1.1");
  EXPECT_EQ(ask("0.0.0.0", "10.0.2.1"), "10.0.2.1");
  EXPECT_EQ(ask("0.0.0.0", "10.0.1.50"), "-");
  EXPECT_TRUE(neighbours_.entries.empty());
}

TEST_F(Arp, SendersThatTheInputRouteRefuses) {
  for (const char* sender : {"10.0.1.7", "10.0.2.1", "224.0.0.9", "127.0.0.1"})
    EXPECT_EQ(ask(sender, "10.0.1.1"), "-") << sender;
  EXPECT_EQ(ask("10.0.2.9", "10.0.1.1"), "10.0.1.1");
  conf().rp_filter = 1;
  EXPECT_EQ(ask("10.0.2.9", "10.0.1.1"), "-");
  EXPECT_EQ(stop_.cause, Cause::sysctl(Sysctl::rp_filter, world_.device("a0")));
}

TEST_F(Arp, Ignore) {
  struct Row {
    const char *sender, *target;
    bool by_1, by_2, by_3;  ///< answered
  };
  for (const Row& row : {Row{"10.0.1.9", "10.0.1.1", true, true, true},
                         Row{"10.0.1.9", "10.0.2.1", false, false, true},
                         Row{"10.0.1.9", "10.77.0.1", false, false, true},
                         Row{"66.6.6.6", "10.0.1.1", true, false, true},
                         Row{"10.0.1.9", "172.16.0.1", true, false, true},
                         Row{"0.0.0.0", "10.0.1.1", true, true, true}}) {
    const bool expected[] = {true, row.by_1, row.by_2, row.by_3};
    for (int mode = 0; mode < 4; ++mode) {
      conf().arp_ignore = mode;
      EXPECT_EQ(ask(row.sender, row.target) != "-", expected[mode])
          << row.sender << " asks for " << row.target << ", arp_ignore " << mode;
    }
    conf().arp_ignore = 8;
    EXPECT_EQ(ask(row.sender, row.target), "-");
  }
  ask("10.0.1.9", "10.0.1.1");
  EXPECT_EQ(stop_.cause, Cause::sysctl(Sysctl::arp_ignore, world_.device("a0")));
}

TEST_F(Arp, Filter) {
  conf().arp_filter = true;
  EXPECT_EQ(ask("10.0.1.9", "10.0.1.1"), "10.0.1.1");
  EXPECT_EQ(ask("10.0.2.9", "10.0.1.1"), "-");
  EXPECT_EQ(stop_.cause, Cause::sysctl(Sysctl::arp_filter, world_.device("a0")));
  EXPECT_EQ(ask("66.6.6.6", "10.0.1.1"), "-");
}

TEST_F(Arp, Proxy) {
  conf().proxy_arp = true;
  EXPECT_EQ(ask("10.0.1.9", "8.8.8.8"), "8.8.8.8");
  EXPECT_TRUE(knows("10.0.1.9"));
  EXPECT_EQ(ask("10.0.1.9", "10.0.1.50"), "-") << "behind the same device";
  EXPECT_EQ(ask("10.0.1.9", "66.2.0.1"), "-") << "an error route";
  conf().forwarding = false;
  EXPECT_EQ(ask("10.0.1.9", "8.8.8.8"), "-");
  conf().forwarding = true;
  conf().proxy_arp = false;

  world_.interfaces.all.proxy_arp_pvlan = true;
  EXPECT_EQ(ask("10.0.1.9", "10.0.1.50"), "10.0.1.50");
  EXPECT_EQ(ask("10.0.1.9", "10.0.1.9"), "-") << "for itself";
  world_.interfaces.all.proxy_arp_pvlan = false;

  for (const char* address : {"8.8.4.4", "10.0.1.51"})
    configured_.push_back(
        {.address = TestWorld::ip(address), .device = world_.device("a0"), .proxy = true});
  EXPECT_EQ(ask("10.0.1.9", "8.8.4.4"), "8.8.4.4");
  EXPECT_EQ(ask("10.0.1.9", "10.0.1.51"), "-") << "only when it is routed elsewhere";
}

TEST_F(Arp, WhatSilencesAProxy) {
  const DeviceId a0 = world_.device("a0");
  const Cause nobody = Cause::address(AddressCause::not_answered, a0);
  const auto silence = [&](const char* target) {
    EXPECT_EQ(ask("10.0.1.9", target), "-") << target;
    return stop_.cause;
  };
  conf().proxy_arp = true;
  EXPECT_EQ(silence("66.2.0.1"), nobody) << "an error route";
  conf().forwarding = false;
  EXPECT_EQ(silence("8.8.8.8"), Cause::sysctl(Sysctl::forwarding, a0));
  EXPECT_EQ(silence("10.0.1.50"), nobody) << "behind the same device";
  conf().proxy_arp = false;
  EXPECT_EQ(silence("8.8.8.8"), nobody);
  conf().forwarding = true;
  devices_[a0].kind = link::DeviceKind::veth;
  EXPECT_EQ(silence("8.8.8.8"), Cause::sysctl(Sysctl::proxy_arp, a0)) << "a container's veth";
  devices_[a0].kind = link::DeviceKind::vxlan;
  EXPECT_EQ(silence("8.8.8.8"), nobody) << "it has addresses";
}

TEST_F(Arp, OfTwoAnswersTheFirstStays) {
  entry("10.0.1.9").state = NudState::incomplete;
  process(ArpHeader::reply, "10.0.1.9", "10.0.1.1", PacketType::host);
  const auto second = [&] {
    process(ArpHeader::reply, "10.0.1.9", "10.0.1.1", PacketType::host, nobody, before);
    return entry("10.0.1.9").mac;
  };
  EXPECT_EQ(second(), asker);
  now_ms_ = 1000;
  EXPECT_EQ(second(), asker);
  now_ms_ = 1001;
  EXPECT_EQ(second(), before) << "net.ipv4.neigh.*.locktime is over";
}

TEST_F(Arp, WhatIsOverheard) {
  struct Row {
    std::uint16_t operation;
    const char* target;
    PacketType type;
    NudState after;
  };
  const Row rows[] = {{ArpHeader::request, "10.0.1.50", PacketType::broadcast, NudState::stale},
                      {ArpHeader::reply, "10.0.1.1", PacketType::host, NudState::reachable},
                      {ArpHeader::reply, "10.0.1.1", PacketType::broadcast, NudState::stale},
                      {ArpHeader::request, "10.0.1.9", PacketType::broadcast, NudState::stale}};
  for (const Row& row : rows) {
    for (const NudState known : {NudState::reachable, NudState::stale, NudState::failed}) {
      entry("10.0.1.9") = {.state = known, .mac = before};
      process(row.operation, "10.0.1.9", row.target, row.type);
      EXPECT_EQ(entry("10.0.1.9").mac, asker);
      EXPECT_EQ(entry("10.0.1.9").state, row.after);
    }
    entry("10.0.1.9") = {.state = NudState::permanent, .mac = before};
    process(row.operation, "10.0.1.9", row.target, row.type);
    EXPECT_EQ(entry("10.0.1.9").mac, before);
    neighbours_.entries.clear();
    process(row.operation, "10.0.1.9", row.target, row.type);
    EXPECT_FALSE(knows("10.0.1.9")) << "strangers are not learned";
  }
}

TEST_F(Arp, WhatIsNotNewChangesNothing) {
  entry("10.0.1.9") = {.state = NudState::reachable, .mac = asker};
  process(ArpHeader::request, "10.0.1.9", "10.0.1.50", PacketType::broadcast);
  EXPECT_EQ(entry("10.0.1.9").state, NudState::reachable);
  conf().arp_ignore = 8;
  entry("10.0.1.9") = {.state = NudState::stale, .mac = before};
  ask("10.0.1.9", "10.0.1.1");
  EXPECT_EQ(entry("10.0.1.9").mac, before) << "ignored is not looked at";
  conf().rp_filter = 1;
  entry("10.0.2.9") = {.state = NudState::stale, .mac = before};
  ask("10.0.2.9", "10.0.1.1");
  EXPECT_EQ(entry("10.0.2.9").mac, asker) << "refused is";
}

TEST_F(Arp, StrangersAreAcceptedWhenToldSo) {
  struct Row {
    int accept;
    std::uint16_t operation;
    const char *sender, *target;
    PacketType type;
    wire::MacAddress target_mac;
    bool learned;
  };
  constexpr wire::MacAddress other{{2, 0, 0, 0, 0, 0xc2}};
  for (const Row& row : {
           Row{1, ArpHeader::request, "10.0.1.9", "10.0.1.9", PacketType::broadcast, nobody, true},
           Row{1, ArpHeader::reply, "10.0.1.9", "10.0.1.9", PacketType::broadcast, asker, true},
           Row{1, ArpHeader::reply, "10.0.1.9", "10.0.1.9", PacketType::broadcast, other, true},
           Row{1, ArpHeader::reply, "10.0.1.9", "10.0.1.1", PacketType::host, own_mac, true},
           Row{1, ArpHeader::request, "66.6.6.6", "66.6.6.6", PacketType::broadcast, nobody, true},
           Row{2, ArpHeader::request, "66.6.6.6", "66.6.6.6", PacketType::broadcast, nobody, false},
           Row{2, ArpHeader::request, "10.0.1.9", "10.0.1.9", PacketType::broadcast, nobody, true},
           Row{1, ArpHeader::request, "10.0.1.9", "10.0.1.50", PacketType::broadcast, nobody,
               false},
       }) {
    neighbours_.entries.clear();
    conf().arp_accept = row.accept;
    process(row.operation, row.sender, row.target, row.type, row.target_mac);
    EXPECT_EQ(knows(row.sender), row.learned) << row.sender << " " << row.accept;
  }
}

TEST_F(Arp, GratuitousOnesAreDroppedWhenToldSo) {
  entry("10.0.1.9") = {.state = NudState::stale, .mac = before};
  world_.interfaces.all.drop_gratuitous_arp = true;
  ask("10.0.1.9", "10.0.1.9");
  EXPECT_EQ(entry("10.0.1.9").mac, before);
}

TEST_F(Arp, NotForUsOrNotArp) {
  EXPECT_EQ(process(ArpHeader::request, "10.0.1.9", "10.0.1.1", PacketType::other_host).stop.reason,
            DropReason::OTHERHOST);
  EXPECT_EQ(process(3, "10.0.1.9", "10.0.1.1", PacketType::broadcast).stop.reason,
            DropReason::NOT_SPECIFIED);
  Packet cut = Packet::from_frame(
      wire::make_frame(asker, wire::MacAddress::broadcast(), wire::ethertype::arp,
                       std::vector<std::uint8_t>(27)));
  cut.device = world_.device("a0");
  NoTrace trace;
  Chance chance;
  EXPECT_EQ(arp_process(cut, world_.fib, world_.interfaces, devices_, configured_, neighbours_,
                        now_ms_, chance, trace)
                .stop.reason,
            DropReason::NOT_SPECIFIED);
}

TEST_F(Arp, LetsWaitingPacketsGo) {
  auto& waiting = entry("10.0.1.9");
  waiting.state = NudState::incomplete;
  waiting.waiting.emplace_back();
  const ArpResult result =
      process(ArpHeader::reply, "10.0.1.9", "10.0.1.1", PacketType::host, own_mac);
  ASSERT_TRUE(result.resolved);
  EXPECT_EQ(result.resolved->address.text(), "10.0.1.9");
}

// A local packet from 10.0.2.1 (or .7) leaves by a0; the source in the request.
TEST_F(Arp, AnnouncedSource) {
  const auto announced = [&](const char* source) {
    const Packet waiting = Packet::from_ip(wire::make_udp(
        {.source = TestWorld::ip(source), .destination = TestWorld::ip("10.0.1.9")}, 1, 2));
    const Packet request = arp_request(TestWorld::ip("10.0.1.9"), world_.device("a0"), waiting,
                                       world_.fib, world_.interfaces, devices_);
    const auto* arp = wire::header_at<ArpHeader>(request.network());
    EXPECT_EQ(arp->target_mac, nobody);
    EXPECT_EQ(wire::IpAddress::v4(arp->target_ip).text(), "10.0.1.9");
    return wire::IpAddress::v4(arp->sender_ip).text();
  };
  struct Row {
    const char* source;
    const char* by_mode[3];
  };
  for (const Row& row : {Row{"10.0.2.1", {"10.0.2.1", "10.0.1.1", "10.0.1.1"}},
                         Row{"10.0.1.7", {"10.0.1.7", "10.0.1.7", "10.0.1.1"}},
                         Row{"192.168.9.9", {"10.0.1.1", "10.0.1.1", "10.0.1.1"}}}) {
    for (int mode = 0; mode < 3; ++mode) {
      conf().arp_announce = mode;
      EXPECT_EQ(announced(row.source), row.by_mode[mode]) << row.source << ", mode " << mode;
    }
  }
}

}  // namespace
}  // namespace wayout::ip
