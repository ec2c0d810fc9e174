// What follows from what was read: looked-up structures, and how namespaces are joined.
#pragma once

#include "host/host.hpp"
#include "wayout/result.hpp"

namespace wayout::host {

/// Once, when all of a namespace is read: rules in the order of their preference, routes that the
/// kernel makes for addresses where the input does not show them, which connections were
/// masqueraded, and entries of host.unmodelled for devices that can take a packet in ways that are
/// not modelled (XDP, ports of an Open vSwitch).
void complete(Host& host);

/// Everything that is derived from the rest of a Machine, and again after every change to it:
/// interfaces as their devices are, the Fib's index, compiled rules, whether conntrack runs, and
/// which device ends belong together (join.hpp). Fails for rules whose chains go in circles.
[[nodiscard]] Result<void> finish(Machine& machine);

}  // namespace wayout::host
