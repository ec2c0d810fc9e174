// Reading one namespace, from inside it.
#pragma once

#include "host/host.hpp"
#include "wayout/result.hpp"

namespace wayout::host::live {

/// Everything of the calling thread's namespace, into `host`, complete()d; names are the caller's
/// business.
[[nodiscard]] Result<void> read_namespace(Host& host);

/// Its devices alone: enough to see where they lead.
[[nodiscard]] Result<void> read_devices(Host& host);

}  // namespace wayout::host::live
