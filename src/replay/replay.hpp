// Frames from outside, in their order and at their times, through the namespaces of a machine.
//
// A Replay is a Journey in virtual time: before a frame is received, everything that had to be done
// until its time has been done (neighbours asked again, given up). What leaves a device of the first
// namespace, and how each frame ended there, is handed to a Sink as it happens, so that memory is that
// of the connections, whatever the length of the captures.
//
// Life: made, receive() and wait_until() in any order, finish() once. Not here: files (run.hpp).
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "host/host.hpp"
#include "packet/chance.hpp"
#include "path/journey.hpp"

namespace wayout::replay {

/// How an input frame ended in the first namespace.
struct Verdict {
  std::uint64_t index = 0;         ///< which input frame, from 0
  DeviceId device = no_device;     ///< that received it
  std::uint32_t cause_host = 0;    ///< whose configuration the cause points into
  Stop stop;
  std::uint32_t packet = 0;        ///< Packet::number in `steps`
  std::vector<Step> steps;         ///< of this frame
  std::vector<path::JourneyAssumption> unknown;  ///< not modelled or not known: its end is not sure
};

/// Where a Replay's results go.
class Sink {
 public:
  virtual ~Sink() = default;
  /// A whole frame leaves a device of the first namespace, at Unix time.
  virtual void left(DeviceId device, std::int64_t time_ns, const Packet& frame) = 0;
  /// Once for each input frame, when it has ended: one that waits for a neighbour after others.
  virtual void decided(const Verdict& verdict) = 0;
  /// Every packet that ended, in any namespace: also copies, answers and questions for neighbours.
  virtual void ended(std::span<const path::JourneyEnd> ends) = 0;
};

class Replay {
 public:
  /// Virtual time begins at `start_ns` (Unix time), the moment in which the machine was read.
  Replay(const host::Machine& machine, std::uint64_t seed, std::int64_t start_ns, Sink& sink);

  /// A frame arrives at a device of the first namespace. A time before that of the last frame is taken
  /// for that one. False: frames went in circles and were given up.
  bool receive(DeviceId device, std::int64_t time_ns, Packet frame);
  /// It is `time_ns`, and no frame came: what is due by then is done. False as receive().
  bool wait_until(std::int64_t time_ns);
  /// No frame comes any more: what is under way comes to its end.
  bool finish();

  [[nodiscard]] Chance& chance() { return chance_; }
  /// The first namespace as it is now: counters, connections.
  [[nodiscard]] host::State& state() { return journey_.state(0); }

 private:
  [[nodiscard]] std::int64_t virtual_ms(std::int64_t time_ns) const;
  bool come_to_rest(bool at_rest);
  void hand_out();
  void note(const path::JourneyEnd& end);
  void decide(std::uint32_t number);

  Sink& sink_;
  StepTrace trace_;
  Chance chance_;
  path::Journey journey_;
  std::int64_t start_ns_;
  std::int64_t now_ns_;
  std::int64_t expired_ms_ = 0;     ///< when old connections were looked for last
  std::uint64_t next_index_ = 0;
  std::unordered_map<std::uint32_t, Verdict> open_;  ///< by Packet::number: not decided yet
};

}  // namespace wayout::replay
