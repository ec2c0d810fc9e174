#include "trial.hpp"

#include <algorithm>
#include <sstream>

#include "engine_host.hpp"
#include "kernel_host.hpp"
#include "random_frames.hpp"
#include "random_host.hpp"

namespace wayout::oracle {
namespace {

std::vector<std::string> ask_engine(const Scenario& scenario, const host::Machine& machine,
                                    const Observed& kernel) {
  EngineHost engine(machine);
  for (std::size_t i = 0; i < scenario.frames.size(); ++i)
    engine.send(scenario.frames[i], kernel.frames[i]);
  const std::int64_t at_ms = kernel.frames.empty() ? 0 : kernel.frames.back().at_ms;
  return differences(kernel, engine.finish(at_ms));
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// What kind of difference it is: without the number of its frame, addresses and counts.
std::string kind_of(const std::string& difference) {
  std::istringstream words(difference);
  std::string kind, word;
  for (int n = 0; n < 5 && words >> word; ++n)
    if (std::none_of(word.begin(), word.end(), [](unsigned char c) { return std::isdigit(c) != 0; }))
      kind += word + " ";
  return kind;
}

/// Takes parts away for as long as what is left still differs.
class Shrinker {
 public:
  Shrinker(const Trial& trial, std::size_t most_tries, kernel::DropEvents& drops)
      : best_(trial), kind_(kind_of(trial.differences.front())), tries_left_(most_tries), drops_(drops) {}

  Trial run() {
    for (bool smaller = true; smaller && tries_left_ > 0;) {
      smaller = shorten(&Scenario::frames);
      for (std::size_t i = 0; i < best_.scenario.rules.size(); ++i) smaller |= shorten_rules(i);
      smaller |= shorten(&Scenario::setup);
    }
    return best_;
  }

 private:
  bool try_it(const Scenario& scenario) {
    if (tries_left_ == 0) return false;
    --tries_left_;
    Trial trial = try_scenario(scenario, drops_);
    if (!trial.problem.empty()) return false;
    const bool same = std::any_of(trial.differences.begin(), trial.differences.end(),
                                  [&](const std::string& d) { return kind_of(d) == kind_; });
    if (same) best_ = std::move(trial);
    return same;
  }

  /// Without each run of `list`, longest runs first; `put` makes a scenario of what is left.
  template <class T, class Put>
  bool without_runs(std::vector<T> list, Put put) {
    bool smaller = false;
    for (std::size_t run = std::max<std::size_t>(1, list.size() / 2);; run /= 2) {
      for (std::size_t at = 0; at < list.size() && tries_left_ > 0;) {
        std::vector<T> rest = list;
        const auto end = std::min(at + run, rest.size());
        rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(at),
                   rest.begin() + static_cast<std::ptrdiff_t>(end));
        if (try_it(put(rest))) {
          list = std::move(rest);
          smaller = true;
        } else {
          at += run;
        }
      }
      if (run <= 1) return smaller;
    }
  }

  template <class T>
  bool shorten(std::vector<T> Scenario::*part) {
    return without_runs(best_.scenario.*part, [&](const std::vector<T>& rest) {
      Scenario scenario = best_.scenario;
      scenario.*part = rest;
      return scenario;
    });
  }

  /// Heads of tables and chains stay: a chain that iptables-nft makes by itself counts no packets of
  /// its policy, and nobody can see that.
  bool shorten_rules(std::size_t number) {
    const std::vector<std::string> all = lines_of(best_.scenario.rules[number].text);
    std::vector<std::size_t> droppable;
    for (std::size_t i = 0; i < all.size(); ++i)
      if (all[i].starts_with("-") || all[i].starts_with("[")) droppable.push_back(i);
    return without_runs(droppable, [&](const std::vector<std::size_t>& rest) {
      Scenario scenario = best_.scenario;
      std::string& text = scenario.rules[number].text;
      text.clear();
      for (std::size_t i = 0; i < all.size(); ++i) {
        const bool is_rule = std::binary_search(droppable.begin(), droppable.end(), i);
        if (!is_rule || std::binary_search(rest.begin(), rest.end(), i)) text += all[i] + "\n";
      }
      return scenario;
    });
  }

  Trial best_;
  std::string kind_;
  std::size_t tries_left_;
  kernel::DropEvents& drops_;
};

}  // namespace

Trial try_random(std::uint32_t seed, std::size_t frame_count, kernel::DropEvents& drops) {
  std::mt19937 random(seed);
  World world = random_world(random);
  Trial trial{world.scenario, {}, {}};
  KernelHost kernel(world.scenario, drops);
  trial.problem = kernel.problem();
  if (!trial.problem.empty()) return trial;
  RandomFrames frames(random, world);
  for (std::size_t i = 0; i < frame_count; ++i) {
    trial.scenario.frames.push_back(frames.next());
    kernel.send(trial.scenario.frames.back());
    frames.saw(kernel.last().left);
  }
  trial.differences = ask_engine(trial.scenario, kernel.machine(), kernel.finish());
  return trial;
}

Trial try_scenario(const Scenario& scenario, kernel::DropEvents& drops) {
  Trial trial{scenario, {}, {}};
  KernelHost kernel(scenario, drops);
  trial.problem = kernel.problem();
  if (!trial.problem.empty()) return trial;
  for (const InputFrame& frame : scenario.frames) kernel.send(frame);
  trial.differences = ask_engine(scenario, kernel.machine(), kernel.finish());
  return trial;
}

Trial shrink(const Trial& trial, std::size_t most_tries, kernel::DropEvents& drops) {
  return Shrinker(trial, most_tries, drops).run();
}

}  // namespace wayout::oracle
