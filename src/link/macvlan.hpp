// Macvlan: several devices with MACs of their own on one lower device. Which of them gets a frame.
//
// The lower device's own stack and its children never hear each other: what either sends goes to
// the wire, and only frames from the wire are shared out.
#pragma once

#include <span>
#include <vector>

#include "link/device.hpp"
#include "wire/headers.hpp"

namespace wayout::link {

/// The macvlan devices of one lower device, in whatever namespaces they are; null is not allowed.
using MacvlanChildren = std::span<const Device* const>;

/// Who gets a frame.
struct MacvlanReceivers {
  std::vector<std::size_t> children;  ///< positions in the list asked about
  bool lower = true;                  ///< received: the lower device too; sent: the wire too
};

/// A frame that the lower device received from its wire.
/// Linux: drivers/net/macvlan.c macvlan_handle_frame, macvlan_multicast_rx.
/// Not modelled: mode source (it takes nothing here); multicast groups that a child did not join,
///   which it is given all the same.
[[nodiscard]] MacvlanReceivers macvlan_receive(MacvlanChildren children,
                                               const wire::EthernetHeader& ethernet);

/// A frame that child `sender` sends: which siblings get it without the wire.
/// Linux: drivers/net/macvlan.c macvlan_queue_xmit.
[[nodiscard]] MacvlanReceivers macvlan_transmit(MacvlanChildren children, std::size_t sender,
                                                const wire::EthernetHeader& ethernet);

}  // namespace wayout::link
