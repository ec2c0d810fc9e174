#include "why/circle.hpp"

#include <gmock/gmock.h>

namespace wayout::why {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::uint32_t> hosts(const std::vector<Step>& steps) {
  std::vector<std::uint32_t> list;
  for (const Step& step : steps)
    list.push_back(step.host);
  return list;
}

TEST(Circle, BeginsWhereThePacketComesBackTo) {
  std::vector<Step> steps;
  for (const std::uint32_t host : {4U, 1U, 1U, 2U, 3U, 1U, 2U, 3U})
    steps.push_back({.did = Did::routed, .packet = 9, .host = host});
  steps.push_back({.did = Did::routed, .packet = 8, .host = 4});
  path::JourneyEnd end;
  end.packet.number = 9;
  end.stop = Stop::drop(Stage::ip_forward, DropReason::IP_INHDR, Cause::packet(PacketCause::ttl));
  EXPECT_THAT(hosts(circle_of(steps, end)), ElementsAre(1U, 2U, 3U));
  end.packet.number = 8;
  EXPECT_THAT(circle_of(steps, end), IsEmpty()) << "too short a way for its TTL, but no circle";
  end.packet.number = 9;
  end.stop.reason = DropReason::PKT_TOO_BIG;
  EXPECT_THAT(circle_of(steps, end), IsEmpty());
}

}  // namespace
}  // namespace wayout::why
