#include "link/transmit.hpp"

#include <gtest/gtest.h>

#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::link {
namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr DeviceId the_device = 1;

Packet packet_of(std::size_t network_bytes) {
  Packet packet =
      Packet::from_frame(wire::make_frame({}, {}, wire::ethertype::ipv4, Bytes(network_bytes)));
  packet.device = the_device;
  return packet;
}

TEST(Transmit, OnlyRunningDevicesSend) {
  struct Row {
    bool up, carrier;
    DeviceCause cause;
  };
  const Row rows[] = {
      {true, true, DeviceCause::none},
      {true, false, DeviceCause::no_carrier},
      {false, false, DeviceCause::down},
      {false, true, DeviceCause::down},
  };
  for (const Row& row : rows) {
    Devices devices;
    devices.list.push_back({.name = "dev", .up = row.up, .carrier = row.carrier});
    StepTrace trace;
    const Stop stop = transmit(packet_of(100), devices, trace);
    if (row.cause == DeviceCause::none) {
      EXPECT_FALSE(stop);
      ASSERT_EQ(trace.steps().size(), 1U);
      EXPECT_EQ(trace.steps()[0].did, Did::sent);
    } else {
      EXPECT_EQ(stop.stage, Stage::dev_queue_xmit);
      EXPECT_EQ(stop.reason, DropReason::QDISC_DROP);
      EXPECT_EQ(stop.cause, Cause::on_device(row.cause, the_device));
      EXPECT_TRUE(trace.steps().empty());
    }
  }
}

// Lengths seen at a veth peer and at a bridge port of MTU 1000, tagged frames and plain ones alike.
TEST(FitsMtu, LeavesRoomForATag) {
  EXPECT_TRUE(fits_mtu(packet_of(1000), 1000));
  EXPECT_TRUE(fits_mtu(packet_of(1004), 1000));
  EXPECT_FALSE(fits_mtu(packet_of(1005), 1000));

  Packet tagged = packet_of(1004);
  tagged.vlan_tci = 5;
  EXPECT_TRUE(fits_mtu(tagged, 1000));

  Packet super_packet = packet_of(9000);
  super_packet.segment_bytes = 960;
  EXPECT_TRUE(fits_mtu(super_packet, 1000));
}

}  // namespace
}  // namespace wayout::link
