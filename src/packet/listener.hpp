// A socket that waits for packets, as far as their way depends on it.
#pragma once

#include <cstdint>
#include <optional>

#include "packet/ids.hpp"
#include "wire/address.hpp"

namespace wayout {

/// A TCP socket that listens, or a UDP socket that is not connected.
struct Listener {
  std::uint8_t protocol = 0;
  wire::IpAddress address;             ///< unspecified: any
  std::uint16_t port = 0;
  DeviceId device = no_device;         ///< SO_BINDTODEVICE
  bool dual_stack = false;             ///< an IPv6 socket that takes IPv4 too
  std::optional<bool> transparent = std::nullopt;  ///< IP_TRANSPARENT; not set: not known

  bool operator==(const Listener&) const = default;
};

}  // namespace wayout
