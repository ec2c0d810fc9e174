// What a candidate is looked for with, and by kind of cause where. Only candidates*.cpp includes this.
#pragma once

#include <vector>

#include "why/fix.hpp"

namespace wayout::why {

using Changes = std::vector<Change>;

/// How the packet ended, and whose configuration is to blame for it.
struct Scene {
  const host::Machine& machine;
  const Question& question;
  const Account& account;
  std::uint32_t host;               ///< whose configuration is to blame
  const host::Host& h;
  const Packet& packet;             ///< as it was when it ended
  route::Flow flow;
  Cause cause;

  [[nodiscard]] bool back() const { return account.direction == Way::back; }
};

// Rules, NAT and connections: candidates_rules.cpp

[[nodiscard]] Changes for_rule(const Scene& s);
[[nodiscard]] Changes for_nat(const Scene& s);
/// A MASQUERADE or SNAT rule that ran out of ports: without its port range.
[[nodiscard]] Changes for_ports(const Scene& s);
/// A rule translates to an address that nobody owns: masquerade in front of it, or go without it.
[[nodiscard]] Changes for_wrong_source(const Scene& s);
/// The question was sent to another destination, on the segment it came from: the answer must come
/// back through the host that did it.
[[nodiscard]] Changes for_dnat_without_masquerade(const Scene& s);
/// Entries that were there before the question and that decided about its packets.
[[nodiscard]] Changes for_stale_entries(const Scene& s);
/// Rules that exempt packets of the conversation from tracking, and so from translation, or put one
/// direction into a zone of its own, where the other is not looked for.
[[nodiscard]] Changes for_untracked(const Scene& s);

// Routes and neighbours: candidates_ways.cpp

[[nodiscard]] Changes for_no_route(const Scene& s);
[[nodiscard]] Changes for_route(const Scene& s);
/// Nobody answered for the next hop.
[[nodiscard]] Changes for_unanswered(const Scene& s);
/// A frame went to a MAC that is not its receiver's: some entry is stale or typed wrong.
[[nodiscard]] Changes for_wrong_mac(const Scene& s);
/// A namespace that has lost the rule for its own addresses is deaf to them.
[[nodiscard]] Changes for_lost_local_rule(const Scene& s);
/// A gateway that the question went to and whose address nobody has: who remembers its MAC address
/// gets out, but the answer finds no subnet behind it.
[[nodiscard]] Changes for_missing_gateways(const Scene& s);

}  // namespace wayout::why
