#include <algorithm>
#include <optional>

#include "ip/ip.hpp"
#include "wire/headers.hpp"

namespace wayout::ip {
namespace {

using Bytes = std::span<std::uint8_t>;
using wire::Ipv4Header;

enum Kind : std::uint8_t {
  end_of_options = 0,
  no_operation = 1,
  record_route = 7,
  timestamp = 68,
  loose_source_route = 131,
  strict_source_route = 137,
  router_alert = 148,
};

/// What was found, and what is to be written into. Offsets from the first byte of the header; none
/// of them can be 0 but that of a part that is not there.
struct Parsed {
  std::optional<std::size_t> malformed;
  std::size_t source_route = 0, record_route = 0, timestamp = 0;
  std::optional<std::size_t> record_slot;      ///< where the next address belongs
  std::optional<std::size_t> overflow_count;   ///< a timestamp option that is full counts
  std::optional<std::size_t> end;              ///< what comes behind it is cleared
};

/// Linux: net/ipv4/ip_options.c __ip_options_compile. An option's own pointer counts from 1.
class Parser {
 public:
  explicit Parser(Bytes header) : header_(header) {}

  Parsed parse() {
    std::size_t at = sizeof(Ipv4Header);
    while (at < header_.size() && header_[at] != end_of_options) {
      if (header_[at] == no_operation) {
        ++at;
        continue;
      }
      if (header_.size() - at < 2 || length(at) < 2 || length(at) > header_.size() - at)
        return bad(at);
      if (!option(at)) return parsed_;
      at += length(at);
    }
    if (at < header_.size()) parsed_.end = at;
    return parsed_;
  }

 private:
  [[nodiscard]] std::size_t length(std::size_t at) const { return header_[at + 1]; }
  [[nodiscard]] std::size_t pointer(std::size_t at) const { return header_[at + 2]; }
  Parsed& bad(std::size_t where) {
    parsed_.malformed = where;
    return parsed_;
  }
  bool fail(std::size_t where) {
    bad(where);
    return false;
  }

  bool option(std::size_t at) {
    switch (header_[at]) {
      case strict_source_route:
      case loose_source_route: return source_route(at);
      case record_route: return route_record(at);
      case timestamp: return time_record(at);
      case router_alert: return length(at) >= 4 || fail(at + 1);
      default: return true;  // carried along
    }
  }

  bool source_route(std::size_t at) {
    if (length(at) < 3) return fail(at + 1);
    if (pointer(at) < 4) return fail(at + 2);
    if (parsed_.source_route != 0) return fail(at);
    parsed_.source_route = at;
    return true;
  }

  bool route_record(std::size_t at) {
    if (parsed_.record_route != 0) return fail(at);
    if (length(at) < 3) return fail(at + 1);
    if (pointer(at) < 4) return fail(at + 2);
    if (pointer(at) <= length(at)) {
      if (pointer(at) + 3 > length(at)) return fail(at + 2);
      parsed_.record_slot = at + pointer(at) - 1;
    }
    parsed_.record_route = at;
    return true;
  }

  bool time_record(std::size_t at) {
    constexpr std::uint8_t only_times = 0, prespecified = 3, most_overflows = 15;
    if (parsed_.timestamp != 0) return fail(at);
    if (length(at) < 4) return fail(at + 1);
    if (pointer(at) < 5) return fail(at + 2);
    const bool room = pointer(at) <= length(at);
    const std::uint8_t flag = header_[at + 3] & 0xf;
    const bool with_address = flag == 1 || flag == prespecified;
    if (room && (flag == only_times || with_address) &&
        pointer(at) + (with_address ? 7 : 3) > length(at))
      return fail(at + 2);
    if (!room && flag != prespecified) {
      if (header_[at + 3] >> 4 == most_overflows) return fail(at + 3);
      parsed_.overflow_count = at + 3;
    }
    parsed_.timestamp = at;
    return true;
  }

  Bytes header_;
  Parsed parsed_;
};

/// The address that this host records: the one asked for, or the one that it forwards from.
/// Linux: ip_options.c ip_forward_options; route.c ip_rt_get_source.
wire::IpAddress recorded_address(const Packet& packet, const Ipv4Header& ip, const route::Fib& fib,
                                 const route::Interfaces& interfaces) {
  const Routing& routing = packet.routing;
  if (routing.type == RouteType::local) return ip.destination_address();
  if (routing.preferred_source.is_set()) return routing.preferred_source;
  const route::Scope scope = routing.by.kind() == CauseKind::route
                                 ? fib.route(routing.by.route()).scope
                                 : route::Scope::universe;
  return route::select_source_address(interfaces, routing.egress, routing.gateway, scope);
}

/// The checksum is made right when the packet is forwarded, as in the kernel: an error that quotes
/// the packet before that shows the old one.
void write_into(Bytes header, const Parsed& parsed, const wire::IpAddress& recorded) {
  if (parsed.record_slot) {
    *wire::header_at<wire::be32>(header, *parsed.record_slot) = recorded.v4();
    header[parsed.record_route + 2] += sizeof(wire::be32);
  }
  if (parsed.overflow_count) header[*parsed.overflow_count] += 1U << 4;
  if (parsed.end)
    std::fill(header.begin() + static_cast<std::ptrdiff_t>(*parsed.end), header.end(),
              end_of_options);
}

}  // namespace

template <Trace T>
Stop options(Packet& packet, const route::Fib& fib, const route::Interfaces& interfaces,
             std::vector<IcmpError>& errors, T&) {
  constexpr Stage stage = Stage::ip_rcv_finish_core;
  const auto network = packet.network();
  const auto* ip = wire::header_at<Ipv4Header>(network);
  if (ip->header_bytes() == sizeof *ip) return Stop::go_on();
  const Parsed parsed = Parser(network.first(ip->header_bytes())).parse();
  if (parsed.malformed) {
    errors.push_back({.type = wire::IcmpHeader::parameter_problem,
                      .info = static_cast<std::uint32_t>(*parsed.malformed << 24)});
    return Stop::drop(stage, DropReason::IP_INHDR, Cause::packet(PacketCause::options));
  }
  if (parsed.source_route != 0) {
    const DeviceId device = packet.ingress != no_device ? packet.ingress : packet.device;
    if (!interfaces.both(device, &route::Ipv4Conf::accept_source_route))
      return Stop::drop(stage, DropReason::NOT_SPECIFIED,
                        Cause::sysctl(Sysctl::accept_source_route, device));
    return Stop::end(Fate::undecided, stage, Cause::packet(PacketCause::options));
  }
  if (packet.routing.error) return Stop::go_on();
  write_into(network.first(ip->header_bytes()), parsed,
             recorded_address(packet, *ip, fib, interfaces));
  return Stop::go_on();
}

template Stop options(Packet&, const route::Fib&, const route::Interfaces&,
                      std::vector<IcmpError>&, NoTrace&);
template Stop options(Packet&, const route::Fib&, const route::Interfaces&,
                      std::vector<IcmpError>&, StepTrace&);

}  // namespace wayout::ip
