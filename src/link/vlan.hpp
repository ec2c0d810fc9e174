// VLAN tags as a VLAN device handles them. A tag rides in Packet::vlan_tci; only a second one is in
// the bytes.
#pragma once

#include "packet/packet.hpp"

namespace wayout::link {

constexpr std::uint16_t vlan_id(std::uint16_t tci) {
  return tci & 0x0fff;
}

/// The frame goes out through a VLAN device: its id becomes the outer tag, priority 0.
/// Linux: net/8021q/vlan_dev.c vlan_dev_hard_start_xmit. Not modelled: egress-qos-map, 802.1ad.
void push_vlan(Packet& packet, std::uint16_t id);

/// The tag in vlan_tci has been used up; an inner one takes its place.
/// Linux: net/8021q/vlan_core.c vlan_do_receive.
void pull_vlan(Packet& packet);

/// No VLAN device took the tagged frame: with an id it is another host's (the tag is left, to say
/// why), while a tag that only carries a priority is forgotten.
/// Linux: net/core/dev.c __netif_receive_skb_core.
void refuse_vlan(Packet& packet);

}  // namespace wayout::link
