#include "replay/merge.hpp"

#include <utility>

namespace wayout::replay {

Merge::Merge(std::vector<io::CaptureReader> captures) {
  for (io::CaptureReader& capture : captures)
    sources_.push_back({.capture = std::move(capture), .head = std::nullopt});
  for (Source& source : sources_) advance(source);
}

void Merge::advance(Source& source) {
  source.head.reset();
  auto next = source.capture.next();
  if (!next) {
    problems_.push_back(next.error());
    return;
  }
  source.head = std::move(*next);
  if (!source.head) return;
  if (source.head->time_ns < source.last_ns) {
    if (!source.went_back)
      problems_.push_back({.file = source.capture.path(),
                           .message = "its times go back; such a frame is taken to come at the "
                                      "time of the one before it"});
    source.went_back = true;
    source.head->time_ns = source.last_ns;
  }
  source.last_ns = source.head->time_ns;
}

std::optional<MergedFrame> Merge::next() {
  Source* first = nullptr;
  for (Source& source : sources_)
    if (source.head && (first == nullptr || source.head->time_ns < first->head->time_ns))
      first = &source;
  if (first == nullptr) return std::nullopt;
  MergedFrame merged{static_cast<std::size_t>(first - sources_.data()), std::move(*first->head)};
  advance(*first);
  return merged;
}

std::uint64_t Merge::read_bytes() const {
  std::uint64_t sum = 0;
  for (const Source& source : sources_) sum += source.capture.position_bytes();
  return sum;
}

std::uint64_t Merge::total_bytes() const {
  std::uint64_t sum = 0;
  for (const Source& source : sources_) sum += source.capture.size_bytes();
  return sum;
}

}  // namespace wayout::replay
