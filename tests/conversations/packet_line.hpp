// IP packets from one line of text.
//
//     tcp  SRC:PORT DST:PORT FLAGS [seq=N] [ack=N] [win=N] [len=N] [ws=N] [sackok] [sack=L-R]
//     udp  SRC:PORT DST:PORT [len=N] [udplen=N]
//     icmp SRC DST type=N [code=N] [id=N] [len=N] [quote=BYTES] [about PACKET]
//     sctp SRC:PORT DST:PORT CHUNK [tag=N] [itag=N]
//     ip   SRC DST proto=N [hex=BYTES]
//
// FLAGS are letters of SFRAPUEC, or `-`. `badsum` breaks the transport checksum, `nosum` (UDP)
// leaves it out. `about` quotes the packet on the rest of the line.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace wayout::conversation {

/// The whole IP packet, TTL 64, checksums right unless the line says otherwise. Aborts with a
/// message on a line that it does not understand: the lines are ours.
[[nodiscard]] std::vector<std::uint8_t> make_packet(std::string_view line);

}  // namespace wayout::conversation
