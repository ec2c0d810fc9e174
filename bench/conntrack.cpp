// Tracking and mapping, beside tables of different sizes.
#include <benchmark/benchmark.h>

#include "conntrack/table.hpp"
#include "nat/map.hpp"
#include "nat/translate.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout {
namespace {

const wire::IpAddress router = wire::IpAddress::v4(10, 0, 2, 1);

/// A namespace that masquerades, with `entries` connections of as many sources.
struct Masquerading {
  conntrack::Table table;
  conntrack::Config config{.checksum = false};
  Chance chance;
  NoTrace trace;
  const nat::Range range = nat::Range{}.with_address(router);

  explicit Masquerading(std::int64_t entries) {
    for (std::int64_t i = 0; i < entries; ++i)
      pass(first_packet(i));
    table.collect();
  }
  /// Of the i-th connection: every server has few clients, so that ports stay free.
  static Packet first_packet(std::int64_t i) {
    const auto client = wire::IpAddress::v4(0x0a010000 + static_cast<std::uint32_t>(i % 250));
    const auto server = wire::IpAddress::v4(0x08000000 + static_cast<std::uint32_t>(i / 10));
    return Packet::from_ip(wire::make_tcp(
        {.source = client, .destination = server},
        {.source_port = static_cast<std::uint16_t>(20000 + i % 40000), .destination_port = 443}));
  }
  void pass(Packet packet) {
    (void)table.track(packet, Hook::prerouting, config, 0, chance, trace);
    if (packet.ctinfo == CtInfo::new_connection &&
        !nat::is_mapped(table[packet.connection], nat::Manip::source)) {
      nat::null_binding(table, packet.connection, nat::Manip::destination, chance, 0);
      nat::setup(table, packet.connection, range, nat::Manip::source, RuleRef{}, chance, 0);
    }
    (void)nat::translate(packet, Hook::postrouting, no_device, table, trace);
    (void)table.confirm(packet, 0);
  }
};

/// A further packet of a known connection: look-up, state machine, translation.
void known_connection(benchmark::State& state) {
  Masquerading host(state.range(0));
  std::vector<Packet> packets;
  for (std::int64_t i = 0; i < 512; ++i)
    packets.push_back(Masquerading::first_packet(i * 7919 % state.range(0)));
  std::size_t i = 0;
  for (auto _ : state) {
    Packet& packet = packets[i++ % packets.size()];
    packet.connection = no_connection;
    packet.ctinfo = CtInfo::none;
    (void)host.table.track(packet, Hook::prerouting, host.config, 0, host.chance, host.trace);
    benchmark::DoNotOptimize(packet.ctinfo);
  }
}
BENCHMARK(known_connection)->Arg(1)->Arg(1000)->Arg(100'000);

/// The first packet of a connection, with its mapping; the connection goes again.
void new_connection(benchmark::State& state) {
  Masquerading host(state.range(0));
  const Packet first = Masquerading::first_packet(state.range(0));
  for (auto _ : state) {
    Packet packet = first;
    (void)host.table.track(packet, Hook::prerouting, host.config, 0, host.chance, host.trace);
    nat::null_binding(host.table, packet.connection, nat::Manip::destination, host.chance, 0);
    nat::setup(host.table, packet.connection, host.range, nat::Manip::source, RuleRef{},
               host.chance, 0);
    (void)nat::translate(packet, Hook::postrouting, no_device, host.table, host.trace);
    (void)host.table.confirm(packet, 0);
    host.table.erase(packet.connection);
    host.table.collect();
  }
}
BENCHMARK(new_connection)->Arg(1)->Arg(1000)->Arg(100'000);

}  // namespace
}  // namespace wayout
