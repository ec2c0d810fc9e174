// A set of port numbers, as ranges.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

namespace wayout {

/// Ports (ICMP: ids), host order.
class PortSet {
 public:
  struct Range {
    std::uint16_t low = 0, high = 0xffff;  ///< inclusive; low > high: none
    bool operator==(const Range&) const = default;
  };

  PortSet() = default;
  PortSet(std::initializer_list<Range> ranges) {
    for (const Range& range : ranges) add(range);
  }

  void add(Range range);
  /// All that are not in it.
  [[nodiscard]] PortSet complement() const;
  [[nodiscard]] PortSet operator&(const PortSet& other) const;
  [[nodiscard]] bool contains(std::uint16_t port) const;
  [[nodiscard]] bool empty() const { return ranges_.empty(); }
  /// Ascending, apart from each other.
  [[nodiscard]] const std::vector<Range>& ranges() const { return ranges_; }
  bool operator==(const PortSet&) const = default;

 private:
  std::vector<Range> ranges_;
};

}  // namespace wayout
