#include "host/live/command.hpp"

#include <gmock/gmock.h>
#include <signal.h>

#include <chrono>
#include <string>

namespace wayout::host::live {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;
using Clock = std::chrono::steady_clock;

constexpr Limits short_limits{milliseconds(200), std::size_t{1} << 16};

TEST(Command, BothStreamsAndTheStatusAreKept) {
  const Result<Output> output = run({"sh", "-c", "echo out; echo err >&2; exit 3"});
  ASSERT_TRUE(output) << output.error().text();
  EXPECT_EQ(output.value().out, "out\n");
  EXPECT_EQ(output.value().err, "err\n");
  EXPECT_EQ(output.value().exit_status, 3);
}

TEST(Command, ASignalIsAStatusAsInAShell) {
  const Result<Output> output = run({"sh", "-c", "kill -TERM $$"});
  ASSERT_TRUE(output) << output.error().text();
  EXPECT_EQ(output.value().exit_status, 128 + SIGTERM);
}

TEST(Command, NothingIsInheritedButLanguageAndPath) {
  const Result<Output> output = run({"env"});
  ASSERT_TRUE(output) << output.error().text();
  EXPECT_EQ(output.value().out, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLC_ALL=C\n");
}

/// Whatever a program does with its streams and children, its caller goes on in time.
TEST(Command, NoneOutlivesItsTime) {
  for (const char* script : {
           "sleep 30",                           // silent
           "exec >&- 2>&-; sleep 30",            // has closed its streams
           "sleep 30 & exit 0",                  // a child holds them
           "trap '' TERM INT HUP; sleep 30",     // does not listen to signals
           "while :; do echo still here; done",  // talks on
       }) {
    const Clock::time_point begin = Clock::now();
    const Result<Output> output = run({"sh", "-c", script}, short_limits);
    EXPECT_LT(Clock::now() - begin, std::chrono::seconds(10)) << script;
    ASSERT_FALSE(output) << script;
    EXPECT_THAT(output.error().text(),
                testing::AnyOf(HasSubstr("took too long"), HasSubstr("printed too much")))
        << script;
  }
}

TEST(Command, AToolThatFailsIsQuoted) {
  const Result<std::optional<File>> failed =
      listing({"sh", "-c", "printf 'no \\033[31mway\\nmore' >&2; exit 4"});
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().text(), StartsWith("`sh -c "));
  EXPECT_THAT(failed.error().text(), HasSubstr("failed with status 4: no \\x1b[31mway"));
  const Result<std::optional<File>> absent = listing({"no-such-tool-anywhere"});
  ASSERT_TRUE(absent);
  EXPECT_FALSE(absent.value().has_value());
}

}  // namespace
}  // namespace wayout::host::live
