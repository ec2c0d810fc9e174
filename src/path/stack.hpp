// One namespace in motion: its configuration, its state, and the work still to do in it.
//
// A packet is always in exactly one place: in `work` (this namespace goes on with it), in
// `handovers` (it crosses to another device end), waiting in a neighbour entry, or in `ended`.
// Packets that the path makes itself (ICMP errors, resets, ARP) are put into `work` and never sent
// by a nested call; but a copy that TEE makes leaves before the packet goes on, and is not copied
// again.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "host/host.hpp"
#include "host/state.hpp"
#include "ip/ip.hpp"
#include "packet/chance.hpp"
#include "packet/packet.hpp"
#include "packet/trace.hpp"

namespace wayout::path {

/// What a namespace still has to do with a packet.
struct Work {
  enum class Kind : std::uint8_t {
    receive,   ///< a frame arrived on packet.device
    send,      ///< an IP packet made here looks for its way out
    to_neighbour,  ///< the next hop is known, its MAC not yet: it waited for that, or is a fragment
    transmit,  ///< a whole frame leaves through packet.device
  };
  Kind kind = Kind::receive;
  Packet packet;
};

/// A frame on its way to another device end, or out of this machine.
struct Handover {
  enum class How : std::uint8_t {
    to_peer,   ///< veth: `to` receives it
    to_upper,  ///< a VLAN or macvlan child, `to`, receives it
    to_lower,  ///< `to` is the lower device, and transmits it
    to_carrier,  ///< namespace `to.host` sends a tunnel's datagram, by `to.device` if that is one
    outside,   ///< a device whose other end is not on this machine
  };
  How how = How::to_peer;
  host::DeviceRef from, to;
  Packet frame;
};

/// A packet that ended here, as it was then.
struct Ended {
  Packet packet;
  Stop stop;
};

/// A socket of the question's own (the asker's, the answerer's): delivered packets for it arrive.
struct Socket {
  std::uint8_t protocol = 0;
  wire::IpAddress local;                          ///< not set: any address of the namespace
  wire::IpAddress remote;
  std::uint16_t local_port = 0, remote_port = 0;  ///< ICMP: both the id
};

/// A TCP socket that came of a listening one, which packets of its own carry this mark.
struct AcceptedSocket {
  Socket ends;
  std::uint32_t mark = 0;
};

struct Stack {
  std::uint32_t number = 0;                   ///< position in Machine::hosts
  const host::Host& host;
  host::State& state;
  Chance& chance;
  const host::Machine& machine;               ///< where each device's other end is
  std::uint32_t& next_packet;                 ///< numbers for packets made here
  std::vector<Socket> sockets;
  bool pinging = true;                        ///< some program here waits for echo replies
  std::vector<AcceptedSocket> accepted;       ///< those with a mark
  bool copying = false;                       ///< a copy that TEE made is on its way here

  std::deque<Work> work;
  std::vector<Handover> handovers;
  std::vector<Ended> ended;
  std::vector<Assumption> assumed;            ///< of all packets: their ends are not sure
};

}  // namespace wayout::path
