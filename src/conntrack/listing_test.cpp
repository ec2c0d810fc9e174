#include "conntrack/listing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wayout::conntrack {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Connection read_one(std::string_view line) {
  const auto read = read_listing(line, "conntrack.txt");
  EXPECT_TRUE(read.ok()) << (read.ok() ? "" : read.error().text());
  if (!read.ok() || read->size() != 1) return {};
  return read->front();
}

std::string error_of(std::string_view text) {
  const auto read = read_listing(text, "conntrack.txt");
  return read.ok() ? "read" : read.error().text();
}

// Printed by conntrack 1.4.7 on Linux 6.18.
constexpr std::string_view recorded_lines[] = {
    "udp      17 29 src=10.0.1.2 dst=8.8.8.8 sport=1000 dport=53 [UNREPLIED] src=8.8.8.8 "
    "dst=10.0.2.1 sport=53 dport=1000 mark=0 use=1",
    "tcp      6 431999 ESTABLISHED src=10.0.1.2 dst=8.8.8.8 sport=5000 dport=80 src=8.8.8.8 "
    "dst=10.0.2.1 sport=80 dport=4000 [ASSURED] mark=0 use=1",
    "icmp     1 29 src=10.0.1.2 dst=8.8.8.8 type=8 code=0 id=77 [UNREPLIED] src=8.8.8.8 "
    "dst=10.0.2.1 type=0 code=0 id=77 mark=0 use=1",
    "gre      47 29 src=10.0.1.2 dst=8.8.8.8 srckey=0x0 dstkey=0x7 [UNREPLIED] src=8.8.8.8 "
    "dst=10.0.1.2 srckey=0x7 dstkey=0x0 mark=0 use=1",
    "sctp     132 209 ESTABLISHED src=10.0.1.2 dst=8.8.8.8 sport=5000 dport=80 src=8.8.8.8 "
    "dst=10.0.1.2 sport=80 dport=5000 [ASSURED] mark=0 use=1",
    "unknown  50 599 src=10.0.1.2 dst=8.8.8.8 [UNREPLIED] src=8.8.8.8 dst=10.0.2.1 mark=0 use=1",
    "dccp     33 599 src=10.0.1.2 dst=8.8.8.8 sport=0 dport=0 packets=1 bytes=36 [UNREPLIED] "
    "src=8.8.8.8 dst=10.0.2.1 sport=0 dport=0 packets=0 bytes=0 mark=0 delta-time=0 use=1",
    "udp      17 29 src=10.0.1.2 dst=8.8.8.8 sport=2000 dport=53 packets=1 bytes=29 [UNREPLIED] "
    "src=8.8.8.8 dst=10.0.2.1 sport=53 dport=2000 packets=0 bytes=0 mark=171 zone=7 delta-time=0 "
    "use=1",
    "udp      17 29 src=10.0.1.2 dst=8.8.8.8 sport=2000 dport=53 zone-orig=7 packets=1 bytes=29 "
    "src=8.8.8.8 dst=10.0.2.1 sport=53 dport=2000 packets=1 bytes=29 mark=171 delta-time=0 use=1",
    "udp      17 29 src=10.0.1.5 dst=8.8.8.8 sport=105 dport=53 packets=1 bytes=29 [UNREPLIED] "
    "src=8.8.8.8 dst=10.0.2.1 sport=53 dport=105 zone-reply=9 packets=0 bytes=0 mark=0 "
    "delta-time=0 use=1",
    "tcp      6 299 ESTABLISHED src=10.0.1.2 dst=8.8.8.8 sport=4000 dport=21 src=8.8.8.8 "
    "dst=203.0.113.200 sport=21 dport=4000 [ASSURED] mark=0 helper=ftp use=2",
};

TEST(Listing, PrintsBackWhatItRead) {
  for (const std::string_view line : recorded_lines) {
    EXPECT_EQ(print_connection(read_one(line), ListingFormat::plain, 0), line);
    const std::string extended = "ipv4     2 " + std::string(line);
    EXPECT_EQ(print_connection(read_one(extended), ListingFormat::extended, 0), extended);
  }
}

TEST(Listing, PrintsBackProcfs) {
  for (const std::string_view line : {
           "ipv4     2 tcp      6 119 TIME_WAIT src=10.0.1.2 dst=8.8.8.8 sport=1 dport=80 "
           "src=8.8.8.8 dst=10.0.2.1 sport=80 dport=1 [ASSURED] mark=0 zone=0 use=2",
           "ipv4     2 gre      47 29 timeout=30, stream_timeout=180 src=10.0.1.2 dst=8.8.8.8 "
           "srckey=0x0 dstkey=0x7 packets=1 bytes=36 [UNREPLIED] src=8.8.8.8 dst=10.0.2.1 "
           "srckey=0x7 dstkey=0x0 packets=0 bytes=0 mark=0 zone=0 delta-time=0 use=2",
           "ipv4     2 unknown  33 599 src=10.0.1.2 dst=8.8.8.8 packets=1 bytes=36 [UNREPLIED] "
           "src=8.8.8.8 dst=10.0.2.1 packets=0 bytes=0 mark=0 zone=0 delta-time=0 use=2",
       }) {
    EXPECT_EQ(print_connection(read_one(line), ListingFormat::procfs, 0), line);
  }
}

TEST(Listing, KeepsWhatOtherHostsPrint) {
  for (const std::string_view line : {
           "tcp      6 src=10.0.1.2 dst=8.8.8.8 sport=5000 dport=80 src=8.8.8.8 dst=10.0.1.2 "
           "sport=80 dport=5000 [OFFLOAD] mark=0 use=2",
           "udp      17 20 src=10.0.1.2 dst=8.8.8.8 sport=5 dport=53 src=8.8.8.8 dst=10.0.1.2 "
           "sport=53 dport=5 mark=0 secctx=system_u:object_r:unlabeled_t:s0 zone=3 use=1 id=7 "
           "labels=green",
           "icmpv6   58 29 src=2001:db8::1 dst=2001:db8::2 type=128 code=0 id=9 [UNREPLIED] "
           "src=2001:db8::2 dst=2001:db8::1 type=129 code=0 id=9 mark=0 use=1",
           "dccp     33 100 REQUEST src=10.0.1.2 dst=8.8.8.8 sport=5 dport=6 [UNREPLIED] "
           "src=8.8.8.8 dst=10.0.1.2 sport=6 dport=5 mark=0 use=1",
       }) {
    EXPECT_EQ(print_connection(read_one(line), ListingFormat::plain, 0), line);
  }
}

TEST(Listing, TellsTranslationFromTheTuples) {
  const auto status = [](std::string_view line) {
    return read_one(line).status & (Status::source_nat | Status::destination_nat);
  };
  EXPECT_EQ(status(recorded_lines[0]), Status::source_nat);  // another address
  EXPECT_EQ(status(recorded_lines[1]), Status::source_nat);  // another address and port
  EXPECT_EQ(status(recorded_lines[3]), 0U);
  EXPECT_EQ(status("udp 17 29 src=10.0.1.2 dst=10.0.1.1 sport=1 dport=80 src=10.0.2.5 "
                   "dst=10.0.1.2 sport=8000 dport=1 mark=0 use=1"),
            Status::destination_nat);
  EXPECT_EQ(status("icmp 1 29 src=10.0.1.2 dst=8.8.8.8 type=8 code=0 id=77 src=8.8.8.8 "
                   "dst=10.0.1.2 type=0 code=0 id=5 mark=0 use=1"),
            Status::source_nat);
}

TEST(Listing, ReadsStatesAndTimes) {
  const Connection tcp = read_one(recorded_lines[1]);
  EXPECT_EQ(tcp.tcp.state, TcpState::established);
  EXPECT_TRUE(tcp.has(Status::assured) && tcp.has(Status::seen_reply) && tcp.preexisting);
  EXPECT_EQ(tcp.expires_ms, 431'999'999);
  EXPECT_EQ(tcp.reply().destination_port, 4000);
  const Connection udp = read_one(recorded_lines[0]);
  EXPECT_FALSE(udp.has(Status::seen_reply));
  EXPECT_EQ(read_one(recorded_lines[7]).zones, (Zones{7, 7}));
  EXPECT_EQ(read_one(recorded_lines[8]).zones, (Zones{7, 0}));
  EXPECT_EQ(read_one(recorded_lines[8]).packets[1], 1U);
}

TEST(Listing, SkipsTheClosingLineAndEmptyOnes) {
  const std::string text = std::string(recorded_lines[0]) + "\n\n" +
                           "conntrack v1.4.7 (conntrack-tools): 1 flow entries have been shown.\n";
  const auto read = read_listing(text, "conntrack.txt");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->size(), 1U);
}

TEST(Listing, NamesThePlaceOfWhatItCannotRead) {
  const std::string good = std::string(recorded_lines[0]) + "\n";
  EXPECT_EQ(error_of(good + "udp 17 29 src=10.0.1.2 dst=8.8.8.8 sport=abc"),
            "conntrack.txt:2:36: cannot read \"sport=abc\"");
  EXPECT_EQ(error_of("udp 17 29 src=10.0.1.2 dst=8.8.8 sport=1"),
            "conntrack.txt:1:24: cannot read \"dst=8.8.8\"");
  EXPECT_EQ(error_of("nonsense"), "conntrack.txt:1:1: no connection entry");
  EXPECT_EQ(error_of("tcp six 29"), "conntrack.txt:1:5: \"six\" is no protocol number");
  EXPECT_EQ(error_of("tcp 6 29 ASLEEP src=10.0.1.2"),
            "conntrack.txt:1:10: unknown TCP state \"ASLEEP\"");
  EXPECT_EQ(error_of("udp 17 29 mark=1"), "conntrack.txt:1:11: the addresses are missing");
  EXPECT_THAT(error_of("udp 17 29 src=10.0.1.2 dst=8.8.8.8 sport=1 dport=2 mark=0"),
              HasSubstr("needs two tuples"));
  EXPECT_THAT(error_of("udp 17 29 src=1.1.1.1 dst=2.2.2.2 sport=1 dport=2 src=2::2 dst=1::1"),
              HasSubstr("of one family"));
  EXPECT_EQ(error_of("icmp 1 29 src=1.1.1.1 dst=2.2.2.2 type=3 code=0 id=1 src=2.2.2.2 "
                     "dst=1.1.1.1 type=3 code=0 id=1"),
            "conntrack.txt:1:1: no connection has ICMP type 3");
  EXPECT_EQ(error_of("-A -t 29 -u UNSET -s 10.0.1.2"),
            "conntrack.txt:1:4: \"-t\" is no protocol number");
  EXPECT_THAT(error_of("udp 17 29 src=1.1.1.1 dst=2.2.2.2 src=2.2.2.2 dst=1.1.1.1 src=3.3.3.3"),
              AllOf(HasSubstr("1:59"), HasSubstr("a third tuple")));
}

}  // namespace
}  // namespace wayout::conntrack
