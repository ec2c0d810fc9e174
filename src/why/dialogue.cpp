#include "why/dialogue.hpp"

#include <algorithm>
#include <bit>
#include <charconv>

#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::why {

using wire::TcpHeader;

namespace {

constexpr std::uint16_t icmp_id_sequence = 1;
constexpr std::size_t tcp_headers_bytes = 40, udp_headers_bytes = 28, timestamps_bytes = 12;
constexpr std::uint32_t client_clock = 2000, server_clock = 7000;
/// What may be sent to one that named no MSS (RFC 9293, 3.7.1).
constexpr std::size_t least_mss = 536;

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

TcpOptions options_of(const Packet& packet) {
  TcpOptions found;
  const auto network = packet.network();
  const auto* ip = wire::header_at<wire::Ipv4Header>(network);
  if (ip == nullptr || ip->protocol != wire::protocol::tcp) return found;
  const std::size_t at = ip->header_bytes();
  const auto* tcp = wire::header_at<TcpHeader>(network, at);
  if (tcp == nullptr || at + tcp->header_bytes() > network.size()) return found;
  const auto options = network.subspan(at, tcp->header_bytes()).subspan(sizeof(TcpHeader));
  const auto word = [&](std::size_t i) {
    return static_cast<std::uint32_t>(options[i] << 24 | options[i + 1] << 16 |
                                      options[i + 2] << 8 | options[i + 3]);
  };
  for (std::size_t i = 0; i + 1 < options.size() && options[i] != 0;) {
    const std::size_t length = options[i] == 1 ? 1 : std::max<std::size_t>(options[i + 1], 2);
    if (i + length > options.size()) break;
    const int kind_and_length = options[i] << 8 | static_cast<int>(length);
    if (kind_and_length == (2 << 8 | 4)) found.mss = static_cast<std::uint16_t>(word(i));
    if (kind_and_length == (3 << 8 | 3)) found.window_scale = options[i + 2];
    if (kind_and_length == (4 << 8 | 2)) found.sack_permitted = true;
    if (kind_and_length == (8 << 8 | 10)) found.timestamps = {word(i + 2), word(i + 6)};
    i += length;
  }
  return found;
}

TcpOffer offer_of(const host::Host& host, std::uint32_t mtu_bytes) {
  constexpr std::uint32_t headers_bytes = 40, least_mss = 88, most_mss = 65495;
  const auto is_on = [&](const char* name) {
    const auto at = host.sysctls.find(std::string("net.ipv4.tcp_") + name);
    return at == host.sysctls.end() || at->second != "0";
  };
  TcpOffer offer{.mss = static_cast<std::uint16_t>(std::clamp(
                     mtu_bytes > headers_bytes ? mtu_bytes - headers_bytes : 0U, least_mss,
                     most_mss)),
                 .sack = is_on("sack"),
                 .timestamps = is_on("timestamps")};
  if (!is_on("window_scaling")) offer.window_scale.reset();
  // As many bits as the largest receive buffer has beyond the 16 of the field, less one.
  const auto buffers = host.sysctls.find("net.ipv4.tcp_rmem");
  if (offer.window_scale && buffers != host.sysctls.end()) {
    const std::size_t last = buffers->second.find_last_of(" \t");
    unsigned long most = 0;
    const char* begin = buffers->second.data() + (last == std::string::npos ? 0 : last + 1);
    std::from_chars(begin, buffers->second.data() + buffers->second.size(), most);
    const int bits = static_cast<int>(std::bit_width(most)) - 16;
    if (most != 0) offer.window_scale = static_cast<std::uint8_t>(std::clamp(bits, 0, 14));
  }
  return offer;
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

void Dialogue::heard(std::size_t index, const Packet& packet) {
  if (question_.probe != Probe::tcp || index > 1) return;
  end(index == 0 ? Way::back : Way::out).heard = options_of(packet);
}

/// The options of a SYN, or of its answer, which takes up what both ends have.
wire::TcpFields Dialogue::syn(Way sender) const {
  const End& own = end(sender);
  const bool first = sender == Way::out;
  wire::TcpFields f{.flags = TcpHeader::syn, .mss = own.offer.mss};
  f.sack_permitted = own.offer.sack && (first || own.heard.sack_permitted);
  if (own.offer.timestamps && (first || own.heard.timestamps))
    f.timestamps = {first ? client_clock : server_clock, first ? 0 : own.heard.timestamps->value};
  if (first || own.heard.window_scale) f.window_scale = own.offer.window_scale;
  return f;
}

bool Dialogue::timestamped() const {
  return end(Way::out).offer.timestamps && end(Way::out).heard.timestamps.has_value();
}

/// No segment is longer than the other end takes, or than this one's device.
std::size_t Dialogue::longest_packet(Way sender) const {
  const End& own = end(sender);
  const std::size_t taken = own.heard.mss != 0 ? own.heard.mss : least_mss;
  return std::min<std::size_t>(taken, own.offer.mss) + tcp_headers_bytes;
}

std::vector<std::uint8_t> Dialogue::tcp(std::size_t index, const wire::Ipv4Fields& ip,
                                        const Endpoints& ends) const {
  constexpr std::uint32_t client = 1000, server = 5000;
  const Way sender = index % 2 == 0 ? Way::out : Way::back;
  wire::TcpFields f;
  if (index < 2) f = syn(sender);
  f.source_port = ends.sport, f.destination_port = ends.dport;
  const bool stamps = index >= 2 && timestamped();
  if (stamps) {
    const bool out = sender == Way::out;
    f.timestamps = {out ? client_clock : server_clock, out ? server_clock : client_clock};
  }
  const std::size_t headers = tcp_headers_bytes + (stamps ? timestamps_bytes : 0);
  const auto data = [&](Way from) { return payload(headers, longest_packet(from)); };
  switch (index) {
    case 0: f.sequence = client; return make_tcp(ip, f);
    case 1:
      f.sequence = server, f.acknowledgement = client + 1;
      f.flags = TcpHeader::syn | TcpHeader::ack;
      return make_tcp(ip, f);
    case 2:
      f.sequence = client + 1, f.acknowledgement = server + 1;
      f.flags = TcpHeader::psh | TcpHeader::ack;
      return make_tcp(ip, f, data(sender));
    default: {
      f.sequence = server + 1;
      f.acknowledgement = client + 1 + static_cast<std::uint32_t>(data(Way::out).size());
      f.flags = TcpHeader::psh | TcpHeader::ack;
      return make_tcp(ip, f, data(sender));
    }
  }
}

}  // namespace wayout::why
