// Where the kernel drops what this thread sends: the tracepoint skb:kfree_skb.
//
// The events are those of the thread's own context, which is also that of the softirq in which a
// frame written to a TAP is handled: what happens elsewhere on the machine is not seen, and neither
// is what a timer drops later.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace wayout::kernel {

struct DropEvent {
  std::string function;   ///< that freed the packet
  std::string reason;     ///< SKB_DROP_REASON_*, without that
  auto operator<=>(const DropEvent&) const = default;
};

/// Life: made once in the thread that sends; take() any number of times.
class DropEvents {
 public:
  DropEvents();
  ~DropEvents();
  DropEvents(const DropEvents&) = delete;
  DropEvents& operator=(const DropEvents&) = delete;

  /// Why it cannot be watched; "": it can.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  /// What was dropped since the last call, IPv4 and ARP, in its order.
  [[nodiscard]] std::vector<DropEvent> take();

 private:
  bool read_format();
  void read_symbols();
  [[nodiscard]] const std::string& function_at(std::uint64_t address) const;

  std::string problem_;
  std::uint64_t event_ = 0;                       ///< number of the tracepoint
  std::size_t location_at_ = 0, protocol_at_ = 0, reason_at_ = 0;  ///< in its record
  std::map<std::uint32_t, std::string> reasons_;
  std::map<std::uint64_t, std::string> symbols_;  ///< by where they begin
  int fd_ = -1;
  void* ring_ = nullptr;
};

}  // namespace wayout::kernel
