#include "packet/stop.hpp"

#include <gtest/gtest.h>

namespace wayout {
namespace {

TEST(Stop, NamesFollowTheKernel) {
  EXPECT_EQ(reason_name(DropReason::none), "");
  EXPECT_EQ(reason_name(DropReason::NOT_SPECIFIED), "NOT_SPECIFIED");
  EXPECT_EQ(reason_name(DropReason::OTHERHOST), "OTHERHOST");
  EXPECT_EQ(stage_name(Stage::none), "");
  EXPECT_EQ(stage_name(Stage::netif_receive_skb_core), "__netif_receive_skb_core");
  EXPECT_EQ(stage_name(Stage::outside), "outside");
}

TEST(Stop, OnlyTheZeroStopGoesOn) {
  EXPECT_FALSE(Stop::go_on());
  EXPECT_TRUE(Stop::end(Fate::delivered, Stage::tcp_v4_rcv));
  const auto stop = Stop::drop(Stage::ip_error, DropReason::IP_INADDRERRORS,
                               Cause::sysctl(Sysctl::forwarding, 3));
  EXPECT_TRUE(stop);
  EXPECT_EQ(stop.fate, Fate::dropped);
  EXPECT_EQ(stop.cause.kind(), CauseKind::sysctl);
  EXPECT_EQ(stop.cause.sysctl(), Sysctl::forwarding);
  EXPECT_EQ(stop.cause.device(), 3U);
}

TEST(Cause, RuleAndPolicyComeBackWhole) {
  const RuleRef rule{.ruleset = 1, .table = 2, .chain = 80000, .rule = 70000};
  EXPECT_EQ(Cause::rule(rule).kind(), CauseKind::rule);
  EXPECT_EQ(Cause::rule(rule).rule_ref(), rule);
  const RuleRef policy{.ruleset = 0, .table = 3, .chain = 1, .rule = RuleRef::policy};
  EXPECT_EQ(Cause::rule(policy).kind(), CauseKind::policy);
  EXPECT_EQ(Cause::rule(policy).rule_ref(), policy);
}

TEST(Cause, RouteComesBackWhole) {
  EXPECT_EQ(Cause::route({.table = 2, .route = 100000}).route(),
            (RouteRef{.table = 2, .route = 100000}));
}

}  // namespace
}  // namespace wayout
