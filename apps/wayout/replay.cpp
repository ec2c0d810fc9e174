#include <unistd.h>

#include <chrono>
#include <cstdio>

#include <fmt/format.h>

#include "commands.hpp"
#include "host/snapshot/read.hpp"
#include "replay/run.hpp"

namespace wayout {
namespace {

/// One line on a terminal, rewritten a few times a second; nothing elsewhere.
class ProgressLine {
 public:
  ~ProgressLine() {
    if (shown_) show("");
  }
  void update(const replay::Progress& p) {
    constexpr std::uint64_t frames_between_looks = 256;
    if (!terminal_ || p.frames % frames_between_looks != 0) return;
    const auto now = Clock::now();
    if (now - last_ < std::chrono::milliseconds(250)) return;
    last_ = now;
    shown_ = true;
    const double s = std::chrono::duration<double>(now - begin_).count();
    std::string left;
    if (p.read_bytes > 0 && p.total_bytes >= p.read_bytes)
      left = fmt::format(", {:.0f} s left",
                         s * static_cast<double>(p.total_bytes - p.read_bytes) /
                             static_cast<double>(p.read_bytes));
    show(fmt::format("{} frames, {:.0f}/s{}", p.frames, static_cast<double>(p.frames) / s, left));
  }

 private:
  /// A terminal that is gone is no reason to stop.
  static void show(const std::string& text) {
    const std::string line = "\r\033[K" + text;
    (void)std::fwrite(line.data(), 1, line.size(), stderr);
    (void)std::fflush(stderr);
  }

  using Clock = std::chrono::steady_clock;
  bool terminal_ = isatty(STDERR_FILENO) != 0;
  bool shown_ = false;
  Clock::time_point begin_ = Clock::now(), last_ = begin_;
};

/// `DEV=FILE.pcap`; the name of a device may not hold "=" here.
std::optional<replay::Input> parse_input(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) return std::nullopt;
  return replay::Input{text.substr(0, equals), text.substr(equals + 1)};
}

}  // namespace

void add_replay(CLI::App& app, ReplayOptions& o) {
  CLI::App* replay = app.add_subcommand("replay", "Feed captures to the devices of a snapshot");
  replay->add_option("SNAPSHOT", o.snapshot, "Directory of a snapshot")->required();
  replay->add_option("--in", o.inputs, "DEV=FILE: frames of this capture are received on this device")
      ->allow_extra_args(false);
  replay->add_option("--out", o.output, "Directory for what comes of it; made, or empty")->required();
  replay->add_option("--seed", o.seed, "For what the kernel draws at random")->default_val(o.seed);
  replay->add_flag("--explain", o.explain, "Verdicts with every stage");
}

int run_replay(const ReplayOptions& o) {
  replay::Options options{.inputs = {}, .output = o.output, .seed = o.seed, .explain = o.explain};
  for (const std::string& text : o.inputs) {
    auto input = parse_input(text);
    if (!input) return fail(fmt::format("--in {}: expected DEV=FILE", text));
    options.inputs.push_back(std::move(*input));
  }
  Result<host::Machine> machine = host::snapshot::read(o.snapshot);
  if (!machine) return fail(machine.error().text());

  Result<replay::Outcome> outcome = [&] {
    ProgressLine line;
    return replay::run(*machine, options, [&](const replay::Progress& p) { line.update(p); });
  }();
  if (!outcome) return fail(outcome.error().text());
  for (const std::string& note : outcome->notes) complain(note);
  for (const Error& problem : outcome->problems) complain(problem.text());
  if (!outcome->problems.empty()) return exit_usage;
  return outcome->all_known ? 0 : exit_undecided;
}

}  // namespace wayout
