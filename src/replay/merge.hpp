// Several captures as one stream, in the order of their times.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "io/capture.hpp"

namespace wayout::replay {

/// A frame, and which capture it is from (its position).
struct MergedFrame {
  std::size_t from = 0;
  io::CapturedFrame frame;
};

/// Life: made of opened captures, next() until it yields nothing. A capture that breaks off is told in
/// problems() and goes on without its rest; so is, once for each capture, a time that goes back.
class Merge {
 public:
  explicit Merge(std::vector<io::CaptureReader> captures);

  /// The earliest frame; of several at one time that of the first capture.
  std::optional<MergedFrame> next();

  [[nodiscard]] const std::vector<Error>& problems() const { return problems_; }
  [[nodiscard]] std::uint64_t read_bytes() const;
  [[nodiscard]] std::uint64_t total_bytes() const;

 private:
  struct Source {
    io::CaptureReader capture;
    std::optional<io::CapturedFrame> head;
    std::int64_t last_ns = 0;
    bool went_back = false;
  };
  void advance(Source& source);

  std::vector<Source> sources_;
  std::vector<Error> problems_;
};

}  // namespace wayout::replay
