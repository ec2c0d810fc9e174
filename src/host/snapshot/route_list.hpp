// Routes and rules of a listing on their way into Host::fib, whatever its form.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "host/device_book.hpp"
#include "host/host.hpp"

namespace wayout::host::snapshot {

/// What `ip nexthop` showed, by id.
struct NexthopObjects {
  struct Object {
    std::vector<route::Nexthop> nexthops;
    bool blackhole = false;
  };
  std::unordered_map<std::uint32_t, Object> by_id;
};

class RouteList {
 public:
  /// One route as listed. Devices are names until it is added.
  struct Entry {
    struct Hop {
      route::Nexthop nexthop;
      std::string device;
    };
    route::Route route;
    std::string table = "main";
    bool scope_given = false;
    bool is_ipv6 = false;
    std::vector<Hop> hops;
  };

  RouteList(Host& host, DeviceBook& book, TableBook& tables, const NexthopObjects& objects)
      : host_(host), book_(book), tables_(tables), objects_(objects) {}

  /// IPv6 routes are passed over: IPv6 is not modelled. A route through a device that is not in the
  /// list of devices is left out, with a note.
  void add(Entry entry);

 private:
  Host& host_;
  DeviceBook& book_;
  TableBook& tables_;
  const NexthopObjects& objects_;
  std::set<std::string> gone_;  ///< devices noted
};

/// What stands in a route's or rule's address column: a prefix, `default` or `all`.
[[nodiscard]] std::optional<wire::Prefix> route_prefix(std::string_view text);

/// A group's number, `default`, or a name, which makes the rule one that is not modelled.
void read_suppress_ifgroup(std::string_view text, route::Rule& rule);

}  // namespace wayout::host::snapshot
