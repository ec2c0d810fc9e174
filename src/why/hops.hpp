// Where a packet went, host by host.
#pragma once

#include <cstdint>
#include <vector>

#include "why/conversation.hpp"

namespace wayout::why {

/// One host on the way of a packet.
struct Hop {
  Step decision;                   ///< of routing; the last, where DNAT of a local packet asked anew
  DeviceId ingress = no_device;    ///< of layer 3; none: the packet was made here
  wire::IpAddress source;          ///< with which it left
};

/// Of a packet that is a leg of the conversation, or of any other that has its source.
[[nodiscard]] std::vector<Hop> hops_of(const host::Machine& machine, const Account& account,
                                       std::uint32_t packet);

/// The layer-3 device by which the question came into a host; no_device: it did not.
[[nodiscard]] DeviceId came_in_by(const Account& account, std::uint32_t host);

}  // namespace wayout::why
