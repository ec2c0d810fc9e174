// Writes the kernel's answers into case files, in place of those that are there.
//
//     conversation_record FILE...
#include <cstdio>
#include <fstream>
#include <sstream>

#include "conversation.hpp"

namespace {

using namespace wayout::conversation;

/// The file's own lines with the kernel's answers between them; "" with `reason` when it cannot.
std::string recorded(std::istream& file, std::string& reason) {
  constexpr int two_ticks_ms = 10;
  const auto router = kernel_router(reason, two_ticks_ms);
  if (router == nullptr) return "";
  std::string text, line;
  while (std::getline(file, line)) {
    if (line.starts_with(' ')) continue;
    text += line + "\n";
    if (line.empty() || line.starts_with('#')) continue;
    const Step step{line, 0, {}};
    for (const std::string& answer_line : router->run(step))
      text += "    " + answer_line + "\n";
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i]);
    std::string reason;
    const std::string text = recorded(file, reason);
    if (text.empty()) {
      std::fprintf(stderr, "%s: %s\n", argv[i], reason.c_str());
      return 1;
    }
    file.close();
    std::ofstream(argv[i]) << text;
  }
  return 0;
}
