// The two routing decisions of the way: for a packet received, and for a packet sent from here.
#pragma once

#include "packet/chance.hpp"
#include "packet/packet.hpp"
#include "packet/trace.hpp"
#include "route/fib.hpp"
#include "route/interface.hpp"

namespace wayout::route {

struct Config {
  bool use_pmtu = false;             ///< net.ipv4.ip_forward_use_pmtu
  int multipath_hash_policy = 0;
  bool nonlocal_bind = false;
};

/// Decide where a received IPv4 packet goes; packet.device is the ingress (a VRF's member or the
/// device itself), packet.type its layer-2 class. Fills packet.routing; error routes are not ends
/// here but Routing::error (ip_error is the stage that ends them).
///
/// Linux: net/ipv4/route.c ip_route_input_noref, ip_route_input_slow; fib_frontend.c
///   fib_validate_source.
/// Ends: IP_INVALID_SOURCE, IP_INVALID_DEST, IP_LOCALNET, IP_LOCAL_SOURCE, IP_RPFILTER,
///   NOT_SPECIFIED (multicast not joined); all with Stage::ip_rcv_finish_core.
/// Changes: packet.routing.
/// Not modelled: multicast routing, route caches and exceptions.
template <Trace T>
Stop input(Packet& packet, const Fib& fib, const Interfaces& interfaces, const Config& config,
           Chance& chance, T& trace);

/// A local sender asks for a route: fills packet.routing, and chooses `flow.source` when it is not
/// set. An outcome without a route is a Stop (the sender gets ENETUNREACH and the like).
///
/// Linux: net/ipv4/route.c ip_route_output_key_hash_rcu.
/// Ends: IP_OUTNOROUTES at Stage::ip_route_output.
template <Trace T>
Stop output(Flow& flow, Packet& packet, const Fib& fib, const Interfaces& interfaces,
            const Config& config, Chance& chance, T& trace);

/// The flow by which `packet`'s headers ask (source, destination, TOS, protocol, ports, mark).
[[nodiscard]] Flow flow_of(const Packet& packet);

/// The result of the reverse look-up that strict or loose source validation makes; also used by
/// arp_filter, rpfilter and the ICMP sender.
/// Linux: net/ipv4/fib_frontend.c __fib_validate_source.
struct SourceCheck {
  enum class Result : std::uint8_t { ok, own_address, not_unicast, no_route, wrong_device };
  Result result = Result::ok;
  bool on_link = false;              ///< the source is directly connected (for redirects)
  Cause cause;                       ///< the route found, or no_route
  Cause filter;                      ///< the rp_filter sysctl that was in force, if one decided
};
[[nodiscard]] SourceCheck validate_source(const Flow& flow, DeviceId ingress, DeviceId egress,
                                          const Fib& fib, const Interfaces& interfaces,
                                          Chance& chance);

}  // namespace wayout::route
