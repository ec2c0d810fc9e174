#include "replay/merge.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace wayout::replay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Merged : public testing::Test {
 protected:
  Merged() { std::filesystem::create_directories(directory_); }
  ~Merged() override { std::filesystem::remove_all(directory_); }

  /// A capture with one frame a time; its only byte is its place.
  io::CaptureReader capture(const std::string& name, const std::vector<std::int64_t>& times_ns) {
    const std::string path = (directory_ / name).string();
    auto writer = io::CaptureWriter::create(path);
    for (std::size_t i = 0; i < times_ns.size(); ++i)
      writer->write(times_ns[i], {static_cast<std::uint8_t>(i)});
    EXPECT_TRUE(writer->close());
    return opened(path);
  }

  static io::CaptureReader opened(const std::string& path) {
    auto reader = io::CaptureReader::open(path);
    EXPECT_TRUE(reader);
    return std::move(*reader);
  }

  static std::vector<std::string> all_of(Merge& merge) {
    std::vector<std::string> told;
    while (auto next = merge.next())
      told.push_back(std::to_string(next->from) + "." + std::to_string(next->frame.bytes[0]) + " at " +
                     std::to_string(next->frame.time_ns));
    return told;
  }

  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("wayout-merge-" + std::to_string(getpid()));
};

TEST_F(Merged, ByTimeAndOfOneTimeTheFirstNamed) {
  std::vector<io::CaptureReader> captures;
  captures.push_back(capture("a", {10, 30}));
  captures.push_back(capture("b", {10, 20, 40}));
  Merge merge(std::move(captures));
  EXPECT_THAT(all_of(merge), ElementsAre("0.0 at 10", "1.0 at 10", "1.1 at 20", "0.1 at 30", "1.2 at 40"));
  EXPECT_TRUE(merge.problems().empty());
  EXPECT_EQ(merge.read_bytes(), merge.total_bytes());
}

TEST_F(Merged, TimesThatGoBackAreToldOnce) {
  std::vector<io::CaptureReader> captures;
  captures.push_back(capture("a", {10, 5, 4, 20}));
  Merge merge(std::move(captures));
  EXPECT_THAT(all_of(merge), ElementsAre("0.0 at 10", "0.1 at 10", "0.2 at 10", "0.3 at 20"));
  ASSERT_EQ(merge.problems().size(), 1U);
  EXPECT_THAT(merge.problems()[0].text(), HasSubstr("times go back"));
}

TEST_F(Merged, ABrokenCaptureEndsAndTheOthersGoOn) {
  std::vector<io::CaptureReader> captures;
  captures.push_back(capture("a", {10, 30}));
  const std::string path = (directory_ / "a").string();
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  captures[0] = opened(path);
  captures.push_back(capture("b", {20, 40}));
  Merge merge(std::move(captures));
  EXPECT_THAT(all_of(merge), ElementsAre("0.0 at 10", "1.0 at 20", "1.1 at 40"));
  ASSERT_EQ(merge.problems().size(), 1U);
}

}  // namespace
}  // namespace wayout::replay
