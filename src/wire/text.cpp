#include "wire/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "wire/headers.hpp"
#include "wire/transport_text.hpp"

namespace wayout::wire {
namespace {

using Bytes = std::span<const std::uint8_t>;

/// `10.0.0.2.40000 > 10.0.0.1.443: Flags …`, with ports where the protocol has them. `length` is
/// what IP says of `payload`, of which less may be there.
std::string describe_transport(const IpAddress& source, const IpAddress& destination,
                               std::uint8_t protocol, Bytes payload, std::size_t length,
                               bool first_fragment = false) {
  payload = payload.first(std::min(length, payload.size()));
  const bool has_ports = protocol == protocol::tcp || protocol == protocol::udp;
  const auto* source_port = header_at<be16>(payload);
  const auto* destination_port = header_at<be16>(payload, sizeof(be16));
  std::string text = fmt::format("{} > {}: ", source.text(), destination.text());
  if (has_ports && destination_port != nullptr) {
    text = fmt::format("{}.{} > {}.{}: ", source.text(), std::uint16_t{*source_port},
                       destination.text(), std::uint16_t{*destination_port});
  }
  if (protocol == protocol::tcp) return text + describe_tcp(payload, length);
  if (protocol == protocol::udp) return text + describe_udp(payload, length, first_fragment);
  if (protocol == protocol::icmp && source.is_v4()) return text + describe_icmp(payload, length);
  return text + fmt::format(" ip-proto-{} {}", protocol, length);
}

/// Without the leading `IP `.
std::string describe_ipv4(Bytes packet) {
  const auto* ip = header_at<Ipv4Header>(packet);
  if (ip == nullptr) return " [|ip]";
  const std::size_t header_bytes = ip->header_bytes();
  // A super-packet (GSO) longer than the field can say has 0 there.
  const std::size_t length = ip->total_length != 0 ? std::size_t{ip->total_length} : packet.size();
  if (header_bytes < sizeof(Ipv4Header)) return fmt::format("bad-hlen {}", header_bytes);
  if (length < header_bytes) return fmt::format("bad-len {}", length);

  std::string text;
  if (length > packet.size()) {
    text = fmt::format("truncated-ip - {} bytes missing! ", length - packet.size());
  }
  if (ip->fragment_offset_bytes() != 0) {
    return text + fmt::format("{} > {}: ip-proto-{}", ip->source_address().text(),
                              ip->destination_address().text(), ip->protocol);
  }
  return text + describe_transport(ip->source_address(), ip->destination_address(), ip->protocol,
                                   packet.subspan(std::min(header_bytes, packet.size())),
                                   length - header_bytes, ip->has_more_fragments());
}

/// Without the leading `IP6 `.
std::string describe_ipv6(Bytes packet) {
  const auto* ip = header_at<Ipv6Header>(packet);
  if (ip == nullptr) return " [|ip6]";
  return describe_transport(ip->source_address(), ip->destination_address(), ip->next_header,
                            packet.subspan(sizeof(Ipv6Header)), ip->payload_length);
}

/// Without the leading `ARP, `.
std::string describe_arp(Bytes bytes) {
  const auto* arp = header_at<ArpHeader>(bytes);
  if (arp == nullptr) return " [|arp]";
  const auto sender = IpAddress::v4(arp->sender_ip).text();
  const auto target = IpAddress::v4(arp->target_ip).text();
  std::string text;
  if (arp->operation == ArpHeader::request) {
    const std::string at =
        arp->target_mac.is_zero() ? "" : fmt::format(" ({})", arp->target_mac.text());
    text = fmt::format("Request who-has {}{} tell {}", target, at, sender);
  } else if (arp->operation == ArpHeader::reply) {
    text = fmt::format("Reply {} is-at {}", sender, arp->sender_mac.text());
  } else {
    text = fmt::format("operation {}", std::uint16_t{arp->operation});
  }
  return text + fmt::format(", length {}", bytes.size());
}

// ---------------------------------------------------------------- link

std::string_view ethertype_name(std::uint16_t type) {
  switch (type) {
    case ethertype::ipv4:
      return "IPv4";
    case ethertype::arp:
      return "ARP";
    case ethertype::vlan:
      return "802.1Q";
    case ethertype::qinq:
      return "802.1Q-QinQ";
    case ethertype::ipv6:
      return "IPv6";
    case ethertype::pppoe_session:
      return "PPPoE S";
    default:
      return "Unknown";
  }
}

/// What follows the ethertype, which itself is told by the caller.
std::string describe_payload(std::uint16_t type, Bytes payload) {
  if (type == ethertype::ipv4) return describe_ipv4(payload);
  if (type == ethertype::ipv6) return describe_ipv6(payload);
  if (type == ethertype::arp) return describe_arp(payload);
  if (type != ethertype::vlan && type != ethertype::qinq) return {};

  const auto* tag = header_at<VlanTag>(payload);
  if (tag == nullptr) return " [|vlan]";
  const std::uint16_t tci = tag->tci, inner = tag->type;
  return fmt::format("vlan {}, p {}{}, ethertype {} (0x{:04x}), {}", tci & 0xfff, tci >> 13,
                     (tci & 0x1000) != 0 ? ", DEI" : "", ethertype_name(inner), inner,
                     describe_payload(inner, payload.subspan(sizeof(VlanTag))));
}

}  // namespace

std::string describe_ip(std::span<const std::uint8_t> packet) {
  if (packet.empty()) return " [|ip]";
  const unsigned version = packet[0] >> 4;
  if (version == 4) return "IP " + describe_ipv4(packet);
  if (version == 6) return "IP6 " + describe_ipv6(packet);
  return fmt::format("IP{} (invalid)", version);
}

std::string describe_frame(std::span<const std::uint8_t> frame) {
  const auto* ethernet = header_at<EthernetHeader>(frame);
  if (ethernet == nullptr) return " [|ether]";
  const std::uint16_t type = ethernet->type;
  constexpr std::uint16_t first_ethertype = 0x600;  // below, the field is a length (802.3)
  const std::string macs =
      fmt::format("{} > {}, ", ethernet->source.text(), ethernet->destination.text());
  if (type < first_ethertype) return macs + fmt::format("802.3, length {}", type);
  return macs + fmt::format("ethertype {} (0x{:04x}), length {}: {}", ethertype_name(type), type,
                            frame.size(),
                            describe_payload(type, frame.subspan(sizeof(EthernetHeader))));
}

}  // namespace wayout::wire
