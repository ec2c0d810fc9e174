#include "wire/craft.hpp"

#include <cassert>
#include <cstddef>
#include <initializer_list>

#include "wire/checksum.hpp"

namespace wayout::wire {
namespace {

using Bytes = std::vector<std::uint8_t>;

template <class Header>
void append(Bytes& bytes, const Header& header) {
  const auto* first = reinterpret_cast<const std::uint8_t*>(&header);
  bytes.insert(bytes.end(), first, first + sizeof(Header));
}

void append(Bytes& bytes, std::span<const std::uint8_t> more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

/// An ICMP message; its checksum has no pseudo header.
Bytes make_icmp(const Ipv4Fields& ip, std::uint8_t type, std::uint8_t code, std::uint32_t rest,
                std::span<const std::uint8_t> payload) {
  IcmpHeader header{};
  header.type = type;
  header.code = code;
  header.id = static_cast<std::uint16_t>(rest >> 16);
  header.sequence = static_cast<std::uint16_t>(rest);
  Bytes message;
  append(message, header);
  append(message, payload);
  header_at<IcmpHeader>(message)->checksum = checksum_finish(checksum_add(message));

  Ipv4Fields fields = ip;
  fields.protocol = protocol::icmp;
  return make_ipv4(fields, message);
}

}  // namespace

namespace {

void append_bytes(Bytes& bytes, std::initializer_list<std::uint8_t> more) {
  for (const std::uint8_t byte : more) bytes.push_back(byte);
}

void append_word(Bytes& bytes, std::uint32_t word) {
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes.push_back(static_cast<std::uint8_t>(word >> shift));
}

/// As Linux puts them together, see TcpFields.
Bytes options_of(const TcpFields& tcp) {
  constexpr std::uint8_t no_operation = 1, mss_kind = 2, scale_kind = 3, sack_kind = 4,
                         timestamps_kind = 8;
  Bytes options;
  if (tcp.mss != 0) append_word(options, std::uint32_t{mss_kind} << 24 | 4U << 16 | tcp.mss);
  if (tcp.sack_permitted) {
    if (!tcp.timestamps) append_bytes(options, {no_operation, no_operation});
    append_bytes(options, {sack_kind, 2});
  }
  if (tcp.timestamps) {
    if (!tcp.sack_permitted) append_bytes(options, {no_operation, no_operation});
    append_bytes(options, {timestamps_kind, 10});
    append_word(options, tcp.timestamps->value);
    append_word(options, tcp.timestamps->echo);
  }
  if (tcp.window_scale)
    append_bytes(options, {no_operation, scale_kind, 3, *tcp.window_scale});
  return options;
}

}  // namespace

std::vector<std::uint8_t> make_ipv4(const Ipv4Fields& ip, std::span<const std::uint8_t> payload) {
  assert(sizeof(Ipv4Header) + payload.size() <= 0xffff);
  Ipv4Header header{};
  header.version_ihl = 0x45;
  header.tos = ip.tos;
  header.total_length = static_cast<std::uint16_t>(sizeof header + payload.size());
  header.id = ip.id;
  header.fragment = ip.dont_fragment ? Ipv4Header::dont_fragment : std::uint16_t{0};
  header.ttl = ip.ttl;
  header.protocol = ip.protocol;
  header.source = ip.source.v4();
  header.destination = ip.destination.v4();

  Bytes packet;
  packet.reserve(sizeof header + payload.size());
  append(packet, header);
  header_at<Ipv4Header>(packet)->checksum = ipv4_header_checksum(packet);
  append(packet, payload);
  return packet;
}

std::vector<std::uint8_t> make_tcp(const Ipv4Fields& ip, const TcpFields& tcp,
                                   std::span<const std::uint8_t> payload) {
  const Bytes options = options_of(tcp);
  const std::size_t header_bytes = sizeof(TcpHeader) + options.size();
  TcpHeader header{};
  header.source_port = tcp.source_port;
  header.destination_port = tcp.destination_port;
  header.sequence = tcp.sequence;
  header.acknowledgement = tcp.acknowledgement;
  header.offset_reserved = static_cast<std::uint8_t>(header_bytes / 4 << 4);
  header.flags = tcp.flags;
  header.window = tcp.window;

  Bytes segment;
  append(segment, header);
  append(segment, std::span(options));
  append(segment, payload);
  header_at<TcpHeader>(segment)->checksum = transport_checksum(
      ip.source, ip.destination, protocol::tcp, segment, offsetof(TcpHeader, checksum));

  Ipv4Fields fields = ip;
  fields.protocol = protocol::tcp;
  return make_ipv4(fields, segment);
}

std::vector<std::uint8_t> make_udp(const Ipv4Fields& ip, std::uint16_t source_port,
                                   std::uint16_t destination_port,
                                   std::span<const std::uint8_t> payload) {
  UdpHeader header{};
  header.source_port = source_port;
  header.destination_port = destination_port;
  header.length = static_cast<std::uint16_t>(sizeof header + payload.size());

  Bytes segment;
  append(segment, header);
  append(segment, payload);
  const std::uint16_t checksum = transport_checksum(ip.source, ip.destination, protocol::udp,
                                                    segment, offsetof(UdpHeader, checksum));
  // 0 on the wire means "not computed".
  header_at<UdpHeader>(segment)->checksum = checksum == 0 ? std::uint16_t{0xffff} : checksum;

  Ipv4Fields fields = ip;
  fields.protocol = protocol::udp;
  return make_ipv4(fields, segment);
}

std::vector<std::uint8_t> make_icmp_echo(const Ipv4Fields& ip, bool reply, std::uint16_t id,
                                         std::uint16_t sequence,
                                         std::span<const std::uint8_t> payload) {
  return make_icmp(ip, reply ? IcmpHeader::echo_reply : IcmpHeader::echo_request, 0,
                   std::uint32_t{id} << 16 | sequence, payload);
}

std::vector<std::uint8_t> make_icmp_error(const Ipv4Fields& ip, std::uint8_t type,
                                          std::uint8_t code, std::uint32_t rest,
                                          std::span<const std::uint8_t> quoted) {
  return make_icmp(ip, type, code, rest, quoted);
}

std::vector<std::uint8_t> make_arp(std::uint16_t operation, const MacAddress& ethernet_source,
                                   const MacAddress& ethernet_destination,
                                   const MacAddress& sender_mac, const IpAddress& sender_ip,
                                   const MacAddress& target_mac, const IpAddress& target_ip) {
  constexpr std::uint16_t ethernet_hardware = 1;
  ArpHeader arp{};
  arp.hardware = ethernet_hardware;
  arp.protocol = ethertype::ipv4;
  arp.hardware_length = 6;
  arp.protocol_length = 4;
  arp.operation = operation;
  arp.sender_mac = sender_mac;
  arp.sender_ip = sender_ip.v4();
  arp.target_mac = target_mac;
  arp.target_ip = target_ip.v4();

  Bytes bytes;
  append(bytes, arp);
  return make_frame(ethernet_source, ethernet_destination, ethertype::arp, bytes);
}

std::vector<std::uint8_t> make_frame(const MacAddress& source, const MacAddress& destination,
                                     std::uint16_t type, std::span<const std::uint8_t> payload) {
  EthernetHeader header{};
  header.destination = destination;
  header.source = source;
  header.type = type;

  Bytes frame;
  frame.reserve(sizeof header + payload.size());
  append(frame, header);
  append(frame, payload);
  return frame;
}

}  // namespace wayout::wire
