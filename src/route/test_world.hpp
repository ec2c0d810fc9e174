// For tests: a namespace's routing written down as lines of `ip`.
//
// What a test says is trusted: a word that is not known is an assertion, not an error.
#pragma once

#include <cassert>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "route/decide.hpp"

namespace wayout::route {

class TestWorld {
 public:
  TestWorld() {
    add_device("lo");
    interfaces[loopback].loopback = true;
    address("127.0.0.1/8 dev lo scope host");
    fib.rules = Fib::default_rules();
  }

  DeviceId add_device(const std::string& name) {
    Interface interface;
    interface.up = true;
    interface.conf.forwarding = true;
    interface.order = interfaces.size();
    interfaces.list.push_back(interface);
    names.push_back(name);
    return interfaces.size() - 1;
  }

  [[nodiscard]] DeviceId device(std::string_view name) const {
    for (DeviceId id = 1; id < names.size(); ++id)
      if (names[id] == name) return id;
    assert(!"no such device");
    return no_device;
  }
  [[nodiscard]] Interface& operator[](std::string_view name) { return interfaces[device(name)]; }

  /// `10.0.1.1/24 dev a0 [peer P/L] [brd B] [scope S] [noprefixroute]`, as `ip address add`.
  void address(const std::string& line) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    const wire::Prefix own = prefix(word);
    InterfaceAddress address{.local = own.address, .peer = own.address, .broadcast = {}};
    address.prefix_length = own.length;
    DeviceId owner = no_device;
    while (words >> word) {
      if (word == "noprefixroute") {
        address.noprefixroute = true;
        continue;
      }
      std::string value;
      words >> value;
      if (word == "dev") owner = device(value);
      if (word == "brd") address.broadcast = ip(value);
      if (word == "scope") address.scope = scope(value);
      if (word == "peer") {
        address.peer = prefix(value).address;
        address.prefix_length = prefix(value).length;
      }
    }
    insert_address(interfaces[owner], address);
  }

  /// `[TYPE] PREFIX [via G] [dev D] [table T] [metric M] …` and `nexthop via G dev D …`, as `ip
  /// route` prints them.
  void route(const std::string& line) {
    std::istringstream words(line);
    Route route;
    route.protocol = made_by_boot;
    std::uint32_t table = table_main;
    Nexthop only;
    bool single = true;
    Nexthop* way = &only;
    for (std::string word; words >> word;) {
      if (types().contains(word)) {
        route.type = types().at(word);
      } else if (word == "onlink") {
        way->onlink = true;
      } else if (word == "dead") {
        way->dead = true;
      } else if (word == "nexthop") {
        single = false;
        way = &route.nexthops.emplace_back();
      } else if (!route.destination.address.is_set()) {
        route.destination = prefix(word);
      } else {
        std::string value;
        words >> value;
        if (!set_way(*way, word, value)) set_option(route, table, word, value);
      }
    }
    if (single && only.device != no_device) route.nexthops.push_back(only);
    fib.tables[fib.table_position(table)].routes.push_back(route);
  }

  /// Call after the last change.
  void index() {
    add_local_routes();
    fib.index(interfaces, names);
  }

  static wire::IpAddress ip(const std::string& text) {
    const auto address = wire::IpAddress::parse(text);
    assert(address);
    return *address;
  }
  static wire::Prefix prefix(const std::string& text) {
    if (text == "default") return {wire::IpAddress::v4(0), 0};
    const auto prefix = wire::Prefix::parse(text);
    assert(prefix);
    return *prefix;
  }

  static constexpr DeviceId loopback = 1;
  Interfaces interfaces;
  std::vector<std::string> names = {""};
  Fib fib;

 private:
  static Scope scope(const std::string& name) {
    static const std::map<std::string, Scope> scopes = {{"global", Scope::universe},
                                                        {"site", Scope::site},
                                                        {"link", Scope::link},
                                                        {"host", Scope::host}};
    return scopes.at(name);
  }
  static const std::map<std::string, RouteType>& types() {
    static const std::map<std::string, RouteType> types = {
        {"local", RouteType::local},           {"broadcast", RouteType::broadcast},
        {"multicast", RouteType::multicast},   {"blackhole", RouteType::blackhole},
        {"unreachable", RouteType::unreachable}, {"prohibit", RouteType::prohibit},
        {"throw", RouteType::throw_}};
    return types;
  }

  bool set_way(Nexthop& way, const std::string& word, const std::string& value) {
    if (word == "via") way.gateway = ip(value);
    if (word == "dev") way.device = device(value);
    if (word == "weight") way.weight = static_cast<std::uint32_t>(std::stoul(value));
    return word == "via" || word == "dev" || word == "weight";
  }

  static void set_option(Route& route, std::uint32_t& table, const std::string& word,
                         const std::string& value) {
    if (word == "src") {
      route.preferred_source = ip(value);
    } else if (word == "scope") {
      route.scope = scope(value);
    } else if (word == "proto") {
      route.protocol = made_by_kernel;
    } else if (word == "table" && value == "local") {
      table = table_local;
    } else {
      const auto number = static_cast<std::uint32_t>(std::stoul(value, nullptr, 0));
      if (word == "table") table = number;
      if (word == "metric") route.metric = number;
      if (word == "tos") route.tos = static_cast<std::uint8_t>(number);
      if (word == "mtu") route.mtu_bytes = number;
      if (word == "hoplimit") route.hop_limit = static_cast<std::uint8_t>(number);
      if (word == "nhid") route.nexthop_id = number;
    }
  }

  /// What follows from the addresses, beside the routes that the test wrote down.
  void add_local_routes() {
    if (implied_) return;
    implied_ = true;
    Fib implied;
    add_implied_routes(implied, interfaces);
    for (const FibTable& table : implied.tables) {
      auto& routes = fib.tables[fib.table_position(table.id)].routes;
      routes.insert(routes.begin(), table.routes.begin(), table.routes.end());
    }
  }

  bool implied_ = false;
};

}  // namespace wayout::route
