// ipset sets: the elements that `-m set` asks about.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "packet/packet.hpp"
#include "wire/address.hpp"

namespace wayout::netfilter {

/// One element; which fields count depends on the set's type.
struct SetElement {
  wire::Prefix first, second;             ///< second: hash:net,net and the like
  wire::IpAddress range_end;              ///< set: `first.address` to here
  std::uint8_t protocol = 0;
  std::uint16_t port_low = 0, port_high = 0;
  wire::MacAddress mac;
  std::string interface;
  std::uint32_t mark = 0;
  std::string set;                        ///< list:set
  bool nomatch = false;
  bool has_timeout = false;
};

struct IpSet {
  std::string name;
  std::string type;                       ///< `hash:ip`, `hash:net,port`, …
  wire::Family family = wire::Family::ipv4;
  std::uint8_t netmask = 32;
  std::vector<SetElement> elements;
  bool unmodelled = false;                ///< a type we do not evaluate
};

/// All sets of a namespace, by name.
struct IpSets {
  std::vector<IpSet> list;
  bool known = false;                     ///< the sets were read (else a set is not known, not absent)
  [[nodiscard]] const IpSet* find(std::string_view name) const;
};

}  // namespace wayout::netfilter
