#include "netfilter/rule.hpp"

#include <algorithm>

namespace wayout::netfilter {

const char* table_name(TableKind kind) {
  constexpr const char* names[] = {"raw", "mangle", "nat", "filter", "security"};
  return names[static_cast<std::uint8_t>(kind)];
}

std::span<const Hook> hooks_of(TableKind kind) {
  static constexpr Hook ends[] = {Hook::prerouting, Hook::output};
  static constexpr Hook all[] = {Hook::prerouting, Hook::input, Hook::forward, Hook::output,
                                 Hook::postrouting};
  static constexpr Hook translating[] = {Hook::prerouting, Hook::input, Hook::output,
                                         Hook::postrouting};
  static constexpr Hook filtering[] = {Hook::input, Hook::forward, Hook::output};
  switch (kind) {
    case TableKind::raw:
      return ends;
    case TableKind::mangle:
      return all;
    case TableKind::nat:
      return translating;
    case TableKind::filter:
    case TableKind::security:
      break;
  }
  return filtering;
}

std::size_t Table::find(std::string_view chain) const {
  const auto at = std::find_if(chains.begin(), chains.end(),
                               [chain](const Chain& c) { return c.name == chain; });
  return static_cast<std::size_t>(at - chains.begin());
}

const Chain* Table::at(Hook hook) const {
  const auto at =
      std::find_if(chains.begin(), chains.end(), [hook](const Chain& c) { return c.hook == hook; });
  return at == chains.end() ? nullptr : &*at;
}

}  // namespace wayout::netfilter
