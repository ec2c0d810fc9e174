// `ip route get`, asked over netlink: the running kernel's own routing decision.
#pragma once

#include <cstdint>
#include <string>

#include "packet/packet.hpp"
#include "wire/address.hpp"

struct mnl_socket;

namespace wayout::kernel {

struct RouteQuestion {
  wire::IpAddress source, destination;  ///< source not set: to be chosen
  std::uint32_t iif = 0, oif = 0;       ///< ifindex; iif 0: a packet of this host
  std::uint32_t mark = 0, uid = 0;
  std::uint8_t tos = 0;
  std::uint8_t protocol = 17;           ///< TCP, UDP or ICMP
  std::uint16_t sport = 0, dport = 0;

  [[nodiscard]] std::string text() const;  ///< as arguments of `ip route get`
};

struct RouteAnswer {
  int error = 0;                        ///< errno; the rest only when 0
  RouteType type = RouteType::unspec;
  std::uint32_t oif = 0;
  wire::IpAddress gateway;
  wire::IpAddress source;               ///< of a packet of this host
  bool redirect = false;

  bool operator==(const RouteAnswer&) const = default;
  [[nodiscard]] std::string text() const;
};

/// Asks in the namespace in which it was made.
class KernelRoutes {
 public:
  KernelRoutes();
  ~KernelRoutes();
  KernelRoutes(const KernelRoutes&) = delete;
  KernelRoutes& operator=(const KernelRoutes&) = delete;

  [[nodiscard]] RouteAnswer ask(const RouteQuestion& question);

 private:
  mnl_socket* socket_ = nullptr;
  std::uint32_t sequence_ = 0;
};

}  // namespace wayout::kernel
