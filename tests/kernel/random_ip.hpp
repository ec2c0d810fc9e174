// Random IPv4 packets at the edges of what a router looks at: headers, options, TTL, sizes,
// fragments, addresses that nobody should use, and what is for the router itself.
#pragma once

#include <cstdint>
#include <deque>
#include <random>
#include <vector>

#include "rules_world.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::kernel {

struct IpPacket {
  Origin from = Origin::client;
  std::vector<std::uint8_t> bytes;  ///< from the IP header on; padding may follow
};

class RandomIp {
 public:
  explicit RandomIp(std::mt19937& random) : random_(random) {}

  [[nodiscard]] IpPacket next();

 private:
  unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }
  bool one_in(unsigned n) { return below(n) == 0; }

  IpPacket whole_packet();
  wire::IpAddress source(Origin from);
  wire::IpAddress destination(Origin from);
  std::vector<std::uint8_t> transport(wire::Ipv4Fields& ip, bool to_router);
  void add_options(std::vector<std::uint8_t>& packet, bool may_record);
  void damage(std::vector<std::uint8_t>& packet);
  void cut(const IpPacket& packet);

  std::mt19937& random_;
  std::deque<IpPacket> fragments_;  ///< of a datagram, still to be sent
  std::uint16_t id_ = 1;
};

}  // namespace wayout::kernel
