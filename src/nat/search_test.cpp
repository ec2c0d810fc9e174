// Which tuple the search ends with. Ranges, classes, orders and numbers of tries were recorded from
// Linux 6.18; which free port of a class is drawn is chance in both.
#include "nat/search.hpp"

#include <gtest/gtest.h>

#include <set>

#include "conntrack/listing.hpp"
#include "nat/lookup3.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::nat {
namespace {

using conntrack::Connection;
using conntrack::Status;
using conntrack::Tuple;
using wire::IpAddress;

const IpAddress router = IpAddress::v4(10, 0, 2, 1), server = IpAddress::v4(8, 8, 8, 8);

IpAddress host(std::uint8_t n) {
  return IpAddress::v4(10, 0, 1, n);
}

class Mapping : public testing::Test {
 protected:
  /// A first packet, mapped and confirmed; none: it died at confirmation.
  std::optional<Tuple> map(const Tuple& tuple, const Range& range, Manip manip = Manip::source,
                           std::uint32_t sequence = 1000) {
    Packet packet = packet_of(tuple, sequence);
    EXPECT_FALSE(table.track(packet, Hook::output, config, 0, chance, trace));
    EXPECT_TRUE(setup(table, packet.connection, range, manip, RuleRef{}, chance, 0));
    last = packet.connection;
    const Tuple translated = *inverse(table[packet.connection].reply());
    if (stop = table.confirm(packet, 0); stop) return std::nullopt;
    return translated;
  }
  std::optional<std::uint16_t> port(const Tuple& tuple, const Range& range,
                                    Manip manip = Manip::source, std::uint32_t sequence = 1000) {
    const auto mapped = map(tuple, range, manip, sequence);
    if (!mapped) return std::nullopt;
    return manip == Manip::source ? mapped->source_port : mapped->destination_port;
  }

  static Packet packet_of(const Tuple& tuple, std::uint32_t sequence) {
    const wire::Ipv4Fields ip{.source = tuple.source, .destination = tuple.destination};
    if (tuple.protocol == 6) {
      return Packet::from_ip(wire::make_tcp(ip, {.source_port = tuple.source_port,
                                                 .destination_port = tuple.destination_port,
                                                 .sequence = sequence}));
    }
    if (tuple.protocol == 1)
      return Packet::from_ip(wire::make_icmp_echo(ip, false, tuple.source_port, 1));
    return Packet::from_ip(wire::make_udp(ip, tuple.source_port, tuple.destination_port));
  }

  conntrack::Table table;
  conntrack::Config config;
  Chance chance;
  NoTrace trace;
  Stop stop;
  ConnectionId last = no_connection;
};

const Range masquerade = Range{}.with_address(router);

Tuple udp(std::uint8_t client, std::uint16_t sport, const IpAddress& to = server) {
  return {host(client), to, sport, 7777, 17};
}
Tuple tcp(std::uint8_t client, std::uint16_t sport) {
  return {host(client), server, sport, 80, 6};
}

Range ports(std::uint16_t low, std::uint16_t high) {
  Range range = masquerade;
  range.ports_specified = true;
  range.min_port = low;
  range.max_port = high;
  return range;
}

TEST_F(Mapping, KeepsAFreePort) {
  EXPECT_EQ(port(udp(2, 5000), masquerade), 5000);
  EXPECT_EQ(port(udp(3, 5000, IpAddress::v4(9, 9, 9, 9)), masquerade), 5000);
  EXPECT_EQ(port(tcp(3, 5000), masquerade), 5000);
}

TEST_F(Mapping, MovesATakenPortWithinItsClass) {
  const auto stays = [&](std::uint16_t from, std::uint16_t low, std::uint16_t high) {
    std::set<std::uint16_t> drawn;
    ASSERT_EQ(port(udp(2, from), masquerade), from);
    for (int i = 0; i < 100; ++i) {
      Packet packet = packet_of(udp(3, from), 0);
      ASSERT_FALSE(table.track(packet, Hook::output, config, 0, chance, trace));
      setup(table, packet.connection, masquerade, Manip::source, std::nullopt, chance, 0);
      drawn.insert(inverse(table[packet.connection].reply())->source_port);
      table.collect();
    }
    EXPECT_GE(*drawn.begin(), low);
    EXPECT_LE(*drawn.rbegin(), high);
    EXPECT_GT(drawn.size(), 50U);
  };
  stays(100, 1, 511);
  stays(511, 1, 511);
  stays(512, 600, 1023);
  stays(1023, 600, 1023);
  stays(1024, 1024, 65535);
  stays(65535, 1024, 65535);
}

TEST_F(Mapping, GivesASourceWhatItHasAlready) {
  port(udp(2, 5000), masquerade);
  const auto moved = port(udp(3, 5000), masquerade);
  ASSERT_TRUE(moved && *moved != 5000);
  EXPECT_EQ(port(udp(3, 5000, IpAddress::v4(9, 9, 9, 9)), masquerade), moved);
  Range random = masquerade;
  random.random = true;
  EXPECT_NE(port(udp(3, 5000, IpAddress::v4(1, 1, 1, 1)), random), moved);
}

TEST_F(Mapping, FillsAPortRangeAndThenDies) {
  std::set<std::uint16_t> used;
  for (std::uint16_t i = 0; i < 4; ++i)
    used.insert(*port(udp(2, static_cast<std::uint16_t>(5000 + i)), ports(2000, 2003)));
  EXPECT_EQ(used, (std::set<std::uint16_t>{2000, 2001, 2002, 2003}));
  table.statistics = {};
  EXPECT_FALSE(port(udp(2, 5004), ports(2000, 2003)));
  EXPECT_EQ(stop.cause, Cause::nat(NatCause::ports_exhausted));
  EXPECT_EQ(table.statistics.found, 4U);
  EXPECT_EQ(table.statistics.insert_failed, 1U);
  EXPECT_TRUE(port(udp(3, 2001, IpAddress::v4(9, 9, 9, 9)), ports(2000, 2003)));
  EXPECT_EQ(port(udp(4, 2002, IpAddress::v4(1, 1, 1, 1)), ports(2003, 2000)).has_value(), true);
}

TEST_F(Mapping, KeepsAPortOfTheRange) {
  EXPECT_EQ(port(udp(3, 2002), ports(2000, 2003)), 2002);
}

TEST_F(Mapping, TriesABoundedNumberOfPorts) {
  const auto tries_of_full = [&](std::uint16_t count) {
    table = {};
    const Range range = ports(20000, static_cast<std::uint16_t>(20000 + count - 1));
    for (std::uint16_t i = 0; i < count; ++i) {  // a listing in which all are taken
      Connection taken;
      taken.tuples[0] = udp(9, static_cast<std::uint16_t>(1 + i));
      taken.tuples[1] = {server, router, 7777, static_cast<std::uint16_t>(20000 + i), 17};
      taken.expires_ms = 1000;
      table.insert(taken);
    }
    EXPECT_FALSE(port(udp(2, 5000), range));
    return table.statistics.found;
  };
  EXPECT_EQ(tries_of_full(1), 1U);
  EXPECT_EQ(tries_of_full(64), 64U);
  EXPECT_EQ(tries_of_full(128), 128U);
  EXPECT_EQ(tries_of_full(200), 248U);
}

TEST_F(Mapping, ChangesAnIcmpIdLikeAPort) {
  const auto echo = [](std::uint8_t client) { return Tuple{host(client), server, 77, 8 << 8, 1}; };
  EXPECT_EQ(port(echo(2), masquerade), 77);
  const auto moved = port(echo(3), masquerade);
  EXPECT_TRUE(moved && *moved != 77);
  const IpAddress elsewhere = IpAddress::v4(9, 9, 9, 9);
  const auto there = [&](std::uint8_t client) {
    return Tuple{host(client), elsewhere, 77, 8 << 8, 1};
  };
  std::set<std::uint16_t> ids{*port(there(2), ports(5, 6)), *port(there(3), ports(5, 6))};
  EXPECT_EQ(ids, (std::set<std::uint16_t>{5, 6}));
  EXPECT_FALSE(port(there(4), ports(5, 6)));
}

TEST_F(Mapping, HandsOutDestinationPortsFromTheLowest) {
  Range range = Range{}.with_address(IpAddress::v4(10, 0, 2, 5));
  range.ports_specified = true;
  range.min_port = 8000;
  range.max_port = 8003;
  const auto to_port = [&](std::uint16_t dport) {
    return port({host(2), IpAddress::v4(9, 9, 9, 9), 4100, dport, 17}, range, Manip::destination);
  };
  EXPECT_EQ(to_port(80), 8000);
  EXPECT_EQ(to_port(81), 8001);
  EXPECT_EQ(to_port(8003), 8003);
  EXPECT_EQ(to_port(82), 8002);
}

TEST_F(Mapping, CannotChangeADestinationPortWithoutARange) {
  const Range range = Range{}.with_address(IpAddress::v4(10, 0, 2, 5));
  ASSERT_TRUE(map({host(2), IpAddress::v4(9, 9, 9, 9), 4100, 80, 17}, range, Manip::destination));
  const Tuple second{host(2), IpAddress::v4(9, 9, 9, 8), 4100, 80, 17};
  Packet packet = packet_of(second, 0);
  ASSERT_FALSE(table.track(packet, Hook::output, config, 0, chance, trace));
  setup(table, packet.connection, range, Manip::destination, std::nullopt, chance, 0);
  EXPECT_EQ(inverse(table[packet.connection].reply())->destination_port, 80);
  // The null binding that follows finds the tuple taken, and moves the source.
  null_binding(table, packet.connection, Manip::source, chance, 0);
  EXPECT_NE(inverse(table[packet.connection].reply())->source_port, 4100);
  EXPECT_FALSE(table.confirm(packet, 0));
}

TEST_F(Mapping, ChoosesAnAddressByTheHash) {
  const auto address = [&](std::uint8_t client, const IpAddress& to, bool persistent) {
    table = {};
    Range range{.map_addresses = true,
                .persistent = persistent,
                .min_address = IpAddress::v4(198, 51, 100, 10),
                .max_address = IpAddress::v4(198, 51, 100, 19)};
    return map(udp(client, 1236, to), range)->source.text();
  };
  EXPECT_EQ(address(2, server, false), "198.51.100.15");
  EXPECT_EQ(address(2, IpAddress::v4(9, 9, 9, 9), false), "198.51.100.19");
  EXPECT_EQ(address(2, IpAddress::v4(1, 1, 1, 1), false), "198.51.100.18");
  EXPECT_EQ(address(4, IpAddress::v4(8, 8, 4, 4), false), "198.51.100.11");
  EXPECT_EQ(address(2, server, true), "198.51.100.19");
  EXPECT_EQ(address(2, IpAddress::v4(9, 9, 9, 9), true), "198.51.100.19");
  EXPECT_EQ(address(3, server, true), "198.51.100.16");
}

TEST_F(Mapping, EvictsAFinishedConnectionForLaterSequenceNumbers) {
  const auto second_in = [&](conntrack::TcpState state, std::uint32_t sequence) {
    table = {};
    EXPECT_EQ(port(tcp(2, 5000), ports(4000, 4003)).has_value(), true);
    for (std::uint16_t i = 1; i < 4; ++i)
      port(tcp(2, static_cast<std::uint16_t>(5000 + i)), ports(4000, 4003));
    table.for_each([&](ConnectionId id, const Connection&) { table[id].tcp.state = state; });
    return port(tcp(3, 6000), ports(4000, 4003), Manip::source, sequence).has_value();
  };
  using conntrack::TcpState;
  EXPECT_FALSE(second_in(TcpState::established, 900000));
  EXPECT_FALSE(second_in(TcpState::time_wait, 500));
  EXPECT_TRUE(second_in(TcpState::time_wait, 900000));
  EXPECT_TRUE(second_in(TcpState::close, 900000));
  EXPECT_EQ(table.size(), 4U);
}

TEST_F(Mapping, AsksChanceAboutAFinishedConnectionFromAListing) {
  const auto listing = conntrack::read_listing(
      "tcp 6 100 TIME_WAIT src=10.0.1.2 dst=8.8.8.8 sport=5000 dport=80 src=8.8.8.8 dst=10.0.2.1 "
      "sport=80 dport=4000 [ASSURED] mark=0 use=1\n"
      "tcp 6 100 TIME_WAIT src=10.0.1.2 dst=8.8.8.8 sport=5001 dport=80 src=8.8.8.8 dst=10.0.2.1 "
      "sport=80 dport=4001 [ASSURED] mark=0 use=1\n",
      "conntrack.txt");
  ASSERT_TRUE(listing.ok());
  for (const std::uint32_t answer : {0U, 1U}) {
    table = {};
    for (const Connection& connection : *listing)
      table.insert(connection);
    chance = Chance(std::vector<std::uint32_t>{answer, answer});
    EXPECT_EQ(port(tcp(3, 6000), ports(4000, 4001)).has_value(), answer == 1);
    EXPECT_FALSE(chance.asked().empty());
  }
}

TEST_F(Mapping, IsSetOnceAndBeforeConfirmation) {
  ASSERT_TRUE(map(udp(2, 5000), masquerade));
  EXPECT_TRUE(is_mapped(table[last], Manip::source));
  EXPECT_FALSE(is_mapped(table[last], Manip::destination));
  EXPECT_FALSE(setup(table, last, masquerade, Manip::destination, RuleRef{}, chance, 0));
  Packet packet = packet_of(udp(3, 5000), 0);
  ASSERT_FALSE(table.track(packet, Hook::output, config, 0, chance, trace));
  EXPECT_TRUE(setup(table, packet.connection, masquerade, Manip::source, RuleRef{}, chance, 0));
  EXPECT_FALSE(setup(table, packet.connection, masquerade, Manip::source, RuleRef{}, chance, 0));
}

// Of lookup3 itself: the values follow from the published algorithm; the kernel's choices above
// were made with the same function.
TEST(Lookup3, ReturnsItsStartForNoWords) {
  EXPECT_EQ(lookup3({}, 0), 0xdeadbeefU);
}

TEST(Lookup3, SpreadsOneBitOverTheHash) {
  const std::uint32_t zero[4] = {};
  for (std::size_t word = 0; word < 4; ++word) {
    std::uint32_t one_bit[4] = {};
    one_bit[word] = 1;
    const int changed = std::popcount(lookup3(zero, 0) ^ lookup3(one_bit, 0));
    EXPECT_GT(changed, 6);
    EXPECT_LT(changed, 26);
  }
}

TEST_F(Mapping, APortTakenAtRandomStandsForAllThatAreFree) {
  chance = Chance{std::vector<std::uint32_t>{}};
  Range range{.map_addresses = true, .ports_specified = true, .random = true};
  range.min_address = range.max_address = router;
  range.min_port = 7000, range.max_port = 7002;
  const auto first = port(udp(2, 5000), range);
  ASSERT_TRUE(first);
  ASSERT_NE(chance.stand_in(*first), nullptr);
  EXPECT_EQ(chance.stand_in(*first)->possible, (PortSet{{7000, 7002}}));
  EXPECT_EQ(chance.stand_in(*first)->by, Cause::rule(RuleRef{}));

  range.random = false;
  EXPECT_EQ(port(udp(2, 7777, IpAddress::v4(1, 1, 1, 1)), range.with_address(router)).has_value(),
            true);
  range.ports_specified = false;
  const auto kept = port(udp(4, 6000), range);
  EXPECT_EQ(kept, 6000);
  EXPECT_EQ(chance.stand_in(6000), nullptr) << "a port that is kept is itself";
}

TEST_F(Mapping, APortThatStandsForSeveralIsKeptOnlyIfAllMayBe) {
  chance = Chance{std::vector<std::uint32_t>{}};
  chance.let_stand(5000, PortSet{{4000, 6000}}, Cause::socket(SocketCause::source_port));
  Range range{.map_addresses = true, .ports_specified = true};
  range.min_address = range.max_address = router;
  range.min_port = 4000, range.max_port = 6000;
  EXPECT_EQ(port(udp(2, 5000), range), 5000);
  range.min_port = 4500;
  const auto moved = port(udp(3, 5000), range);
  ASSERT_TRUE(moved);
  ASSERT_NE(chance.stand_in(*moved), nullptr);
  EXPECT_GE(chance.stand_in(*moved)->possible.ranges().front().low, 4500);
}

}  // namespace
}  // namespace wayout::nat
