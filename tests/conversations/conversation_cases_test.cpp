// The recorded conversations, run by the engine: it answers as the kernel did.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "conversation.hpp"

namespace wayout::conversation {
namespace {

std::vector<std::filesystem::path> case_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(CONVERSATION_CASES))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

class Recorded : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Recorded, IsAnsweredAsTheKernelDid) {
  std::ifstream file(GetParam());
  std::ostringstream text;
  text << file.rdbuf();
  const auto router = engine_router();
  int packets = 0;
  for (const Step& step : parse(text.str())) {
    const std::vector<std::string> lines = router->run(step);
    if (!step.is_packet()) continue;
    ++packets;
    ASSERT_FALSE(step.answer.empty()) << "not recorded: " << step.text;
    const std::string differs = difference(step.answer, lines);
    ASSERT_EQ(differs, "") << GetParam().filename().string() << ":" << step.line << ": "
                           << step.text;
  }
  EXPECT_GT(packets, 0);
}

INSTANTIATE_TEST_SUITE_P(Cases, Recorded, testing::ValuesIn(case_files()), [](const auto& info) {
  std::string name = info.param.stem().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace wayout::conversation
