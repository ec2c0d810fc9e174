#include "link/receive.hpp"

#include <gtest/gtest.h>

#include "wire/craft.hpp"

namespace wayout::link {
namespace {

using Bytes = std::vector<std::uint8_t>;

const wire::MacAddress own = {{2, 0, 0, 0, 0, 1}};
const wire::MacAddress other = {{2, 0, 0, 0, 0, 2}};
const wire::MacAddress group = {{1, 0, 0x5e, 1, 2, 3}};
constexpr DeviceId the_device = 1;

Devices one_device(DeviceKind kind) {
  Devices devices;
  devices.list.push_back({.name = "dev", .kind = kind, .up = true, .mac = own});
  return devices;
}

Packet frame_to(const wire::MacAddress& destination) {
  Packet packet =
      Packet::from_frame(wire::make_frame(other, destination, wire::ethertype::ipv4, Bytes(46)));
  packet.device = the_device;
  return packet;
}

TEST(Receive, ClassifiesByDestinationMac) {
  struct Row {
    DeviceKind kind;
    wire::MacAddress destination;
    PacketType before, after;
  };
  const auto broadcast = wire::MacAddress::broadcast();
  const Row rows[] = {
      {DeviceKind::veth, own, PacketType::other_host, PacketType::host},
      {DeviceKind::veth, other, PacketType::host, PacketType::other_host},
      {DeviceKind::veth, broadcast, PacketType::host, PacketType::broadcast},
      {DeviceKind::veth, group, PacketType::host, PacketType::multicast},
      {DeviceKind::nic, other, PacketType::host, PacketType::other_host},
      {DeviceKind::vxlan, other, PacketType::host, PacketType::other_host},
      // Stacked devices keep the class of the device below, unless the MAC is their own.
      {DeviceKind::bridge, own, PacketType::other_host, PacketType::host},
      {DeviceKind::bridge, other, PacketType::host, PacketType::host},
      {DeviceKind::bridge, other, PacketType::other_host, PacketType::other_host},
      {DeviceKind::vlan, own, PacketType::other_host, PacketType::host},
      {DeviceKind::vlan, other, PacketType::host, PacketType::host},
      {DeviceKind::vlan, broadcast, PacketType::broadcast, PacketType::broadcast},
      // A macvlan in mode passthru takes frames for any MAC as its own.
      {DeviceKind::macvlan, other, PacketType::other_host, PacketType::host},
      {DeviceKind::macvlan, broadcast, PacketType::host, PacketType::broadcast},
      {DeviceKind::loopback, other, PacketType::other_host, PacketType::host},
  };
  for (const Row& row : rows) {
    Packet packet = frame_to(row.destination);
    packet.type = row.before;
    NoTrace trace;
    EXPECT_FALSE(receive(packet, one_device(row.kind), trace));
    EXPECT_EQ(packet.type, row.after)
        << static_cast<int>(row.kind) << " " << row.destination.text();
  }
}

TEST(Receive, WithoutEthernetEverythingIsForThisHost) {
  Devices devices = one_device(DeviceKind::tun);
  devices[the_device].ethernet = false;
  Packet packet = Packet::from_ip(Bytes(20, 0x45));
  packet.device = the_device;
  NoTrace trace;
  EXPECT_FALSE(receive(packet, devices, trace));
  EXPECT_EQ(packet.type, PacketType::host);
}

TEST(Receive, DownDevicesTakeNothing) {
  const std::pair<DeviceKind, Stage> rows[] = {
      {DeviceKind::veth, Stage::dev_forward_skb},
      {DeviceKind::vlan, Stage::vlan_do_receive},
      {DeviceKind::nic, Stage::netif_receive_skb_core},
  };
  for (const auto& [kind, stage] : rows) {
    Devices devices = one_device(kind);
    devices[the_device].up = false;
    Packet packet = frame_to(own);
    StepTrace trace;
    const Stop stop = receive(packet, devices, trace);
    EXPECT_EQ(stop.fate, Fate::dropped);
    EXPECT_EQ(stop.stage, stage);
    EXPECT_EQ(stop.reason, DropReason::NOT_SPECIFIED);
    EXPECT_EQ(stop.cause, Cause::on_device(DeviceCause::down, the_device));
    EXPECT_TRUE(trace.steps().empty());
  }
}

TEST(Receive, CutFramesEnd) {
  const std::pair<Bytes, Stage> rows[] = {
      {Bytes(13), Stage::netif_receive_skb_core},
      {wire::make_frame(other, own, wire::ethertype::vlan, Bytes(2)), Stage::skb_vlan_untag},
  };
  for (const auto& [bytes, stage] : rows) {
    Packet packet = Packet::from_frame(bytes);
    packet.device = the_device;
    NoTrace trace;
    const Stop stop = receive(packet, one_device(DeviceKind::veth), trace);
    EXPECT_EQ(stop.stage, stage);
    EXPECT_EQ(stop.cause, Cause::packet(PacketCause::truncated));
  }
}

TEST(Receive, TellsForeignMacFromForeignVlan) {
  Packet packet = frame_to(other);
  EXPECT_EQ(blame_other_host(packet), Cause::on_device(DeviceCause::other_host, the_device));
  packet.vlan_tci = 5;
  EXPECT_EQ(blame_other_host(packet), Cause::on_device(DeviceCause::no_vlan, the_device));
}

TEST(Receive, TellsTheDevice) {
  Packet packet = frame_to(own);
  packet.number = 9;
  StepTrace trace;
  EXPECT_FALSE(receive(packet, one_device(DeviceKind::veth), trace));
  ASSERT_EQ(trace.steps().size(), 1U);
  EXPECT_EQ(trace.steps()[0].did, Did::received);
  EXPECT_EQ(trace.steps()[0].device, the_device);
  EXPECT_EQ(trace.steps()[0].packet, 9U);
}

}  // namespace
}  // namespace wayout::link
