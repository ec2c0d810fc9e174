#include "nat/rewrite.hpp"

#include "wire/checksum.hpp"
#include "wire/headers.hpp"

namespace wayout::nat {
namespace {

namespace protocol = wire::protocol;

/// What changes: the same for the packet itself and for one that is quoted.
struct Change {
  Manip manip = Manip::source;
  std::uint32_t old_address = 0, new_address = 0;
  std::uint16_t port = 0;  ///< of the changed side
  std::uint16_t icmp_id = 0;
};

/// TCP, UDP, UDP-Lite and SCTP begin alike.
struct PortsHeader {
  wire::be16 source, destination;
};
/// The least that an error quotes behind the IP header.
constexpr std::size_t quoted_bytes = 8;

/// A checksum field after the change of one address and one 16-bit word.
std::uint16_t updated(std::uint16_t checksum, const Change& change, std::uint16_t old_word,
                      std::uint16_t new_word) {
  checksum = wire::checksum_update32(checksum, change.old_address, change.new_address);
  return wire::checksum_update16(checksum, old_word, new_word);
}

wire::be16& port_of(std::span<std::uint8_t> segment, Manip manip) {
  auto& ports = *wire::header_at<PortsHeader>(segment);
  return manip == Manip::source ? ports.source : ports.destination;
}

bool rewrite_tcp(std::span<std::uint8_t> segment, const Change& change) {
  if (segment.size() < quoted_bytes) return false;
  wire::be16& port = port_of(segment, change.manip);
  if (auto* header = wire::header_at<wire::TcpHeader>(segment))
    header->checksum = updated(header->checksum, change, port, change.port);
  port = change.port;
  return true;
}

bool rewrite_udp(std::span<std::uint8_t> segment, const Change& change, bool may_be_unused) {
  auto* header = wire::header_at<wire::UdpHeader>(segment);
  if (header == nullptr) return false;
  wire::be16& port = port_of(segment, change.manip);
  if (header->checksum != 0 || !may_be_unused) {
    const std::uint16_t checksum = updated(header->checksum, change, port, change.port);
    header->checksum = checksum == 0 ? 0xffff : checksum;  // 0 would mean "not used"
  }
  port = change.port;
  return true;
}

bool rewrite_sctp(std::span<std::uint8_t> segment, const Change& change) {
  if (segment.size() < quoted_bytes) return false;
  port_of(segment, change.manip) = change.port;
  if (auto* header = wire::header_at<wire::SctpHeader>(segment))
    header->checksum = wire::sctp_checksum(segment);
  return true;
}

/// Only queries have an id; the checksum does not cover addresses.
bool rewrite_icmp(std::span<std::uint8_t> message, const Change& change) {
  auto* header = wire::header_at<wire::IcmpHeader>(message);
  if (header == nullptr) return false;
  constexpr std::uint8_t first_query = 13, last_query = 18;  // timestamp … address mask reply
  const bool query = header->type == wire::IcmpHeader::echo_request ||
                     header->type == wire::IcmpHeader::echo_reply ||
                     (header->type >= first_query && header->type <= last_query);
  if (!query) return true;
  header->checksum = wire::checksum_update16(header->checksum, header->id, change.icmp_id);
  header->id = change.icmp_id;
  return true;
}

/// Version 1 has a call id, which names the receiver's end.
bool rewrite_gre(std::span<std::uint8_t> packet, const Change& change) {
  struct PptpHeader {
    wire::be16 flags, protocol, payload_length, call_id;
  };
  auto* header = wire::header_at<PptpHeader>(packet);
  if (header == nullptr) return false;
  if (change.manip != Manip::destination) return true;
  const unsigned version = header->flags & 7U;
  if (version == 1) header->call_id = change.port;
  return version <= 1;
}

bool rewrite_transport(std::uint8_t number, std::span<std::uint8_t> bytes, const Change& change) {
  switch (number) {
    case protocol::tcp:
      return rewrite_tcp(bytes, change);
    case protocol::udp:
      return rewrite_udp(bytes, change, true);
    case protocol::udplite:
      return rewrite_udp(bytes, change, false);
    case protocol::sctp:
      return rewrite_sctp(bytes, change);
    case protocol::icmp:
      return rewrite_icmp(bytes, change);
    case protocol::gre:
      return rewrite_gre(bytes, change);
    default:
      return true;
  }
}

}  // namespace

std::size_t rewritten_bytes(std::span<const std::uint8_t> ip) {
  const auto* header = wire::header_at<wire::Ipv4Header>(ip);
  if (header == nullptr || header->header_bytes() > ip.size()) return 0;
  const std::size_t segment = ip.size() - header->header_bytes();
  const auto all_or_quoted = [&](std::size_t bytes) {
    return segment >= bytes ? bytes : quoted_bytes;
  };
  switch (header->protocol) {
    case protocol::tcp:
      return header->header_bytes() + all_or_quoted(sizeof(wire::TcpHeader));
    case protocol::sctp:
      return header->header_bytes() + all_or_quoted(sizeof(wire::SctpHeader));
    case protocol::udp:
    case protocol::udplite:
      return header->header_bytes() + sizeof(wire::UdpHeader);
    case protocol::icmp:
      return header->header_bytes() + sizeof(wire::IcmpHeader);
    case protocol::gre:
      return header->header_bytes() + quoted_bytes;
    default:
      return header->header_bytes();
  }
}

bool rewrite(std::span<std::uint8_t> ip, Manip manip, const conntrack::Tuple& tuple) {
  auto* header = wire::header_at<wire::Ipv4Header>(ip);
  if (header == nullptr || header->header_bytes() < sizeof(*header) ||
      header->header_bytes() > ip.size())
    return false;
  const bool source = manip == Manip::source;
  wire::be32& address = source ? header->source : header->destination;
  const Change change{.manip = manip,
                      .old_address = address,
                      .new_address = (source ? tuple.source : tuple.destination).v4(),
                      .port = source ? tuple.source_port : tuple.destination_port,
                      .icmp_id = tuple.source_port};
  if (!rewrite_transport(header->protocol, ip.subspan(header->header_bytes()), change))
    return false;
  header->checksum =
      wire::checksum_update32(header->checksum, change.old_address, change.new_address);
  address = change.new_address;
  return true;
}

}  // namespace wayout::nat
