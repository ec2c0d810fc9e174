#include "packet/port_set.hpp"

#include <algorithm>

namespace wayout {

void PortSet::add(Range range) {
  if (range.low > range.high) return;
  // Whatever it overlaps, or touches, becomes one with it.
  const auto first = std::find_if(ranges_.begin(), ranges_.end(), [&](const Range& r) {
    return std::uint32_t{r.high} + 1 >= range.low;
  });
  auto last = first;
  for (; last != ranges_.end() && last->low <= std::uint32_t{range.high} + 1; ++last) {
    range.low = std::min(range.low, last->low);
    range.high = std::max(range.high, last->high);
  }
  ranges_.insert(ranges_.erase(first, last), range);
}

PortSet PortSet::complement() const {
  PortSet out;
  std::uint32_t next = 0;
  for (const Range& range : ranges_) {
    if (next < range.low)
      out.ranges_.push_back(
          {static_cast<std::uint16_t>(next), static_cast<std::uint16_t>(range.low - 1)});
    next = std::uint32_t{range.high} + 1;
  }
  if (next <= 0xffff) out.ranges_.push_back({static_cast<std::uint16_t>(next), 0xffff});
  return out;
}

PortSet PortSet::operator&(const PortSet& other) const {
  PortSet out;
  for (const Range& a : ranges_)
    for (const Range& b : other.ranges_) out.add({std::max(a.low, b.low), std::min(a.high, b.high)});
  return out;
}

bool PortSet::contains(std::uint16_t port) const {
  return std::any_of(ranges_.begin(), ranges_.end(),
                     [port](const Range& r) { return r.low <= port && port <= r.high; });
}

}  // namespace wayout
