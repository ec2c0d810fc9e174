// Hosts made by chance, and who lives around them.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "scenario.hpp"
#include "wire/address.hpp"

namespace wayout::oracle {

/// Somebody on a wire of the host.
struct Station {
  std::string tap;                 ///< the wire: the host's device on it
  wire::MacAddress mac;
  wire::IpAddress address;
  bool router = false;             ///< whoever is far away is behind it
};

/// A device of the host that has addresses: a TAP, or a bridge over some.
struct Leg {
  std::uint8_t number = 0;         ///< 10.0.NUMBER.0/24 is there
  std::string device;
  wire::MacAddress mac;
  std::vector<std::string> taps;
  std::vector<wire::IpAddress> addresses;
  wire::IpAddress broadcast;
};

struct World {
  Scenario scenario;               ///< without frames
  std::vector<Leg> legs;
  std::vector<Station> stations;
  std::vector<wire::IpAddress> far;  ///< behind the routers
};

[[nodiscard]] World random_world(std::mt19937& random);

}  // namespace wayout::oracle
