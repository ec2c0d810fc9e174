// oracle: hosts, rules and frames by chance, asked of the kernel and of the engine.
//
// Prints the seeds, what differs, and for each difference the smallest scenario found that shows it;
// the last line reads `N scenarios, N frames, N differ, N not asked`. Exit code 1 where any differs, or
// where a named scenario could not be asked; 77 where the kernel does not say what it drops.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "namespace.hpp"
#include "trial.hpp"

namespace {

using namespace wayout;

struct Options {
  std::vector<std::string> files;
  std::uint32_t seed = 0;
  std::size_t count = 100, frames = 200, tries = 300;
  double seconds = 600;
  std::size_t most = 6;
  bool quick = false;
};

struct Sums {
  std::size_t scenarios = 0, frames = 0, differ = 0, not_asked = 0;
};

void tell(const std::string& name, oracle::Trial trial, const Options& options,
          kernel::DropEvents& drops, Sums& sums) {
  if (!trial.problem.empty()) {
    ++sums.not_asked;
    fmt::print("{}: not asked: {}\n", name, trial.problem);
    return;
  }
  ++sums.scenarios;
  sums.frames += trial.scenario.frames.size();
  if (trial.differences.empty()) return;
  ++sums.differ;
  fmt::print("{}: {} differences\n", name, trial.differences.size());
  for (std::size_t i = 0; i < trial.differences.size() && i < options.most; ++i)
    fmt::print("{}\n", trial.differences[i]);
  if (options.quick) return;
  const oracle::Trial small = oracle::shrink(trial, options.tries, drops);
  fmt::print("---- smallest\n{}", oracle::print(small.scenario));
  for (const std::string& difference : small.differences) fmt::print("{}\n", difference);
  fmt::print("----\n");
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  CLI::App app{"Random hosts, rules and frames, asked of the kernel and of the engine."};
  app.add_option("FILE", o.files, "Scenarios to ask instead");
  app.add_option("--seed", o.seed, "Of the first scenario; else drawn");
  app.add_option("--count", o.count, "Scenarios")->capture_default_str();
  app.add_option("--frames", o.frames, "In each")->capture_default_str();
  app.add_option("--seconds", o.seconds, "At most")->capture_default_str();
  app.add_option("--tries", o.tries, "To make a difference small")->capture_default_str();
  app.add_option("--most", o.most, "Differences of one scenario that are printed")->capture_default_str();
  app.add_flag("--quick", o.quick, "Do not make differences small");
  CLI11_PARSE(app, argc, argv);

  kernel::DropEvents drops;
  if (!drops.problem().empty()) {
    fmt::print(stderr, "oracle: {}\n", drops.problem());
    return kernel::kernel_is_required() ? 1 : 77;
  }
  Sums sums;
  for (const std::string& path : o.files) {
    const auto scenario = oracle::parse(text_of(path), path);
    if (!scenario) {
      fmt::print(stderr, "oracle: {}\n", scenario.error().text());
      return 2;
    }
    tell(path, oracle::try_scenario(*scenario, drops), o, drops, sums);
  }
  if (o.files.empty()) {
    const std::uint32_t seed = o.seed != 0 ? o.seed : std::random_device{}() % 1'000'000'000 + 1;
    fmt::print("seed {}\n", seed);
    const auto begin = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < o.count; ++i) {
      const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
      if (passed.count() > o.seconds) break;
      const auto own = static_cast<std::uint32_t>(seed + i);
      tell(fmt::format("seed {}", own), oracle::try_random(own, o.frames, drops), o, drops, sums);
      std::fflush(stdout);
    }
  }
  fmt::print("{} scenarios, {} frames, {} differ, {} not asked\n", sums.scenarios, sums.frames,
             sums.differ, sums.not_asked);
  const bool all_asked = o.files.empty() || sums.not_asked == 0;
  return sums.differ == 0 && all_asked ? 0 : 1;
}
