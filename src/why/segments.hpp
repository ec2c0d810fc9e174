// Which namespaces hang together: who is whose router, and behind which device somebody is.
//
// Asked of the configuration alone, by who is to blame and by what could be changed.
#pragma once

#include <optional>
#include <vector>

#include "host/host.hpp"

namespace wayout::why {

/// The other layer-3 end of a container's segment: the veth peer, or the bridge it is a port of.
[[nodiscard]] std::optional<host::DeviceRef> segment_gateway(const host::Machine& machine,
                                                             host::DeviceRef end);

/// The device with this address on the segment of `end`, at its other end or behind its bridge.
[[nodiscard]] std::optional<host::DeviceRef> owner_on_segment(const host::Machine& machine,
                                                              host::DeviceRef end,
                                                              const wire::IpAddress& address);

/// A bridge to which nothing is connected.
[[nodiscard]] bool is_empty_bridge(const host::Host& host, DeviceId device);

/// The bridge of `host` behind which somebody has this address, where `leads`, the one by which the
/// routes would go there, is another. no_device: nobody has it there, or it is no stray.
[[nodiscard]] DeviceId strayed_from(const host::Machine& machine, std::uint32_t host, DeviceId leads,
                                    const wire::IpAddress& address);

/// `who` lies beyond a router that the packets met: a provider's router, a server behind it. It is
/// neither the router's container (or what uses it as its way out) nor the router's own host.
[[nodiscard]] bool is_foreign(const host::Machine& machine, std::uint32_t who,
                              std::uint32_t router);

}  // namespace wayout::why
