#include "ip/ip.hpp"
#include "wire/headers.hpp"

namespace wayout::ip {
namespace {

constexpr std::uint8_t end_of_options = 0, no_operation = 1, loose_source_route = 131,
                       strict_source_route = 137;

enum class Found : std::uint8_t { nothing, source_route, malformed };

/// Walk the options. Linux: net/ipv4/ip_options.c __ip_options_compile.
Found look_at(std::span<const std::uint8_t> options) {
  Found found = Found::nothing;
  for (std::size_t i = 0; i < options.size();) {
    const std::uint8_t kind = options[i];
    if (kind == end_of_options) break;
    if (kind == no_operation) {
      ++i;
      continue;
    }
    if (i + 1 >= options.size() || options[i + 1] < 2 || i + options[i + 1] > options.size())
      return Found::malformed;
    if (kind == loose_source_route || kind == strict_source_route) {
      if (options[i + 1] < 3 || found == Found::source_route) return Found::malformed;
      found = Found::source_route;
    }
    i += options[i + 1];
  }
  return found;
}

}  // namespace

template <Trace T>
Stop options(Packet& packet, const route::Interfaces& interfaces, T&) {
  const auto network = packet.network();
  const auto* ip = wire::header_at<wire::Ipv4Header>(network);
  if (ip->header_bytes() == sizeof *ip) return Stop::go_on();
  switch (look_at(network.subspan(sizeof *ip, ip->header_bytes() - sizeof *ip))) {
    case Found::nothing: return Stop::go_on();
    case Found::malformed:
      return Stop::drop(Stage::ip_rcv_finish_core, DropReason::IP_INHDR,
                        Cause::packet(PacketCause::options));
    case Found::source_route: break;
  }
  if (!interfaces.both(packet.device, &route::Ipv4Conf::accept_source_route))
    return Stop::drop(Stage::ip_rcv_finish_core, DropReason::NOT_SPECIFIED,
                      Cause::sysctl(Sysctl::accept_source_route, packet.device));
  return Stop::end(Fate::undecided, Stage::ip_rcv_finish_core, Cause::packet(PacketCause::options));
}

template Stop options(Packet&, const route::Interfaces&, NoTrace&);
template Stop options(Packet&, const route::Interfaces&, StepTrace&);

}  // namespace wayout::ip
