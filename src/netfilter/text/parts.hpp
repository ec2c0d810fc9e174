// One match or target of a rule as iptables-save prints it, each with a blank before it.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "netfilter/rule.hpp"

namespace wayout::netfilter::text {

/// ` -m tcp --dport 80`
void append(std::string& out, const Match& match, wire::Family family);
/// ` -j REJECT --reject-with icmp-port-unreachable`, ` -g chain`; nothing for NoTarget.
void append(std::string& out, const Target& target);

// The pieces, by theme; each stands in the file that also reads it.
void append(std::string& out, const TcpMatch& match);
void append(std::string& out, const UdpMatch& match);
void append(std::string& out, const IcmpMatch& match, wire::Family family);
void append(std::string& out, const MultiportMatch& match);
void append(std::string& out, const ConntrackMatch& match);
void append(std::string& out, const MarkMatch& match);
void append(std::string& out, const ConnmarkMatch& match);
void append(std::string& out, const AddrtypeMatch& match);
void append(std::string& out, const IprangeMatch& match);
void append(std::string& out, const MacMatch& match);
void append(std::string& out, const PhysdevMatch& match);
void append(std::string& out, const SetMatch& match);
void append(std::string& out, const CommentMatch& match);
void append(std::string& out, const LimitMatch& match);
void append(std::string& out, const RecentMatch& match);
void append(std::string& out, const OwnerMatch& match);
void append(std::string& out, const KeptMatch& match);
void append(std::string& out, const RejectTarget& target);
void append(std::string& out, const LogTarget& target);
void append(std::string& out, const MarkTarget& target);
void append(std::string& out, const ConnmarkTarget& target);
void append(std::string& out, const CtTarget& target);
void append(std::string& out, const NatTarget& target);
void append(std::string& out, const TcpmssTarget& target);
void append(std::string& out, const KeptTarget& target);

// Words that reading and printing share.

/// Bits of TcpMatch::flags_mask by name, in the order of printing.
inline constexpr std::pair<std::string_view, std::uint8_t> tcp_flag_names[] = {
    {"FIN", 1}, {"SYN", 2}, {"RST", 4}, {"PSH", 8}, {"ACK", 16}, {"URG", 32}};
/// Bits of ConntrackMatch::states, in the order of printing. `-m state` knows the first five.
inline constexpr std::pair<std::string_view, std::uint16_t> state_names[] = {
    {"INVALID", ConntrackMatch::invalid},         {"NEW", ConntrackMatch::new_},
    {"RELATED", ConntrackMatch::related},         {"ESTABLISHED", ConntrackMatch::established},
    {"UNTRACKED", ConntrackMatch::untracked},     {"SNAT", ConntrackMatch::snat},
    {"DNAT", ConntrackMatch::dnat}};
/// Bits of ConntrackMatch::status.
inline constexpr std::pair<std::string_view, std::uint16_t> status_names[] = {
    {"EXPECTED", 1}, {"SEEN_REPLY", 2}, {"ASSURED", 4}, {"CONFIRMED", 8}, {"NONE", 0}};
/// Bits of AddrtypeMatch, by RouteType.
inline constexpr std::string_view route_type_names[] = {
    "UNSPEC",      "UNICAST",  "LOCAL", "BROADCAST", "ANYCAST",  "MULTICAST", "BLACKHOLE",
    "UNREACHABLE", "PROHIBIT", "THROW", "NAT",       "XRESOLVE"};

/// `NEW,ESTABLISHED`: the names of the bits that are set.
template <class Bits, std::size_t N>
[[nodiscard]] std::string names_of(const std::pair<std::string_view, Bits> (&table)[N],
                                   std::uint32_t bits) {
  std::string text;
  for (const auto& [name, bit] : table) {
    if ((bits & bit) == 0) continue;
    if (!text.empty()) text += ',';
    text += name;
  }
  return text;
}

/// `80` or `80:90`.
[[nodiscard]] std::string port_range_text(PortRange ports);
/// `icmp-port-unreachable`.
[[nodiscard]] std::string_view reject_name(RejectWith with);
/// `10.0.0.1-10.0.0.5:80-90/85`, as DNAT and SNAT take it.
[[nodiscard]] std::string nat_range_text(const nat::Range& range);

}  // namespace wayout::netfilter::text
