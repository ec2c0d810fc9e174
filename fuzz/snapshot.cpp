// A snapshot of any content: refused at a place, or read; then the first and the last namespace of it
// ask their way to an address, and the answer is text without control characters, and JSON.
//
// Input: files as test_machine.hpp has them, each behind a line `-- folder/name --`.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "host/test_machine.hpp"
#include "why/report.hpp"

namespace {

using namespace wayout;

/// No file outside of the snapshot's folder.
bool is_safe(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '/';
  };
  return name.size() < 60 && std::ranges::all_of(name, plain) && !name.starts_with('/') &&
         !name.ends_with('/') && std::ranges::count(name, '/') == 1 &&
         name.find("..") == std::string_view::npos && name.find("/.") == std::string_view::npos;
}

/// The text without lines that begin a file of another name.
std::string only_safe_names(std::string_view text) {
  std::string kept;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end);
    const bool begins = line.starts_with("-- ") && line.ends_with(" --\n");
    if (!begins || is_safe(line.substr(3, line.size() - 7))) kept += line;
  }
  return kept;
}

void ask(const host::Machine& machine, std::uint32_t from, why::Probe probe) {
  const why::Question question{
      .from = from, .to = wire::IpAddress::v4(198, 51, 100, 1), .probe = probe, .dport = 80};
  const why::Answer answer = why::answer(machine, question);
  for (const bool explain : {false, true}) {
    const std::string text = why::report_text(machine, answer, {.explain = explain});
    const auto speaks_to_a_terminal = [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; };
    if (text.empty() || std::ranges::any_of(text, speaks_to_a_terminal)) std::abort();
    (void)nlohmann::json::parse(why::report_json(machine, answer, explain));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text = only_safe_names({reinterpret_cast<const char*>(data), size});
  const Result<host::Machine> machine = host::TestMachine(text).try_read();
  if (!machine) {
    if (machine.error().message.empty()) std::abort();
    return 0;
  }
  const auto last = static_cast<std::uint32_t>(machine->hosts.size() - 1);
  ask(*machine, 0, why::Probe::tcp);
  if (last != 0) ask(*machine, last, why::Probe::icmp);
  return 0;
}
