// Who reads the queues of NFQUEUE.
#pragma once

#include "host/file.hpp"
#include "host/host.hpp"

namespace wayout::host {

/// /proc/net/netfilter/nfnetlink_queue, into host.netfilter.queues_read, which is then known. Empty:
/// nobody reads any.
[[nodiscard]] Result<void> read_queues(const File& file, Host& host);

}  // namespace wayout::host
