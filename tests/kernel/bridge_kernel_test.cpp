// Our bridge against the running kernel's: random bridges, random frames, who gets each of them,
// and what the forwarding database holds in the end.
//
// The seed is printed; WAYOUT_SEED sets it and WAYOUT_ROUNDS the number of bridges.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <sstream>
#include <thread>

#include "bridge_world.hpp"
#include "namespace.hpp"
#include "packet_socket.hpp"
#include "wire/headers.hpp"
#include "wire/text.hpp"

namespace wayout::kernel {
namespace {

using namespace std::chrono_literals;

unsigned from_environment(const char* name, unsigned otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? static_cast<unsigned>(std::strtoul(value, nullptr, 10)) : otherwise;
}

/// The kernel's bridge, in the namespace the process is in, with an ear at each end.
class KernelBridge {
 public:
  explicit KernelBridge(const BridgeWorld& world) {
    run_all(world.link_commands);
    wait_for_carriers();
    for (const std::string& command : world.bridge_commands) {
      (void)output_of("bridge " + command + " 2>&1");
    }
    ends_.emplace_back("br0");
    for (DeviceId id = the_bridge + 1; id < world.devices.size(); ++id) {
      ends_.emplace_back(fmt::format("p{}", id));
    }
  }

  [[nodiscard]] bool is_made() const {
    return std::all_of(ends_.begin(), ends_.end(), [](const auto& end) { return end.is_open(); });
  }

  bool send(const BridgeFrame& frame) const {
    const DeviceId from = frame.ingress_port != no_device ? frame.ingress_port : the_bridge;
    return ends_[from - the_bridge].send(frame.bytes);
  }

  /// Who got frame `number`. Frames cross veth in softirq, on a busy machine a little later: wait
  /// for those expected, and a moment for those that are not.
  [[nodiscard]] Receivers receivers(std::uint32_t number, const Receivers& expected) const {
    Receivers got;
    for (const auto deadline = std::chrono::steady_clock::now() + 300ms;
         got != expected && std::chrono::steady_clock::now() < deadline;) {
      collect(number, got);
    }
    std::this_thread::sleep_for(1ms);
    collect(number, got);
    return got;
  }

  /// As engine_fdb().
  [[nodiscard]] static std::vector<std::string> fdb() {
    std::istringstream listing(output_of("bridge fdb show br br0"));
    std::vector<std::string> lines;
    for (std::string line; std::getline(listing, line);) {
      std::istringstream words(line);
      std::string mac, dev, port;
      words >> mac >> dev >> port;
      const auto says = [&](const char* word) { return line.find(word) != std::string::npos; };
      if (says(" master ") && !says(" permanent")) lines.push_back(mac + " " + port);
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }

 private:
  static void wait_for_carriers() {
    const auto all_up = [] {
      const std::string ports = output_of("ip -brief link show master br0");
      return ports.find("DOWN") == std::string::npos && ports.find("UNKNOWN") == std::string::npos;
    };
    for (int tries = 0; tries < 100 && !all_up(); ++tries)
      std::this_thread::sleep_for(20ms);
  }

  void collect(std::uint32_t number, Receivers& got) const {
    for (DeviceId id = the_bridge; id - the_bridge < ends_.size(); ++id) {
      for (auto frame = ends_[id - the_bridge].receive(); !frame.empty();
           frame = ends_[id - the_bridge].receive()) {
        const auto* seen = wire::header_at<wire::be32>(frame, sizeof(wire::EthernetHeader));
        if (seen != nullptr && *seen == number) got.push_back(id);
      }
    }
    std::sort(got.begin(), got.end());
  }

  std::vector<PacketSocket> ends_;  ///< the bridge's own, then a port's peer each
};

std::string told(const BridgeWorld& world) {
  return fmt::format("{}\nbridge {}\n", fmt::join(world.link_commands, "\n"),
                     fmt::join(world.bridge_commands, "\nbridge "));
}

TEST(Bridge, AgreesWithTheKernel) {
  WAYOUT_NEEDS_NAMESPACE();
  const unsigned seed = from_environment("WAYOUT_SEED", std::random_device{}());
  const unsigned rounds = from_environment("WAYOUT_ROUNDS", 15);
  constexpr unsigned frames_a_round = 80;
  fmt::print("seed {}\n", seed);
  std::mt19937 random(seed);
  std::uint32_t number = 0;

  for (unsigned round = 0; round < rounds; ++round) {
    ASSERT_EQ(enter_new_namespace(), "");
    const BridgeWorld world = random_bridge(random);
    const KernelBridge kernel(world);
    ASSERT_TRUE(kernel.is_made()) << told(world);
    bridge::State state = bridge::initial_state(world.config, world.devices);
    ASSERT_EQ(KernelBridge::fdb(), engine_fdb(world, state)) << told(world);

    for (unsigned i = 0; i < frames_a_round; ++i) {
      const BridgeFrame frame = random_frame(random, world, ++number);
      if (!kernel.send(frame)) continue;  // longer than the sender's own MTU
      const Receivers ours = engine_receivers(world, state, frame);
      ASSERT_EQ(kernel.receivers(number, ours), ours)
          << "seed " << seed << ", frame " << number << " from "
          << (frame.ingress_port != no_device ? world.devices[frame.ingress_port].name : "the host")
          << ": " << wire::describe_frame(frame.bytes) << "\n"
          << told(world) << fmt::format("{}", fmt::join(KernelBridge::fdb(), "\n"));
    }
    ASSERT_EQ(KernelBridge::fdb(), engine_fdb(world, state)) << told(world);
  }
}

}  // namespace
}  // namespace wayout::kernel
