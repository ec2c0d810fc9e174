// A container of which there is no listing, as far as its host's listings tell of it.
#pragma once

#include <cstdint>

#include "host/host.hpp"
#include "wayout/result.hpp"

namespace wayout::host::snapshot {

/// Adds to a finished machine the namespace that has `address`: behind a veth of a host, a port of
/// the bridge in whose subnet the address lies (or a veth with such a subnet itself). It has this
/// one device, a default route through the host's address there, no rules, and the kernel's
/// defaults; all of that is noted in its Host::assumed. Which port it is tell the host's neighbours
/// and what its bridge has learned, else it is the first that leads to a namespace not read.
/// Returns its position. Fails, and says what to add, where no device fits.
[[nodiscard]] Result<std::uint32_t> assume_namespace(Machine& machine,
                                                     const wire::IpAddress& address);

}  // namespace wayout::host::snapshot
