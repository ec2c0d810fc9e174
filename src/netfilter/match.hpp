// What one match of a rule says to a packet: one function a kind of match.
//
// Each answers for a match module of the kernel; the module's name is the match's. The functions
// stand together by what they look at, in match_*.cpp.
#pragma once

#include <cstddef>
#include <string_view>

#include "netfilter/situation.hpp"

namespace wayout::netfilter {

enum class Outcome : std::uint8_t {
  no,
  yes,
  unknown,  ///< depends on history, time or something not modelled
  drop,     ///< the packet ends here, whatever the rule says (xt_action_param::hotdrop)
};

constexpr Outcome outcome(bool matches) { return matches ? Outcome::yes : Outcome::no; }

/// Of parts that must all hold: one that says no decides, whatever is not known of the others.
constexpr Outcome both(Outcome a, Outcome b) {
  if (a == Outcome::no || b == Outcome::no) return Outcome::no;
  return a == Outcome::yes ? b : a;
}

/// Whether the port is in the range, or with `invert` outside of it. One that stands for some that
/// are and some that are not is `unknown`, and kept in State::doubts, so that what is decided of the
/// rule narrows it.
Outcome ask_port(const Situation& at, std::uint16_t port, const PortRange& asked, bool invert);
/// The same for any set of ports.
Outcome ask_port(const Situation& at, std::uint16_t port, const PortSet& accepted);

/// Ask the `number`-th match of the rule.
Outcome ask(const Match& match, std::size_t number, const Situation& at);

// What stands behind the IP header (match_transport.cpp). A header that is not whole drops the
// packet, and a later fragment never matches; but iptables-nft writes ports and flags as expressions
// of nft, which load the bytes they ask for wherever those are.
Outcome ask(const TcpMatch& match, const Situation& at);
Outcome ask(const UdpMatch& match, const Situation& at);
Outcome ask(const IcmpMatch& match, const Situation& at);
Outcome ask(const MultiportMatch& match, const Situation& at);

// What conntrack knows of the packet (match_connection.cpp).
Outcome ask(const ConntrackMatch& match, const Situation& at);
Outcome ask(const ConnmarkMatch& match, const Situation& at);

// The packet's addresses, devices, sender and mark (match_place.cpp).
Outcome ask(const AddrtypeMatch& match, const Situation& at);
Outcome ask(const IprangeMatch& match, const Situation& at);
Outcome ask(const SetMatch& match, const Situation& at);
/// What a set may look at of the packet (match_set.cpp).
SetQuestion question_about(const Situation& at);
Outcome ask(const MacMatch& match, const Situation& at);
Outcome ask(const PhysdevMatch& match, const Situation& at);
Outcome ask(const OwnerMatch& match, const Situation& at);
Outcome ask(const MarkMatch& match, const Situation& at);

// What is kept in words (match_kept.cpp): rpfilter, length, ttl, tos, dscp, pkttype and tcpmss are
// asked, of the others the outcome is not known.
Outcome ask(const KeptMatch& match, const Situation& at);

// What happened before (match_history.cpp). When chance explores, nobody knows what happened before:
// then these answer `unknown` and change nothing.
Outcome ask(const LimitMatch& match, std::size_t number, const Situation& at);
Outcome ask(const RecentMatch& match, const Situation& at);

/// The device's name as a rule asks for it: whole, or with `wildcard` its beginning. A device that
/// is not there has the empty name. Linux: ip_tables.c ip_packet_match; ifname_compare_aligned.
[[nodiscard]] bool is_named(std::string_view device, std::string_view asked, bool wildcard);

}  // namespace wayout::netfilter
