// Traffic control: what can lose, hold or redirect a packet at a device. Found, not modelled.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/device_book.hpp"
#include "host/file.hpp"
#include "host/host.hpp"

namespace wayout::host {

/// One line of `tc qdisc`.
struct Qdisc {
  DeviceId device = no_device;
  std::string kind;
  /// A longer frame is lost at once (tbf's burst, a queue's limit); not set: as long as may be.
  std::optional<std::uint64_t> longest_bytes = {};
};

/// The longest frame that a discipline takes, from its `limit` and `burst` as `tc` prints them: bfifo
/// and tbf count in bytes, pfifo in packets.
/// Linux: net/sched/sch_fifo.c bfifo_enqueue, pfifo_enqueue; sch_tbf.c tbf_enqueue.
[[nodiscard]] std::optional<std::uint64_t> longest_frame(std::string_view kind,
                                                         std::optional<std::uint32_t> limit,
                                                         std::optional<std::uint32_t> burst);

/// `tc -j qdisc show`.
[[nodiscard]] Result<std::vector<Qdisc>> read_qdiscs_json(const File& file, const DeviceBook& book);

/// Queueing disciplines that lose or hold packets on purpose (netem and its kin), or have no room for
/// a frame of their device's MTU, into host.unmodelled.
void add_unmodelled_qdiscs(const std::vector<Qdisc>& qdiscs, Host& host);

/// One place where tc filters may hang.
struct FilterPlace {
  enum class Direction : std::uint8_t { ingress, egress, root };
  DeviceId device = no_device;
  Direction direction = Direction::ingress;
  bool operator==(const FilterPlace&) const = default;
};
/// `ingress`, `egress`, `root`: what `tc filter show dev X` is asked with.
[[nodiscard]] const char* direction_name(FilterPlace::Direction direction);

/// The places that these disciplines offer: both directions of clsact, ingress, and the root of a
/// discipline with classes.
[[nodiscard]] std::vector<FilterPlace> filter_places(const std::vector<Qdisc>& qdiscs);

/// What `tc filter show dev DEVICE DIRECTION` printed, into host.unmodelled. At the root only
/// filters with actions count: the others choose a class.
void add_tc_filters(const FilterPlace& place, std::string_view listing, Host& host);

/// A place whose filters could not be read.
void add_unknown_tc_filters(const FilterPlace& place, Host& host);

/// Listings of several places, each under a line `# tc filter show dev DEVICE DIRECTION`. Places in
/// `expected` that the file does not show count as unknown.
[[nodiscard]] Result<void> read_tc_filters(const File& file,
                                           const std::vector<FilterPlace>& expected, Host& host,
                                           const DeviceBook& book);

}  // namespace wayout::host
