// How a packet ends, and what is to blame.
//
// Every stage of the way answers with a Stop; the zero Stop means "still on its way". A Stop that
// is not zero carries the fate, the stage that ended it, the kernel's reason by name, and our finer
// Cause, an index into the host's configuration. Nothing here is text that decides anything.
#pragma once

#include <cstdint>
#include <string_view>

#include "packet/ids.hpp"
#include "packet/sysctl.hpp"

namespace wayout {

enum class Fate : std::uint8_t {
  on_its_way,  ///< not ended
  forwarded,   ///< left through a device, routed or sent from here
  bridged,     ///< left through a bridge port, or was copied to several
  delivered,   ///< reached a local socket or protocol
  held,        ///< waits: neighbour not resolved, fragments missing
  dropped,     ///< freed by the stage named
  undecided,   ///< something on the way is not modelled; the Cause says what
};

/// The kernel's SKB_DROP_REASON_*, by name: the numbers move between versions.
#define WAYOUT_DROP_REASONS(X)                                                                   \
  X(NOT_SPECIFIED) X(NO_SOCKET) X(PKT_TOO_SMALL) X(TCP_CSUM) X(UDP_CSUM) X(NETFILTER_DROP)        \
  X(OTHERHOST) X(IP_CSUM) X(IP_INHDR) X(IP_RPFILTER) X(UNICAST_IN_L2_MULTICAST) X(XFRM_POLICY)    \
  X(IP_NOPROTO) X(IP_OUTNOROUTES) X(IP_INADDRERRORS) X(IP_INNOROUTES) X(IP_LOCAL_SOURCE)          \
  X(IP_INVALID_SOURCE) X(IP_INVALID_DEST) X(IP_LOCALNET) X(PKT_TOO_BIG) X(NEIGH_CREATEFAIL)       \
  X(NEIGH_FAILED) X(NEIGH_QUEUEFULL) X(NEIGH_DEAD) X(QDISC_DROP)                                  \
  X(UNHANDLED_PROTO) X(ICMP_CSUM) X(INVALID_PROTO)                                                \
  X(DUP_FRAG) X(FRAG_REASM_TIMEOUT) X(FRAG_TOO_FAR) X(MAC_INVALID_SOURCE) X(NO_TX_TARGET)         \
  X(BRIDGE_INGRESS_STP_STATE) X(LOCAL_MAC)                                                        \
  X(VXLAN_INVALID_HDR) X(VXLAN_VNI_NOT_FOUND) X(VXLAN_ENTRY_EXISTS) X(IP_TUNNEL_ECN)              \
  X(MAC_IEEE_MAC_CONTROL) X(NOMEM)

enum class DropReason : std::uint8_t {
  none,
#define WAYOUT_X(name) name,
  WAYOUT_DROP_REASONS(WAYOUT_X)
#undef WAYOUT_X
};

/// Where on the way: the kernel function that the stage answers for.
#define WAYOUT_STAGES(X)                                                                         \
  X(netif_receive_skb_core, "__netif_receive_skb_core")                                           \
  X(skb_vlan_untag, "skb_vlan_untag")                                                             \
  X(vlan_do_receive, "vlan_do_receive")                                                           \
  X(macvlan_handle_frame, "macvlan_handle_frame")                                                 \
  X(br_handle_frame, "br_handle_frame")                                                           \
  X(br_handle_frame_finish, "br_handle_frame_finish")                                             \
  X(br_nf_pre_routing, "br_nf_pre_routing")                                                       \
  X(br_nf_pre_routing_finish, "br_nf_pre_routing_finish")                                         \
  X(br_dev_xmit, "br_dev_xmit")                                                                   \
  X(br_nf_dev_queue_xmit, "br_nf_dev_queue_xmit")                                                 \
  X(br_dev_queue_push_xmit, "br_dev_queue_push_xmit")                                             \
  X(br_pass_frame_up, "br_pass_frame_up")                                                         \
  X(arp_rcv, "arp_rcv")                                                                           \
  X(arp_process, "arp_process")                                                                   \
  X(ip_rcv_core, "ip_rcv_core")                                                                   \
  X(ip_defrag, "ip_defrag")                                                                       \
  X(nf_conntrack_in, "nf_conntrack_in")                                                           \
  X(nf_hook_slow, "nf_hook_slow")                                                                 \
  X(nft_do_chain, "nft_do_chain")                                                                 \
  X(nf_queue, "nf_queue")                                                                         \
  X(nf_dup_ipv4, "nf_dup_ipv4")                                                                   \
  X(synproxy_tg4, "synproxy_tg4")                                                                 \
  X(nf_nat_inet_fn, "nf_nat_inet_fn")                                                             \
  X(ip_rcv_finish_core, "ip_rcv_finish_core")                                                     \
  X(fib_validate_source, "fib_validate_source")                                                   \
  X(ip_error, "ip_error")                                                                         \
  X(ip_forward, "ip_forward")                                                                     \
  X(ip_local_deliver_finish, "ip_local_deliver_finish")                                           \
  X(tcp_v4_rcv, "tcp_v4_rcv")                                                                     \
  X(udp4_lib_rcv, "__udp4_lib_rcv")                                                               \
  X(icmp_rcv, "icmp_rcv")                                                                         \
  X(igmp_rcv, "igmp_rcv")                                                                         \
  X(ping_rcv, "ping_rcv")                                                                         \
  X(ip_route_output, "ip_route_output_key_hash")                                                  \
  X(tcp_v4_connect, "tcp_v4_connect")                                                             \
  X(udp_sendmsg, "udp_sendmsg")                                                                   \
  X(ip_fragment, "ip_do_fragment")                                                                \
  X(neigh_resolve_output, "neigh_resolve_output")                                                 \
  X(neigh_event_send, "__neigh_event_send")                                                       \
  X(neigh_invalidate, "neigh_invalidate")                                                         \
  X(dev_queue_xmit, "__dev_queue_xmit")                                                           \
  X(dev_hard_start_xmit, "dev_hard_start_xmit")                                                   \
  X(dev_forward_skb, "__dev_forward_skb2")                                                        \
  X(veth_xmit, "veth_xmit")                                                                       \
  X(vlan_dev_hard_start_xmit, "vlan_dev_hard_start_xmit")                                         \
  X(macvlan_queue_xmit, "macvlan_queue_xmit")                                                     \
  X(vxlan_xmit_one, "vxlan_xmit_one")                                                             \
  X(vxlan_xmit, "vxlan_xmit")                                                                     \
  X(skb_tunnel_check_pmtu, "skb_tunnel_check_pmtu")                                               \
  X(vxlan_rcv, "vxlan_rcv")                                                                       \
  X(loopback_xmit, "loopback_xmit")                                                               \
  X(outside, "outside")

enum class Stage : std::uint8_t {
  none,
#define WAYOUT_X(name, function) name,
  WAYOUT_STAGES(WAYOUT_X)
#undef WAYOUT_X
};

/// `NETFILTER_DROP`, as the tracepoint skb:kfree_skb prints it; "" for none.
std::string_view reason_name(DropReason reason);
/// The kernel function's name; "" for none.
std::string_view stage_name(Stage stage);

/// In place of a DeviceId in a per-device sysctl: `conf.all`, `conf.default`.
inline constexpr DeviceId all_devices = 0xffffffff;
inline constexpr DeviceId default_device = 0xfffffffe;

enum class CauseKind : std::uint8_t {
  none,
  sysctl,      ///< sysctl() on device()
  rule,        ///< rule_ref(): an iptables rule
  policy,      ///< rule_ref(): a chain's policy
  route,       ///< route(): this route decided
  no_route,    ///< no route (or rule) gave an answer; value: the table asked last, 0 = all
  routing_rule,///< value: position in Fib::rules
  neighbour,   ///< address() on device(), as packet context
  bridge,      ///< device(): the port; value: a BridgeCause
  nat,         ///< value: a NatCause; device() when one matters
  conntrack,   ///< value: a ConntrackCause
  address,     ///< value: an AddressCause; device()
  mtu,         ///< device() whose MTU decided; value: the MTU in bytes
  device,      ///< device(); value: a DeviceCause
  socket,      ///< value: a SocketCause
  packet,      ///< the packet itself is at fault (header, checksum, TTL); value: a PacketCause
  unmodelled,  ///< value: position in Host::unmodelled
  fdb,         ///< device(): a VXLAN device; value: position of its entry in bridge::Config::fdb
};

enum class SocketCause : std::uint32_t {
  nobody_listens,
  connects,   ///< whether the sending program connects its socket (and so asks for its route twice)
  broadcast,  ///< whether the sending program may send to all (SO_BROADCAST)
  answers_from,  ///< which address a program answers from
  source_port,   ///< which port the asking program's socket gets
};
enum class BridgeCause : std::uint32_t {
  none,
  port_state,      ///< not forwarding
  same_port,       ///< destination behind the ingress port, hairpin off
  isolated,        ///< both ports isolated
  no_flood,        ///< unknown destination and no port floods
  vlan,            ///< VLAN filtering refused the frame
  locked,          ///< port locked or not learning
  static_fdb,      ///< a static entry sends it elsewhere
  own_source,      ///< source MAC is the bridge's own
  group_filtered,  ///< link-local group address
  no_port,         ///< the bridge has no (other) port
  not_a_port,      ///< a device that should be a port of it is not
  port_has_address,  ///< a port that has an address of its own: the bridge takes what comes in
  arp_proxy,       ///< a port answers ARP in another's place: not modelled
  no_own_entry,    ///< the fdb has no entry for the bridge's own MAC: frames for the host are flooded
};
enum class NatCause : std::uint32_t {
  none,
  no_address,           ///< MASQUERADE found no source address
  ports_exhausted,      ///< no free port: the clash ends it at confirmation
  not_translated,       ///< left with a source that nobody outside can answer
  masquerade_changed,   ///< the egress device changed under a masqueraded connection
  icmp_refused,         ///< an ICMP error or redirect that NAT does not let pass
  answer_elsewhere,     ///< the answer arrives from another address than the one asked
  not_translated_back,  ///< the answer ends where the question was translated
  no_redirect_address,  ///< REDIRECT found none on the ingress device
};
enum class ConntrackCause : std::uint32_t {
  none,
  table_full,
  entry,    ///< an existing entry decided (aux: its ConnectionId)
  clash,    ///< another entry already owns one of the tuples
  invalid,
};
enum class AddressCause : std::uint32_t {
  none,
  martian_source,
  martian_destination,
  own_source,      ///< the source is an address of this host
  localnet,        ///< 127/8 on the wire
  not_answered,    ///< nobody on the segment owns the next hop's address
  not_owned,       ///< a rule gave it a source address that nobody owns
  not_known_there, ///< its private source is this host's, but not of the network it was sent into
  not_unicast,     ///< TCP is for one host: this is a broadcast or multicast address
};
enum class DeviceCause : std::uint32_t {
  none,
  down,
  no_carrier,
  no_peer,       ///< the other end is in a namespace that cannot be read
  other_host,    ///< the frame's destination MAC is not this device's
  no_handler,    ///< nothing takes this ethertype
  no_remote,     ///< VXLAN: no fdb entry and no default remote
  unknown_vni,
  no_vlan,       ///< tagged frame, no VLAN device for it
  discards,      ///< a dummy device: it swallows what is sent
  arp_off,       ///< IFF_NOARP: it neither asks for neighbours nor answers for its addresses
};
enum class PacketCause : std::uint32_t {
  none,
  header,
  checksum,
  truncated,
  ttl,
  options,
  layer2_class,   ///< broadcast or multicast frame where only unicast is forwarded
  hotdrop,        ///< too short for the match that looked at it
  fragment,
  unknown_protocol,
  too_many_rules,  ///< its rules call each other more often than we follow: not modelled
};

/// What configuration (or lack of it) decided: an index into the host, never a text.
class Cause {
 public:
  constexpr Cause() = default;
  static constexpr Cause sysctl(Sysctl s, DeviceId device = no_device) {
    return {CauseKind::sysctl, device, static_cast<std::uint32_t>(s)};
  }
  static constexpr Cause rule(RuleRef r) {
    Cause c{r.rule == RuleRef::policy ? CauseKind::policy : CauseKind::rule, r.rule, 0};
    c.small_ = r.ruleset;
    c.smaller_ = r.table;
    c.b_ = r.chain;
    return c;
  }
  static constexpr Cause route(RouteRef r) { return {CauseKind::route, r.table, r.route}; }
  static constexpr Cause no_route(std::uint32_t table = 0) {
    return {CauseKind::no_route, no_device, table};
  }
  static constexpr Cause routing_rule(std::uint32_t position) {
    return {CauseKind::routing_rule, no_device, position};
  }
  static constexpr Cause neighbour(DeviceId device) { return {CauseKind::neighbour, device, 0}; }
  static constexpr Cause bridge(BridgeCause why, DeviceId port) {
    return {CauseKind::bridge, port, static_cast<std::uint32_t>(why)};
  }
  static constexpr Cause fdb(std::uint32_t position, DeviceId vxlan) {
    return {CauseKind::fdb, vxlan, position};
  }
  static constexpr Cause nat(NatCause why, DeviceId device = no_device) {
    return {CauseKind::nat, device, static_cast<std::uint32_t>(why)};
  }
  static constexpr Cause conntrack(ConntrackCause why, ConnectionId connection = no_connection) {
    return {CauseKind::conntrack, connection, static_cast<std::uint32_t>(why)};
  }
  static constexpr Cause address(AddressCause why, DeviceId device = no_device) {
    return {CauseKind::address, device, static_cast<std::uint32_t>(why)};
  }
  static constexpr Cause mtu(DeviceId device, std::uint32_t mtu_bytes) {
    return {CauseKind::mtu, device, mtu_bytes};
  }
  static constexpr Cause on_device(DeviceCause why, DeviceId device) {
    return {CauseKind::device, device, static_cast<std::uint32_t>(why)};
  }
  static constexpr Cause socket(SocketCause why = SocketCause::nobody_listens) {
    return {CauseKind::socket, 0, static_cast<std::uint32_t>(why)};
  }
  static constexpr Cause packet(PacketCause why) {
    return {CauseKind::packet, no_device, static_cast<std::uint32_t>(why)};
  }
  static constexpr Cause unmodelled(std::uint32_t position) {
    return {CauseKind::unmodelled, no_device, position};
  }

  [[nodiscard]] constexpr CauseKind kind() const { return kind_; }
  [[nodiscard]] constexpr DeviceId device() const { return a_; }          ///< see CauseKind
  [[nodiscard]] constexpr std::uint32_t value() const { return b_; }      ///< see CauseKind
  [[nodiscard]] constexpr ConnectionId connection() const { return a_; }  ///< kind conntrack
  [[nodiscard]] constexpr Sysctl sysctl() const { return static_cast<Sysctl>(b_); }
  [[nodiscard]] constexpr RouteRef route() const { return {a_, b_}; }
  [[nodiscard]] constexpr RuleRef rule_ref() const {
    return {small_, smaller_, b_, a_};
  }
  constexpr bool operator==(const Cause&) const = default;

 private:
  constexpr Cause(CauseKind kind, std::uint32_t a, std::uint32_t b) : kind_(kind), a_(a), b_(b) {}

  CauseKind kind_ = CauseKind::none;
  std::uint8_t small_ = 0;
  std::uint8_t smaller_ = 0;
  std::uint32_t a_ = 0;
  std::uint32_t b_ = 0;
};

/// The answer of a stage: zero (false) while the packet is on its way, else how it ended.
struct [[nodiscard]] Stop {
  Fate fate = Fate::on_its_way;
  Stage stage = Stage::none;
  DropReason reason = DropReason::none;
  Cause cause;
  std::uint32_t cause_elsewhere = 0;  ///< 1 + the host the cause points into; 0: where it ended

  constexpr explicit operator bool() const { return fate != Fate::on_its_way; }

  static constexpr Stop go_on() { return {}; }
  static constexpr Stop drop(Stage stage, DropReason reason, Cause cause) {
    return {Fate::dropped, stage, reason, cause, 0};
  }
  /// The same for a cause in the configuration of another host (position in Machine::hosts).
  [[nodiscard]] constexpr Stop blaming(std::uint32_t host) const {
    Stop blamed = *this;
    blamed.cause_elsewhere = host + 1;
    return blamed;
  }
  static constexpr Stop end(Fate fate, Stage stage, Cause cause = {}) {
    return {fate, stage, DropReason::none, cause, 0};
  }
};

}  // namespace wayout
