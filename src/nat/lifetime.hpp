// What ends a masqueraded connection before its time: its device or its address goes away.
#pragma once

#include "conntrack/table.hpp"
#include "packet/packet.hpp"

namespace wayout::nat {

/// False when the packet of a masqueraded connection leaves through another device than the one
/// whose address it was given. Entries read from a listing are not known to be masqueraded.
/// Linux: include/net/netfilter/nf_nat.h nf_nat_oif_changed.
[[nodiscard]] bool masquerade_still_valid(const conntrack::Connection& connection, CtInfo info,
                                          DeviceId egress);

/// The device went down: all connections masqueraded to it end.
/// Linux: net/netfilter/nf_nat_masquerade.c masq_device_event.
void device_down(conntrack::Table& table, DeviceId device);

/// The device lost an address: those masqueraded to just this address end.
/// Linux: net/netfilter/nf_nat_masquerade.c masq_inet_event.
void address_removed(conntrack::Table& table, DeviceId device, const wire::IpAddress& address);

}  // namespace wayout::nat
