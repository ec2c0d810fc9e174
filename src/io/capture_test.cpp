#include "io/capture.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace wayout::io {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t micros = 0xa1b2c3d4, nanos = 0xa1b23c4d;
constexpr std::uint32_t ethernet = 1, raw_ip = 101, cooked = 113, cooked2 = 276, usb = 189;

/// A file that goes with the test.
class Captures : public testing::Test {
 protected:
  Captures() { std::filesystem::create_directories(directory_); }
  ~Captures() override { std::filesystem::remove_all(directory_); }

  std::string write(std::string_view bytes) {
    std::ofstream(path_, std::ios::binary) << bytes;
    return path_;
  }
  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("wayout-capture-" + std::to_string(getpid()));
  const std::string path_ = (directory_ / "file.pcap").string();
};

std::string word(std::uint32_t value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}
std::string half(std::uint16_t value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}
/// The head of a pcap file (draft-ietf-opsawg-pcap), in this machine's byte order.
std::string head(std::uint32_t magic, std::uint32_t link) {
  return word(magic) + half(2) + half(4) + word(0) + word(0) + word(65535) + word(link);
}
std::string record(std::uint32_t seconds, std::uint32_t fraction, std::string_view bytes,
                   std::uint32_t length = 0) {
  return word(seconds) + word(fraction) + word(static_cast<std::uint32_t>(bytes.size())) +
         word(length != 0 ? length : static_cast<std::uint32_t>(bytes.size())) + std::string(bytes);
}

/// All frames up to the end or to an error, which goes to `problem`.
std::vector<CapturedFrame> all_of(CaptureReader& reader, std::string& problem) {
  std::vector<CapturedFrame> frames;
  for (;;) {
    auto next = reader.next();
    if (!next) {
      problem = next.error().text();
      return frames;
    }
    if (!*next) return frames;
    frames.push_back(std::move(**next));
  }
}

std::vector<CapturedFrame> read_all(const std::string& path, std::string& problem) {
  auto reader = CaptureReader::open(path);
  if (!reader) {
    problem = reader.error().text();
    return {};
  }
  return all_of(*reader, problem);
}

TEST_F(Captures, MicrosecondsAndNanoseconds) {
  std::string problem;
  const auto coarse = read_all(write(head(micros, ethernet) + record(7, 5, "frame of one")), problem);
  ASSERT_EQ(coarse.size(), 1U) << problem;
  EXPECT_EQ(coarse[0].time_ns, 7'000'005'000);
  const auto fine = read_all(write(head(nanos, ethernet) + record(7, 5, "frame of one")), problem);
  ASSERT_EQ(fine.size(), 1U) << problem;
  EXPECT_EQ(fine[0].time_ns, 7'000'000'005);
  EXPECT_TRUE(fine[0].has_ethernet);
  EXPECT_EQ(problem, "");
}

TEST_F(Captures, TheOtherByteOrder) {
  std::string file = head(micros, ethernet) + record(1, 2, "abcd");
  const auto swap = [&](std::size_t at, std::size_t size) {
    std::reverse(file.begin() + static_cast<std::ptrdiff_t>(at),
                 file.begin() + static_cast<std::ptrdiff_t>(at + size));
  };
  for (const std::size_t at : {0, 8, 12, 16, 20, 24, 28, 32, 36}) swap(at, 4);
  for (const std::size_t at : {4, 6}) swap(at, 2);
  std::string problem;
  const auto frames = read_all(write(file), problem);
  ASSERT_EQ(frames.size(), 1U) << problem;
  EXPECT_EQ(frames[0].time_ns, 1'000'002'000);
  EXPECT_THAT(frames[0].bytes, ElementsAre('a', 'b', 'c', 'd'));
}

TEST_F(Captures, Pcapng) {
  const auto block = [](std::uint32_t type, std::string body) {
    body.resize((body.size() + 3) / 4 * 4);
    const auto length = static_cast<std::uint32_t>(body.size() + 12);
    return word(type) + word(length) + body + word(length);
  };
  const std::uint64_t time_us = 3'000'004;
  const std::string file =
      block(0x0a0d0d0a, word(0x1a2b3c4d) + half(1) + half(0) + word(~0U) + word(~0U)) +
      block(1, half(static_cast<std::uint16_t>(ethernet)) + half(0) + word(0)) +
      block(6, word(0) + word(static_cast<std::uint32_t>(time_us >> 32)) +
                   word(static_cast<std::uint32_t>(time_us)) + word(6) + word(6) + "sixsix");
  std::string problem;
  const auto frames = read_all(write(file), problem);
  ASSERT_EQ(frames.size(), 1U) << problem;
  EXPECT_EQ(frames[0].time_ns, 3'000'004'000);
  EXPECT_EQ(frames[0].bytes.size(), 6U);
}

TEST_F(Captures, CookedFramesTellWhomTheyWereFor) {
  const auto sll = [](std::uint8_t type) {
    return std::string{0, static_cast<char>(type), 0, 1, 0, 6} + std::string(8, '\0') + "\x08" +
           std::string(1, '\0') + "ip";
  };
  constexpr std::uint8_t to_host = 0, broadcast = 1, outgoing = 4;
  std::string problem;
  const auto frames = read_all(write(head(micros, cooked) + record(1, 0, sll(to_host)) +
                                     record(2, 0, sll(broadcast)) + record(3, 0, sll(outgoing))),
                               problem);
  ASSERT_EQ(frames.size(), 2U) << "what the capturing host sent itself was not received: " << problem;
  EXPECT_FALSE(frames[0].has_ethernet);
  EXPECT_EQ(frames[0].type, PacketType::host);
  EXPECT_EQ(frames[1].type, PacketType::broadcast);
  EXPECT_THAT(frames[1].bytes, ElementsAre('i', 'p'));

  std::string sll2(20, '\0');
  sll2[0] = 8;
  sll2[10] = static_cast<char>(broadcast);
  const auto of_any = read_all(write(head(micros, cooked2) + record(1, 0, sll2 + "ip")), problem);
  ASSERT_EQ(of_any.size(), 1U) << problem;
  EXPECT_EQ(of_any[0].type, PacketType::broadcast);
  EXPECT_THAT(of_any[0].bytes, ElementsAre('i', 'p'));
}

TEST_F(Captures, RawIpAndFramesThatWereCut) {
  std::string problem;
  const auto frames = read_all(write(head(micros, raw_ip) + record(1, 0, "E...", 60)), problem);
  ASSERT_EQ(frames.size(), 1U) << problem;
  EXPECT_FALSE(frames[0].has_ethernet);
  EXPECT_EQ(frames[0].bytes.size(), 4U);
  EXPECT_EQ(frames[0].length_bytes, 60U);
}

TEST_F(Captures, WhatIsNotReadIsNamed) {
  std::string problem;
  EXPECT_TRUE(read_all(write(head(micros, usb)), problem).empty());
  EXPECT_THAT(problem, HasSubstr("USB_LINUX"));
  EXPECT_THAT(problem, HasSubstr("Ethernet"));
  EXPECT_TRUE(read_all(write("no capture at all, but long enough"), problem).empty());
  EXPECT_THAT(problem, HasSubstr("is no capture"));
  EXPECT_TRUE(read_all((directory_ / "nothing").string(), problem).empty());
  EXPECT_THAT(problem, HasSubstr("No such file"));
}

TEST_F(Captures, WhatComesBeforeACutIsRead) {
  const std::string whole = head(micros, ethernet) + record(1, 0, "first") + record(2, 0, "second");
  for (std::size_t length = whole.size() - 1; length > whole.size() - 16; --length) {
    std::string problem;
    const auto frames = read_all(write(whole.substr(0, length)), problem);
    EXPECT_EQ(frames.size(), 1U) << length;
    EXPECT_THAT(problem, HasSubstr("file.pcap")) << length;
  }
}

TEST_F(Captures, WrittenIsRead) {
  for (const bool has_ethernet : {true, false}) {
    auto writer = CaptureWriter::create(path_, has_ethernet);
    ASSERT_TRUE(writer);
    writer->write(1'500'000'007, Bytes{1, 2, 3});
    writer->write(2'000'000'000, Bytes{4});
    ASSERT_TRUE(writer->close());
    std::string problem;
    const auto frames = read_all(path_, problem);
    ASSERT_EQ(frames.size(), 2U) << problem;
    EXPECT_EQ(frames[0].time_ns, 1'500'000'007);
    EXPECT_THAT(frames[0].bytes, ElementsAre(1, 2, 3));
    EXPECT_EQ(frames[0].has_ethernet, has_ethernet);
    EXPECT_EQ(frames[1].time_ns, 2'000'000'000);
  }
}

TEST_F(Captures, ADiskThatIsFullIsTold) {
  auto writer = CaptureWriter::create("/dev/full");
  ASSERT_TRUE(writer);
  writer->write(0, Bytes(100));
  EXPECT_FALSE(writer->close());
}

}  // namespace
}  // namespace wayout::io
