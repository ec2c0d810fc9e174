#include "observed.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "listed.hpp"
#include "own_ids.hpp"
#include "wire/text.hpp"

namespace wayout::oracle {
namespace {

std::vector<LeftFrame> comparable(std::vector<LeftFrame> frames) {
  for (LeftFrame& frame : frames) kernel::forget_own_ids(frame.bytes);
  // The order counts within a device.
  std::stable_sort(frames.begin(), frames.end(),
                   [](const LeftFrame& a, const LeftFrame& b) { return a.device < b.device; });
  return frames;
}

std::string hex(const std::vector<std::uint8_t>& bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

std::string told(const LeftFrame& frame) {
  return fmt::format("{} {}\n         {}", frame.device, wire::describe_frame(frame.bytes),
                     hex(frame.bytes));
}

std::string told(const kernel::DropEvent& event) { return event.function + " " + event.reason; }

/// What is in one list alone.
template <class T>
void hold_together(const std::string& what, const std::vector<T>& kernel, const std::vector<T>& engine,
                   std::vector<std::string>& out) {
  if (kernel == engine) return;
  std::vector<T> rest = engine;
  bool any = false;
  for (const T& item : kernel) {
    const auto same = std::find(rest.begin(), rest.end(), item);
    if (same != rest.end()) {
      rest.erase(same);
      continue;
    }
    any = true;
    out.push_back(fmt::format("{}\n  kernel {}", what, told(item)));
  }
  for (const T& item : rest)
    out.push_back(fmt::format("{}\n  engine {}", what, told(item)));
  if (any || !rest.empty()) return;
  std::string text = what + ": the same in another order";
  for (std::size_t i = 0; i < kernel.size(); ++i)
    if (kernel[i] != engine[i])
      text += fmt::format("\n  kernel {}\n  engine {}", told(kernel[i]), told(engine[i]));
  out.push_back(text);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

void hold_rules(const std::string& name, const std::string& kernel, const std::string& engine,
                std::vector<std::string>& out) {
  const auto a = lines_of(kernel), b = lines_of(engine);
  for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const std::string left = i < a.size() ? a[i] : "(none)", right = i < b.size() ? b[i] : "(none)";
    if (left != right) out.push_back(fmt::format("{}\n  kernel {}\n  engine {}", name, left, right));
  }
}

void hold_connections(const std::vector<std::string>& kernel, std::vector<std::string> engine,
                      std::vector<std::string>& out) {
  for (const std::string& line : kernel) {
    const auto same = std::find_if(engine.begin(), engine.end(), [&](const std::string& other) {
      return same_but_for_a_second(line, other);
    });
    if (same != engine.end()) engine.erase(same);
    else out.push_back("connection\n  kernel " + line);
  }
  for (const std::string& line : engine) out.push_back("connection\n  engine " + line);
}

/// A question for a MAC that nobody here has to answer is used up like one that was answered: the
/// kernel tells no drop, the engine why there is no answer.
void forget_unanswered(std::vector<kernel::DropEvent>& engine, const std::vector<kernel::DropEvent>& kernel) {
  const kernel::DropEvent unanswered{"arp_process", "NOT_SPECIFIED"};
  auto told = std::count(kernel.begin(), kernel.end(), unanswered);
  std::erase_if(engine, [&](const kernel::DropEvent& event) { return event == unanswered && told-- <= 0; });
}

}  // namespace

std::vector<std::string> differences(const Observed& kernel, const Observed& engine) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < std::min(kernel.frames.size(), engine.frames.size()); ++i) {
    const FrameResult& k = kernel.frames[i];
    const FrameResult& e = engine.frames[i];
    hold_together(fmt::format("frame {}", i), comparable(k.left), comparable(e.left), out);
    auto k_dropped = k.dropped, e_dropped = e.dropped;
    forget_unanswered(e_dropped, k_dropped);
    std::sort(k_dropped.begin(), k_dropped.end());
    std::sort(e_dropped.begin(), e_dropped.end());
    hold_together(fmt::format("frame {}: dropped", i), k_dropped, e_dropped, out);
  }
  for (const auto& [name, text] : kernel.rules) {
    const auto other = engine.rules.find(name);
    hold_rules(name, text, other == engine.rules.end() ? "" : other->second, out);
  }
  hold_connections(kernel.connections, engine.connections, out);
  return out;
}

}  // namespace wayout::oracle
