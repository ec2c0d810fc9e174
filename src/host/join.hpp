// Which device ends of different namespaces belong together.
//
// A device says the number of its other end and what its own namespace calls the other one
// (link-netnsid). Live, every such id is known. A snapshot may not say it: then two veth ends
// belong together when each names the other's number, nothing known contradicts, and no other pair
// fits.
#pragma once

#include "host/host.hpp"

namespace wayout::host {

/// Fill machine.peers, lowers and stacked from the devices and Host::namespace_ids. What cannot be
/// decided stays open.
void join(Machine& machine);

}  // namespace wayout::host
