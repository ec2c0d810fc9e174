// For the tests of this room: a router with rules, between the networks of a client and a server.
//
//   client 10.0.1.2 — in0 10.0.1.1/24 [router] out0 10.0.2.1/24 — 10.0.2.254 — server 8.8.8.8
//
// br0 10.0.3.1/24 has the ports p1 and p2. Rules are given as iptables-save prints them.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "netfilter/evaluate.hpp"
#include "netfilter/read.hpp"
#include "netfilter/situation.hpp"
#include "route/decide.hpp"
#include "wire/craft.hpp"

namespace wayout::netfilter {

/// `45000028…` as bytes, and back: packets as they were recorded.
inline std::vector<std::uint8_t> from_hex(std::string_view digits) {
  const auto value = [](char digit) {
    return static_cast<std::uint8_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
  };
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(value(digits[i]) << 4 | value(digits[i + 1])));
  return bytes;
}
inline std::string to_hex(std::span<const std::uint8_t> bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) text += {digits[byte >> 4], digits[byte & 15]};
  return text;
}

class TestBench {
 public:
  static constexpr DeviceId lo = 1, in0 = 2, out0 = 3, br0 = 4, p1 = 5, p2 = 6;
  static constexpr wire::IpAddress client = wire::IpAddress::v4(10, 0, 1, 2);
  static constexpr wire::IpAddress server = wire::IpAddress::v4(8, 8, 8, 8);

  explicit TestBench(std::string_view save, Backend backend = Backend::legacy) {
    add_devices();
    add(save, backend);
  }

  /// One more ruleset, registered later.
  void add(std::string_view save, Backend backend) {
    Result<Ruleset> rules = read_save(save, "rules", {.backend = backend});
    require(rules.ok(), rules.ok() ? "" : rules.error().text());
    rules->backend = backend;
    netfilter.rulesets.push_back(std::move(*rules));
    const Result<void> compiled = compile(netfilter);
    require(compiled.ok(), compiled.ok() ? "" : compiled.error().text());
    conntrack_config.enabled = netfilter.needs_conntrack();
    state = initial_state(netfilter);
  }

  /// A packet on its way from the client to the server, routed.
  static Packet forwarded(std::span<const std::uint8_t> ip) {
    const auto frame = wire::make_frame({{2, 0, 0, 0, 0, 0x11}}, {{2, 0, 0, 0, 0, 1}},
                                        wire::ethertype::ipv4, ip);
    Packet packet = Packet::from_frame(frame);
    packet.device = packet.ingress = in0;
    packet.routing.decided = true;
    packet.routing.type = RouteType::unicast;
    packet.routing.egress = out0;
    packet.routing.gateway = wire::IpAddress::v4(10, 0, 2, 254);
    return packet;
  }
  static Packet forwarded_udp(std::uint16_t port = 53) {
    return forwarded(wire::make_udp({.source = client, .destination = server}, 1000, port));
  }
  static Packet forwarded_tcp(std::uint16_t port, std::uint8_t flags = wire::TcpHeader::syn) {
    return forwarded(wire::make_tcp({.source = client, .destination = server},
                                    {.source_port = 1000, .destination_port = port,
                                     .flags = flags}));
  }

  /// Everything at a hook; after a re-route the caller of the real one would route again.
  template <class T = NoTrace>
  Stop run(Hook hook, Packet& packet, T&& trace = {}) {
    Writable changes = writable();
    const Surroundings around = surroundings();
    Cursor cursor;
    Stop stop;
    while (!stop && !cursor.done) {
      stop = netfilter::run(hook, packet, devices_at(hook), around, changes, cursor, trace);
      reroutes += static_cast<int>(std::exchange(cursor.reroute, false));
    }
    return stop;
  }
  /// The way of a forwarded packet through all its hooks.
  Stop forward(Packet& packet) {
    for (const Hook hook : {Hook::prerouting, Hook::forward, Hook::postrouting}) {
      if (Stop stop = run(hook, packet)) return stop;
    }
    return Stop::go_on();
  }

  /// `FORWARD 1`: packets that the rule counted; number 0: the policy.
  [[nodiscard]] std::uint64_t counted(TableKind kind, std::string_view chain,
                                      std::uint32_t number, std::uint8_t ruleset = 0) const {
    return state.counters[netfilter.counter_of(ref(kind, chain, number, ruleset))].packets;
  }
  [[nodiscard]] RuleRef ref(TableKind kind, std::string_view chain, std::uint32_t number,
                            std::uint8_t ruleset = 0) const {
    const std::vector<Table>& tables = netfilter.rulesets[ruleset].tables;
    for (std::size_t t = 0; t < tables.size(); ++t) {
      if (tables[t].kind == kind)
        return {ruleset, static_cast<std::uint8_t>(t),
                static_cast<std::uint32_t>(tables[t].find(chain)),
                number == 0 ? RuleRef::policy : number - 1};
    }
    require(false, "no such table");
    return {};
  }

  [[nodiscard]] Surroundings surroundings() const {
    return {netfilter,        devices,
            interfaces,       fib,
            conntrack_config, {.default_ttl = default_ttl},
            listeners};
  }
  Writable writable() {
    return {state, connections, chance, made, assumed, now_ms, copying ? nullptr : &copies};
  }

  Netfilter netfilter;
  link::Devices devices;
  route::Interfaces interfaces;
  route::Fib fib;
  conntrack::Config conntrack_config;
  State state;
  conntrack::Table connections;
  Chance chance{1};
  std::vector<Packet> made, copies;
  bool copying = false;                     ///< the packet is a copy itself
  std::optional<std::vector<Listener>> listeners;
  std::vector<Assumption> assumed;
  std::int64_t now_ms = 1'000'000;
  std::uint8_t default_ttl = 64;
  std::optional<HookDevices> hook_devices;  ///< not those of the routed way
  int reroutes = 0;

 private:
  static void require(bool holds, const std::string& else_say) {
    if (holds) return;
    std::fprintf(stderr, "test bench: %s\n", else_say.c_str());
    std::abort();
  }

  [[nodiscard]] HookDevices devices_at(Hook hook) const {
    if (hook_devices) return *hook_devices;
    const bool from_here = hook == Hook::output;
    const bool leaves = hook == Hook::forward || hook == Hook::output || hook == Hook::postrouting;
    return {from_here ? no_device : in0, leaves ? out0 : no_device};
  }

  void add_device(std::string name, link::DeviceKind kind, const char* address,
                  std::uint8_t prefix_length) {
    link::Device device;
    device.name = std::move(name);
    device.kind = kind;
    device.up = true;
    device.ifindex = devices.size();
    devices.list.push_back(device);
    route::Interface interface;
    interface.up = true;
    interface.loopback = kind == link::DeviceKind::loopback;
    interface.order = device.ifindex;
    if (const auto local = wire::IpAddress::parse(address)) {
      route::InterfaceAddress own;
      own.local = own.peer = *local;
      own.prefix_length = prefix_length;
      own.scope = interface.loopback ? route::Scope::host : route::Scope::universe;
      interface.addresses.push_back(own);
    }
    interfaces.list.push_back(interface);
  }

  void add_devices() {
    using link::DeviceKind;
    add_device("lo", DeviceKind::loopback, "127.0.0.1", 8);
    add_device("in0", DeviceKind::veth, "10.0.1.1", 24);
    add_device("out0", DeviceKind::veth, "10.0.2.1", 24);
    add_device("br0", DeviceKind::bridge, "10.0.3.1", 24);
    add_device("p1", DeviceKind::veth, "", 0);
    add_device("p2", DeviceKind::veth, "", 0);
    fib.rules = route::Fib::default_rules();
    route::add_implied_routes(fib, interfaces);
    route::Route way_out;
    way_out.destination = {wire::IpAddress::any(wire::Family::ipv4), 0};
    way_out.nexthops = {{.gateway = wire::IpAddress::v4(10, 0, 2, 254), .device = out0}};
    fib.tables[fib.table_position(route::table_main)].routes.push_back(way_out);
    std::vector<std::string> names;
    for (const link::Device& device : devices.list) names.push_back(device.name);
    fib.index(interfaces, names);
  }
};

}  // namespace wayout::netfilter
