#include "netfilter/ipset.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace wayout::netfilter {
namespace {

constexpr std::uint8_t protocol_tcp = 6, protocol_udp = 17;

wire::IpAddress masked(const wire::IpAddress& address, const wire::IpAddress& mask) {
  if (!mask.is_set()) return address;
  std::array<std::uint8_t, 16> bytes = address.bytes();
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] &= mask.bytes()[i];
  return address.is_v4() ? wire::IpAddress::v4(bytes[0], bytes[1], bytes[2], bytes[3])
                         : wire::IpAddress::v6(bytes);
}

bool has_counter_condition(const SetMatch& match) {
  return std::any_of(match.extra.begin(), match.extra.end(), [](const std::string& word) {
    return word.starts_with("--packets-") || word.starts_with("--bytes-");
  });
}

/// One set asked about one packet, with the sides that the rule gives.
class Asked {
 public:
  Asked(const IpSet& set, const std::vector<bool>& source, const SetQuestion& packet,
        std::int64_t now_ms)
      : set_(set), source_(source), packet_(packet), now_ms_(now_ms) {}

  /// The element that decides; null: none matches. The kernel tries the prefix lengths in
  /// descending order and takes the first element that matches. With interfaces it stops earlier:
  /// at the first length at which the network alone matches.
  [[nodiscard]] const SetElement* deciding() const {
    const SetElement* best = nullptr;
    const auto consider = [&](std::uint32_t position) {
      const SetElement& element = set_.elements[position];
      if ((best == nullptr || longer(element, *best)) && matches(element)) best = &element;
    };
    std::for_each(set_.not_indexed.begin(), set_.not_indexed.end(), consider);
    const auto address = first_address();
    for (const IpSet::LengthIndex& index : set_.by_length) {
      if (!address || best != nullptr) break;
      const auto at = index.networks.find(wire::Prefix{*address, index.length}.masked().address);
      if (at == index.networks.end()) continue;
      std::for_each(at->second.begin(), at->second.end(), consider);
      const auto is_asked_for = [&](std::uint32_t p) {
        return !set_.elements[p].physdev && set_.elements[p].is_there(now_ms_);
      };
      if (set_.has(SetPart::interface) &&
          std::any_of(at->second.begin(), at->second.end(), is_asked_for)) {
        break;
      }
    }
    return best;
  }

 private:
  static bool longer(const SetElement& a, const SetElement& b) {
    return std::pair(a.first.length, a.second.length) > std::pair(b.first.length, b.second.length);
  }

  /// The packet's address for this dimension, under the set's mask.
  [[nodiscard]] wire::IpAddress address(std::size_t dimension) const {
    return masked(source_[dimension] ? packet_.source : packet_.destination, set_.mask);
  }

  [[nodiscard]] std::optional<wire::IpAddress> first_address() const {
    for (std::size_t i = 0; i < set_.parts.size(); ++i) {
      if (set_.parts[i] == SetPart::ip || set_.parts[i] == SetPart::net) return address(i);
    }
    return std::nullopt;
  }

  [[nodiscard]] bool matches(const SetElement& element) const {
    if (!element.is_there(now_ms_)) return false;
    bool is_second = false;
    for (std::size_t i = 0; i < set_.parts.size(); ++i) {
      const bool source = source_[i];
      bool same = false;
      switch (set_.parts[i]) {
        case SetPart::ip:
        case SetPart::net:
          same = matches_address(is_second ? element.second : element.first,
                                 is_second ? wire::IpAddress{} : element.range_end, address(i));
          is_second = true;
          break;
        case SetPart::port:
          same = matches_port(element, source);
          break;
        case SetPart::mac: {
          const auto& mac = source ? packet_.source_mac : packet_.destination_mac;
          same = mac && (!element.mac || *element.mac == *mac);
          break;
        }
        case SetPart::interface:
          same = matches_interface(element, source);
          break;
        case SetPart::mark:
          same = (packet_.mark & set_.mark_mask) == element.mark;
          break;
        case SetPart::set:
          break;
      }
      if (!same) return false;
    }
    return true;
  }

  static bool matches_address(const wire::Prefix& wanted, const wire::IpAddress& range_end,
                              const wire::IpAddress& address) {
    if (!range_end.is_set()) return wanted.contains(address);
    return wanted.address <= address && address <= range_end;
  }

  /// A set of ports alone has no protocol; it holds TCP and UDP ports.
  [[nodiscard]] bool matches_port(const SetElement& element, bool source) const {
    const auto& port = source ? packet_.source_port : packet_.destination_port;
    const bool right_protocol = set_.parts.size() == 1 ? packet_.protocol == protocol_tcp ||
                                                             packet_.protocol == protocol_udp
                                                       : element.protocol == packet_.protocol;
    return right_protocol && port && element.port_low <= *port && *port <= element.port_high;
  }

  [[nodiscard]] bool matches_interface(const SetElement& element, bool source) const {
    const std::string_view name = source ? packet_.ingress : packet_.egress;
    if (name.empty() || element.physdev) return false;
    return element.wildcard ? name.starts_with(element.interface) : name == element.interface;
  }

  const IpSet& set_;
  const std::vector<bool>& source_;
  const SetQuestion& packet_;
  std::int64_t now_ms_;
};

/// A set that can be asked so: of a type that is modelled, with a side for each dimension, and of
/// the packet's family.
bool takes(const IpSet& set, const std::vector<bool>& source, const SetQuestion& packet) {
  const bool of_any_family = set.family == wire::Family::none;
  return !set.unmodelled && source.size() >= set.parts.size() &&
         (of_any_family || set.family == packet.source.family());
}

SetAnswer ask_one(const IpSet& set, const SetMatch& match, const SetQuestion& packet,
                  std::int64_t now_ms) {
  if (set.unmodelled) return SetAnswer::unknown;
  if (!takes(set, match.source, packet)) return SetAnswer::no;
  const SetElement* element = Asked(set, match.source, packet, now_ms).deciding();
  const bool return_nomatch =
      std::find(match.extra.begin(), match.extra.end(), "--return-nomatch") != match.extra.end();
  const bool wants_nomatch = return_nomatch && set.has(SetPart::net);
  if (element == nullptr || element->nomatch != wants_nomatch) return SetAnswer::no;
  return has_counter_condition(match) ? SetAnswer::unknown : SetAnswer::yes;
}

/// The element that a packet makes in a set.
class Making {
 public:
  Making(const IpSet& set, const std::vector<bool>& source, const SetQuestion& packet,
         std::int64_t now_ms)
      : set_(set), source_(source), packet_(packet), now_ms_(now_ms) {}

  /// None: the packet, or the set's range, does not have what a dimension asks for.
  [[nodiscard]] std::optional<SetElement> element() const {
    if (!takes(set_, source_, packet_)) return std::nullopt;
    SetElement made;
    for (std::size_t i = 0; i < set_.parts.size(); ++i)
      if (!fill(set_.parts[i], source_[i], made)) return std::nullopt;
    return made;
  }

 private:
  bool fill(SetPart part, bool source, SetElement& made) const {
    switch (part) {
      case SetPart::ip: return fill_address(source, /*net=*/false, made);
      case SetPart::net: return fill_address(source, /*net=*/true, made);
      case SetPart::port: return fill_port(source, made);
      case SetPart::mac:
        made.mac = source ? packet_.source_mac : packet_.destination_mac;
        return made.mac && !made.mac->is_zero();
      case SetPart::interface:
        made.interface = source ? packet_.ingress : packet_.egress;
        return !made.interface.empty();
      case SetPart::mark: made.mark = packet_.mark & set_.mark_mask; return true;
      case SetPart::set: break;
    }
    return false;
  }

  bool fill_address(bool source, bool net, SetElement& made) const {
    const wire::IpAddress address = masked(source ? packet_.source : packet_.destination, set_.mask);
    const bool second = made.first.address.is_set();
    const std::uint8_t whole = wire::address_bits(address.family());
    wire::Prefix prefix{address, net ? longest_prefix(second).value_or(whole) : whole};
    if (prefix.masked().address.is_unspecified() && !net) return false;
    if (set_.addresses && (address < set_.addresses->first || set_.addresses->second < address))
      return false;
    (second ? made.second : made.first) = prefix.masked();
    return true;
  }

  /// A network is made as long as the longest one that is there.
  [[nodiscard]] std::optional<std::uint8_t> longest_prefix(bool second) const {
    std::optional<std::uint8_t> longest;
    for (const SetElement& element : set_.elements) {
      const wire::Prefix& prefix = second ? element.second : element.first;
      if (element.is_there(now_ms_) && (!longest || prefix.length > *longest))
        longest = prefix.length;
    }
    return longest;
  }

  bool fill_port(bool source, SetElement& made) const {
    const auto& port = source ? packet_.source_port : packet_.destination_port;
    const bool alone = set_.parts.size() == 1;
    if (!port || (alone && packet_.protocol != protocol_tcp && packet_.protocol != protocol_udp))
      return false;
    made.port_low = made.port_high = *port;
    if (!alone) made.protocol = packet_.protocol;
    return set_.ports.low <= *port && *port <= set_.ports.high;
  }

  const IpSet& set_;
  const std::vector<bool>& source_;
  const SetQuestion& packet_;
  std::int64_t now_ms_;
};

bool is_same(const SetElement& a, const SetElement& b, bool with_protocol) {
  return a.first == b.first && a.second == b.second && !a.range_end.is_set() &&
         (!with_protocol || a.protocol == b.protocol) && a.port_low == b.port_low &&
         a.port_high == b.port_high && a.mac == b.mac && a.interface == b.interface &&
         a.physdev == b.physdev && a.wildcard == b.wildcard && a.mark == b.mark;
}

/// Where such an element stands, there or no longer; null: nowhere.
SetElement* same_element(IpSet& set, const SetElement& wanted) {
  const bool with_protocol = set.parts.size() > 1;
  const auto among = [&](const std::vector<std::uint32_t>& positions) -> SetElement* {
    for (const std::uint32_t position : positions)
      if (is_same(set.elements[position], wanted, with_protocol)) return &set.elements[position];
    return nullptr;
  };
  if (!wanted.first.address.is_set()) return among(set.not_indexed);
  for (const IpSet::LengthIndex& index : set.by_length) {
    if (index.length != wanted.first.length) continue;
    const auto at = index.networks.find(wanted.first.address);
    return at == index.networks.end() ? nullptr : among(at->second);
  }
  return nullptr;
}

bool is_full(const IpSet& set, std::int64_t now_ms) {
  if (set.elements.size() < set.most_elements) return false;
  const auto there = std::count_if(set.elements.begin(), set.elements.end(),
                                   [&](const SetElement& e) { return e.is_there(now_ms); });
  return static_cast<std::size_t>(there) >= set.most_elements;
}

bool add_to_one(IpSet& set, const std::vector<bool>& source, const SetQuestion& packet, bool again,
                std::optional<std::uint32_t> timeout_s, std::int64_t now_ms) {
  constexpr std::int64_t ms_per_s = 1000;
  std::optional<SetElement> made = Making(set, source, packet, now_ms).element();
  if (!made) return false;
  const std::uint32_t seconds = timeout_s.value_or(set.timeout_s.value_or(0));
  if (set.timeout_s && seconds != 0) made->expires_ms = now_ms + seconds * ms_per_s;
  SetElement* known = same_element(set, *made);
  const bool there = known != nullptr && known->is_there(now_ms);
  if (there && !again) return false;
  if (!there && is_full(set, now_ms)) return false;
  if (known == nullptr) set.add(std::move(*made));
  else *known = std::move(*made);
  return true;
}

bool remove_from_one(IpSet& set, const std::vector<bool>& source, const SetQuestion& packet,
                     std::int64_t now_ms) {
  const std::optional<SetElement> made = Making(set, source, packet, now_ms).element();
  SetElement* known = made ? same_element(set, *made) : nullptr;
  if (known == nullptr || !known->is_there(now_ms)) return false;
  known->expires_ms = std::numeric_limits<std::int64_t>::min();
  return true;
}

/// The set itself, or of a list each member, until one does what is asked.
template <class Do>
bool in_turn(IpSets& sets, IpSet& set, Do&& act) {
  if (set.parts != std::vector{SetPart::set}) return act(set);
  for (const SetElement& element : set.elements)
    if (element.member && act(sets.list[*element.member])) return true;
  return false;
}

}  // namespace

bool IpSet::has(SetPart part) const {
  return std::find(parts.begin(), parts.end(), part) != parts.end();
}

void IpSet::index() {
  by_length.clear();
  not_indexed.clear();
  for (std::uint32_t position = 0; position < elements.size(); ++position) index(position);
}

void IpSet::add(SetElement element) {
  elements.push_back(std::move(element));
  index(static_cast<std::uint32_t>(elements.size() - 1));
}

void IpSet::index(std::uint32_t position) {
  const SetElement& element = elements[position];
  if (!element.first.address.is_set() || element.range_end.is_set()) {
    not_indexed.push_back(position);
    return;
  }
  auto at = std::lower_bound(
      by_length.begin(), by_length.end(), element.first.length,
      [](const LengthIndex& index, std::uint8_t length) { return index.length > length; });
  if (at == by_length.end() || at->length != element.first.length) {
    at = by_length.insert(at, {element.first.length, {}});
  }
  at->networks[element.first.masked().address].push_back(position);
}

const IpSet* IpSets::find(std::string_view name) const {
  const auto at =
      std::find_if(list.begin(), list.end(), [name](const IpSet& set) { return set.name == name; });
  return at == list.end() ? nullptr : &*at;
}

void IpSets::link() {
  for (IpSet& set : list) {
    for (SetElement& element : set.elements) {
      const IpSet* member = element.set.empty() ? nullptr : find(element.set);
      if (member != nullptr) element.member = static_cast<std::uint32_t>(member - list.data());
    }
  }
}

SetAnswer ipset_contains(const IpSets& sets, const IpSet& set, const SetMatch& match,
                         const SetQuestion& packet, std::int64_t now_ms) {
  if (set.parts != std::vector{SetPart::set}) return ask_one(set, match, packet, now_ms);
  // A list of sets: the first member that holds the packet. Lists do not hold lists.
  bool unknown = false;
  for (const SetElement& element : set.elements) {
    const IpSet* member = sets.member(element);
    const SetAnswer answer =
        member == nullptr ? SetAnswer::unknown : ask_one(*member, match, packet, now_ms);
    if (answer == SetAnswer::yes) return SetAnswer::yes;
    unknown = unknown || answer == SetAnswer::unknown;
  }
  return unknown ? SetAnswer::unknown : SetAnswer::no;
}

const SetElement* ipset_find(const IpSets& sets, const SetUse& use, const SetQuestion& packet,
                             std::int64_t now_ms) {
  const auto in_one = [&](const IpSet& set) -> const SetElement* {
    if (!takes(set, use.source, packet)) return nullptr;
    const SetElement* found = Asked(set, use.source, packet, now_ms).deciding();
    return found == nullptr || found->nomatch ? nullptr : found;
  };
  const IpSet& set = sets.list[use.position];
  if (set.parts != std::vector{SetPart::set}) return in_one(set);
  for (const SetElement& element : set.elements) {
    const IpSet* member = sets.member(element);
    const SetElement* found = member == nullptr ? nullptr : in_one(*member);
    if (found != nullptr) return found;
  }
  return nullptr;
}

bool ipset_add(IpSets& sets, const SetUse& use, const SetQuestion& packet, bool again,
               std::optional<std::uint32_t> timeout_s, std::int64_t now_ms) {
  return in_turn(sets, sets.list[use.position], [&](IpSet& set) {
    return add_to_one(set, use.source, packet, again, timeout_s, now_ms);
  });
}

bool ipset_remove(IpSets& sets, const SetUse& use, const SetQuestion& packet, std::int64_t now_ms) {
  return in_turn(sets, sets.list[use.position], [&](IpSet& set) {
    return remove_from_one(set, use.source, packet, now_ms);
  });
}

}  // namespace wayout::netfilter
