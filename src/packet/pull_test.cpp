#include "packet/pull.hpp"

#include <gmock/gmock.h>

#include "wire/craft.hpp"

namespace wayout {
namespace {

using testing::ElementsAre;
using Pieces = std::vector<std::uint16_t>;

/// What writing to so many bytes, the IP header's 20 among them, makes of the pieces.
Pieces after(Pieces pieces, std::size_t length_bytes) {
  auto packet = Packet::from_ip(wire::make_udp(
      {.source = wire::IpAddress::v4(10, 0, 0, 1), .destination = wire::IpAddress::v4(10, 0, 0, 2)},
      1, 2, std::vector<std::uint8_t>(24)));
  packet.fragment_payloads = std::move(pieces);
  pull_fragments(packet, length_bytes);
  return packet.fragment_payloads;
}

TEST(Pull, WhatIsWrittenToMovesIntoTheFirstPiece) {
  EXPECT_THAT(after({8, 16, 8}, 0), ElementsAre(8, 16, 8));
  EXPECT_THAT(after({8, 16, 8}, 28), ElementsAre(8, 16, 8));
  EXPECT_THAT(after({8, 16, 8}, 40), ElementsAre(20, 4, 8));
  EXPECT_THAT(after({8, 16, 8}, 44), ElementsAre(24, 8));
  EXPECT_THAT(after({8, 8, 16, 8}, 48), ElementsAre(28, 4, 8));
}

TEST(Pull, OnePieceIsLeftWhenAllHaveMoved) {
  EXPECT_THAT(after({8, 16, 8}, 52), ElementsAre(32));
  EXPECT_THAT(after({8, 16, 8}, 1000), ElementsAre(32));
}

TEST(Pull, NothingHappensToWhatCameWhole) {
  EXPECT_THAT(after({}, 40), ElementsAre());
}

}  // namespace
}  // namespace wayout
