// What is asked: can this namespace reach that address?
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "wire/address.hpp"
#include "wire/headers.hpp"

namespace wayout::why {

enum class Probe : std::uint8_t { tcp, udp, icmp };

constexpr const char* probe_name(Probe probe) {
  return probe == Probe::tcp ? "tcp" : probe == Probe::udp ? "udp" : "icmp";
}

/// IANA's number.
constexpr std::uint8_t protocol_of(Probe probe) {
  return probe == Probe::tcp   ? wire::protocol::tcp
         : probe == Probe::udp ? wire::protocol::udp
                               : wire::protocol::icmp;
}

struct Question {
  std::uint32_t from = 0;             ///< position in Machine::hosts
  wire::IpAddress source;             ///< not set: the sender's routing chooses
  wire::IpAddress to;
  Probe probe = Probe::tcp;
  std::uint16_t dport = 443;          ///< host order; ICMP: not used
  std::optional<std::uint16_t> sport; ///< not set: an ephemeral port
  std::uint32_t size_bytes = 0;       ///< IP length of the probe; 0: as small as it comes
  bool dont_fragment = false;
};

}  // namespace wayout::why
