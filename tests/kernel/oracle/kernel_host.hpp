// A scenario's host in a network namespace of its own.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "drop_events.hpp"
#include "host/host.hpp"
#include "observed.hpp"
#include "scenario.hpp"
#include "tap.hpp"

namespace wayout::oracle {

/// Life: made (the thread moves into a new namespace, which is set up and read), frames sent, ended.
class KernelHost {
 public:
  /// Lines that the kernel refuses are passed over, and told in refused().
  KernelHost(const Scenario& scenario, kernel::DropEvents& drops);

  /// Why there is no host; "": there is.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] const std::vector<std::string>& refused() const { return refused_; }
  /// As it was before the first frame.
  [[nodiscard]] const host::Machine& machine() const { return machine_; }

  /// Waits frame.pause_ms first. What left since the frame before belongs to that one.
  void send(const InputFrame& frame);
  /// Of the last frame, so far.
  [[nodiscard]] const FrameResult& last() const { return observed_.frames.back(); }
  /// All, with the state that is left.
  [[nodiscard]] Observed finish();

 private:
  void set_up(const Scenario& scenario);
  void load(const RulesText& rules);
  void collect(FrameResult& result);
  [[nodiscard]] std::int64_t elapsed_ms() const;

  kernel::DropEvents& drops_;
  std::string problem_;
  std::vector<std::string> refused_;
  std::vector<kernel::Tap> taps_;
  host::Machine machine_;
  std::chrono::steady_clock::time_point read_at_;
  Observed observed_;
};

}  // namespace wayout::oracle
