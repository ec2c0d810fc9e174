// ipset sets: the elements that `-m set` asks about, whether a packet is among them, and what
// `-j SET` puts in and takes out.
//
// A set is read (read_ipset.hpp), indexed once, and then asked. What rules change is a copy
// (State::sets), so that the configuration stays as read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "netfilter/rule.hpp"
#include "wire/address.hpp"

namespace wayout::netfilter {

/// What one dimension of a set's elements is: `hash:ip,port,net` has ip, port and net.
enum class SetPart : std::uint8_t { ip, net, port, mac, interface, mark, set };

/// One element; which fields count depends on the set's parts.
struct SetElement {
  wire::Prefix first, second;             ///< the first and second ip or net
  wire::IpAddress range_end;              ///< set: `first.address` to here (written by hand only)
  std::uint8_t protocol = 0;
  /// Host order; ICMP: type << 8 | code, both of them; protocols without ports: 0.
  std::uint16_t port_low = 0, port_high = 0;
  std::optional<wire::MacAddress> mac;    ///< none in a bitmap:ip,mac: any
  std::string interface;
  bool physdev = false;                   ///< `interface` is a bridge port: iptables never asks so
  bool wildcard = false;                  ///< `interface` is the beginning of a name
  std::uint32_t mark = 0;
  std::string set;                        ///< list:set
  std::optional<std::uint32_t> member;    ///< its position in IpSets::list; by IpSets::link()
  bool nomatch = false;
  /// It is there up to this time, from the moment of reading; not set: for ever.
  std::optional<std::int64_t> expires_ms;
  /// skbmark: what `-j SET --map-set --map-mark` turns the mark into, (mark & ~mask) ^ value.
  std::uint32_t map_mark = 0, map_mark_mask = 0;

  /// Linux: include/linux/netfilter/ipset/ip_set.h ip_set_timeout_expired, in jiffies of 4 ms.
  [[nodiscard]] bool is_there(std::int64_t now_ms) const {
    constexpr std::int64_t jiffy_ms = 4;
    return !expires_ms || *expires_ms / jiffy_ms >= now_ms / jiffy_ms;
  }
};

struct IpSet {
  std::string name;
  std::string type;                       ///< `hash:ip`, `hash:net,port`, …
  std::vector<SetPart> parts;             ///< by dimension
  wire::Family family = wire::Family::ipv4;
  wire::IpAddress mask;                   ///< set: applied to the packet's addresses (`netmask`)
  std::uint32_t mark_mask = 0xffffffff;
  std::vector<SetElement> elements;
  bool unmodelled = false;                ///< a type we do not evaluate
  /// What may be added: a bitmap's addresses or ports, and how many elements.
  std::optional<std::pair<wire::IpAddress, wire::IpAddress>> addresses;
  PortRange ports{0, 0xffff};
  std::uint32_t most_elements = 0xffffffff;
  std::optional<std::uint32_t> timeout_s; ///< of elements that say none; not set: they stay for ever

  [[nodiscard]] bool has(SetPart part) const;
  /// Build what ipset_contains() looks through. Call after the last change of `elements`.
  void index();
  /// One more element, indexed.
  void add(SetElement element);

  /// Elements by the network their `first` lies in, for each prefix length, longest first.
  using Networks = std::unordered_map<wire::IpAddress, std::vector<std::uint32_t>>;
  struct LengthIndex {
    std::uint8_t length = 0;
    Networks networks;
  };
  std::vector<LengthIndex> by_length;
  std::vector<std::uint32_t> not_indexed;  ///< elements without a first address, and ranges

 private:
  void index(std::uint32_t position);
};

/// All sets of a namespace, by name.
struct IpSets {
  std::vector<IpSet> list;
  bool known = false;                     ///< the sets were read (else a set is not known, not absent)
  /// Null: there is none of this name.
  [[nodiscard]] const IpSet* find(std::string_view name) const;
  /// The set that this element of a list names; null when it names none that is there.
  [[nodiscard]] const IpSet* member(const SetElement& element) const {
    return element.member ? &list[*element.member] : nullptr;
  }
  /// Find the members of lists. Call after the last change of `list`.
  void link();
};

/// What a set may look at of a packet, both its sides.
struct SetQuestion {
  wire::IpAddress source, destination;
  std::uint8_t protocol = 0;
  /// Host order; ICMP: both are type << 8 | code; protocols without ports: 0. None: the packet is a
  /// later fragment or too short, so that it has none to show.
  std::optional<std::uint16_t> source_port, destination_port;
  std::optional<wire::MacAddress> source_mac, destination_mac;  ///< none: no Ethernet header
  std::string_view ingress, egress;                             ///< device names; empty: none
  std::uint32_t mark = 0;
};

enum class SetAnswer : std::uint8_t { no, yes, unknown };

/// What `-m set --match-set` finds, before `!`. `unknown`: a type or an option (counters) that we do
/// not model decides. Linux: net/netfilter/ipset/ip_set_core.c ip_set_test, net/netfilter/xt_set.c.
[[nodiscard]] SetAnswer ipset_contains(const IpSets& sets, const IpSet& set, const SetMatch& match,
                                       const SetQuestion& packet, std::int64_t now_ms = 0);

/// The element by which the set holds the packet; null: it does not.
[[nodiscard]] const SetElement* ipset_find(const IpSets& sets, const SetUse& use,
                                           const SetQuestion& packet, std::int64_t now_ms);

/// What of the packet `use` names goes into the set, for timeout_s seconds (0: for ever) or as long
/// as the set says. What is there already stays as it is, unless `again`. Into a list it goes where
/// a member takes it first. False: nothing went in.
/// Linux: net/netfilter/ipset/ip_set_core.c ip_set_add; each type's kadt function.
/// Not modelled: forceadd; limits of a part of a large hash.
bool ipset_add(IpSets& sets, const SetUse& use, const SetQuestion& packet, bool again,
               std::optional<std::uint32_t> timeout_s, std::int64_t now_ms);

/// The element that ipset_add() would have put in is taken out. False: there was none.
/// Linux: ip_set_core.c ip_set_del.
bool ipset_remove(IpSets& sets, const SetUse& use, const SetQuestion& packet, std::int64_t now_ms);

}  // namespace wayout::netfilter
