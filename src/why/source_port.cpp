#include "why/source_port.hpp"

#include <charconv>
#include <string>
#include <string_view>

namespace wayout::why {
namespace {

std::string_view value_of(const host::Host& host, const char* key) {
  const auto at = host.sysctls.find(key);
  return at == host.sysctls.end() ? std::string_view() : std::string_view(at->second);
}

/// The numbers in a text, whatever stands between them; `-` between two makes a range of them.
PortSet ranges_in(std::string_view text) {
  PortSet set;
  const char* const end = text.data() + text.size();
  const auto number = [&](const char*& at, std::uint16_t& into) {
    const auto [rest, error] = std::from_chars(at, end, into);
    at = rest;
    return error == std::errc{};
  };
  for (const char* at = text.data(); at != end;) {
    PortSet::Range range;
    if (!number(at, range.low)) {
      ++at;
      continue;
    }
    range.high = range.low;
    if (at != end && *at == '-' && !number(++at, range.high)) break;
    set.add(range);
  }
  return set;
}

}  // namespace

PortSet source_ports(const host::Host& host, Probe probe) {
  if (probe == Probe::icmp) return PortSet{{1, 65535}};
  constexpr PortSet::Range by_default{32768, 60999};
  const PortSet ends = ranges_in(value_of(host, "net.ipv4.ip_local_port_range"));
  PortSet ports{by_default};
  if (!ends.empty()) ports = PortSet{{ends.ranges().front().low, ends.ranges().back().high}};
  const PortSet reserved = ranges_in(value_of(host, "net.ipv4.ip_local_reserved_ports"));
  const PortSet left = ports & reserved.complement();
  return left.empty() ? ports : left;
}

std::uint16_t source_port(const Question& question, const PortSet& possible) {
  constexpr std::uint16_t usual = 49321;
  if (question.sport) return *question.sport;
  const bool is_port = question.probe != Probe::icmp;
  const auto free = [&](std::uint16_t port) {
    return possible.contains(port) && !(is_port && port == question.dport);
  };
  if (free(usual)) return usual;
  for (const PortSet::Range& range : possible.ranges())
    for (std::uint32_t port = range.low + (range.high - range.low) / 2U; port <= range.high; ++port)
      if (free(static_cast<std::uint16_t>(port))) return static_cast<std::uint16_t>(port);
  return possible.empty() ? usual : possible.ranges().front().low;
}

}  // namespace wayout::why
