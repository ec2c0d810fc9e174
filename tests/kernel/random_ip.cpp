#include "random_ip.hpp"

#include <algorithm>

#include "wire/checksum.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::kernel {
namespace {

using Bytes = std::vector<std::uint8_t>;
using wire::IpAddress;
using wire::Ipv4Header;

Ipv4Header& header(Bytes& packet) { return *wire::header_at<Ipv4Header>(std::span(packet)); }

void sum_up(Bytes& packet) {
  const std::size_t bytes = std::min(header(packet).header_bytes(), packet.size());
  if (bytes >= sizeof(Ipv4Header))
    header(packet).checksum = wire::ipv4_header_checksum(std::span(packet).first(bytes));
}

bool is_router(const IpAddress& address) {
  return address == IpAddress::v4(10, 0, 1, 1) || address == IpAddress::v4(10, 0, 2, 1);
}

}  // namespace

IpPacket RandomIp::next() {
  if (!fragments_.empty() && !one_in(8)) {
    IpPacket packet = std::move(fragments_.front());
    fragments_.pop_front();
    return packet;
  }
  IpPacket packet = whole_packet();
  if (fragments_.empty() && one_in(4)) {
    cut(packet);
    return next();
  }
  if (one_in(6)) damage(packet.bytes);
  return packet;
}

IpAddress RandomIp::source(Origin from) {
  const bool client = from == Origin::client;
  switch (below(24)) {
    case 0: return IpAddress::v4(127, 0, 0, 1);
    case 1: return IpAddress::v4(0);
    case 2: return IpAddress::v4(224, 0, 0, 9);
    case 3: return IpAddress::v4(0xffffffff);
    case 4: return IpAddress::v4(10, 0, client ? 1 : 2, 255);
    case 5: return IpAddress::v4(10, 0, 2, 1);
    case 6: return IpAddress::v4(240, 0, 0, 1);
    default: break;
  }
  if (client) return IpAddress::v4(10, 0, 1, one_in(2) ? 2 : 3);
  return one_in(2) ? IpAddress::v4(10, 0, 2, 5) : IpAddress::v4(8, 8, 8, 8);
}

IpAddress RandomIp::destination(Origin from) {
  switch (below(16)) {
    case 0:
    case 1:
    case 2: return IpAddress::v4(10, 0, 1, 1);
    case 3: return IpAddress::v4(10, 0, 2, 1);
    case 4: return IpAddress::v4(10, 0, 1, 255);
    case 5: return IpAddress::v4(0xffffffff);
    case 6: return IpAddress::v4(127, 0, 0, 1);
    case 7: return IpAddress::v4(0);
    case 8: return IpAddress::v4(224, 0, 0, 1);
    default: break;
  }
  if (from == Origin::server) return IpAddress::v4(10, 0, 1, one_in(2) ? 2 : 3);
  return one_in(2) ? IpAddress::v4(10, 0, 2, 5) : IpAddress::v4(9, 9, 9, 9);
}

/// Sets the protocol too. To the router no ICMP errors (their content is looked at), and no
/// timestamps (their answer has the time of day in it).
Bytes RandomIp::transport(wire::Ipv4Fields& ip, bool to_router) {
  const Bytes payload(one_in(3) ? below(1400) : below(40), static_cast<std::uint8_t>(random_()));
  Bytes packet;
  switch (below(5)) {
    case 0:
      packet = wire::make_tcp(ip, {.source_port = 1000, .destination_port = 9, .sequence = 77,
                                   .acknowledgement = 99,
                                   .flags = static_cast<std::uint8_t>(below(64))}, payload);
      ip.protocol = wire::protocol::tcp;
      break;
    case 1: {
      constexpr std::uint8_t quiet[] = {1, 2, 6, 7, 9, 10, 14, 15, 16, 17, 18, 19, 40, 255};
      const auto type =
          to_router ? quiet[below(sizeof quiet)] : static_cast<std::uint8_t>(below(20));
      packet = wire::make_icmp_error(ip, one_in(2) ? wire::IcmpHeader::echo_request : type,
                                     static_cast<std::uint8_t>(below(3)), 5, payload);
      ip.protocol = wire::protocol::icmp;
      break;
    }
    case 2: {
      constexpr std::uint8_t others[] = {4, 41, 47, 50, 132, 200};
      ip.protocol = others[below(sizeof others)];
      return payload;
    }
    default:
      packet = wire::make_udp(ip, 1000, 53, payload);
      ip.protocol = wire::protocol::udp;
      break;
  }
  return {packet.begin() + sizeof(Ipv4Header), packet.end()};
}

IpPacket RandomIp::whole_packet() {
  IpPacket packet;
  packet.from = one_in(3) ? Origin::server : Origin::client;
  constexpr std::uint8_t ttls[] = {64, 64, 64, 64, 2, 1, 0};
  wire::Ipv4Fields ip{.source = source(packet.from), .destination = destination(packet.from)};
  ip.tos = one_in(3) ? static_cast<std::uint8_t>(random_()) : 0;
  ip.ttl = ttls[below(sizeof ttls)];
  ip.id = id_++;
  ip.dont_fragment = one_in(3);
  Bytes segment = transport(ip, is_router(ip.destination));
  if (!segment.empty() && one_in(12)) segment[below(segment.size())] ^= 1;
  if (one_in(12)) segment.resize(below(12));
  packet.bytes = wire::make_ipv4(ip, segment);
  const bool goes_on = !is_router(ip.destination) && ip.ttl > 2 && !ip.dont_fragment;
  if (one_in(6)) add_options(packet.bytes, goes_on);
  return packet;
}

/// A host that answers a recorded route echoes the record, which we do not: only where none does.
void RandomIp::add_options(Bytes& packet, bool may_record) {
  const Bytes harmless[] = {{1, 1, 1, 1},       {0x1e, 4, 1, 2},  {0x82, 4, 1, 2},
                            {0x94, 4, 0, 0},    {0, 9, 7, 1},     {0x9e, 4, 1, 2, 0x1e, 4, 9, 9},
                            {0x44, 8, 9, 0, 0, 0, 0, 0}};
  const Bytes malformed[] = {{0x82, 0, 1, 1}, {0x1e, 9, 1, 1}, {1, 1, 1, 0x1e}, {0x94, 3, 0, 1},
                             {7, 2, 1, 1},    {0x44, 3, 5, 1}, {0x83, 2, 4, 1}};
  const Bytes recording[] = {{7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0},
                             {7, 7, 8, 1, 2, 3, 4, 0}, {0x83, 7, 4, 1, 2, 3, 4, 0}};
  Bytes option = harmless[below(std::size(harmless) - (may_record ? 0 : 1))];
  if (one_in(3)) option = malformed[below(std::size(malformed))];
  if (may_record && one_in(2)) option = recording[below(std::size(recording))];
  packet.insert(packet.begin() + sizeof(Ipv4Header), option.begin(), option.end());
  header(packet).version_ihl = static_cast<std::uint8_t>(0x45 + option.size() / 4);
  header(packet).total_length = static_cast<std::uint16_t>(packet.size());
  sum_up(packet);
}

void RandomIp::damage(Bytes& packet) {
  switch (below(7)) {
    case 0: packet[10] ^= 1; return;
    case 1:
      header(packet).total_length = static_cast<std::uint16_t>(below(packet.size() + 20));
      break;
    case 2: header(packet).version_ihl = static_cast<std::uint8_t>(0x40 + below(16)); break;
    case 3: header(packet).version_ihl = static_cast<std::uint8_t>(below(256)); break;
    case 4: packet.resize(below(static_cast<unsigned>(packet.size()))); return;
    case 5: packet.resize(packet.size() + below(40), 0x5a); return;
    default: packet[sizeof(Ipv4Header) - 1 - below(12)] ^= 0x80; return;
  }
  sum_up(packet);
}

/// Into fragments that may be out of order, doubled, overlapping or missing. The first one holds the
/// transport header: else the kernel pulls that together, and old seams with it.
void RandomIp::cut(const IpPacket& packet) {
  const std::size_t header_bytes = wire::header_at<Ipv4Header>(packet.bytes)->header_bytes();
  const std::size_t size = packet.bytes.size() - header_bytes;
  const bool df = header_bytes == sizeof(Ipv4Header) && one_in(3);  // no errors about options
  for (std::size_t at = 0; at < size;) {
    std::size_t bytes = 8 * ((at == 0 ? 8 : 1) + below(60));
    const bool last = at + bytes >= size;
    if (last) bytes = size - at;
    IpPacket piece{packet.from, {packet.bytes.begin(),
                                 packet.bytes.begin() + static_cast<std::ptrdiff_t>(header_bytes)}};
    const auto first = packet.bytes.begin() + static_cast<std::ptrdiff_t>(header_bytes + at);
    piece.bytes.insert(piece.bytes.end(), first, first + static_cast<std::ptrdiff_t>(bytes));
    Ipv4Header& ip = header(piece.bytes);
    ip.total_length = static_cast<std::uint16_t>(piece.bytes.size());
    ip.fragment = static_cast<std::uint16_t>(at / 8 | (last ? 0 : Ipv4Header::more_fragments) |
                                             (df && one_in(2) ? Ipv4Header::dont_fragment : 0));
    sum_up(piece.bytes);
    if (!one_in(25)) fragments_.push_back(piece);
    if (one_in(15)) fragments_.push_back(piece);
    at += bytes;
    if (one_in(20) && at > 16) at -= 8;
  }
  if (one_in(3)) std::shuffle(fragments_.begin(), fragments_.end(), random_);
}

}  // namespace wayout::kernel
