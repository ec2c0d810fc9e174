#include "conntrack/table.hpp"

#include <gtest/gtest.h>

#include "conntrack/listing.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::conntrack {
namespace {

using wire::IpAddress;

const IpAddress client = IpAddress::v4(10, 0, 1, 2), server = IpAddress::v4(8, 8, 8, 8);

/// A table with its surroundings, and packets through it.
struct Tracker {
  Table table;
  Config config{.enabled = true};
  Chance chance;
  NoTrace trace;
  std::int64_t now_ms = 0;

  Packet udp(std::uint16_t sport, const IpAddress& from = client) {
    return Packet::from_ip(wire::make_udp({.source = from, .destination = server}, sport, 53,
                                          std::vector<std::uint8_t>(1)));
  }
  Stop track(Packet& packet, Hook hook = Hook::prerouting) {
    return table.track(packet, hook, config, now_ms, chance, trace);
  }
  Packet pass(Packet packet) {
    EXPECT_FALSE(track(packet));
    EXPECT_FALSE(table.confirm(packet, now_ms));
    return packet;
  }
};

Tuple udp_tuple(std::uint16_t sport) {
  return {client, server, sport, 53, 17};
}

TEST(Table, FindsAConfirmedEntryFromBothEnds) {
  Tracker t;
  const ConnectionId id = t.pass(t.udp(1000)).connection;
  EXPECT_EQ(t.table.find(udp_tuple(1000), {}, 0).id, id);
  const Table::Found reply = t.table.find(*inverse(udp_tuple(1000)), {}, 0);
  EXPECT_EQ(reply.id, id);
  EXPECT_EQ(reply.direction, Direction::reply);
  EXPECT_EQ(t.table.size(), 1U);
}

/// Seen on Linux 6.18: of a flow from an address to itself the second packet makes an entry
/// answered.
TEST(Table, TakesWhatLooksTheSameFromBothEndsForAnAnswer) {
  Tracker t;
  const Tuple tuple{server, server, 53, 53, wire::protocol::udp};
  const auto packet = [] {
    return Packet::from_ip(wire::make_udp({.source = server, .destination = server}, 53, 53, {}));
  };
  EXPECT_EQ(t.pass(packet()).ctinfo, CtInfo::new_connection);
  EXPECT_EQ(t.table.find(tuple, {}, 0).direction, Direction::reply);
  EXPECT_EQ(t.pass(packet()).ctinfo, CtInfo::established_reply);
}

TEST(Table, HidesWhatIsNotConfirmed) {
  Tracker t;
  Packet packet = t.udp(1000);
  ASSERT_FALSE(t.track(packet));
  EXPECT_EQ(packet.ctinfo, CtInfo::new_connection);
  EXPECT_FALSE(t.table.find(udp_tuple(1000), {}, 0));
  EXPECT_EQ(t.table.size(), 0U);
}

TEST(Table, ForgetsUnconfirmedEntriesWhenCollected) {
  Tracker t;
  Packet dropped = t.udp(1000);
  ASSERT_FALSE(t.track(dropped));
  const ConnectionId kept = t.pass(t.udp(1001)).connection;
  t.table.collect();
  Packet next = t.udp(1002);
  ASSERT_FALSE(t.track(next));
  EXPECT_EQ(next.connection, dropped.connection);  // the place is used again
  EXPECT_TRUE(t.table.find(udp_tuple(1001), {}, 0));
  EXPECT_NE(next.connection, kept);
}

TEST(Table, KeepsAnErasedEntryReadableUntilCollected) {
  Tracker t;
  const ConnectionId id = t.pass(t.udp(1000)).connection;
  t.table.erase(id);
  t.table.erase(id);
  EXPECT_FALSE(t.table.find(udp_tuple(1000), {}, 0));
  EXPECT_EQ(t.table[id].original(), udp_tuple(1000));
  t.table.collect();
  EXPECT_EQ(t.table.size(), 0U);
  EXPECT_EQ(t.pass(t.udp(1001)).connection, id);
}

TEST(Table, CountsTheTimeoutFromConfirmation) {
  Tracker t;
  Packet packet = t.udp(1000);
  ASSERT_FALSE(t.track(packet));
  t.now_ms = 5000;
  ASSERT_FALSE(t.table.confirm(packet, t.now_ms));
  EXPECT_TRUE(t.table.find(udp_tuple(1000), {}, 34'999));
  EXPECT_FALSE(t.table.find(udp_tuple(1000), {}, 35'000));
  t.now_ms = 35'000;
  Packet again = t.udp(1000);
  ASSERT_FALSE(t.track(again));
  EXPECT_NE(again.connection, packet.connection);
  t.table.expire(35'000);
  EXPECT_EQ(t.table.size(), 0U);
}

TEST(Table, LeavesPacketsAloneThatWereSeenOrShallNotBe) {
  Tracker t;
  Packet untracked = t.udp(1000);
  untracked.ctinfo = CtInfo::untracked;
  ASSERT_FALSE(t.track(untracked));
  EXPECT_EQ(untracked.connection, no_connection);

  Packet looped = t.udp(1001);
  ASSERT_FALSE(t.track(looped, Hook::output));
  const ConnectionId id = looped.connection;
  ASSERT_FALSE(t.track(looped));
  EXPECT_EQ(looped.connection, id);
  EXPECT_EQ(t.table.statistics.invalid, 0U);
}

TEST(Table, DoesNotTrackARawSendersFragments) {
  Tracker t;
  Packet fragment = t.udp(1000);
  fragment.network()[6] = 0x20;
  ASSERT_FALSE(t.track(fragment, Hook::output));
  EXPECT_EQ(fragment.ctinfo, CtInfo::none);
  EXPECT_EQ(t.table.statistics.invalid, 0U);
}

TEST(Table, TestsChecksumsOfReceivedPacketsOnly) {
  const auto info = [](Hook hook, bool verified, bool config) {
    Tracker t;
    t.config.checksum = config;
    Packet packet = t.udp(1000);
    packet.network()[27] ^= 1;
    packet.checksum_verified = verified;
    EXPECT_FALSE(t.track(packet, hook));
    return packet.ctinfo;
  };
  EXPECT_EQ(info(Hook::prerouting, false, true), CtInfo::none);
  EXPECT_EQ(info(Hook::output, false, true), CtInfo::new_connection);
  EXPECT_EQ(info(Hook::prerouting, true, true), CtInfo::new_connection);
  EXPECT_EQ(info(Hook::prerouting, false, false), CtInfo::new_connection);
}

TEST(Table, LooksUpInTheZoneOfEachDirection) {
  Tracker t;
  Packet packet = t.udp(1000);
  packet.has_template_zone = true;
  packet.zone_original = 7;
  t.pass(packet);
  const Tuple tuple = udp_tuple(1000);
  EXPECT_TRUE(t.table.find(tuple, {7, 0}, 0));
  EXPECT_FALSE(t.table.find(tuple, {}, 0));
  EXPECT_TRUE(t.table.find(*inverse(tuple), {}, 0));
  EXPECT_TRUE(t.table.find(*inverse(tuple), {7, 0}, 0));
  EXPECT_FALSE(t.table.find(*inverse(tuple), {7, 7}, 0));
}

TEST(Table, ListsTheEntriesOfASourceNewestFirst) {
  Tracker t;
  std::vector<ConnectionId> ids;
  for (const std::uint8_t host : {1, 2, 3, 4}) {
    Packet packet = Packet::from_ip(
        wire::make_udp({.source = client, .destination = IpAddress::v4(8, 8, 8, host)}, 1000, 53));
    ids.push_back(t.pass(packet).connection);
    t.table.index_by_source(ids.back());
    t.table.index_by_source(ids.back());
  }
  const auto listed = [&] {
    std::vector<ConnectionId> seen;
    const ConnectionId none =
        t.table.newest_of_source(udp_tuple(1000), 0, [&](const Connection& c) {
          seen.push_back(t.table.find(c.original(), {}, 0).id);
          return false;
        });
    EXPECT_EQ(none, no_connection);
    return seen;
  };
  EXPECT_EQ(listed(), (std::vector{ids[3], ids[2], ids[1], ids[0]}));
  t.table.erase(ids[2]);
  EXPECT_EQ(listed(), (std::vector{ids[3], ids[1], ids[0]}));
  t.table.erase(ids[3]);
  EXPECT_EQ(listed(), (std::vector{ids[1], ids[0]}));
  t.table.erase(ids[0]);
  t.table.erase(ids[1]);
  EXPECT_TRUE(listed().empty());
  EXPECT_EQ(t.table.newest_of_source(udp_tuple(1001), 0, [](const auto&) { return true; }),
            no_connection);
}

TEST(Table, IsLiberalWithWhatItReadFromAListing) {
  Tracker t;
  const auto listing = read_listing(
      "tcp 6 431999 ESTABLISHED src=10.0.1.2 dst=8.8.8.8 sport=1000 dport=80 src=8.8.8.8 "
      "dst=10.0.1.2 sport=80 dport=1000 [ASSURED] mark=0 use=1\n"
      "sctp 132 209 ESTABLISHED src=10.0.1.2 dst=8.8.8.8 sport=1000 dport=80 src=8.8.8.8 "
      "dst=10.0.1.2 sport=80 dport=1000 [ASSURED] mark=0 use=1\n",
      "conntrack.txt");
  ASSERT_TRUE(listing.ok());
  for (const Connection& connection : *listing)
    t.table.insert(connection);

  Packet tcp = Packet::from_ip(
      wire::make_tcp({.source = client, .destination = server}, {.source_port = 1000,
                                                                 .destination_port = 80,
                                                                 .sequence = 77,
                                                                 .acknowledgement = 5,
                                                                 .flags = wire::TcpHeader::ack}));
  ASSERT_FALSE(t.track(tcp));
  EXPECT_EQ(tcp.ctinfo, CtInfo::established);

  std::vector<std::uint8_t> data{0x03, 0xe8, 0, 80, 0, 0, 0, 9, 0, 0, 0, 0, 0, 3, 0, 4};
  Packet sctp = Packet::from_ip(
      wire::make_ipv4({.source = client, .destination = server, .protocol = 132}, data));
  sctp.checksum_verified = true;
  ASSERT_FALSE(t.track(sctp));
  EXPECT_EQ(sctp.ctinfo, CtInfo::established);
}

// ---------------------------------------------------------------- a full table

struct Outcome {
  bool dropped = false;
  std::size_t asked = 0;  ///< how often chance was
};

Outcome into_full_table(bool listed, bool assured, std::uint32_t answer) {
  Tracker t;
  t.chance = Chance(std::vector<std::uint32_t>{answer});
  t.config.max = 2;
  t.config.max_known = true;
  t.config.count = 2;
  if (listed) {
    Connection other;
    other.tuples[0] = udp_tuple(1);
    other.tuples[1] = *inverse(other.tuples[0]);
    other.expires_ms = 1000;
    other.status = assured ? Status::assured : 0;
    t.table.insert(other);
  }
  Packet packet = t.udp(1000);
  const Stop stop = t.track(packet);
  EXPECT_EQ(stop ? stop.cause : Cause{},
            stop ? Cause::conntrack(ConntrackCause::table_full) : Cause{});
  EXPECT_EQ(t.table.statistics.drop, stop ? 1U : 0U);
  EXPECT_EQ(t.table.statistics.early_drop, stop ? 0U : 1U);
  return {static_cast<bool>(stop), t.chance.asked().size()};
}

TEST(FullTable, DropsWhenAllEntriesAreAssured) {
  const Outcome outcome = into_full_table(true, true, 1);
  EXPECT_TRUE(outcome.dropped);
  EXPECT_EQ(outcome.asked, 0U);
}

TEST(FullTable, MayMakeRoomWhenAnEntryIsNotAssured) {
  EXPECT_TRUE(into_full_table(true, false, 0).dropped);
  EXPECT_FALSE(into_full_table(true, false, 1).dropped);
}

TEST(FullTable, MayMakeRoomWhenTheEntriesAreNotKnown) {
  EXPECT_TRUE(into_full_table(false, false, 0).dropped);
  const Outcome outcome = into_full_table(false, false, 1);
  EXPECT_FALSE(outcome.dropped);
  EXPECT_EQ(outcome.asked, 1U);
}

TEST(FullTable, IsNotFullBelowTheLimitOrWithoutOne) {
  for (const bool known : {false, true}) {
    Tracker t;
    t.config.max = known ? 3 : 2;
    t.config.max_known = known;
    t.config.count = 2;
    Packet packet = t.udp(1000);
    EXPECT_FALSE(t.track(packet));
    EXPECT_EQ(t.chance.asked().size(), 0U);
  }
}

TEST(FullTable, CountsWhatWasMadeAndWhatWent) {
  Tracker t;
  t.config.max = 10;
  t.config.max_known = true;
  t.config.count = 9;
  const ConnectionId id = t.pass(t.udp(1000)).connection;
  t.chance = Chance(std::vector<std::uint32_t>{0});
  Packet refused = t.udp(1001);
  EXPECT_TRUE(t.track(refused));
  t.table.erase(id);
  t.table.collect();
  EXPECT_FALSE(t.track(refused));
}

}  // namespace
}  // namespace wayout::conntrack
