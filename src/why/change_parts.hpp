// What the files of changes share. Only change*.cpp includes this.
#pragma once

#include <string>

#include "why/change.hpp"

namespace wayout::why {

inline constexpr const char* keep_network =
    "put it where the interface is configured (networkd, ifupdown, NetworkManager, the container engine)";

inline constexpr const char* drop_from_network =
    "remove it from where the network is configured (networkd, ifupdown, NetworkManager, the container engine)";

/// Names of devices come from the host that was read: a shell must take each as one plain word.
[[nodiscard]] std::string name_of(const host::Machine& machine, host::DeviceRef d);
/// The same behind `ip link set`, which takes a word with a dash for an option.
[[nodiscard]] std::string link_of(const host::Machine& machine, host::DeviceRef d);

/// The routes that the kernel makes of a device's addresses, where they are not there yet.
void add_routes_of(host::Host& h, DeviceId device);

/// The fdb entry that the kernel makes of the MAC address of a port, or (`port` = `bridge`) of the bridge.
void make_own_entry(host::Host& h, DeviceId bridge, DeviceId port);

/// The kernel forgets masqueraded connections together with the address that they took; what SNAT gave
/// stays. Linux: net/netfilter/nf_nat_masquerade.c masq_inet_event.
void forget_masqueraded(host::Host& h, const wire::IpAddress& address);

}  // namespace wayout::why
