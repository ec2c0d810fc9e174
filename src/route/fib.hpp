// Routing rules, tables and routes, and the look-up through them (FIB).
//
// The Fib is configuration: it is filled by a reader, index() is called once, and then it is only
// asked; whoever changes it (or the devices' state) calls index() again. A look-up goes through the
// rules in ascending preference; each matching rule names a table (longest prefix, then TOS, then
// lowest metric) or ends the search with its own error.
//
// As long as a namespace has never had rules of its own, the kernel keeps the tables local and main
// in one trie, and the longest prefix of both wins: a route of main beats a shorter one of local.
// The first added rule separates them for good. That is modelled by the rules that are there now.
// Not here: what a packet does with the answer (route/decide.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "packet/chance.hpp"
#include "packet/packet.hpp"
#include "route/interface.hpp"
#include "wire/address.hpp"

namespace wayout::route {

inline constexpr std::uint32_t table_default = 253, table_main = 254, table_local = 255;

/// RTPROT_*: who made a route or a rule; the others are daemons.
inline constexpr std::uint8_t made_by_kernel = 2, made_by_boot = 3, made_by_static = 4;

struct Nexthop {
  wire::IpAddress gateway;           ///< not set: on-link
  DeviceId device = no_device;
  std::uint32_t weight = 1;
  bool onlink = false;
  bool dead = false;                 ///< RTNH_F_DEAD, as read
  bool linkdown = false;             ///< RTNH_F_LINKDOWN, as read
  bool encap = false;                ///< MPLS, seg6, …: not modelled
  bool to_self = false;  ///< by index(): the gateway is this host's, and the destination on-link

  /// Where packets for this next hop go to: the gateway, or (not set) their own destination.
  [[nodiscard]] wire::IpAddress via() const { return to_self ? wire::IpAddress{} : gateway; }
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
  std::uint8_t hop_limit = 0;        ///< metric `hoplimit`; 0: none
  std::uint32_t nexthop_id = 0;      ///< nexthop object; 0: none
  bool synthesized = false;          ///< not read: made from an address by add_implied_routes()
  std::vector<Nexthop> nexthops;     ///< empty for blackhole and its kin
};

/// A table that is in Fib::tables was read, even when it holds no route.
struct FibTable {
  std::uint32_t id = table_main;
  std::vector<Route> routes;         ///< of one prefix, TOS and metric: in the order of the kernel
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
  std::uint64_t tunnel_id = 0;       ///< `tun_id`: only of packets with metadata; 0: any
  bool l3mdev = false;
  RuleAction action = RuleAction::to_table;
  std::uint32_t table = 0;
  std::uint32_t goto_preference = 0;
  std::int32_t suppress_prefix_length = -1;
  std::int64_t suppress_ifgroup = -1;
  std::uint8_t protocol = 0;         ///< RTPROT_*
  bool unmodelled = false;           ///< a selector we do not know (dscp, …)

  bool operator==(const Rule&) const = default;
};

/// The question: struct flowi4.
struct Flow {
  wire::IpAddress source, destination;
  DeviceId ingress = no_device;      ///< flowi_iif; none (or loopback): from this host
  DeviceId egress = no_device;       ///< flowi_oif: must leave here
  DeviceId l3mdev = no_device;       ///< VRF
  bool l3mdev_of_egress = false;     ///< the VRF follows from the egress, not from the ingress
  std::uint32_t mark = 0;
  std::uint8_t tos = 0;              ///< DSCP bits only (ECN cleared)
  std::uint8_t protocol = 0;
  std::uint16_t sport = 0, dport = 0;  ///< host order
  std::optional<std::uint32_t> uid;  ///< not set: not known
  bool link_scope_only = false;      ///< destination must be directly connected
  bool any_source = false;           ///< FLOWI_FLAG_ANYSRC: the source need not be this host's
};

/// A TOS selector of a route or rule (0: any). Only three bits of the field are compared, so that
/// DSCP values above them go the way of TOS. Linux: include/net/ip_fib.h fib_dscp_masked_match.
constexpr bool tos_fits(std::uint8_t selector, const Flow& flow) {
  constexpr std::uint8_t compared_bits = 0x1c;
  return selector == 0 || selector == (flow.tos & compared_bits);
}

/// The answer of a look-up.
struct FibResult {
  enum class Kind : std::uint8_t { found, no_route, blackhole, unreachable, prohibit };
  Kind kind = Kind::no_route;
  RouteType type = RouteType::unspec;  ///< when a route decided
  RouteRef route;                      ///< when a route decided
  bool by_route = false;               ///< else by_rule, or nothing at all
  bool by_rule = false;
  std::uint32_t rule = 0;              ///< position in Fib::rules of the rule that led here
  std::uint32_t nexthop = 0;           ///< position in Route::nexthops: the first usable one
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
  /// Null when there is none.
  [[nodiscard]] const FibTable* find_table(std::uint32_t id) const;

  /// The three rules every namespace starts with: 0 local, 32766 main, 32767 default.
  static std::vector<Rule> default_rules();

  /// Build the look-up structures, and take over what look-ups need of the devices: state, VRF,
  /// ignore_routes_with_linkdown. `device_names` is parallel to interfaces.list. A next hop's dead
  /// and linkdown flags are cleared where the state of its device says the same already, so that
  /// they do not outlive it. Look-ups before index() find nothing.
  void index(const Interfaces& interfaces, const std::vector<std::string>& device_names);

  /// Rules, tables, and the first usable next hop of the route found. Chance is asked where a rule
  /// has a selector whose outcome is not known.
  /// Linux: net/ipv4/fib_frontend.c fib_lookup; net/core/fib_rules.c fib_rules_lookup;
  ///   net/ipv4/fib_rules.c; net/ipv4/fib_trie.c fib_table_lookup.
  [[nodiscard]] FibResult lookup(const Flow& flow, Chance& chance,
                                 bool ignore_linkstate = false) const;
  /// One table only, without rules. kind is no_route for a `throw` route too.
  [[nodiscard]] FibResult lookup_table(std::uint32_t table_id, const Flow& flow,
                                       bool ignore_linkstate = false) const;

  /// The local table, as whoever asks for an address's type sees it: in one trie with main as long
  /// as the two are not separated.
  [[nodiscard]] FibResult lookup_local(const Flow& flow) const;

  /// Among the usable next hops of a multipath route, choose one (the hash's seed is not known, so
  /// chance is asked, once, when they lead different ways). `local`: for a packet of this host;
  /// then a next hop whose own address is the flow's source is preferred, and gateways of equal
  /// default routes are alternatives too.
  /// Linux: net/ipv4/fib_semantics.c fib_select_path, fib_select_multipath, fib_select_default.
  void select_path(FibResult& result, const Flow& flow, bool local, const Interfaces& interfaces,
                   Chance& chance) const;

  /// The flow as a received packet asks: its protocol and ports stay out of it unless a rule (other
  /// than for packets of this host) selects by them. Linux: net/ipv4/fib_rules.c,
  ///   include/net/ip_fib.h fib4_rules_early_flow_dissect.
  [[nodiscard]] Flow as_received(Flow flow) const;

  /// The flow with its VRF filled in from its devices; an egress that is a VRF itself names the
  /// table only and is cleared. Linux: net/l3mdev/l3mdev.c l3mdev_update_flow.
  [[nodiscard]] Flow in_l3_domain(Flow flow) const;

  /// Next hop usable now: not dead, its device up, with carrier unless that is ignored.
  [[nodiscard]] bool usable(const Route& route, const Nexthop& nexthop,
                            bool ignore_linkstate = false) const;
  /// True while nobody added a rule: exactly default_rules().
  [[nodiscard]] bool has_default_rules() const { return default_rules_; }
  /// True when somebody added a local route by hand. Both make source validation look closer.
  [[nodiscard]] bool has_custom_local_routes() const { return custom_local_routes_; }
  /// The loopback device, or no_device.
  [[nodiscard]] DeviceId loopback() const { return loopback_; }
  /// The table of a VRF device; 0 for any other.
  [[nodiscard]] std::uint32_t vrf_table(DeviceId device) const {
    return device < devices_.size() ? devices_[device].vrf_table : 0;
  }

 private:
  /// What look-ups need of a device.
  struct DeviceFacts {
    bool up = false;
    bool carrier = false;
    std::optional<std::uint32_t> group;
    bool ignores_linkdown = false;   ///< conf.all or its own ignore_routes_with_linkdown
    DeviceId l3_domain = no_device;
    std::uint32_t vrf_table = 0;
  };
  /// The routes of one prefix: a range of Lookup::order.
  struct Range {
    std::uint32_t begin = 0, end = 0;
  };
  struct Length {
    std::uint8_t bits = 0;
    std::unordered_map<wire::IpAddress, Range> prefixes;
  };
  /// One table, by prefix length.
  struct Lookup {
    std::vector<std::uint32_t> order;  ///< route positions: by prefix, TOS descending, metric
    std::vector<Length> lengths;       ///< longest first
  };
  /// What a rule's names and numbers stand for.
  struct RuleFacts {
    DeviceId iif = no_device, oif = no_device;  ///< no_device: not asked, or no such device
    std::optional<std::uint32_t> target;        ///< position to go to; none: unresolved
  };

  void index_devices(const Interfaces& interfaces);
  void index_table(std::uint32_t position);
  void index_rules(const std::vector<std::string>& device_names);
  void settle_nexthops();
  void forget_implied_flags(Nexthop& nexthop) const;
  [[nodiscard]] bool gateway_is_own(std::uint32_t table, Scope scope,
                                    const Nexthop& nexthop) const;

  [[nodiscard]] bool rule_matches(std::uint32_t position, const Flow& flow, Chance& chance) const;
  [[nodiscard]] bool devices_match(std::uint32_t position, const Flow& flow) const;
  [[nodiscard]] bool suppresses_group(std::uint32_t position, const FibResult& found,
                                      const Flow& flow, Chance& chance) const;
  [[nodiscard]] FibResult apply_rule(std::uint32_t position, const Flow& flow, Chance& chance,
                                     bool ignore_linkstate) const;
  [[nodiscard]] FibResult lookup_merged(const Flow& flow, Chance& chance,
                                        bool ignore_linkstate) const;
  [[nodiscard]] FibResult lookup_trie(std::span<const std::uint32_t> table_ids, const Flow& flow,
                                      bool ignore_linkstate) const;
  [[nodiscard]] FibResult lookup_range(std::uint32_t table, Range range, const Flow& flow,
                                       bool ignore_linkstate, bool& leaf_missed) const;
  [[nodiscard]] std::vector<std::uint32_t> usable_paths(const FibResult& result, const Flow& flow,
                                                        bool local,
                                                        const Interfaces& interfaces) const;
  [[nodiscard]] std::vector<RouteRef> equal_defaults(const FibResult& result,
                                                     const Flow& flow) const;

  std::vector<Lookup> lookups_;            ///< parallel to tables
  std::unordered_map<std::uint32_t, std::uint32_t> table_positions_;
  std::vector<RuleFacts> rule_facts_;      ///< parallel to rules
  std::vector<DeviceFacts> devices_;       ///< by DeviceId
  DeviceId loopback_ = no_device;
  bool default_rules_ = false;
  bool rules_want_ports_ = false;
  bool custom_local_routes_ = false;
};

/// RTN_* of an address by the local table alone (of the VRF of `device`, when that is in one):
/// local, broadcast, multicast, else unicast.
/// Linux: net/ipv4/fib_frontend.c inet_addr_type_dev_table.
[[nodiscard]] RouteType address_type(const Fib& fib, const wire::IpAddress& address,
                                     DeviceId device = no_device);
/// The same, as if only `device` were there: unicast when the entry belongs to another device.
/// Linux: net/ipv4/fib_frontend.c inet_dev_addr_type.
[[nodiscard]] RouteType address_type_on(const Fib& fib, const wire::IpAddress& address,
                                        DeviceId device);

/// The device whose address this is, also as one of a range (127/8, or a local route); no_device
/// when it is not this host's. Linux: net/ipv4/devinet.c __ip_dev_find.
[[nodiscard]] DeviceId device_of_address(const Fib& fib, const Interfaces& interfaces,
                                         const wire::IpAddress& address);

/// Add what the kernel adds by itself for every address, to tables that were not read: local and
/// broadcast routes to `local`, the connected prefix to `main` (or all to the VRF's table). A table
/// that is in Fib::tables stays as it is. Linux: net/ipv4/fib_frontend.c fib_add_ifaddr.
void add_implied_routes(Fib& fib, const Interfaces& interfaces);

}  // namespace wayout::route
