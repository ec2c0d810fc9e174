// The two routing decisions of the way: for a packet received, and for a packet sent from here.
#pragma once

#include "packet/chance.hpp"
#include "packet/packet.hpp"
#include "packet/trace.hpp"
#include "route/fib.hpp"
#include "route/interface.hpp"

namespace wayout::route {

/// The result of the reverse look-up that strict or loose source validation makes.
struct SourceCheck {
  enum class Result : std::uint8_t { ok, own_address, not_unicast, no_route, wrong_device };
  Result result = Result::ok;
  bool on_link = false;              ///< the source is directly connected (for redirects)
  Cause cause;                       ///< the route found, no_route, or whose address it is
  Cause filter;                      ///< the rp_filter sysctl in force; none: it is 0
};

/// Would an answer to the flow's source leave through the device that it came in by? `flow` is the
/// packet's own, `egress` where it will go (no_device: to this host, or nowhere yet).
/// Linux: net/ipv4/fib_frontend.c fib_validate_source.
/// Not modelled: IPsec (a decrypted packet is not filtered), realms (they force the full check).
[[nodiscard]] SourceCheck validate_source(const Flow& flow, DeviceId ingress, DeviceId egress,
                                          const Fib& fib, const Interfaces& interfaces,
                                          Chance& chance);

/// What is decided about a received packet: routing when stop is zero, or the end.
struct InputDecision {
  Stop stop;
  Routing routing;
  SourceCheck source;
  bool validated = false;            ///< source says something
};

/// The decision of input() for headers alone. `flow.ingress` is the receiving device, a VRF's
/// member rather than the VRF. ARP asks the same question about (sender, target) and sets `is_arp`:
/// then broadcast, and a target behind the device it came in by, are no answer.
/// Linux: net/ipv4/route.c ip_route_input_slow, ip_route_input_mc, __mkroute_input.
[[nodiscard]] InputDecision decide_input(const Flow& flow, bool is_arp, const Fib& fib,
                                         const Interfaces& interfaces, Chance& chance);

/// The route found, and the next hop chosen of it, as a packet carries them.
void fill_routing(Routing& routing, const Fib& fib, const FibResult& found);

/// Decide where a received IPv4 packet goes; packet.device is the ingress, or a VRF whose member is
/// packet.ingress. Fills packet.routing; error routes are not ends here but Routing::error
/// (ip::error_route is the stage that ends them).
///
/// Linux: net/ipv4/route.c ip_route_input_noref.
/// Ends: IP_INVALID_SOURCE, IP_INVALID_DEST, IP_LOCALNET, IP_LOCAL_SOURCE, IP_RPFILTER,
///   NOT_SPECIFIED (multicast not joined); undecided where a route's next hop is not known; all
///   with Stage::ip_rcv_finish_core.
/// Changes: packet.routing.
/// Not modelled: multicast routing and joined groups (but 224.0.0.1), forwarding of broadcasts
///   (bc_forwarding: undecided), next hop exceptions (learned PMTU, redirects).
template <Trace T>
Stop input(Packet& packet, const Fib& fib, const Interfaces& interfaces, Chance& chance, T& trace);

/// A local sender asks for a route: fills packet.routing, and chooses `flow.source` when it is not
/// set (0.0.0.0 when this host has no address at all, as the kernel then sends). An outcome without
/// a route is a Stop (the sender gets ENETUNREACH and the like). A source must be this host's,
/// unless flow.any_source says otherwise (re-routing after OUTPUT, transparent sockets);
/// ip_nonlocal_bind does not help here.
///
/// Linux: net/ipv4/route.c ip_route_output_key_hash_rcu, __mkroute_output.
/// Ends: IP_OUTNOROUTES at Stage::ip_route_output; undecided where a route's next hop is not known.
/// Changes: packet.routing, flow.source, flow.egress.
template <Trace T>
Stop output(Flow& flow, Packet& packet, const Fib& fib, const Interfaces& interfaces,
            Chance& chance, T& trace);

/// What output() tells of a decision, for who had to ask more than once for it.
template <Trace T>
void tell_output(const Packet& packet, const Flow& flow, bool source_chosen, T& trace);

/// The flow by which `packet`'s headers ask: source, destination, TOS, protocol, ports, mark, uid.
/// Ports only of whole packets. A packet without sender asks as root, as the kernel's own do.
[[nodiscard]] Flow flow_of(const Packet& packet);

}  // namespace wayout::route
