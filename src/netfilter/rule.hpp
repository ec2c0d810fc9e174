// iptables rules as data: rulesets, tables, chains, rules, matches, targets.
//
// One Ruleset is what one `iptables-save` prints: the legacy tables or those of iptables-nft. What
// has no struct of its own is kept in its words (KeptMatch, KeptTarget), so that it prints back and
// can be blamed, never dropped; a few of those are run (kept.hpp).
// What only compile() (hooks.hpp) fills in is said so; everything else is as read.
// Reading: read.hpp; printing: print.hpp; running: evaluate.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "nat/map.hpp"
#include "netfilter/kept.hpp"
#include "netfilter/kept_change.hpp"
#include "packet/ids.hpp"
#include "packet/port_set.hpp"
#include "wire/address.hpp"

namespace wayout::netfilter {

// ---------------------------------------------------------------- matches

/// Inclusive, host order. low > high loads, and never matches.
using PortRange = PortSet::Range;

struct TcpMatch {
  PortRange source, destination;
  bool invert_source = false, invert_destination = false;
  bool flags_given = false, invert_flags = false;
  std::uint8_t flags_mask = 0, flags_set = 0;   ///< FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32
  std::uint8_t option = 0;                      ///< kind; 0: none asked
  bool invert_option = false;
};
struct UdpMatch {
  PortRange source, destination;
  bool invert_source = false, invert_destination = false;
};
struct IcmpMatch {
  std::uint8_t type = 255;                      ///< 255: any
  std::uint8_t code_low = 0, code_high = 255;
  bool invert = false;
};
/// `-m state` (only states) and `-m conntrack`.
struct ConntrackMatch {
  static constexpr std::uint16_t invalid = 1, established = 2, related = 4, new_ = 8,
                                 untracked = 64, snat = 128, dnat = 256;
  struct AddressField { wire::Prefix prefix; bool invert = false; };
  struct PortField { PortRange ports; bool invert = false; };
  bool is_state_match = false;                  ///< written as `-m state`
  std::optional<std::uint16_t> states;
  bool invert_states = false;
  std::optional<std::uint8_t> protocol;
  bool invert_protocol = false;
  std::optional<AddressField> original_source, original_destination, reply_source,
      reply_destination;
  std::optional<PortField> original_source_port, original_destination_port, reply_source_port,
      reply_destination_port;
  std::optional<std::uint16_t> status;          ///< conntrack::Status bits; NONE is 0
  bool invert_status = false;
  std::optional<std::pair<std::uint32_t, std::uint32_t>> expire_s;
  bool invert_expire = false;
  std::optional<bool> direction_reply;          ///< --ctdir
};
struct CommentMatch { std::string text; };
struct AddrtypeMatch {
  std::uint16_t source_types = 0, destination_types = 0;  ///< bit = RouteType; 0: not asked
  bool invert_source = false, invert_destination = false;
  bool limit_in = false, limit_out = false;
};
struct MultiportMatch {
  enum class Side : std::uint8_t { source, destination, either };
  Side side = Side::destination;
  std::vector<PortRange> ports;                 ///< a single port has low == high
  bool invert = false;
};
struct MarkMatch { std::uint32_t value = 0, mask = 0xffffffff; bool invert = false; };
struct ConnmarkMatch { std::uint32_t value = 0, mask = 0xffffffff; bool invert = false; };
struct LimitMatch {
  std::uint32_t average = 0;                    ///< as the kernel keeps it: 10000 / (packets a second)
  std::uint32_t burst = 5;
};
struct SetMatch {
  static constexpr std::uint32_t not_there = 0xffffffff;
  std::string set;
  std::vector<bool> source;                     ///< one a dimension: true = src, false = dst
  bool invert = false;
  std::vector<std::string> extra;               ///< --return-nomatch, --packets-gt …: as written
  std::uint32_t position = not_there;           ///< of the set in IpSets::list; by compile()
};
struct RecentMatch {
  enum class Mode : std::uint8_t { set, rcheck, update, remove };
  Mode mode = Mode::set;
  bool invert = false;
  std::uint32_t seconds = 0, hitcount = 0;
  bool reap = false, rttl = false;
  std::string name = "DEFAULT";
  bool by_destination = false;                  ///< --rdest
  wire::IpAddress mask = {};                    ///< default all ones
  std::uint32_t list = 0;                       ///< position in State::recent; by compile()
};
struct OwnerMatch {
  std::optional<std::pair<std::uint32_t, std::uint32_t>> uid, gid;
  bool invert_uid = false, invert_gid = false;
  bool socket_exists = false, invert_socket = false;
  bool supplementary_groups = false;
};
struct IprangeMatch {
  std::optional<std::pair<wire::IpAddress, wire::IpAddress>> source, destination;
  bool invert_source = false, invert_destination = false;
};
struct MacMatch { wire::MacAddress source; bool invert = false; };
struct PhysdevMatch {
  std::string in, out;                          ///< may end in `+`; empty: not asked
  bool invert_in = false, invert_out = false;
  bool is_in = false, is_out = false, is_bridged = false;
  bool invert_is_in = false, invert_is_out = false, invert_is_bridged = false;
};
/// Any other match, in words. Of most the outcome is not known.
struct KeptMatch {
  std::string name;
  std::vector<std::string> tokens;              ///< the words after `-m name`, as iptables-save has them
  KeptQuestion asks = {};                       ///< by compile()
};

using Match = std::variant<TcpMatch, UdpMatch, IcmpMatch, ConntrackMatch, CommentMatch,
                           AddrtypeMatch, MultiportMatch, MarkMatch, ConnmarkMatch, LimitMatch,
                           SetMatch, RecentMatch, OwnerMatch, IprangeMatch, MacMatch, PhysdevMatch,
                           KeptMatch>;

// ---------------------------------------------------------------- targets

struct NoTarget {};                              ///< counts and goes on
struct AcceptTarget {};
struct DropTarget {};
struct ReturnTarget {};
struct JumpTarget {
  std::string name;
  std::uint32_t chain = 0;                       ///< position in Table::chains
  bool is_goto = false;
};
/// The kinds of `--reject-with`, in the kernel's order (enum ipt_reject_with), IPv6's after them.
enum class RejectWith : std::uint8_t {
  net_unreachable, host_unreachable, protocol_unreachable, port_unreachable, echo_reply,
  net_prohibited, host_prohibited, tcp_reset, admin_prohibited,
  icmp6_no_route, icmp6_adm_prohibited, icmp6_not_neighbour, icmp6_addr_unreachable,
  icmp6_port_unreachable, icmp6_policy_fail, icmp6_reject_route
};
struct RejectTarget { RejectWith with = RejectWith::port_unreachable; };
struct LogTarget {
  std::string prefix;
  std::uint8_t level = 4;
  bool tcp_sequence = false, tcp_options = false, ip_options = false, uid = false,
       macdecode = false;
};
struct MarkTarget { std::uint32_t value = 0, mask = 0xffffffff; };  ///< (mark & ~mask) ^ value
struct ConnmarkTarget {
  enum class Mode : std::uint8_t { set, save, restore };
  Mode mode = Mode::set;
  std::uint32_t value = 0, connection_mask = 0xffffffff, packet_mask = 0xffffffff;
  std::vector<std::string> shift;                ///< --left-shift-mark …: as written
};
struct CtTarget {
  bool notrack = false;
  bool written_as_notrack = false;               ///< `-j NOTRACK`
  std::optional<std::uint16_t> zone, zone_original, zone_reply;
  bool zone_from_mark = false;
  std::string helper, timeout_policy;
  std::vector<std::string> events;               ///< --ctevents …: as written
};
/// SNAT, DNAT, MASQUERADE, REDIRECT, NETMAP.
struct NatTarget {
  enum class Kind : std::uint8_t { snat, dnat, masquerade, redirect, netmap };
  Kind kind = Kind::masquerade;
  nat::Range range;
};
struct TcpmssTarget { bool clamp_to_pmtu = false; std::uint16_t mss = 0; };
/// Any other target. `passes`: it is known to continue and to change nothing that decides the way.
struct KeptTarget {
  std::string name;
  std::vector<std::string> tokens;               ///< the words after `-j name`
  bool passes = false;
  KeptChange does = {};                          ///< by compile()
};

using Target = std::variant<NoTarget, AcceptTarget, DropTarget, ReturnTarget, JumpTarget,
                            RejectTarget, LogTarget, MarkTarget, ConnmarkTarget, CtTarget,
                            NatTarget, TcpmssTarget, KeptTarget>;

// ---------------------------------------------------------------- rules, chains, tables

/// `-i eth+`: an interface name or prefix, as the fixed part of a rule holds it.
struct InterfaceMatch {
  std::string name;                              ///< without the `+`; empty and no wildcard: not asked
  bool wildcard = false;
  bool invert = false;
  [[nodiscard]] bool asked() const { return wildcard || !name.empty(); }
};

struct AddressMatch {
  wire::Prefix prefix;                           ///< masked; length 0 and no family: not asked
  wire::IpAddress mask;                          ///< set only for a non-contiguous mask
  bool invert = false;
  [[nodiscard]] bool asked() const { return prefix.address.is_set(); }
};

struct Counters { std::uint64_t packets = 0, bytes = 0; };

struct Rule {
  AddressMatch source, destination;
  InterfaceMatch in, out;
  std::optional<std::uint16_t> protocol;
  bool invert_protocol = false;
  bool fragment = false, invert_fragment = false;  ///< `-f`
  std::vector<Match> matches;
  Target target = NoTarget{};
  Counters counters;                             ///< as read; running ones are in netfilter::State
  std::uint32_t line = 0;                        ///< of the input, from 1
};

enum class Policy : std::uint8_t { none, accept, drop };  ///< none: a user chain

struct Chain {
  std::string name;
  Policy policy = Policy::none;
  std::optional<Hook> hook;                      ///< built-in chains
  Counters counters;                             ///< of the policy
  std::vector<Rule> rules;
};

enum class TableKind : std::uint8_t { raw, mangle, nat, filter, security };
/// `raw`, `mangle`, …
const char* table_name(TableKind kind);
/// Where a table of this kind has built-in chains, in the order in which they are printed.
std::span<const Hook> hooks_of(TableKind kind);

struct Table {
  TableKind kind = TableKind::filter;
  std::vector<Chain> chains;                     ///< in the order in which they are printed

  /// Position of a chain, or chains.size().
  [[nodiscard]] std::size_t find(std::string_view chain) const;
  /// The built-in chain of this hook; null when the table has none.
  [[nodiscard]] const Chain* at(Hook hook) const;
};

enum class Backend : std::uint8_t { legacy, nft };

struct Ruleset {
  Backend backend = Backend::legacy;
  wire::Family family = wire::Family::ipv4;
  std::string file;                              ///< where it was read
  std::vector<Table> tables;                     ///< in the order in which they are printed
  std::vector<TableKind> not_shown;              ///< by a listing; absent from a save: not there
  std::vector<std::string> notes;                ///< what the text did not tell, for the user
};

}  // namespace wayout::netfilter
