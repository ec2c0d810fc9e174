// Routes and rules in the words of `ip route` and `ip rule` (iproute2 6.1).
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "route/fib.hpp"

namespace wayout::route {

/// What numbers are called: devices by DeviceId, tables beyond local, main and default by number.
struct Names {
  const std::vector<std::string>& devices;
  const std::unordered_map<std::uint32_t, std::string>& tables;
};

/// `10.0.1.0/24 dev br0 proto kernel scope link src 10.0.1.1`: as `ip route show table all` prints
/// it, and `ip route add` takes it, on one line (the next hops of a multipath route, which `ip`
/// puts on lines of their own, follow after a space). Names are not escaped.
[[nodiscard]] std::string text(const Route& route, std::uint32_t table, const Names& names);
[[nodiscard]] std::string text(const Fib& fib, RouteRef route, const Names& names);

/// `32766:<tab>from all lookup main`: a line of `ip rule`. Names are not escaped.
[[nodiscard]] std::string rule_text(const Fib& fib, std::uint32_t position, const Names& names);

}  // namespace wayout::route
