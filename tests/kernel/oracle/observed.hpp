// What became of a scenario's frames, in the words that the kernel and the engine share.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "drop_events.hpp"

namespace wayout::oracle {

struct LeftFrame {
  std::string device;
  std::vector<std::uint8_t> bytes;
  auto operator<=>(const LeftFrame&) const = default;
};

/// What one input frame set off, until the next came.
struct FrameResult {
  std::int64_t at_ms = 0;                 ///< after the host was read
  std::vector<LeftFrame> left;            ///< in the order in which each device sent them
  std::vector<kernel::DropEvent> dropped;
};

struct Observed {
  std::vector<FrameResult> frames;
  std::map<std::string, std::string> rules;   ///< by backend, as iptables-save -c, no comments
  std::vector<std::string> connections;       ///< as conntrack -L, sorted
};

/// Every difference, a line each; empty: they agree.
[[nodiscard]] std::vector<std::string> differences(const Observed& kernel, const Observed& engine);

}  // namespace wayout::oracle
