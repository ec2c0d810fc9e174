#include "netfilter/recent.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace wayout::netfilter {
namespace {

using Mode = RecentMatch::Mode;

const auto client = wire::IpAddress::v4(10, 0, 1, 2);
const auto neighbour = wire::IpAddress::v4(10, 0, 1, 3);

/// A few rules on one list, asked in order for packets.
class Rules {
 public:
  explicit Rules(std::vector<RecentMatch> rules) : rules_(std::move(rules)) {
    for (const RecentMatch& rule : rules_) table_.load(rule);
  }

  /// One digit a rule, as its counter moved: `10`.
  std::string packet(std::int64_t at_ms, const wire::IpAddress& source = client,
                     std::uint8_t ttl = 64) {
    std::string counted;
    for (const RecentMatch& rule : rules_)
      counted += table_.matches(rule, source, ttl, at_ms) ? '1' : '0';
    return counted;
  }
  [[nodiscard]] std::size_t addresses() const { return table_.size(); }

 private:
  std::vector<RecentMatch> rules_;
  RecentTable table_;
};

// What the rules counted on 6.18, packet by packet, 35 ms apart.

TEST(Recent, HitcountIsReachedByThisPacketWhenItWasSetBefore) {
  Rules rules({{.mode = Mode::set}, {.mode = Mode::rcheck, .hitcount = 3}});
  std::string seen;
  for (int i = 0; i < 5; ++i) seen += rules.packet(i * 35) + " ";
  EXPECT_EQ(seen, "10 10 11 11 11 ");
}

TEST(Recent, UpdateCountsInSecondsAndKeepsTheListWarm) {
  Rules rules({{.mode = Mode::update, .seconds = 1, .hitcount = 3}, {.mode = Mode::set}});
  std::string seen;
  for (int i = 0; i < 6; ++i) seen += rules.packet(i * 35) + " ";
  seen += "pause ";
  for (int i = 0; i < 3; ++i) seen += rules.packet(1600 + i * 35) + " ";
  EXPECT_EQ(seen, "01 01 01 11 11 11 pause 01 01 01 ");
}

TEST(Recent, InvertedRules) {
  Rules rules({{.mode = Mode::rcheck, .invert = true}, {.mode = Mode::set}});
  EXPECT_EQ(rules.packet(0), "11");
  EXPECT_EQ(rules.packet(35), "01");
  Rules inverted_set({{.mode = Mode::set, .invert = true}});
  EXPECT_EQ(inverted_set.packet(0), "0");
  EXPECT_EQ(inverted_set.addresses(), 1U);
}

TEST(Recent, RemovedIsGoneForTheNextRule) {
  Rules rules({{.mode = Mode::remove}, {.mode = Mode::set}, {.mode = Mode::remove, .invert = true}});
  for (int i = 0; i < 4; ++i) EXPECT_EQ(rules.packet(i * 35), "010");
}

TEST(Recent, MaskPutsNeighboursIntoOneEntry) {
  const auto mask = wire::IpAddress::v4(255, 255, 255, 0);
  Rules rules({{.mode = Mode::set, .mask = mask},
               {.mode = Mode::rcheck, .hitcount = 2, .mask = mask}});
  EXPECT_EQ(rules.packet(0), "10");
  EXPECT_EQ(rules.packet(35, neighbour), "11");
  EXPECT_EQ(rules.addresses(), 1U);
}

TEST(Recent, ReapTakesTheStalestAddress) {
  Rules rules({{.mode = Mode::rcheck, .seconds = 1, .reap = true}, {.mode = Mode::set}});
  EXPECT_EQ(rules.packet(0), "01");
  EXPECT_EQ(rules.packet(35), "11");
  EXPECT_EQ(rules.packet(1400, neighbour), "01");
  EXPECT_EQ(rules.addresses(), 2U);
  EXPECT_EQ(rules.packet(1435, neighbour), "11");
  EXPECT_EQ(rules.addresses(), 1U);
  EXPECT_EQ(rules.packet(1470), "01");
}

TEST(Recent, TtlBelongsToTheKeyWhenAsked) {
  Rules rules({{.mode = Mode::rcheck, .rttl = true}, {.mode = Mode::set}});
  EXPECT_EQ(rules.packet(0, client, 64), "01");
  EXPECT_EQ(rules.packet(35, client, 60), "01");  // known with TTL 64; now with 60
  EXPECT_EQ(rules.packet(70, client, 60), "11");
}

TEST(Recent, HundredAddressesThenTheOldestGoes) {
  Rules rules({{.mode = Mode::rcheck}, {.mode = Mode::set}});
  for (std::uint32_t i = 0; i < 101; ++i) rules.packet(i, wire::IpAddress::v4(0x0a000000 + i));
  EXPECT_EQ(rules.addresses(), 100U);
  EXPECT_EQ(rules.packet(200, wire::IpAddress::v4(0x0a000001)), "11");
  EXPECT_EQ(rules.packet(200, wire::IpAddress::v4(0x0a000000)), "01");
}

}  // namespace
}  // namespace wayout::netfilter
