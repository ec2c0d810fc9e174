#include "netfilter/ipset.hpp"

#include <algorithm>
#include <array>
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
  Asked(const IpSet& set, const SetMatch& match, const SetQuestion& packet)
      : set_(set), match_(match), packet_(packet) {}

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
      const auto is_asked_for = [&](std::uint32_t p) { return !set_.elements[p].physdev; };
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
    return masked(match_.source[dimension] ? packet_.source : packet_.destination, set_.mask);
  }

  [[nodiscard]] std::optional<wire::IpAddress> first_address() const {
    for (std::size_t i = 0; i < set_.parts.size(); ++i) {
      if (set_.parts[i] == SetPart::ip || set_.parts[i] == SetPart::net) return address(i);
    }
    return std::nullopt;
  }

  [[nodiscard]] bool matches(const SetElement& element) const {
    bool is_second = false;
    for (std::size_t i = 0; i < set_.parts.size(); ++i) {
      const bool source = match_.source[i];
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
  const SetMatch& match_;
  const SetQuestion& packet_;
};

SetAnswer ask_one(const IpSet& set, const SetMatch& match, const SetQuestion& packet) {
  if (set.unmodelled) return SetAnswer::unknown;
  if (match.source.size() < set.parts.size()) return SetAnswer::no;
  const bool of_any_family = set.family == wire::Family::none;
  if (!of_any_family && set.family != packet.source.family()) return SetAnswer::no;
  const SetElement* element = Asked(set, match, packet).deciding();
  const bool return_nomatch =
      std::find(match.extra.begin(), match.extra.end(), "--return-nomatch") != match.extra.end();
  const bool wants_nomatch = return_nomatch && set.has(SetPart::net);
  if (element == nullptr || element->nomatch != wants_nomatch) return SetAnswer::no;
  return has_counter_condition(match) ? SetAnswer::unknown : SetAnswer::yes;
}

}  // namespace

bool IpSet::has(SetPart part) const {
  return std::find(parts.begin(), parts.end(), part) != parts.end();
}

void IpSet::index() {
  by_length.clear();
  not_indexed.clear();
  for (std::uint32_t position = 0; position < elements.size(); ++position) {
    const SetElement& element = elements[position];
    if (!element.first.address.is_set() || element.range_end.is_set()) {
      not_indexed.push_back(position);
      continue;
    }
    auto at = std::lower_bound(
        by_length.begin(), by_length.end(), element.first.length,
        [](const LengthIndex& index, std::uint8_t length) { return index.length > length; });
    if (at == by_length.end() || at->length != element.first.length) {
      at = by_length.insert(at, {element.first.length, {}});
    }
    at->networks[element.first.masked().address].push_back(position);
  }
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
                         const SetQuestion& packet) {
  if (set.parts != std::vector{SetPart::set}) return ask_one(set, match, packet);
  // A list of sets: the first member that holds the packet. Lists do not hold lists.
  bool unknown = false;
  for (const SetElement& element : set.elements) {
    const IpSet* member = sets.member(element);
    const SetAnswer answer =
        member == nullptr ? SetAnswer::unknown : ask_one(*member, match, packet);
    if (answer == SetAnswer::yes) return SetAnswer::yes;
    unknown = unknown || answer == SetAnswer::unknown;
  }
  return unknown ? SetAnswer::unknown : SetAnswer::no;
}

}  // namespace wayout::netfilter
