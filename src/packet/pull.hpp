// Seams of a reassembled packet that are lost because somebody writes across them.
#pragma once

#include <cstddef>

#include "packet/packet.hpp"

namespace wayout {

/// Somebody writes to the first `length_bytes` of `packet`, counted from the network header. Where
/// they lie in several of the fragments it was put together from, they move into the first one:
/// Packet::fragment_payloads tells of a longer first one then, and of a shorter or no next. One
/// entry is left when all have moved; nothing happens to a packet that came whole. Linux:
/// net/core/skbuff.c __pskb_pull_tail, which skb_ensure_writable asks.
void pull_fragments(Packet& packet, std::size_t length_bytes);

}  // namespace wayout
