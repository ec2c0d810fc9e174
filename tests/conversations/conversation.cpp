#include "conversation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <sstream>

#include "packet_line.hpp"
#include "wire/headers.hpp"
#include "wire/text.hpp"

namespace wayout::conversation {
namespace {

std::optional<long> whole_number(const std::string& text) {
  char* end = nullptr;
  const long value = std::strtol(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0') return std::nullopt;
  return value;
}

/// By what an entry is known again: protocol and addresses and ports of both directions.
std::string identity(const std::string& entry) {
  std::istringstream words(entry);
  std::string word, known;
  for (int position = 0; words >> word; ++position) {
    const std::string key = word.substr(0, word.find('='));
    if (position == 1 || key == "src" || key == "dst" || key == "sport" || key == "dport" ||
        key == "id" || key == "type" || key == "srckey" || key == "dstkey")
      known += word + " ";
  }
  return known;
}

/// The third word of an entry is its timeout; two listings may straddle a full second.
bool same_but_for_a_second(const std::string& expected, const std::string& actual) {
  std::istringstream a(expected), b(actual);
  std::string left, right;
  const int timeout_word = expected.starts_with("+ ") || expected.starts_with("- ") ? 3 : 2;
  for (int word = 0;; ++word) {
    const bool more = static_cast<bool>(a >> left);
    if (more != static_cast<bool>(b >> right)) return false;
    if (!more) return true;
    if (left == right) continue;
    const auto before = whole_number(left), after = whole_number(right);
    if (word != timeout_word || !before || !after || std::labs(*before - *after) > 1) return false;
  }
}

}  // namespace

std::vector<Step> parse(std::string_view text) {
  std::vector<Step> steps;
  std::istringstream stream{std::string(text)};
  std::string line;
  for (std::size_t number = 1; std::getline(stream, line); ++number) {
    const auto begin = line.find_first_not_of(' ');
    if (begin == std::string::npos || line[begin] == '#') continue;
    if (begin > 0 && !steps.empty()) {
      steps.back().answer.push_back(line.substr(begin));
    } else {
      steps.push_back({line, number, {}});
    }
  }
  return steps;
}

std::vector<std::string> Router::run(const Step& step) {
  const std::string_view text = step.text;
  if (step.is_packet()) {
    const std::vector<std::string> before = std::move(last_.entries);
    last_ = packet(text[0] == '>', make_packet(text.substr(2)));
    return lines_since(before);
  }
  const auto space = text.find(' ');
  const std::string_view verb = text.substr(0, space), rest = text.substr(space + 1);
  if (verb == "set") set(rest);
  if (verb == "rule") rule(rest);
  if (verb == "wait") wait_ms(std::atoi(std::string(rest).c_str()));
  if (verb == "age") age_s(std::atoi(std::string(rest).c_str()));
  if (verb == "show") show_bytes_ = true;
  return {};
}

std::vector<std::string> Router::lines_since(const std::vector<std::string>& before) const {
  std::vector<std::string> lines;
  lines.push_back(last_.state.empty() ? "dropped"
                                      : last_.state + " " + wire::describe_ip(last_.packet));
  if (show_bytes_ && !last_.packet.empty()) {
    std::string bytes = "bytes ";
    for (std::size_t i = sizeof(wire::Ipv4Header); i < last_.packet.size(); ++i)
      bytes += fmt::format("{:02x}", last_.packet[i]);
    lines.push_back(bytes);
  }
  const auto holds = [](const std::vector<std::string>& entries, const auto& is_it) {
    return std::any_of(entries.begin(), entries.end(), is_it);
  };
  for (const std::string& entry : last_.entries) {
    if (!holds(before, [&](const std::string& old) { return same_but_for_a_second(old, entry); }))
      lines.push_back("+ " + entry);
  }
  for (const std::string& old : before) {
    if (!holds(last_.entries, [&](const std::string& e) { return identity(e) == identity(old); }))
      lines.push_back("- " + old);
  }
  for (const auto& [name, count] : last_.counted)
    lines.push_back("counted " + name + " " + std::to_string(count));
  return lines;
}

void sort_entries(std::vector<std::string>& entries) {
  const auto tuples = [](const std::string& entry) {
    return std::string_view(entry).substr(std::min(entry.find("src="), entry.size()));
  };
  std::sort(entries.begin(), entries.end(), [&](const std::string& a, const std::string& b) {
    return std::make_pair(tuples(a), std::string_view(a)) <
           std::make_pair(tuples(b), std::string_view(b));
  });
}

std::string difference(const std::vector<std::string>& expected,
                       const std::vector<std::string>& actual) {
  bool same = expected.size() == actual.size();
  for (std::size_t i = 0; same && i < expected.size(); ++i)
    same = same_but_for_a_second(expected[i], actual[i]);
  if (same) return "";
  std::string text = "kernel:\n";
  for (const std::string& line : expected)
    text += "    " + line + "\n";
  text += "engine:\n";
  for (const std::string& line : actual)
    text += "    " + line + "\n";
  return text;
}

}  // namespace wayout::conversation
