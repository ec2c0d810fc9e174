// A namespace's routing as the kernel has it now, read into our own types; and random ones.
#pragma once

#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "route/decide.hpp"

namespace wayout::kernel {

struct RoutingWorld {
  route::Interfaces interfaces;
  std::vector<std::string> names;      ///< of devices, by DeviceId
  route::Fib fib;                      ///< indexed
  std::unordered_map<std::uint32_t, std::string> table_names;

  [[nodiscard]] DeviceId device(std::string_view name) const;
};

/// Read this namespace by `ip -json` and /proc/sys.
[[nodiscard]] RoutingWorld read_routing_world();

/// Lines for run_all() that make one: four veth pairs (a0-a1 … d0-d1), addresses, sysctls, routes,
/// nexthop objects, rules, devices down and without carrier.
[[nodiscard]] std::vector<std::string> random_routing_world(std::mt19937& random);
/// The same devices with addresses only.
[[nodiscard]] std::vector<std::string> random_addresses(std::mt19937& random);

}  // namespace wayout::kernel
