#include "packet/port_set.hpp"

#include <gtest/gtest.h>

namespace wayout {
namespace {

TEST(PortSet, JoinsWhatTouches) {
  PortSet set{{10, 20}, {30, 40}, {50, 60}};
  set.add({21, 29});
  EXPECT_EQ(set, (PortSet{{10, 40}, {50, 60}}));
  set.add({0, 0xffff});
  EXPECT_EQ(set, (PortSet{{0, 0xffff}}));
  set.add({9, 8});
  EXPECT_EQ(set.ranges().size(), 1U);
}

TEST(PortSet, ComplementAndIntersection) {
  const PortSet set{{0, 9}, {20, 0xffff}};
  EXPECT_EQ(set.complement(), (PortSet{{10, 19}}));
  EXPECT_EQ(set.complement().complement(), set);
  EXPECT_EQ(PortSet{}.complement(), (PortSet{{0, 0xffff}}));
  EXPECT_EQ((set & PortSet{{5, 25}}), (PortSet{{5, 9}, {20, 25}}));
  EXPECT_TRUE((set & PortSet{{10, 19}}).empty());
  EXPECT_TRUE(set.contains(9));
  EXPECT_FALSE(set.contains(10));
}

}  // namespace
}  // namespace wayout
