// A replay from files to files: captures in, a snapshot's files and captures out.
//
// Into the directory go DEV.pcap for every device of the first namespace that has another end, with
// what left through it; the snapshot's rule files with their counters; conntrack.txt; verdicts.jsonl.
// Without captures it holds the state just as it was read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "host/host.hpp"
#include "wayout/result.hpp"

namespace wayout::replay {

struct Input {
  std::string device;   ///< of the first namespace
  std::string file;     ///< a capture
};

struct Options {
  std::vector<Input> inputs;
  std::filesystem::path output;   ///< a directory; made when it is not there, else it must be empty
  std::uint64_t seed = 1;         ///< of everything that the kernel draws at random
  bool explain = false;           ///< verdicts with their steps
};

/// How far a replay is.
struct Progress {
  std::uint64_t frames = 0;
  std::uint64_t read_bytes = 0, total_bytes = 0;
};

struct Outcome {
  std::uint64_t frames = 0;
  /// What was wrong with a capture, or circled: all that came before it was processed and written.
  std::vector<Error> problems;
  /// What makes results less than sure.
  std::vector<std::string> notes;
  /// False: something that frames met is not modelled or not known; notes and verdicts name it.
  bool all_known = true;
};

/// Fails, with nothing written, at a device that is not there, a capture that cannot be read, a
/// directory that is not empty; later only where results cannot be written.
[[nodiscard]] Result<Outcome> run(const host::Machine& machine, const Options& options,
                                  const std::function<void(const Progress&)>& progress);

}  // namespace wayout::replay
