#include "replay/run.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "io/capture.hpp"
#include "replay/test_router.hpp"

namespace wayout::replay {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Run : public testing::Test {
 protected:
  Run() { std::filesystem::create_directories(directory_); }
  ~Run() override { std::filesystem::remove_all(directory_); }

  std::string capture(const std::vector<std::vector<std::uint8_t>>& frames) {
    const std::string path = (directory_ / "in.pcap").string();
    auto writer = io::CaptureWriter::create(path);
    std::int64_t time_ns = 5'000'000'000;
    for (const auto& frame : frames) writer->write(time_ns += 1'000'000, frame);
    EXPECT_TRUE(writer->close());
    return path;
  }
  Result<Outcome> run(std::vector<Input> inputs) {
    return replay::run(machine, {.inputs = std::move(inputs), .output = out(), .explain = true},
                       [](const Progress&) {});
  }
  std::filesystem::path out() const { return directory_ / "out"; }
  std::string text(const std::string& name) const {
    std::ifstream file(out() / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::vector<nlohmann::json> verdicts() const {
    std::istringstream lines(text("verdicts.jsonl"));
    std::vector<nlohmann::json> all;
    for (std::string line; std::getline(lines, line);) all.push_back(nlohmann::json::parse(line));
    return all;
  }
  std::size_t frames_in(const std::string& name) const {
    auto reader = io::CaptureReader::open((out() / name).string());
    std::size_t count = 0;
    while (reader && *reader->next()) ++count;
    return count;
  }

  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("wayout-run-" + std::to_string(getpid()));
  host::Machine machine = test_router().read();
};

TEST_F(Run, WithoutFramesTheStateIsWrittenAsItWasRead) {
  const auto outcome = run({});
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_EQ(outcome->frames, 0U);
  EXPECT_THAT(text("iptables-save.txt"), HasSubstr("[3:252] -A FORWARD -p udp -m udp --dport 53 -j DROP\n"));
  EXPECT_EQ(text("conntrack.txt"), "");
  EXPECT_THAT(verdicts(), IsEmpty());
  EXPECT_EQ(frames_in("out0.pcap"), 0U);
}

TEST_F(Run, FramesInFramesOut) {
  const auto outcome = run({{"in0", capture({question(53), question(80)})}});
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_EQ(outcome->frames, 2U);
  EXPECT_TRUE(outcome->problems.empty());
  EXPECT_THAT(text("iptables-save.txt"), HasSubstr("[4:280] -A FORWARD"));
  EXPECT_THAT(text("iptables-save.txt"), HasSubstr("[1:28] -A POSTROUTING -o out0 -j MASQUERADE"));
  EXPECT_THAT(text("conntrack.txt"), HasSubstr("src=8.8.8.8 dst=10.0.2.1"));
  EXPECT_EQ(frames_in("out0.pcap"), 3U) << "questions for the next hop's MAC";
  EXPECT_EQ(frames_in("in0.pcap"), 1U) << "host unreachable";

  const auto told = verdicts();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0]["index"], 0);
  EXPECT_EQ(told[0]["fate"], "dropped");
  EXPECT_EQ(told[0]["reason"], "NETFILTER_DROP");
  EXPECT_EQ(told[0]["cause"]["chain"], "FORWARD");
  EXPECT_THAT(told[0]["steps"], Not(IsEmpty()));
  EXPECT_EQ(told[1]["reason"], "NEIGH_FAILED");
}

TEST_F(Run, WhatIsWrongIsSaidBeforeAnythingIsWritten) {
  const auto no_device = run({{"eth9", capture({})}});
  ASSERT_FALSE(no_device);
  EXPECT_THAT(no_device.error().text(), HasSubstr("there is no device \"eth9\""));
  const auto no_capture = run({{"in0", "/nowhere"}});
  ASSERT_FALSE(no_capture);
  EXPECT_FALSE(std::filesystem::exists(out()));

  std::filesystem::create_directories(out());
  std::ofstream(out() / "theirs") << "x";
  const auto not_empty = run({});
  ASSERT_FALSE(not_empty);
  EXPECT_THAT(not_empty.error().text(), HasSubstr("is not empty"));
}

TEST_F(Run, WhatComesBeforeACutIsProcessedAndToldOf) {
  const std::string path = capture({question(53), question(53)});
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 3);
  const auto outcome = run({{"in0", path}});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->frames, 1U);
  ASSERT_EQ(outcome->problems.size(), 1U);
  EXPECT_EQ(outcome->problems[0].file, path);
  EXPECT_THAT(text("iptables-save.txt"), HasSubstr("[4:280] -A FORWARD"));
}

TEST_F(Run, WhatIsNotModelledIsNamed) {
  machine = test_router().set("host/iptables-save.txt", R"(*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
[0:0] -A FORWARD -p udp -m u32 --u32 "0x0=0x1" -j DROP
COMMIT
)").read();
  const auto outcome = run({{"in0", capture({question(80), question(81)})}});
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_FALSE(outcome->all_known);
  ASSERT_EQ(outcome->notes.size(), 1U);
  EXPECT_THAT(outcome->notes[0], AllOf(HasSubstr("-m u32"), HasSubstr("(2 frames)")));
  for (const auto& verdict : verdicts()) {
    EXPECT_EQ(verdict["fate"], "undecided");
    EXPECT_THAT(verdict["unknown"][0].get<std::string>(), HasSubstr("-m u32"));
  }
}

TEST_F(Run, FramesThatAreNotWholeAreToldOf) {
  const std::string path = capture({question(53)});
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  constexpr std::streamoff length_at = 24 + 12;  // behind the file's head, in the record's
  const std::uint32_t on_the_wire = 100;
  file.seekp(length_at).write(reinterpret_cast<const char*>(&on_the_wire), sizeof on_the_wire);
  file.close();
  const auto outcome = run({{"in0", path}});
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_TRUE(outcome->problems.empty());
  ASSERT_EQ(outcome->notes.size(), 1U);
  EXPECT_THAT(outcome->notes[0], HasSubstr("1 frames are not whole"));
}

}  // namespace
}  // namespace wayout::replay
