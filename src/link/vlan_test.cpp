#include "link/vlan.hpp"

#include <gmock/gmock.h>

#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::link {
namespace {

using Bytes = std::vector<std::uint8_t>;

const wire::MacAddress from = {{2, 0, 0, 0, 0, 1}};
const wire::MacAddress to = {{2, 0, 0, 0, 0, 2}};

Packet plain() {
  return Packet::from_frame(wire::make_frame(from, to, wire::ethertype::ipv4, Bytes(20, 0x45)));
}

TEST(Vlan, PushAndPullNest) {
  Packet packet = plain();
  push_vlan(packet, 7);
  EXPECT_EQ(packet.vlan_tci, 7);
  push_vlan(packet, 5);
  EXPECT_EQ(packet.vlan_tci, 5);
  EXPECT_EQ(packet.ethertype, wire::ethertype::vlan);
  EXPECT_EQ(packet.size(), plain().size() + 4);  // the inner tag is in the bytes

  pull_vlan(packet);
  EXPECT_EQ(packet.vlan_tci, 7);
  pull_vlan(packet);
  EXPECT_FALSE(packet.vlan_tci);
  EXPECT_EQ(packet.ethertype, wire::ethertype::ipv4);
  EXPECT_THAT(packet.frame(), testing::ElementsAreArray(plain().frame()));
}

TEST(Vlan, IdIsWithoutPriority) {
  EXPECT_EQ(vlan_id(0xe005), 5);
}

TEST(Vlan, TagNobodyTookMakesItAnothersFrame) {
  struct Row {
    std::vector<std::uint16_t> ids;  ///< from the inner to the outer
    PacketType type;
  };
  const Row rows[] = {
      {{}, PacketType::host},           {{5}, PacketType::other_host}, {{0}, PacketType::host},
      {{5, 0}, PacketType::other_host}, {{0, 0}, PacketType::host},
  };
  for (const Row& row : rows) {
    Packet packet = plain();
    for (const std::uint16_t id : row.ids)
      push_vlan(packet, id);
    refuse_vlan(packet);
    EXPECT_EQ(packet.type, row.type);
    EXPECT_EQ(packet.vlan_tci.has_value(), row.type == PacketType::other_host);
  }
}

}  // namespace
}  // namespace wayout::link
