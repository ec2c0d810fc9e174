// A bridge with a few ports, made twice: of our types, and in a network namespace.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "bridge/bridge.hpp"

namespace wayout::kernel {

inline constexpr DeviceId the_bridge = 1;

/// Devices of the bridge's namespace as our engine sees them, and the commands that make the same
/// in the kernel: device 1 is br0, the others are its ports b2, b3, … whose peers are p2, p3, ….
struct BridgeWorld {
  link::Devices devices;
  bridge::Config config;
  std::vector<std::string> link_commands;    ///< lines for run_all()
  std::vector<std::string> bridge_commands;  ///< arguments of `bridge`, once ports have a carrier
};

/// MAC addresses that frames and entries are drawn from.
[[nodiscard]] const std::vector<wire::MacAddress>& station_macs();
[[nodiscard]] wire::MacAddress port_mac(DeviceId port);
inline constexpr wire::MacAddress bridge_mac{{2, 0, 0, 0, 0, 1}};

[[nodiscard]] BridgeWorld random_bridge(std::mt19937& random);

/// One frame: who sends it (no_device: the host, through br0), and its bytes.
struct BridgeFrame {
  DeviceId ingress_port = no_device;
  std::vector<std::uint8_t> bytes;
};
/// `number` goes into the payload, so that it can be told from all others.
[[nodiscard]] BridgeFrame random_frame(std::mt19937& random, const BridgeWorld& world,
                                       std::uint32_t number);

/// Who got the frame: ports by DeviceId, and the bridge device itself, in ascending order.
using Receivers = std::vector<DeviceId>;

/// What our engine says; `state` goes on with it.
[[nodiscard]] Receivers engine_receivers(const BridgeWorld& world, bridge::State& state,
                                         const BridgeFrame& frame);

/// Entries learned or static, as `MAC port` lines in ascending order.
[[nodiscard]] std::vector<std::string> engine_fdb(const BridgeWorld& world,
                                                  const bridge::State& state);

}  // namespace wayout::kernel
