// A scenario's host in the engine, fed as the kernel was.
#pragma once

#include <memory>
#include <vector>

#include "host/host.hpp"
#include "observed.hpp"
#include "replay/replay.hpp"
#include "scenario.hpp"

namespace wayout::oracle {

class EngineHost : replay::Sink {
 public:
  explicit EngineHost(const host::Machine& machine);

  /// At the time at which the kernel got it. Ports that `kernel` shows are drawn where they may be.
  void send(const InputFrame& frame, const FrameResult& kernel);
  [[nodiscard]] Observed finish(std::int64_t at_ms);

 private:
  void left(DeviceId device, std::int64_t time_ns, const Packet& frame) override;
  void decided(const replay::Verdict&) override {}
  void ended(std::span<const path::JourneyEnd> ends) override;

  const host::Machine& machine_;
  replay::Replay replay_;
  Observed observed_;
};

}  // namespace wayout::oracle
