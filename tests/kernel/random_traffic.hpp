// Random packets through a router: a few flows, their answers, and errors about them.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "rules_world.hpp"

namespace wayout::kernel {

struct Sent {
  Origin from = Origin::client;
  std::vector<std::uint8_t> packet;  ///< from the IP header on
};

class RandomTraffic {
 public:
  explicit RandomTraffic(std::mt19937& random);

  /// A packet of a flow, or something in answer to what was seen.
  [[nodiscard]] Sent next();
  /// What left the router: it will be answered.
  void saw(const std::vector<Seen>& frames);

 private:
  /// Who talks to whom. No two flows have the same source port or ICMP id, so NAT never has to
  /// draw another.
  struct Flow {
    Origin from = Origin::client;
    std::uint8_t protocol = 0;
    wire::IpAddress source, destination;
    std::uint16_t source_port = 0, destination_port = 0;
    std::uint32_t sequence = 1;
  };

  Flow random_flow(std::uint16_t number);
  std::vector<std::uint8_t> packet_of(Flow& flow);
  [[nodiscard]] bool answer(Sent& sent);

  std::mt19937& random_;
  std::vector<Flow> flows_;
  std::vector<Seen> seen_;  ///< latest last
};

}  // namespace wayout::kernel
