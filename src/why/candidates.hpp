// What a candidate is looked for with, and by kind of cause where. Only candidates*.cpp includes this.
#pragma once

#include <optional>
#include <vector>

#include "why/fix.hpp"
#include "why/segments.hpp"

namespace wayout::why {

using Changes = std::vector<Change>;

/// How the packet ended, and whose configuration is to blame for it.
struct Scene {
  const host::Machine& machine;
  const Question& question;
  const Account& account;
  std::uint32_t host;               ///< whose configuration is to blame
  const host::Host& h;
  const Packet& packet;             ///< as it was when it ended, or what a rule dropped
  route::Flow flow;
  Cause cause;

  [[nodiscard]] bool back() const { return account.direction == Way::back; }
};

// Rules and connections: candidates_rules.cpp

[[nodiscard]] netfilter::AddressMatch exactly(const wire::IpAddress& address);
/// No device: not asked.
[[nodiscard]] netfilter::InterfaceMatch through(const host::Host& host, DeviceId device,
                                                bool invert = false);
/// The port of a TCP or UDP service: the destination's on the way out, the source's on the way
/// back.
[[nodiscard]] netfilter::Match service_match(std::uint8_t protocol, std::uint16_t port, bool back);
/// `iptables -D`, heavier than any chain of narrow changes where the rule is about more than this.
[[nodiscard]] Change without_rule(const Scene& s, std::uint32_t host, RuleRef ref);
[[nodiscard]] Changes for_rule(const Scene& s);
/// What an ipset set that this rule asks holds of the packet, or does not: candidates_sets.cpp.
[[nodiscard]] Changes for_sets_of(const Scene& s, RuleRef ref);
/// The same for rules that the packet passed by, and that would not have dropped it.
[[nodiscard]] Changes for_passed_sets(const Scene& s);
/// Entries that were there before the question and that decided about its packets.
[[nodiscard]] Changes for_stale_entries(const Scene& s);
/// Rules that exempt packets of the conversation from tracking, and so from translation, or put one
/// direction into a zone of its own, where the other is not looked for.
[[nodiscard]] Changes for_untracked(const Scene& s);

// Translation: candidates_nat.cpp

[[nodiscard]] Changes for_nat(const Scene& s);
/// A MASQUERADE or SNAT rule that ran out of ports: without its port range.
[[nodiscard]] Changes for_ports(const Scene& s);
/// A rule translates to an address that nobody owns: masquerade in front of it, or go without it.
[[nodiscard]] Changes for_wrong_source(const Scene& s);
/// The question was sent to another destination, whose answers do not come back through the host
/// that did it: there this service's questions need a source that they come back to.
[[nodiscard]] Changes for_dnat_without_masquerade(const Scene& s);
/// A port published on 127.0.0.1 leads away from this host: nobody there can answer 127.0.0.1.
[[nodiscard]] Changes for_loopback_source(const Scene& s);
/// A rule that names no destination sent to this host's service what was for somebody else.
[[nodiscard]] Changes for_stray_translation(const Scene& s);
/// The question was refused where no rule had translated it, or by another service, and a rule that
/// publishes what was asked for stands behind one that it met.
[[nodiscard]] Changes for_shadowed_publication(const Scene& s);

// Routes: candidates_ways.cpp

/// The router of a segment gets the address that `end` uses as its gateway there.
[[nodiscard]] std::optional<Change> give_gateway(const host::Machine& machine, host::DeviceRef end,
                                                 const wire::IpAddress& address);
/// Devices of a host that reach a router on their segment, with its address there.
struct Gateway {
  DeviceId device;
  wire::IpAddress gateway;
  host::DeviceRef router;
};
[[nodiscard]] std::vector<Gateway> possible_gateways(const host::Machine& machine,
                                                     std::uint32_t host);
/// The packet comes back from this router's default route to where it was sent from.
[[nodiscard]] bool leads_back(const host::Machine& machine, std::uint32_t host,
                              const Gateway& gateway);
/// Other ends on the wire of a device: its cable's, or all ports of the bridge, and the bridge.
[[nodiscard]] std::vector<host::DeviceRef> ends_on_segment(const host::Machine& machine,
                                                           host::DeviceRef end);
/// An address of `other` that `end` asks for on its wire.
[[nodiscard]] std::optional<wire::IpAddress> shared_address(const host::Machine& machine,
                                                            host::DeviceRef end,
                                                            host::DeviceRef other);
/// Routed to this device, without a gateway.
[[nodiscard]] bool is_on_link(const host::Host& host, DeviceId device,
                              const wire::IpAddress& address);
/// A route for `destination` alone, through a router that this host uses already or could use: on the
/// wire where it was looked for it is not.
[[nodiscard]] Changes for_not_on_link(const host::Machine& machine, std::uint32_t host,
                                      DeviceId looked_on, const wire::IpAddress& destination);
[[nodiscard]] Changes for_no_route(const Scene& s);
[[nodiscard]] Changes for_route(const Scene& s);
/// A container on a cable of its own that its host's routes do not lead to.
[[nodiscard]] Changes for_lost_cable(const Scene& s);
/// A table of its own sends the packet elsewhere than the main one, which has a route to just there; or
/// the answer elsewhere than where the question came in.
[[nodiscard]] Changes for_other_table(const Scene& s);
/// A namespace that has lost the rule for its own addresses is deaf to them.
[[nodiscard]] Changes for_lost_local_rule(const Scene& s);
/// A gateway that the question went to and whose address nobody has: who remembers its MAC address
/// gets out, but the answer finds no subnet behind it.
[[nodiscard]] Changes for_missing_gateways(const Scene& s);

// Ways that stray: candidates_strays.cpp

/// The routes of the blamed host lead elsewhere than where somebody has the address: into a bridge
/// that has its subnet too and is left over, or out, since the right bridge has lost its address.
[[nodiscard]] Changes for_stray_way(const Scene& s);
/// The answer leaves a host by another device than the question came in by: the way it came in.
[[nodiscard]] Changes for_answer_as_it_came(const Scene& s);
/// A rule that sends everybody's questions to one server caught the server's own.
[[nodiscard]] Changes for_own_question(const Scene& s);

/// The table has a default route by this device.
[[nodiscard]] bool leads_out_by(const route::FibTable& table, DeviceId device);

// Marks of connections: candidates_marks.cpp

/// The answer leaves a host by another device than the question came in by, where a table for
/// marked packets would lead it the right way: what is missing of the mark's way from the question
/// to it.
[[nodiscard]] Changes for_lost_mark(const Scene& s);

// Tunnels: candidates_tunnels.cpp

/// The packet was sent into a VXLAN tunnel and did not come out at its receiver's end: the fdb entry,
/// the neighbour or the tunnel's own address that says otherwise than what is there.
[[nodiscard]] Changes for_tunnel(const Scene& s);
/// Routes through a tunnel to networks with `destination` in them, which whoever has these sends by.
[[nodiscard]] Changes for_tunnel_way(const host::Machine& machine, std::uint32_t host,
                                     const wire::IpAddress& destination);

// Next hops: candidates_gateways.cpp

/// Routes to networks with `destination` in them that neighbours have on another side.
[[nodiscard]] Changes for_subnet_behind(const host::Machine& machine, std::uint32_t host,
                                        const wire::IpAddress& destination);
/// The next hop of a route is nobody: the same route by those that are there.
[[nodiscard]] Changes for_dead_next_hop(const host::Machine& machine, std::uint32_t host,
                                        RouteRef route, const wire::IpAddress& next_hop,
                                        const wire::IpAddress& destination);
/// A default route leads to a neighbour on the bridge, and not to the bridge.
[[nodiscard]] Changes for_neighbour_as_gateway(const Scene& s);
/// Whom the question was routed to by a route of its own has no such route back.
[[nodiscard]] Changes for_lost_way_back(const Scene& s);
/// An end with a /32 address does not know the network on its wire.
[[nodiscard]] Changes for_blind_end(const Scene& s);

// Who answers: candidates_answering.cpp

/// This host leads packets for `address` on, and says so to nobody on the wire of `end`.
[[nodiscard]] Changes for_missing_proxy(const host::Machine& machine, host::DeviceRef end,
                                        const wire::IpAddress& address);
/// Somebody on the wire of `asking` should answer for `address`, and cannot.
[[nodiscard]] Changes for_missing_answer(const Scene& s, host::DeviceRef asking,
                                         const wire::IpAddress& address);
/// This host takes for its own, or for everybody's, an address that another has.
[[nodiscard]] Changes for_taken_address(const Scene& s, std::uint32_t taker,
                                        const wire::IpAddress& address);
/// The same of the blamed host, where its own is no subnet's but was added to what it has.
[[nodiscard]] Changes for_added_address(const Scene& s, const wire::IpAddress& address);
/// Devices on the way that neither ask nor answer who has an address.
[[nodiscard]] Changes for_arp_off(const Scene& s);
/// Bridges whose fdb has lost the entry of their own MAC address.
[[nodiscard]] Changes for_lost_own_entry(const Scene& s);
/// A container whose gateway a bridge is, and whose cable is not in that bridge.
[[nodiscard]] Changes for_stray_end(const Scene& s);

// Devices, bridges and neighbours: candidates_links.cpp

/// Nobody answered for the next hop.
[[nodiscard]] Changes for_unanswered(const Scene& s);
/// What gives this device carrier: its other end, what it stands on, for a bridge one of its ports.
[[nodiscard]] Changes for_carrier(const Scene& s, host::DeviceRef device);
/// Ports to which nothing unknown is sent, or behind which nobody is learned.
[[nodiscard]] Changes for_mute_ports(const Scene& s);
/// The packet was sent to a MAC that its next hop does not have, whatever became of it there.
[[nodiscard]] Changes for_wrong_neighbour(const Scene& s);
/// A frame went to a MAC that is not its receiver's: some entry is stale or typed wrong.
[[nodiscard]] Changes for_wrong_mac(const Scene& s);

}  // namespace wayout::why
