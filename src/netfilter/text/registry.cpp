#include "netfilter/text/registry.hpp"

#include <algorithm>
#include <unordered_map>

#include "netfilter/text/names.hpp"

namespace wayout::netfilter::text {
namespace {

/// Extensions of one family by name. Some exist for both families with different options.
template <class Extension>
class Names {
 public:
  explicit Names(std::initializer_list<std::span<const Extension>> themes) {
    for (const auto theme : themes) {
      for (const Extension& extension : theme) {
        const unsigned families = extension.restriction.families;
        if ((families & v4_only) != 0) v4_.emplace(extension.name, &extension);
        if ((families & v6_only) != 0) v6_.emplace(extension.name, &extension);
      }
    }
  }
  [[nodiscard]] const Extension* find(std::string_view name, wire::Family family) const {
    const auto& names = family == wire::Family::ipv6 ? v6_ : v4_;
    const auto at = names.find(name);
    return at == names.end() ? nullptr : at->second;
  }

 private:
  std::unordered_map<std::string_view, const Extension*> v4_, v6_;
};

}  // namespace

const MatchExtension* find_match(std::string_view name, wire::Family family) {
  static const Names<MatchExtension> names{
      packet_matches(), connection_matches(), place_matches(),     history_matches(),
      kept_matches(),   kept_v6_matches(),    kept_long_matches(), kept_time_matches()};
  if (name == "icmpv6" || name == "ipv6-icmp") name = "icmp6";
  if (name == "ipv6-mh" || name == "mobility-header") name = "mh";
  return names.find(name, family);
}

const TargetExtension* find_target(std::string_view name, wire::Family family) {
  static const Names<TargetExtension> names{plain_targets(), nat_targets(), kept_targets()};
  return names.find(name, family);
}

bool is_kept(const TargetExtension& extension) {
  const auto kept = kept_targets();
  return std::any_of(kept.begin(), kept.end(),
                     [&extension](const TargetExtension& one) { return &one == &extension; });
}

const MatchExtension* match_of_protocol(std::uint8_t protocol, wire::Family family) {
  return protocol == 0 ? nullptr : find_match(protocol_text(protocol), family);
}

}  // namespace wayout::netfilter::text
