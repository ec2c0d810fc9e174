// What lies beyond this machine, as far as one may assume it.
//
// An answer comes back if the source that left is an address of this host, or one that a rule chose
// on purpose outside the uplink's subnets; it does not come back to a private or link-local source
// that is not the uplink's own, nor to one on the uplink's subnet that nobody there answers for.
#pragma once

#include <optional>
#include <string>

#include "host/host.hpp"
#include "packet/packet.hpp"
#include "packet/stop.hpp"

namespace wayout::why {

struct OutsideAnswer {
  bool comes_back = false;
  Stop stop;                 ///< when it does not
  std::string assumed;       ///< what was taken for granted; "": nothing
};

/// `left` is the IPv4 packet that left this machine; `router` is the host that routed it last, and
/// the device it chose (the frame may have been bridged on from there). `translated` says that a
/// rule changed its source on the way.
[[nodiscard]] OutsideAnswer answer_from_outside(const host::Machine& machine,
                                                host::DeviceRef router, const Packet& left,
                                                bool translated);

/// True when `device` leads out of this machine's own networks for `host`: a default route uses
/// it, or it is no bridge and nothing else is an uplink.
[[nodiscard]] bool is_uplink(const host::Host& host, DeviceId device);

}  // namespace wayout::why
