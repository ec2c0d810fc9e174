// VXLAN tunnels: whom one joins, and how a packet that was lost was sent into it.
#pragma once

#include <optional>
#include <vector>

#include "why/conversation.hpp"

namespace wayout::why {

/// How a frame was sent into a tunnel.
struct IntoTunnel {
  host::DeviceRef tunnel;  ///< the VXLAN device that sent it
  wire::MacAddress to;     ///< its receiver; a group's for a question who has an address
  wire::IpAddress wanted;  ///< ... this one; not set: none was asked for
  wire::IpAddress remote;  ///< where its datagram went, or found no way; not set: it was received,
                           ///< or there was no remote
};

/// The packet whose end is told: what was lost, or what was to find the next hop of it.
[[nodiscard]] const Packet& lost_packet(const path::JourneyEnd& end);

/// Of the lost packet. Nothing: it was not in a tunnel, or came out of it at its receiver.
[[nodiscard]] std::optional<IntoTunnel> into_tunnel(const host::Machine& machine,
                                                    const Account& account);

/// The other end of a tunnel at which somebody is, and the device that is looked for: that VXLAN
/// device itself, its bridge, or a device behind that.
struct FarEnd {
  host::DeviceRef tunnel, owner;
};
/// Where a device with this MAC address is.
[[nodiscard]] std::optional<FarEnd> far_end(const host::Machine& machine, host::DeviceRef tunnel,
                                            const wire::MacAddress& mac);
/// Where a device with this address is.
[[nodiscard]] std::optional<FarEnd> far_end(const host::Machine& machine, host::DeviceRef tunnel,
                                            const wire::IpAddress& address);
/// Where the receiver of a frame is that was sent so.
[[nodiscard]] std::optional<FarEnd> far_end(const host::Machine& machine, const IntoTunnel& sent);

/// The device with this address on the other side of the tunnel that `end` is, or that is a port of
/// its bridge.
[[nodiscard]] std::optional<host::DeviceRef> owner_beyond(const host::Machine& machine,
                                                          host::DeviceRef end,
                                                          const wire::IpAddress& address);

/// The other ends of this tunnel, of the same VNI and port.
[[nodiscard]] std::vector<host::DeviceRef> other_ends(const host::Machine& machine,
                                                      host::DeviceRef tunnel);

/// Datagrams for this address come to the namespace that carries the tunnel.
[[nodiscard]] bool comes_to(const host::Machine& machine, host::DeviceRef tunnel,
                            const wire::IpAddress& address);
/// The address by which `from` reaches `to`: its own one as it was made, or one on a wire of both.
[[nodiscard]] std::optional<wire::IpAddress> reached_at(const host::Machine& machine,
                                                        host::DeviceRef from, host::DeviceRef to);

/// The entries of the tunnel's fdb by which a frame for `mac` is sent, as positions in
/// bridge::Config::fdb: those of its own, or of all that have none.
[[nodiscard]] std::vector<std::uint32_t> entries_for(const host::Host& host, DeviceId tunnel,
                                                     const wire::MacAddress& mac);

}  // namespace wayout::why
