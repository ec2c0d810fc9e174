#include "scenario.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "wire/text.hpp"

namespace wayout::oracle {
namespace {

std::string hex(const std::vector<std::uint8_t>& bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

std::optional<std::vector<std::uint8_t>> unhex(std::string_view text) {
  std::vector<std::uint8_t> bytes;
  if (text.size() % 2 != 0) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    std::uint8_t byte = 0;
    const char* end = text.data() + i + 2;
    if (std::from_chars(text.data() + i, end, byte, 16).ptr != end) return std::nullopt;
    bytes.push_back(byte);
  }
  return bytes;
}

/// The first word, which is cut off.
std::string_view take_word(std::string_view& line) {
  const std::size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  return word;
}

std::optional<InputFrame> parse_frame(std::string_view line) {
  InputFrame frame;
  frame.device = take_word(line);
  const std::string_view pause = take_word(line);
  const bool number = std::from_chars(pause.data(), pause.data() + pause.size(), frame.pause_ms).ec ==
                      std::errc();
  auto bytes = unhex(line);
  if (!number || !bytes) return std::nullopt;
  frame.bytes = std::move(*bytes);
  return frame;
}

}  // namespace

std::string print(const Scenario& scenario) {
  std::string text;
  for (const std::string& tap : scenario.taps) text += fmt::format("tap {}\n", tap);
  for (const std::string& line : scenario.setup) text += line + "\n";
  for (const RulesText& rules : scenario.rules)
    text += fmt::format("{}\n{}end\n", rules.backend == netfilter::Backend::nft ? "nft" : "legacy",
                        rules.text);
  for (const InputFrame& frame : scenario.frames)
    text += fmt::format("# {}\nframe {} {} {}\n", wire::describe_frame(frame.bytes), frame.device,
                        frame.pause_ms, hex(frame.bytes));
  return text;
}

Result<Scenario> parse(std::string_view text, const std::string& file) {
  Scenario scenario;
  RulesText* open = nullptr;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (open != nullptr) {
      if (line == "end") open = nullptr;
      else open->text += std::string(line) + "\n";
      continue;
    }
    if (line.empty() || line.starts_with('#')) continue;
    std::string_view rest = line;
    const std::string_view word = take_word(rest);
    if (word == "tap") {
      scenario.taps.emplace_back(rest);
    } else if (word == "ip" || word == "sysctl") {
      scenario.setup.emplace_back(line);
    } else if (word == "legacy" || word == "nft") {
      scenario.rules.push_back(
          {word == "nft" ? netfilter::Backend::nft : netfilter::Backend::legacy, ""});
      open = &scenario.rules.back();
    } else if (auto frame = word == "frame" ? parse_frame(rest) : std::nullopt) {
      scenario.frames.push_back(std::move(*frame));
    } else {
      return Error{file, number, 1, fmt::format("\"{}\" is no line of a scenario", word)};
    }
  }
  return scenario;
}

}  // namespace wayout::oracle
