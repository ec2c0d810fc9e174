#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "conntrack/listing.hpp"
#include "wire/headers.hpp"

namespace wayout::conntrack {
namespace {

namespace protocol = wire::protocol;

constexpr std::array<std::string_view, 10> tcp_names{
    "NONE",       "SYN_SENT", "SYN_RECV",  "ESTABLISHED", "FIN_WAIT",
    "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE",       "SYN_SENT2"};
constexpr std::array<std::string_view, 9> sctp_names{
    "NONE",          "CLOSED",        "COOKIE_WAIT",       "COOKIE_ECHOED", "ESTABLISHED",
    "SHUTDOWN_SENT", "SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT"};

using Out = std::back_insert_iterator<std::string>;

/// The kernel has lost its tracker for DCCP; conntrack still knows the name.
std::string_view protocol_name(std::uint8_t number, ListingFormat format) {
  switch (number) {
    case protocol::tcp:
      return "tcp";
    case protocol::udp:
      return "udp";
    case protocol::udplite:
      return "udplite";
    case protocol::icmp:
      return "icmp";
    case protocol::icmpv6:
      return "icmpv6";
    case protocol::gre:
      return "gre";
    case protocol::sctp:
      return "sctp";
    case protocol::dccp:
      return format == ListingFormat::procfs ? "unknown" : "dccp";
    default:
      return "unknown";
  }
}

void print_state(Out out, const Connection& connection) {
  const std::uint8_t number = connection.original().protocol;
  if (connection.listed && !connection.listed->state.empty()) {
    fmt::format_to(out, "{} ", connection.listed->state);
  } else if (number == protocol::tcp && connection.tcp.state != TcpState::none) {
    fmt::format_to(out, "{} ", state_name(connection.tcp.state));
  } else if (number == protocol::sctp && connection.sctp.state != SctpState::none) {
    fmt::format_to(out, "{} ", state_name(connection.sctp.state));
  }
}

void print_tuple(Out out, const Tuple& tuple, ListingFormat format) {
  fmt::format_to(out, "src={} dst={} ", tuple.source.text(), tuple.destination.text());
  const bool dccp = tuple.protocol == protocol::dccp && format != ListingFormat::procfs;
  if (has_ports(tuple.protocol) || dccp) {
    fmt::format_to(out, "sport={} dport={} ", tuple.source_port, tuple.destination_port);
  } else if (is_icmp(tuple.protocol)) {
    fmt::format_to(out, "type={} code={} id={} ", tuple.icmp_type(), tuple.icmp_code(),
                   tuple.source_port);
  } else if (tuple.protocol == protocol::gre) {
    fmt::format_to(out, "srckey={:#x} dstkey={:#x} ", tuple.source_port, tuple.destination_port);
  }
}

void print_direction(Out out, const Connection& connection, Direction direction,
                     ListingFormat format) {
  print_tuple(out, connection.tuple(direction), format);
  const Zones zones = connection.zones;
  if (zones.original != zones.reply && zones[direction] != 0) {
    fmt::format_to(out, "zone-{}={} ", direction == Direction::original ? "orig" : "reply",
                   zones[direction]);
  }
  if (connection.accounted) {
    const int d = static_cast<int>(direction);
    fmt::format_to(out, "packets={} bytes={} ", connection.packets[d], connection.bytes[d]);
  }
}

std::int64_t whole_seconds(std::int64_t ms) {
  return std::max<std::int64_t>(ms, 0) / 1000;
}

void print_tail(Out out, const Connection& connection, ListingFormat format, std::int64_t now_ms) {
  static const Listed nothing;
  const Listed& listed = connection.listed ? *connection.listed : nothing;
  const bool procfs = format == ListingFormat::procfs;
  fmt::format_to(out, "mark={} ", connection.mark);
  if (!listed.security_context.empty()) fmt::format_to(out, "secctx={} ", listed.security_context);
  const Zones zones = connection.zones;
  if (zones.original == zones.reply && (procfs || zones.original != 0))
    fmt::format_to(out, "zone={} ", zones.original);
  if (connection.timestamped)
    fmt::format_to(out, "delta-time={} ", whole_seconds(now_ms - connection.created_ms));
  if (!listed.helper.empty() && !procfs) fmt::format_to(out, "helper={} ", listed.helper);
  fmt::format_to(out, "use={}", listed.uses + (procfs ? 1 : 0));
  if (!listed.rest.empty()) fmt::format_to(out, " {}", listed.rest);
}

}  // namespace

std::string_view state_name(TcpState state) {
  return tcp_names[static_cast<std::size_t>(state)];
}
std::string_view state_name(SctpState state) {
  return sctp_names[static_cast<std::size_t>(state)];
}

std::string print_connection(const Connection& connection, ListingFormat format,
                             std::int64_t now_ms) {
  std::string line;
  const Out out(line);
  const Tuple& original = connection.original();
  const std::string offload = connection.listed ? connection.listed->offload : std::string{};
  if (format != ListingFormat::plain)
    fmt::format_to(out, "{}", original.source.is_v4() ? "ipv4     2 " : "ipv6     10 ");
  fmt::format_to(out, "{:<8} {} ", protocol_name(original.protocol, format), original.protocol);
  if (offload.empty()) fmt::format_to(out, "{} ", whole_seconds(connection.expires_ms - now_ms));
  print_state(out, connection);
  if (original.protocol == protocol::gre && format == ListingFormat::procfs) {
    fmt::format_to(out, "timeout={}, stream_timeout={} ", connection.gre.timeout_s,
                   connection.gre.stream_timeout_s);
  }
  print_direction(out, connection, Direction::original, format);
  if (!connection.has(Status::seen_reply)) fmt::format_to(out, "[UNREPLIED] ");
  print_direction(out, connection, Direction::reply, format);
  if (!offload.empty()) {
    fmt::format_to(out, "{} ", offload);
  } else if (connection.has(Status::assured)) {
    fmt::format_to(out, "[ASSURED] ");
  }
  print_tail(out, connection, format, now_ms);
  return line;
}

}  // namespace wayout::conntrack
