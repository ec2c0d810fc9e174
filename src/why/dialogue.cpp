#include "why/dialogue.hpp"

#include <algorithm>

#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::why {

using wire::TcpHeader;

namespace {

constexpr std::uint16_t icmp_id_sequence = 1;
constexpr std::size_t tcp_headers_bytes = 40, udp_headers_bytes = 28;

}  // namespace

Endpoints endpoints_of(const Packet& packet) {
  const route::Flow flow = route::flow_of(packet);
  if (flow.protocol != wire::protocol::icmp) return {flow.source, flow.destination, flow.sport, flow.dport};
  const auto network = packet.network();
  const std::size_t header = wire::header_at<wire::Ipv4Header>(network)->header_bytes();
  const auto* icmp = wire::header_at<wire::IcmpHeader>(network, header);
  const std::uint16_t id = icmp == nullptr ? std::uint16_t{0} : std::uint16_t{icmp->id};
  return {flow.source, flow.destination, id, id};
}

std::uint16_t mss_of(const Packet& packet) {
  const auto network = packet.network();
  const auto* ip = wire::header_at<wire::Ipv4Header>(network);
  if (ip == nullptr || ip->protocol != wire::protocol::tcp) return 0;
  const std::size_t at = ip->header_bytes();
  const auto* tcp = wire::header_at<TcpHeader>(network, at);
  if (tcp == nullptr) return 0;
  for (std::size_t i = at + 20; i + 3 < at + tcp->header_bytes() && i + 3 < network.size();) {
    if (network[i] == 2) return static_cast<std::uint16_t>(network[i + 2] << 8 | network[i + 3]);
    if (network[i] == 0) break;
    i += network[i] == 1 ? 1 : std::max<std::size_t>(network[i + 1], 2);
  }
  return 0;
}

std::size_t Dialogue::legs() const { return question_.probe == Probe::tcp ? 4 : 2; }

std::vector<std::uint8_t> Dialogue::packet(std::size_t index, const Endpoints& ends,
                                           std::uint8_t ttl) const {
  wire::Ipv4Fields ip{.source = ends.source,
                      .destination = ends.destination,
                      .protocol = protocol_of(question_.probe),
                      .ttl = ttl,
                      .dont_fragment = question_.dont_fragment};
  if (question_.probe == Probe::icmp) {
    return wire::make_icmp_echo(ip, index % 2 == 1, ends.sport, icmp_id_sequence,
                                payload(udp_headers_bytes));
  }
  if (question_.probe == Probe::udp)  // how long the answer is only its program knows
    return wire::make_udp(ip, ends.sport, ends.dport,
                          index == 0 ? payload(udp_headers_bytes) : std::vector<std::uint8_t>());
  return tcp(index, ip, ends);
}

std::vector<std::uint8_t> Dialogue::payload(std::size_t headers, std::size_t limit) const {
  const std::size_t whole = std::min<std::size_t>(question_.size_bytes, limit);
  return std::vector<std::uint8_t>(whole > headers ? whole - headers : 0);
}

std::vector<std::uint8_t> Dialogue::tcp(std::size_t index, const wire::Ipv4Fields& ip,
                                        const Endpoints& ends) const {
  constexpr std::uint32_t client = 1000, server = 5000;
  wire::TcpFields f{.source_port = ends.sport, .destination_port = ends.dport};
  const std::vector<std::uint8_t> asked = payload(tcp_headers_bytes);
  switch (index) {
    case 0: f.sequence = client, f.flags = TcpHeader::syn, f.mss = 1460; return make_tcp(ip, f);
    case 1:
      f.sequence = server, f.acknowledgement = client + 1, f.mss = 1460;
      f.flags = TcpHeader::syn | TcpHeader::ack;
      return make_tcp(ip, f);
    case 2:
      f.sequence = client + 1, f.acknowledgement = server + 1;
      f.flags = TcpHeader::psh | TcpHeader::ack;
      return make_tcp(ip, f, asked);
    default:
      f.sequence = server + 1;
      f.acknowledgement = client + 1 + static_cast<std::uint32_t>(asked.size());
      f.flags = TcpHeader::psh | TcpHeader::ack;
      return make_tcp(ip, f, payload(tcp_headers_bytes, mss_heard_ + tcp_headers_bytes));
  }
}

}  // namespace wayout::why
