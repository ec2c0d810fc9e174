#include "link/vxlan.hpp"

#include <gmock/gmock.h>

#include "wire/checksum.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::link {
namespace {

using Bytes = std::vector<std::uint8_t>;

const wire::MacAddress own = {{2, 0, 0, 0, 0, 0x50}};
const wire::MacAddress far = {{2, 0, 0, 0, 0, 0x60}};
const VxlanOptions options{.vni = 5, .local = wire::IpAddress::v4(10, 0, 1, 1), .port = 4789};
const VxlanRemote remote{wire::IpAddress::v4(10, 0, 1, 2), 5, 4789};

Packet inner_frame(std::uint8_t tos = 0) {
  const wire::Ipv4Fields ip{.source = wire::IpAddress::v4(192, 168, 0, 1),
                            .destination = wire::IpAddress::v4(192, 168, 0, 2),
                            .tos = tos,
                            .ttl = 3,
                            .dont_fragment = true};
  return Packet::from_frame(
      wire::make_frame(own, far, wire::ethertype::ipv4, wire::make_udp(ip, 53, 53)));
}

const wire::Ipv4Header& outer_ip(const Packet& packet) {
  return *wire::header_at<wire::Ipv4Header>(packet.network());
}

// Recorded on Linux 6.18, without the Ethernet header; what the kernel draws (IP id 0x1d61, source
// port 0x97f0) differs, and the two checksums with it.
TEST(VxlanEncapsulate, MakesTheKernelsDatagram) {
  const Packet frame = Packet::from_frame(wire::make_frame(own, far, 0x9000, Bytes(30, 'x')));
  VxlanOptions with_ttl = options;
  with_ttl.ttl = 64;  // which the route gave
  const Packet outer = vxlan_encapsulate(frame, with_ttl, remote);
  Bytes recorded = {0x45, 0x00, 0x00, 0x50, 0x1d, 0x61, 0x00, 0x00, 0x40, 0x11, 0x47, 0x3a, 0x0a,
                    0x00, 0x01, 0x01, 0x0a, 0x00, 0x01, 0x02, 0x97, 0xf0, 0x12, 0xb5, 0x00, 0x3c,
                    0x8e, 0x0e, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x00, 0x02, 0x00, 0x00,
                    0x00, 0x00, 0x60, 0x02, 0x00, 0x00, 0x00, 0x00, 0x50, 0x90, 0x00};
  recorded.resize(recorded.size() + 30, 'x');

  auto* ip = wire::header_at<wire::Ipv4Header>(recorded);
  ip->checksum = wire::checksum_update16(ip->checksum, ip->id, 0);
  ip->id = 0;
  auto* udp = wire::header_at<wire::UdpHeader>(recorded, sizeof *ip);
  const auto* ours = wire::header_at<wire::UdpHeader>(outer.network(), sizeof *ip);
  udp->checksum = wire::checksum_update16(udp->checksum, udp->source_port, ours->source_port);
  udp->source_port = std::uint16_t{ours->source_port};
  EXPECT_THAT(outer.network(), testing::ElementsAreArray(recorded));
  EXPECT_GE(ours->source_port, 32768);
  EXPECT_LE(ours->source_port, 60999);
}

// Recorded: tos 0xb9, ttl 3, DF inside became tos 0x01, the host's own ttl, no DF outside.
TEST(VxlanEncapsulate, OuterHeaderTakesOnlyEcnFromTheInner) {
  const std::pair<std::uint8_t, std::uint8_t> rows[] = {
      {0xb9, 0x01}, {0xb8, 0x00}, {0x02, 0x02}, {0x03, 0x02}};
  for (const auto& [inner, outer_tos] : rows) {
    const Packet outer = vxlan_encapsulate(inner_frame(inner), options, remote);
    EXPECT_EQ(outer_ip(outer).tos, outer_tos);
    EXPECT_EQ(outer_ip(outer).ttl, 0);
    EXPECT_FALSE(outer_ip(outer).has_dont_fragment());
  }
}

TEST(VxlanEncapsulate, OptionsForTtlAndDf) {
  VxlanOptions set = options;
  set.ttl = 16;
  set.df = TunnelDf::set;
  EXPECT_EQ(outer_ip(vxlan_encapsulate(inner_frame(), set, remote)).ttl, 16);
  EXPECT_TRUE(outer_ip(vxlan_encapsulate(inner_frame(), set, remote)).has_dont_fragment());
  VxlanOptions inherit = options;
  inherit.ttl_inherit = true;
  inherit.df = TunnelDf::inherit;
  EXPECT_EQ(outer_ip(vxlan_encapsulate(inner_frame(), inherit, remote)).ttl, 3);
  EXPECT_TRUE(outer_ip(vxlan_encapsulate(inner_frame(), inherit, remote)).has_dont_fragment());
}

TEST(VxlanEncapsulate, KeepsMarkAndInnerTag) {
  Packet frame = inner_frame();
  frame.mark = 0x77;
  frame.vlan_tci = 9;
  const Packet outer = vxlan_encapsulate(frame, options, remote);
  EXPECT_EQ(outer.mark, 0x77U);
  EXPECT_TRUE(outer.local);
  EXPECT_EQ(outer.size(), 20U + 8 + 8 + frame.on_wire().size());
}

// Recorded on Linux 6.18 in front of the sender: a datagram of 1490 bytes with DF met a VXLAN port over
// an underlay of 1500. The datagram's UDP checksum was not finished by its sender.
TEST(TunnelTooBig, AnswersAsTheReceiver) {
  const wire::MacAddress sender = {{0xca, 0x34, 0x22, 0x0d, 0x82, 0x01}};
  const wire::MacAddress receiver = {{0x96, 0x77, 0x77, 0x90, 0x35, 0xc0}};
  const wire::Ipv4Fields ip{.source = wire::IpAddress::v4(10, 1, 0, 2),
                            .destination = wire::IpAddress::v4(10, 1, 0, 3),
                            .tos = 8,
                            .ttl = 33,
                            .dont_fragment = true};
  Bytes datagram = wire::make_udp(ip, 4000, 5000, Bytes(1462, 'x'));
  wire::header_at<wire::UdpHeader>(datagram, 20)->checksum = 0x19d6;
  const Packet packet =
      Packet::from_frame(wire::make_frame(sender, receiver, wire::ethertype::ipv4, datagram));

  Bytes recorded = {
      0xca, 0x34, 0x22, 0x0d, 0x82, 0x01, 0x96, 0x77, 0x77, 0x90, 0x35, 0xc0, 0x08, 0x00,  // Ethernet
      0x45, 0x00, 0x02, 0x40, 0x00, 0x00, 0x40, 0x00, 0x21, 0x01, 0x43, 0xb7, 0x0a, 0x01, 0x00, 0x03,
      0x0a, 0x01, 0x00, 0x02,                                                              // IPv4
      0x03, 0x04, 0x5a, 0x3b, 0x00, 0x00, 0x05, 0xaa,                                      // ICMP
      0x45, 0x08, 0x05, 0xd2, 0x00, 0x00, 0x40, 0x00, 0x21, 0x11, 0x40, 0x0d, 0x0a, 0x01, 0x00, 0x02,
      0x0a, 0x01, 0x00, 0x03, 0x0f, 0xa0, 0x13, 0x88, 0x05, 0xbe, 0x19, 0xd6};
  recorded.resize(590, 'x');
  const auto answer = tunnel_too_big(packet, 1450);
  ASSERT_TRUE(answer);
  EXPECT_THAT(*answer, testing::ElementsAreArray(recorded));
  EXPECT_FALSE(tunnel_too_big(packet, 1490)) << "it fits";
  EXPECT_FALSE(tunnel_too_big(packet, 575)) << "no host has to take less";
}

TEST(TunnelTooBig, SaysNothingAboutWhatMayBeFragmentedOrMustNotBeAnswered) {
  struct Row {
    const char* what;
    wire::IpAddress source, destination;
    bool dont_fragment;
  };
  const auto host = wire::IpAddress::v4(10, 1, 0, 2), other = wire::IpAddress::v4(10, 1, 0, 3);
  const Row rows[] = {
      {"may be fragmented", host, other, false},
      {"to all", host, wire::IpAddress::v4(0xffffffff), true},
      {"to many", host, wire::IpAddress::v4(224, 0, 0, 5), true},
      {"from nobody", wire::IpAddress::v4(0), other, true},
      {"from loopback", wire::IpAddress::v4(127, 0, 0, 1), other, true},
  };
  for (const Row& row : rows) {
    const wire::Ipv4Fields ip{.source = row.source,
                              .destination = row.destination,
                              .dont_fragment = row.dont_fragment};
    const Packet packet = Packet::from_frame(wire::make_frame(
        own, far, wire::ethertype::ipv4, wire::make_udp(ip, 53, 53, Bytes(1462, 'x'))));
    EXPECT_FALSE(tunnel_too_big(packet, 1450)) << row.what;
  }
  const wire::Ipv4Fields ip{.source = host, .destination = other, .dont_fragment = true};
  const Packet error = Packet::from_frame(wire::make_frame(
      own, far, wire::ethertype::ipv4,
      wire::make_icmp_error(ip, wire::IcmpHeader::unreachable, 1, 0, Bytes(1462, 'x'))));
  EXPECT_FALSE(tunnel_too_big(error, 1450)) << "an error about an error";
}

Devices with_vxlan() {
  Devices devices;
  devices.list.push_back({.name = "eth0", .up = true});
  devices.list.push_back(
      {.name = "vx", .kind = DeviceKind::vxlan, .up = true, .mac = far, .vxlan = options});
  return devices;
}
constexpr DeviceId eth0 = 1, vx = 2;

Packet received(const Packet& frame, const VxlanRemote& to) {
  Packet packet = vxlan_encapsulate(frame, options, to);
  packet.device = eth0;
  packet.mark = 0x77;
  packet.connection = 4;
  packet.number = 12;
  return packet;
}

TEST(VxlanReceive, GivesBackTheFrame) {
  Packet packet = received(inner_frame(), remote);
  StepTrace trace;
  ASSERT_FALSE(vxlan_receive(packet, with_vxlan(), trace));
  EXPECT_EQ(packet.device, vx);
  EXPECT_THAT(packet.frame(), testing::ElementsAreArray(inner_frame().frame()));
  EXPECT_EQ(packet.number, 12U);
  EXPECT_EQ(packet.mark, 0x77U);
  EXPECT_EQ(packet.connection, no_connection);
  ASSERT_EQ(trace.steps().size(), 1U);
  EXPECT_EQ(trace.steps()[0].other, vx);
}

TEST(VxlanReceive, DropsAsRecorded) {
  const auto cut = [](std::size_t length) {
    Packet packet = received(inner_frame(), remote);
    packet.trim_network(length);
    return packet;
  };
  Packet no_flag = received(inner_frame(), remote);
  no_flag.network()[28] = 0;
  const Packet own_source =
      received(Packet::from_frame(wire::make_frame(far, own, 0x9000, Bytes(30))), remote);
  struct Row {
    Packet packet;
    DropReason reason;
  };
  const Row rows[] = {
      {received(inner_frame(), {remote.address, 6, 4789}), DropReason::VXLAN_VNI_NOT_FOUND},
      {no_flag, DropReason::VXLAN_INVALID_HDR},
      {own_source, DropReason::LOCAL_MAC},
      {cut(28 + 7), DropReason::PKT_TOO_SMALL},
      {cut(28 + 8), DropReason::NOMEM},
      {cut(28 + 21), DropReason::NOMEM},
  };
  for (const Row& row : rows) {
    Packet packet = row.packet;
    NoTrace trace;
    const Stop stop = vxlan_receive(packet, with_vxlan(), trace);
    EXPECT_EQ(stop.stage, Stage::vxlan_rcv);
    EXPECT_EQ(stop.reason, row.reason);
  }
}

TEST(VxlanReceive, ExternalDevicesAreUndecided) {
  Devices devices = with_vxlan();
  devices[vx].vxlan.collect_metadata = true;
  Packet packet = received(inner_frame(), {remote.address, 6, 4789});
  NoTrace trace;
  EXPECT_EQ(vxlan_receive(packet, devices, trace).fate, Fate::undecided);
}

}  // namespace
}  // namespace wayout::link
