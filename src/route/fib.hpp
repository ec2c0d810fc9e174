// Routing rules, tables and routes, and the look-up through them (FIB).
//
// The Fib is configuration: it is filled by a reader, index() is called once, and then it is only
// asked. A look-up goes through the rules in ascending preference; each matching rule names a table
// (longest prefix, then TOS, then lowest metric) or ends the search with its own error.
// Not here: what a packet does with the answer (route/input.hpp, route/output.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "packet/chance.hpp"
#include "packet/packet.hpp"
#include "route/interface.hpp"
#include "wire/address.hpp"

namespace wayout::route {

inline constexpr std::uint32_t table_default = 253, table_main = 254, table_local = 255;

struct Nexthop {
  wire::IpAddress gateway;           ///< not set: on-link
  DeviceId device = no_device;
  std::uint32_t weight = 1;
  bool onlink = false;
  bool dead = false;                 ///< RTNH_F_DEAD, as read
  bool linkdown = false;             ///< RTNH_F_LINKDOWN, as read
  bool encap = false;                ///< MPLS, seg6, …: not modelled
};

struct Route {
  wire::Prefix destination;
  RouteType type = RouteType::unicast;
  std::uint8_t tos = 0;
  std::uint32_t metric = 0;
  Scope scope = Scope::universe;
  std::uint8_t protocol = 0;         ///< RTPROT_*
  wire::IpAddress preferred_source;  ///< `src`
  std::uint32_t mtu_bytes = 0;       ///< metric `mtu`; 0: none
  bool mtu_locked = false;
  std::uint32_t nexthop_id = 0;      ///< nexthop object; 0: none
  bool synthesized = false;          ///< not read: made from an address by add_implied_routes()
  std::vector<Nexthop> nexthops;     ///< empty for blackhole and its kin
};

struct FibTable {
  std::uint32_t id = table_main;
  std::vector<Route> routes;
};

enum class RuleAction : std::uint8_t { to_table, goto_, nop, blackhole, unreachable, prohibit };

/// One line of `ip rule`.
struct Rule {
  std::uint32_t preference = 0;
  bool invert = false;               ///< `not`
  wire::Prefix from, to;             ///< length 0 and no family: all
  std::string iif, oif;              ///< names: the device may not exist
  std::uint32_t fwmark = 0, fwmask = 0;  ///< fwmask 0: no mark selector
  std::uint8_t tos = 0;
  std::uint8_t ip_protocol = 0;
  std::uint16_t sport_low = 0, sport_high = 0, dport_low = 0, dport_high = 0;  ///< high 0: any
  std::optional<std::pair<std::uint32_t, std::uint32_t>> uid_range;
  bool l3mdev = false;
  RuleAction action = RuleAction::to_table;
  std::uint32_t table = 0;
  std::uint32_t goto_preference = 0;
  std::int32_t suppress_prefix_length = -1;
  std::int64_t suppress_ifgroup = -1;
  bool unmodelled = false;           ///< a selector we do not know (tun_id, …)
};

/// The question: struct flowi4.
struct Flow {
  wire::IpAddress source, destination;
  DeviceId ingress = no_device;      ///< flowi_iif; loopback device for local output
  DeviceId egress = no_device;       ///< flowi_oif: must leave here
  DeviceId l3mdev = no_device;       ///< VRF
  std::uint32_t mark = 0;
  std::uint8_t tos = 0;              ///< DSCP bits only (ECN cleared)
  std::uint8_t protocol = 0;
  std::uint16_t sport = 0, dport = 0;  ///< host order
  std::optional<std::uint32_t> uid;
  bool link_scope_only = false;      ///< destination must be directly connected
};

/// The answer of a look-up.
struct FibResult {
  enum class Kind : std::uint8_t { found, no_route, blackhole, unreachable, prohibit };
  Kind kind = Kind::no_route;
  RouteType type = RouteType::unspec;  ///< when found
  RouteRef route;                      ///< when a route decided
  bool by_route = false;               ///< else by_rule, or nothing at all
  bool by_rule = false;
  std::uint32_t rule = 0;              ///< position in Fib::rules of the rule that led here
  std::uint32_t nexthop = 0;           ///< position in Route::nexthops
  std::uint8_t prefix_length = 0;
  Cause cause;                         ///< route, routing_rule or no_route
};

class Fib {
 public:
  std::vector<Rule> rules;           ///< ascending preference, same preference in order read
  std::vector<FibTable> tables;

  [[nodiscard]] const Route& route(RouteRef ref) const {
    return tables[ref.table].routes[ref.route];
  }
  /// Position of a table by its number; made when it is not there.
  std::uint32_t table_position(std::uint32_t id);
  [[nodiscard]] const FibTable* find_table(std::uint32_t id) const;

  /// The three rules every namespace starts with: 0 local, 32766 main, 32767 default.
  static std::vector<Rule> default_rules();

  /// Build the look-up structures. Call after the last change; look-ups before it find nothing.
  void index(const Interfaces& interfaces, const std::vector<std::string>& device_names);

  /// Linux: net/ipv4/fib_frontend.c fib_lookup, fib_rules.c, fib_trie.c fib_table_lookup.
  [[nodiscard]] FibResult lookup(const Flow& flow, Chance& chance) const;
  /// One table only, as addrtype and others ask.
  [[nodiscard]] FibResult lookup_table(std::uint32_t table_id, const Flow& flow,
                                       Chance& chance) const;
};

/// RTN_* of an address by the local table alone: local, broadcast, multicast, else unicast.
/// Linux: net/ipv4/fib_frontend.c inet_addr_type_table.
[[nodiscard]] RouteType address_type(const Fib& fib, const wire::IpAddress& address);
/// The same, local only when the address is on `device`. Linux: inet_addr_type_dev_table.
[[nodiscard]] RouteType address_type_on(const Fib& fib, const wire::IpAddress& address,
                                        DeviceId device);

/// Add what the kernel adds by itself for every address of an up device, unless the tables hold it:
/// local and broadcast routes in `local`, the connected prefix in `main` (or the VRF's table).
/// For inputs that do not show the local table. Linux: net/ipv4/fib_frontend.c fib_add_ifaddr.
void add_implied_routes(Fib& fib, const Interfaces& interfaces);

}  // namespace wayout::route
