// THE WAY. One packet through one namespace, as a straight line of stages.
//
// walk() begins where a frame is received, send() where a process of this namespace hands an IP
// packet down; both run into the same tail. Every line of the way is one stage that answers with a
// Stop, and a packet that walks can end only through end(); one that waits for a neighbour, only in
// Journey::fail_neighbour. Where the way forks (bridged or up, local or forwarded) it is one line.
#pragma once

#include "path/stack.hpp"

namespace wayout::path {

/// A frame received on packet.device, to its end. Linux: __netif_receive_skb_core and on.
template <Trace T>
void walk(Packet packet, Stack& stack, T& trace);

/// An IP packet made in this namespace (a socket's, or the stack's own), to its end.
/// Linux: __ip_local_out and on.
template <Trace T>
void send(Packet packet, Stack& stack, T& trace);

/// The packet's end: told to the trace, kept in Stack::ended.
template <Trace T>
void end(Packet packet, Stop stop, Stack& stack, T& trace);

/// Do everything in stack.work, one unit of `budget` a packet. False when the budget ended it: a
/// loop of bridges or tunnels that never comes to rest.
template <Trace T>
bool drain(Stack& stack, std::uint32_t& budget, T& trace);

}  // namespace wayout::path
