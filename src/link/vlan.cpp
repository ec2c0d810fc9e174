#include "link/vlan.hpp"

namespace wayout::link {

void push_vlan(Packet& packet, std::uint16_t id) {
  packet.tag_in_bytes();
  packet.vlan_tci = id;
}

void pull_vlan(Packet& packet) {
  packet.vlan_tci.reset();
  packet.untag();
}

void refuse_vlan(Packet& packet) {
  while (packet.vlan_tci && vlan_id(*packet.vlan_tci) == 0)
    pull_vlan(packet);
  if (packet.vlan_tci) packet.type = PacketType::other_host;
}

}  // namespace wayout::link
