#include "engine_host.hpp"

#include <algorithm>

#include "conntrack/tuple.hpp"
#include "iptables.hpp"
#include "listed.hpp"
#include "netfilter/print.hpp"
#include "wire/headers.hpp"

namespace wayout::oracle {
namespace {

constexpr std::int64_t ns_per_ms = 1'000'000;

/// Ports and ids that these frames carry, and that what they quote carries.
std::vector<std::uint16_t> ports_of(const std::vector<LeftFrame>& frames) {
  std::vector<std::uint16_t> ports;
  for (const LeftFrame& frame : frames) {
    std::span<const std::uint8_t> bytes(frame.bytes);
    if (bytes.size() < sizeof(wire::EthernetHeader)) continue;
    const auto segment = conntrack::segment_of(bytes.subspan(sizeof(wire::EthernetHeader)));
    const auto tuple = segment ? conntrack::tuple_of(*segment) : std::nullopt;
    if (!tuple) continue;
    ports.push_back(tuple->source_port);
    if (conntrack::has_ports(tuple->protocol)) ports.push_back(tuple->destination_port);
  }
  return ports;
}

}  // namespace

EngineHost::EngineHost(const host::Machine& machine)
    : machine_(machine), replay_(machine, 1, 0, *this) {}

void EngineHost::send(const InputFrame& frame, const FrameResult& kernel) {
  replay_.wait_until(kernel.at_ms * ns_per_ms);
  observed_.frames.emplace_back().at_ms = kernel.at_ms;
  replay_.chance().expect(ports_of(kernel.left));
  const DeviceId device = machine_.hosts[0].devices.find(frame.device);
  if (device == no_device) return;
  replay_.receive(device, kernel.at_ms * ns_per_ms, Packet::from_frame(frame.bytes));
}

void EngineHost::left(DeviceId device, std::int64_t, const Packet& frame) {
  if (observed_.frames.empty()) return;
  observed_.frames.back().left.push_back({machine_.hosts[0].devices[device].name, frame.on_wire()});
}

void EngineHost::ended(std::span<const path::JourneyEnd> ends) {
  if (observed_.frames.empty()) return;
  for (const path::JourneyEnd& end : ends) {
    if (end.stop.fate != Fate::dropped) continue;
    // The kernel says of an echo that it may not answer what it says of one that it answers.
    if (end.stop.cause == Cause::sysctl(Sysctl::icmp_echo_ignore_all)) continue;
    // An answer that has no way is not even made.
    if (end.packet.answers != 0 && end.stop.stage == Stage::ip_route_output) continue;
    observed_.frames.back().dropped.push_back(
        {std::string(stage_name(end.stop.stage)), std::string(reason_name(end.stop.reason))});
  }
}

Observed EngineHost::finish(std::int64_t at_ms) {
  replay_.wait_until(at_ms * ns_per_ms);
  host::State& state = replay_.state();
  state.connections.expire(state.now_ms);
  const host::Host& host = machine_.hosts[0];
  const auto counted = netfilter::counted(host.netfilter, state.rules);
  for (const netfilter::Ruleset& ruleset : counted)
    observed_.rules[kernel::iptables_name(ruleset.backend)] = netfilter::print_save(ruleset, true);
  state.connections.for_each([&](ConnectionId, const conntrack::Connection& connection) {
    if (connection.expires_ms > state.now_ms)
      observed_.connections.push_back(listed(connection, state.now_ms));
  });
  std::sort(observed_.connections.begin(), observed_.connections.end());
  return std::move(observed_);
}

}  // namespace wayout::oracle
