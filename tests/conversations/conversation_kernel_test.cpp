// Conversations through the running kernel: what was recorded still holds, and random ones are
// answered by our rooms as by the kernel, byte by byte.
//
// The seed is printed; WAYOUT_SEED sets it and WAYOUT_ROUNDS the number of random conversations.
// One that fails is shrunk and shown as a case file.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <sstream>

#include "conntrack/tuple.hpp"
#include "conversation.hpp"
#include "namespace.hpp"
#include "packet_line.hpp"
#include "random_conversation.hpp"

namespace wayout::conversation {
namespace {

constexpr int two_ticks_ms = 10;
constexpr int steps_of_a_conversation = 60;

std::uint32_t from_environment(const char* name, std::uint32_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise
                          : static_cast<std::uint32_t>(std::strtoul(value, nullptr, 10));
}

/// The kernel's router, or the test ends here: skipped, or failed when the kernel is required.
#define NEEDS_KERNEL(router, delay_ms)                  \
  std::string reason;                                   \
  const auto router = kernel_router(reason, delay_ms);  \
  if (router == nullptr) {                              \
    if (kernel::kernel_is_required()) FAIL() << reason; \
    GTEST_SKIP() << reason;                             \
  }

TEST(Conversation, RecordedAnswersStillHold) {
  for (const auto& entry : std::filesystem::directory_iterator(CONVERSATION_CASES)) {
    NEEDS_KERNEL(kernel, two_ticks_ms);
    std::ifstream file(entry.path());
    std::ostringstream text;
    text << file.rdbuf();
    for (const Step& step : parse(text.str())) {
      const std::string differs = difference(kernel->run(step), step.answer);
      ASSERT_EQ(differs, "") << entry.path().filename().string() << ":" << step.line << ": "
                             << step.text;
    }
  }
}

std::optional<conntrack::Tuple> tuple_in(const std::vector<std::uint8_t>& ip) {
  const auto segment = conntrack::segment_of(ip);
  return segment ? conntrack::tuple_of(*segment) : std::nullopt;
}

/// Both had to draw a port, and drew different ones: they go separate ways from here on.
bool drew_apart(const Step& step, const Answer& kernel, const Answer& engine) {
  if (kernel.state != "NEW" || engine.state != "NEW" || !kernel.counted.contains("found"))
    return false;
  const auto sent = tuple_in(make_packet(std::string_view(step.text).substr(2)));
  const auto left = tuple_in(kernel.packet), right = tuple_in(engine.packet);
  return sent && left && right && left->source_port != right->source_port &&
         left->source_port != sent->source_port && right->source_port != sent->source_port;
}

enum class Outcome : std::uint8_t { same, differs, drew_apart };

/// Both routers do a step; `report` says how they differ.
Outcome compare(const Step& step, Router& kernel, Router& engine, std::string& report) {
  const auto expected = kernel.run(step), actual = engine.run(step);
  if (!step.is_packet()) return Outcome::same;
  if (drew_apart(step, kernel.last(), engine.last())) return Outcome::drew_apart;
  report = difference(expected, actual);
  if (report.empty() && kernel.last().packet != engine.last().packet)
    report = "the packets differ in bytes that no line shows";
  return report.empty() ? Outcome::same : Outcome::differs;
}

/// Where the two first differ when they go through the steps, or "".
std::string first_difference(const std::vector<std::string>& steps) {
  std::string report;
  const auto kernel = kernel_router(report);
  const auto engine = engine_router();
  if (kernel == nullptr) return "";
  for (const std::string& text : steps) {
    switch (compare({text, 0, {}}, *kernel, *engine, report)) {
      case Outcome::same:
        break;
      case Outcome::differs:
        return text + "\n" + report;
      case Outcome::drew_apart:
        return "";
    }
  }
  return "";
}

/// Leave out what the difference does not need, from the end on.
std::vector<std::string> shrunk(std::vector<std::string> steps) {
  for (std::size_t i = steps.size(); i-- > 0;) {
    std::vector<std::string> fewer = steps;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    if (!first_difference(fewer).empty()) steps = std::move(fewer);
  }
  return steps;
}

/// The steps of one random conversation, up to the first difference or a drawn port.
struct Held {
  std::vector<std::string> steps;
  bool differs = false;
  int packets = 0;
};

Held hold(std::uint32_t seed, Router& kernel, Router& engine) {
  RandomConversation random(seed);
  Held held;
  std::string report;
  for (const std::string& text : random.opening()) {
    held.steps.push_back(text);
    compare({text, 0, {}}, kernel, engine, report);
  }
  for (int i = 0; i < steps_of_a_conversation; ++i) {
    const Step step{random.next(), 0, {}};
    held.steps.push_back(step.text);
    const Outcome outcome = compare(step, kernel, engine, report);
    held.differs = outcome == Outcome::differs;
    if (outcome != Outcome::same) return held;
    if (!step.is_packet()) continue;
    ++held.packets;
    random.learn(kernel.last());
  }
  return held;
}

TEST(Conversation, RandomOnesAreAnsweredAsByTheKernel) {
  const std::uint32_t seed = from_environment("WAYOUT_SEED", std::random_device{}());
  const std::uint32_t rounds = from_environment("WAYOUT_ROUNDS", 40);
  fmt::print("WAYOUT_SEED={}\n", seed);
  int packets = 0;
  for (std::uint32_t round = 0; round < rounds; ++round) {
    NEEDS_KERNEL(kernel, 0);
    const auto engine = engine_router();
    const Held held = hold(seed + round, *kernel, *engine);
    packets += held.packets;
    if (!held.differs) continue;
    const std::vector<std::string> steps = shrunk(held.steps);
    FAIL() << fmt::format("WAYOUT_SEED={}\n{}\n{}", seed + round, fmt::join(steps, "\n"),
                          first_difference(steps));
  }
  fmt::print("{} conversations, {} packets\n", rounds, packets);
}

}  // namespace
}  // namespace wayout::conversation
