#include "packet/packet.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout {
namespace {

using Bytes = std::vector<std::uint8_t>;
using testing::ElementsAreArray;

const wire::MacAddress from = {{2, 0, 0, 0, 0, 1}};
const wire::MacAddress to = {{2, 0, 0, 0, 0, 2}};

Bytes ip_packet() {
  const wire::Ipv4Fields ip{.source = wire::IpAddress::v4(10, 0, 0, 2),
                            .destination = wire::IpAddress::v4(10, 0, 0, 1)};
  return wire::make_udp(ip, 1, 2, Bytes{'h', 'i'});
}

Bytes tagged_frame() {
  Bytes payload = {0x20, 0x05, 0x08, 0x00};  // priority 1, VLAN 5, IPv4
  const Bytes ip = ip_packet();
  payload.insert(payload.end(), ip.begin(), ip.end());
  return wire::make_frame(from, to, wire::ethertype::vlan, payload);
}

/// A datagram that carries a frame.
Bytes make_outer(const Bytes& frame) {
  const wire::Ipv4Fields ip{.source = wire::IpAddress::v4(10, 0, 0, 2),
                            .destination = wire::IpAddress::v4(10, 0, 0, 1)};
  return wire::make_udp(ip, 1, 2, frame);
}

TEST(Packet, FrameHasLinkAndNetworkPart) {
  const Bytes frame = wire::make_frame(from, to, wire::ethertype::ipv4, ip_packet());
  const auto packet = Packet::from_frame(frame);
  EXPECT_EQ(packet.ethertype, wire::ethertype::ipv4);
  EXPECT_EQ(packet.link_header_bytes(), 14U);
  EXPECT_FALSE(packet.vlan_tci);
  EXPECT_THAT(packet.frame(), ElementsAreArray(frame));
  EXPECT_THAT(packet.network(), ElementsAreArray(ip_packet()));
  EXPECT_THAT(packet.on_wire(), ElementsAreArray(frame));
}

TEST(Packet, TagIsTakenOutAndPutBack) {
  const auto packet = Packet::from_frame(tagged_frame());
  EXPECT_EQ(packet.vlan_tci, 0x2005);
  EXPECT_EQ(packet.ethertype, wire::ethertype::ipv4);
  EXPECT_THAT(packet.frame(),
              ElementsAreArray(wire::make_frame(from, to, wire::ethertype::ipv4, ip_packet())));
  EXPECT_THAT(packet.on_wire(), ElementsAreArray(tagged_frame()));
}

TEST(Packet, SecondTagStaysInTheBytes) {
  const Bytes inner = {0x00, 0x07, 0x08, 0x00, 0x45};
  Bytes payload = {0x00, 0x05, 0x81, 0x00};
  payload.insert(payload.end(), inner.begin(), inner.end());
  const Bytes frame = wire::make_frame(from, to, wire::ethertype::vlan, payload);
  const auto packet = Packet::from_frame(frame);
  EXPECT_EQ(packet.vlan_tci, 5);
  EXPECT_EQ(packet.ethertype, wire::ethertype::vlan);
  EXPECT_THAT(packet.network(), ElementsAreArray(inner));
  EXPECT_THAT(packet.on_wire(), ElementsAreArray(frame));
}

TEST(Packet, TagMovesBetweenBytesAndSide) {
  auto packet = Packet::from_frame(tagged_frame());
  packet.tag_in_bytes();
  EXPECT_FALSE(packet.vlan_tci);
  EXPECT_EQ(packet.ethertype, wire::ethertype::vlan);
  EXPECT_THAT(packet.frame(), ElementsAreArray(tagged_frame()));
  EXPECT_EQ(packet.link_header_bytes(), 14U);
  packet.tag_in_bytes();  // nothing left to put
  EXPECT_THAT(packet.frame(), ElementsAreArray(tagged_frame()));
  packet.untag();
  EXPECT_EQ(packet.vlan_tci, 0x2005);
  EXPECT_THAT(packet.network(), ElementsAreArray(ip_packet()));
}

TEST(Packet, PayloadBecomesTheFrame) {
  auto packet = Packet::from_ip(make_outer(tagged_frame()));
  packet.mark = 5;
  packet.set_frame(packet.network().subspan(28));
  EXPECT_EQ(packet.mark, 5U);
  EXPECT_EQ(packet.vlan_tci, 0x2005);
  EXPECT_THAT(packet.on_wire(), ElementsAreArray(tagged_frame()));
}

TEST(Packet, TooShortFramesAreKeptAsTheyAre) {
  const auto runt = Packet::from_frame(Bytes(13, 0xff));
  EXPECT_EQ(runt.ethertype, 0);
  EXPECT_EQ(runt.size(), 13U);
  EXPECT_TRUE(runt.network().empty());
  EXPECT_TRUE(Packet::from_frame({}).network().empty());

  const auto cut_tag =
      Packet::from_frame(wire::make_frame(from, to, wire::ethertype::vlan, Bytes{0, 5, 8}));
  EXPECT_FALSE(cut_tag.vlan_tci);
  EXPECT_EQ(cut_tag.ethertype, wire::ethertype::vlan);
  EXPECT_EQ(cut_tag.network().size(), 3U);
}

TEST(Packet, LocalPacketGetsALinkHeader) {
  auto packet = Packet::from_ip(ip_packet());
  EXPECT_TRUE(packet.local);
  EXPECT_EQ(packet.type, PacketType::outgoing);
  EXPECT_EQ(packet.ethertype, wire::ethertype::ipv4);
  EXPECT_EQ(packet.link_header_bytes(), 0U);
  EXPECT_EQ(Packet::from_ip(Bytes{0x60}).ethertype, wire::ethertype::ipv6);

  const Bytes header = wire::make_frame(from, to, wire::ethertype::ipv4, {});
  packet.set_link_header(header);
  EXPECT_EQ(packet.link_header_bytes(), 14U);
  EXPECT_THAT(packet.frame().first(14), ElementsAreArray(header));
  EXPECT_THAT(packet.network(), ElementsAreArray(ip_packet()));

  packet.set_link_header(wire::make_frame(to, from, wire::ethertype::ipv4, {}));  // replaces
  EXPECT_EQ(packet.size(), 14 + ip_packet().size());
  packet.pull_link_header();
  EXPECT_THAT(packet.frame(), ElementsAreArray(ip_packet()));
}

TEST(Packet, HeadersMayOutgrowTheHeadroom) {
  auto packet = Packet::from_ip(ip_packet());
  const Bytes long_header(Packet::headroom_bytes + 10, 0xab);
  packet.set_link_header(long_header);
  EXPECT_EQ(packet.link_header_bytes(), long_header.size());
  EXPECT_THAT(packet.network(), ElementsAreArray(ip_packet()));
  packet.set_network_offset(0);  // the pushed bytes become the packet, as for an outer IP header
  packet.set_link_header(Bytes(14, 0xcd));
  EXPECT_EQ(packet.size(), 14 + long_header.size() + ip_packet().size());
}

TEST(Packet, TailIsCutAndLengthened) {
  auto packet = Packet::from_frame(wire::make_frame(from, to, wire::ethertype::ipv4, Bytes(46, 7)));
  packet.trim_network(30);
  EXPECT_EQ(packet.size(), 44U);
  packet.extend_network(32);
  EXPECT_EQ(packet.network()[29], 7);
  EXPECT_EQ(packet.network()[30], 0);
  packet.replace_network(Bytes{1, 2, 3});
  EXPECT_THAT(packet.network(), ElementsAreArray(Bytes{1, 2, 3}));
  EXPECT_EQ(packet.link_header_bytes(), 14U);
}

Packet packet_that_learned() {
  auto packet = Packet::from_frame(tagged_frame());
  packet.number = 3;
  packet.mark = 0x77;
  packet.type = PacketType::broadcast;
  packet.connection = 9;
  packet.ctinfo = CtInfo::established;
  packet.ingress = packet.bridge_port_in = packet.bridge_port_out = 4;
  packet.routing.decided = true;
  packet.sender.uid = 1000;
  packet.hooks_done_at_bridge = packet.bridged_dnat = packet.local = true;
  packet.segment_bytes = 1448;
  packet.checksum_verified = true;
  return packet;
}

void expect_scrubbed(const Packet& packet) {
  EXPECT_EQ(packet.type, PacketType::host);
  EXPECT_EQ(packet.connection, no_connection);
  EXPECT_EQ(packet.ctinfo, CtInfo::none);
  EXPECT_EQ(packet.ingress, no_device);
  EXPECT_EQ(packet.bridge_port_in, no_device);
  EXPECT_EQ(packet.bridge_port_out, no_device);
  EXPECT_FALSE(packet.routing.decided);
  EXPECT_FALSE(packet.hooks_done_at_bridge);
  EXPECT_FALSE(packet.bridged_dnat);
  EXPECT_FALSE(packet.local);
  // What belongs to the bytes crosses every border.
  EXPECT_EQ(packet.number, 3U);
  EXPECT_EQ(packet.vlan_tci, 0x2005);
  EXPECT_EQ(packet.segment_bytes, 1448);
  EXPECT_TRUE(packet.checksum_verified);
}

TEST(Packet, NamespaceBorderTakesWhatThePathLearned) {
  auto packet = packet_that_learned();
  packet.scrub(false);
  expect_scrubbed(packet);
  EXPECT_EQ(packet.mark, 0U);
  EXPECT_FALSE(packet.sender.uid);
}

TEST(Packet, VethInsideANamespaceLeavesTheMark) {
  auto packet = packet_that_learned();
  packet.scrub(true);
  expect_scrubbed(packet);
  EXPECT_EQ(packet.mark, 0x77U);
  EXPECT_EQ(packet.sender.uid, 1000U);
}

}  // namespace
}  // namespace wayout
