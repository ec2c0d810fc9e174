// The source port of a program that did not ask for one.
#pragma once

#include <cstdint>

#include "host/host.hpp"
#include "packet/port_set.hpp"
#include "why/question.hpp"

namespace wayout::why {

/// Which ports (ICMP: ids) a socket of this namespace can get that is not bound: those of
/// ip_local_port_range but ip_local_reserved_ports; of the echo id, any.
/// Linux: net/ipv4/inet_hashtables.c __inet_hash_connect; udp.c udp_lib_get_port; ping.c
/// ping_get_port.
/// Not modelled: which of them are in use; the socket option IP_LOCAL_PORT_RANGE.
[[nodiscard]] PortSet source_ports(const host::Host& host, Probe probe);

/// The port to ask with: the question's own, or one that stands for all of `possible`.
[[nodiscard]] std::uint16_t source_port(const Question& question, const PortSet& possible);

}  // namespace wayout::why
