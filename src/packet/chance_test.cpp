#include "packet/chance.hpp"

#include <gtest/gtest.h>

namespace wayout {
namespace {

constexpr PortSet::Range low{1, 9}, high{10, 20};

TEST(Chance, ANumberThatStandsForSeveralIsAskedAboutOnce) {
  Chance chance{std::vector<std::uint32_t>{1}};
  chance.let_stand(5, PortSet{{1, 20}}, Cause::socket(SocketCause::source_port));
  EXPECT_TRUE(chance.is_among(5, PortSet{{0, 100}}, Cause::socket())) << "all are";
  EXPECT_TRUE(chance.asked().empty());
  EXPECT_FALSE(chance.is_among(5, PortSet{low}, Cause::socket())) << "the script says no";
  ASSERT_EQ(chance.asked().size(), 1U);
  EXPECT_EQ(chance.asked()[0].unknown_by, Cause::socket(SocketCause::source_port));
  EXPECT_FALSE(chance.is_among(5, PortSet{low}, Cause::socket())) << "and it stays so";
  EXPECT_TRUE(chance.is_among(5, PortSet{high}, Cause::socket()));
  EXPECT_EQ(chance.asked().size(), 1U);
}

TEST(Chance, ASearchBeginsWhereItIsExpectedTo) {
  Chance chance(7);
  const std::uint16_t drawn = Chance(7).port_offset(1024, 64512);
  EXPECT_EQ(chance.port_offset(1024, 64512), drawn) << "the same seed";
  chance.expect({80, 2000, 3000});
  EXPECT_EQ(chance.port_offset(1024, 64512), 2000 - 1024) << "the first that lies within";
  EXPECT_EQ(chance.port_offset(1, 511), 79);
  EXPECT_EQ(chance.port_offset(3000, 1), 0);
  EXPECT_EQ(chance.port_searches(), 4U);
  chance.expect({});
  Chance other(7);
  (void)other.port_offset(1024, 64512);
  EXPECT_EQ(chance.port_offset(1024, 64512), other.port_offset(1024, 64512))
      << "what was expected drew nothing";
}

TEST(Chance, AnyOtherNumberIsItself) {
  Chance chance{std::vector<std::uint32_t>{}};
  chance.let_stand(5, PortSet{{5, 5}}, Cause::socket());
  EXPECT_EQ(chance.stand_in(5), nullptr) << "one is no choice";
  EXPECT_TRUE(chance.is_among(5, PortSet{low}, Cause::socket()));
  EXPECT_FALSE(chance.is_among(15, PortSet{low}, Cause::socket()));

  Chance drawn{1};
  drawn.let_stand(5, PortSet{{1, 20}}, Cause::socket());
  EXPECT_EQ(drawn.stand_in(5), nullptr) << "what is drawn is what it is";
}

}  // namespace
}  // namespace wayout
