#include "host/queues.hpp"

#include "host/words.hpp"

namespace wayout::host {

Result<void> read_queues(const File& file, Host& host) {
  std::vector<std::uint16_t> read;
  const Result<void> whole = read_lines(file, [&](Words& words) {
    // `    0   1234     0 2 65531     0     0        0  1`: the number, the reader's port, …
    const auto queue = number<std::uint16_t>(words.next());
    if (!queue) return words.fail("expected the number of a queue");
    read.push_back(*queue);
  });
  if (whole) host.netfilter.queues_read = std::move(read);
  return whole;
}

}  // namespace wayout::host
