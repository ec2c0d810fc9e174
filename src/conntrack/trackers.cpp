#include "conntrack/trackers.hpp"

#include "wire/checksum.hpp"
#include "wire/headers.hpp"

namespace wayout::conntrack {
namespace {

/// How long a UDP flow must have been going on before an answered one counts as a stream.
constexpr std::int64_t udp_stream_age_ms = 2000;

Invalid fault_of_udp(const Observed& packet) {
  const std::span<const std::uint8_t> bytes = packet.segment.bytes;
  const auto* header = wire::header_at<wire::UdpHeader>(bytes);
  if (header == nullptr || header->length > bytes.size() || header->length < sizeof(*header))
    return Invalid::truncated;
  // The sum is taken over all that the IP packet holds, also behind the datagram's own end.
  if (packet.test_checksum &&
      !wire::transport_checksum_ok(packet.segment.source, packet.segment.destination,
                                   wire::protocol::udp, bytes))
    return Invalid::bad_checksum;
  return Invalid::none;
}

Invalid fault_of_udplite(const Observed& packet) {
  const std::span<const std::uint8_t> bytes = packet.segment.bytes;
  const auto* header = wire::header_at<wire::UdpHeader>(bytes);
  if (header == nullptr) return Invalid::truncated;
  const std::size_t covered = header->length == 0 ? bytes.size() : std::size_t{header->length};
  if (covered > bytes.size() || covered < sizeof(*header)) return Invalid::truncated;
  if (header->checksum == 0) return Invalid::bad_checksum;
  if (!packet.test_checksum) return Invalid::none;
  // The kernel sums the pseudo header of UDP here, not of UDP-Lite: right packets are INVALID.
  std::uint64_t sum = bytes.size() + wire::protocol::udp;
  sum = wire::checksum_add(packet.segment.source.bytes(), sum);
  sum = wire::checksum_add(packet.segment.destination.bytes(), sum);
  sum = wire::checksum_add(bytes.first(covered), sum);
  return wire::checksum_finish(sum) == 0 ? Invalid::none : Invalid::bad_checksum;
}

/// Two timeouts, the longer one and ASSURED as soon as there is an answer.
Opinion track_answered(Connection& connection, const Observed& packet, std::uint32_t timeout_s,
                       std::uint32_t answered_timeout_s) {
  const bool answered = connection.has(Status::seen_reply);
  refresh(connection, answered ? answered_timeout_s : timeout_s, packet.now_ms);
  if (answered && !connection.has(Status::nat_clash)) connection.status |= Status::assured;
  return {};
}

}  // namespace

Opinion track_udp(Connection& connection, const Observed& packet, const Config& config) {
  if (const Invalid fault = fault_of_udp(packet); fault != Invalid::none)
    return Opinion::invalid(fault);
  if (!connection.has(Status::confirmed))
    connection.udp_stream_from_ms = packet.now_ms + udp_stream_age_ms;
  const bool stream =
      connection.has(Status::seen_reply) && packet.now_ms > connection.udp_stream_from_ms;
  refresh(connection, stream ? config.udp_timeout_stream_s : config.udp_timeout_s, packet.now_ms);
  if (stream && !connection.has(Status::nat_clash)) connection.status |= Status::assured;
  return {};
}

Opinion track_udplite(Connection& connection, const Observed& packet, const Config& config) {
  if (const Invalid fault = fault_of_udplite(packet); fault != Invalid::none)
    return Opinion::invalid(fault);
  return track_answered(connection, packet, config.udp_timeout_s, config.udp_timeout_stream_s);
}

Opinion track_icmp(Connection& connection, const Observed& packet, const Config& config) {
  switch (connection.original().icmp_type()) {
    case wire::IcmpHeader::echo_request:
    case wire::IcmpHeader::timestamp:
    case 15:  // information request (RFC 792)
    case 17:  // address mask request (RFC 950)
      refresh(connection, config.icmp_timeout_s, packet.now_ms);
      return {};
    default:
      return Opinion::invalid(Invalid::cannot_begin);
  }
}

Opinion track_gre(Connection& connection, const Observed& packet, const Config& config) {
  if (!connection.has(Status::confirmed))
    connection.gre = {config.gre_timeout_s, config.gre_timeout_stream_s};
  return track_answered(connection, packet, connection.gre.timeout_s,
                        connection.gre.stream_timeout_s);
}

Opinion track_generic(Connection& connection, const Observed& packet, const Config& config) {
  refresh(connection, config.generic_timeout_s, packet.now_ms);
  return {};
}

Opinion track_protocol(Connection& connection, const Observed& packet, const Config& config) {
  switch (packet.segment.protocol) {
    case wire::protocol::tcp:
      return track_tcp(connection, packet, config);
    case wire::protocol::udp:
      return track_udp(connection, packet, config);
    case wire::protocol::udplite:
      return track_udplite(connection, packet, config);
    case wire::protocol::icmp:
      return track_icmp(connection, packet, config);
    case wire::protocol::gre:
      return track_gre(connection, packet, config);
    case wire::protocol::sctp:
      return track_sctp(connection, packet, config);
    default:
      return track_generic(connection, packet, config);
  }
}

bool allows_clash(std::uint8_t protocol) {
  return protocol != wire::protocol::tcp && protocol != wire::protocol::sctp && !is_icmp(protocol);
}

}  // namespace wayout::conntrack
