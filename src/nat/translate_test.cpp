#include "nat/translate.hpp"

#include <gtest/gtest.h>

#include "conntrack/listing.hpp"
#include "nat/lifetime.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"
#include "wire/text.hpp"

namespace wayout::nat {
namespace {

using conntrack::Status;
using wire::IpAddress;

const IpAddress client = IpAddress::v4(10, 0, 1, 2), router = IpAddress::v4(10, 0, 2, 1),
                server = IpAddress::v4(8, 8, 8, 8);
constexpr DeviceId out0 = 3, other0 = 4;
constexpr RuleRef rule{.table = 1, .chain = 2, .rule = 3};

Packet udp(const IpAddress& from, std::uint16_t sport, const IpAddress& to, std::uint16_t dport) {
  return Packet::from_ip(wire::make_udp({.source = from, .destination = to}, sport, dport));
}

std::string text(const Packet& packet) {
  return wire::describe_ip(packet.network());
}

class Translate : public testing::Test {
 protected:
  /// The first packet of a masqueraded connection, up to its confirmation.
  ConnectionId masquerade() {
    Packet packet = udp(client, 1000, server, 53);
    track(packet);
    setup(table, packet.connection, Range{}.with_address(router), Manip::source, rule, chance, 0);
    null_binding(table, packet.connection, Manip::destination, chance, 0);
    table[packet.connection].masquerade_device = out0;
    EXPECT_FALSE(translate(packet, Hook::postrouting, out0, table, trace));
    EXPECT_FALSE(table.confirm(packet, 0));
    EXPECT_EQ(text(packet), "IP 10.0.2.1.1000 > 8.8.8.8.53: UDP, length 0");
    return packet.connection;
  }
  void track(Packet& packet) {
    EXPECT_FALSE(table.track(packet, Hook::prerouting, {}, 0, chance, quiet));
  }
  /// Only the steps of translation.
  [[nodiscard]] const Step& last() const { return trace.steps().back(); }

  conntrack::Table table;
  Chance chance;
  StepTrace trace;
  NoTrace quiet;
};

TEST_F(Translate, TellsWhichRuleMappedTheConnection) {
  masquerade();
  EXPECT_EQ(last().did, Did::translated);
  EXPECT_EQ(last().by, Cause::rule(rule));
  EXPECT_EQ(last().address, router);
  EXPECT_EQ(last().port, 1000);
  EXPECT_EQ(last().value, static_cast<std::uint32_t>(Manip::source));
}

TEST_F(Translate, UndoesTheMappingForAnswers) {
  masquerade();
  Packet answer = udp(server, 53, router, 1000);
  track(answer);
  EXPECT_FALSE(translate(answer, Hook::prerouting, no_device, table, trace));
  EXPECT_EQ(text(answer), "IP 8.8.8.8.53 > 10.0.1.2.1000: UDP, length 0");
  EXPECT_EQ(last().value, static_cast<std::uint32_t>(Manip::destination));
  EXPECT_EQ(last().by, Cause::rule(rule));
  const std::size_t steps = trace.steps().size();
  EXPECT_FALSE(translate(answer, Hook::postrouting, 1, table, trace));
  EXPECT_EQ(trace.steps().size(), steps);
}

TEST_F(Translate, BlamesTheEntryWhenTheRuleIsNotKnown) {
  const auto listing = conntrack::read_listing(
      "udp 17 29 src=10.0.1.2 dst=8.8.8.8 sport=1000 dport=53 src=8.8.8.8 dst=10.0.2.1 sport=53 "
      "dport=1000 mark=0 use=1",
      "conntrack.txt");
  ASSERT_TRUE(listing.ok());
  const ConnectionId id = table.insert(listing->front());
  Packet packet = udp(client, 1000, server, 53);
  track(packet);
  EXPECT_TRUE(is_mapped(table[id], Manip::source) && is_mapped(table[id], Manip::destination));
  EXPECT_FALSE(translate(packet, Hook::postrouting, other0, table, trace));
  EXPECT_EQ(text(packet), "IP 10.0.2.1.1000 > 8.8.8.8.53: UDP, length 0");
  EXPECT_EQ(last().by, Cause::conntrack(ConntrackCause::entry, id));
}

TEST_F(Translate, TellsOfAMappingThatChangedNothing) {
  Packet packet = udp(client, 1000, server, 53);
  track(packet);
  setup(table, packet.connection, Range{}.with_address(client), Manip::source, rule, chance, 0);
  EXPECT_FALSE(translate(packet, Hook::postrouting, out0, table, trace));
  EXPECT_EQ(last().did, Did::kept);
  EXPECT_EQ(last().address, client);
}

TEST_F(Translate, LeavesPacketsWithoutConnectionAsTheyAre) {
  Packet packet = udp(client, 1000, server, 53);
  EXPECT_FALSE(translate(packet, Hook::postrouting, out0, table, trace));
  EXPECT_EQ(text(packet), "IP 10.0.1.2.1000 > 8.8.8.8.53: UDP, length 0");
  EXPECT_TRUE(trace.steps().empty());
}

TEST_F(Translate, DropsAMasqueradedPacketThatLeavesElsewhereAndForgetsTheConnection) {
  const ConnectionId id = masquerade();
  Packet packet = udp(client, 1000, server, 53);
  track(packet);
  ASSERT_EQ(packet.connection, id);
  const Stop stop = translate(packet, Hook::postrouting, other0, table, trace);
  EXPECT_EQ(stop.reason, DropReason::NETFILTER_DROP);
  EXPECT_EQ(stop.cause, Cause::nat(NatCause::masquerade_changed, other0));
  table.collect();
  Packet next = udp(client, 1000, server, 53);
  track(next);
  EXPECT_EQ(next.ctinfo, CtInfo::new_connection);
}

TEST_F(Translate, DoesNotLookWhereAnswersLeave) {
  masquerade();
  Packet answer = udp(server, 53, router, 1000);
  track(answer);
  EXPECT_FALSE(translate(answer, Hook::postrouting, other0, table, trace));
}

TEST_F(Translate, RefusesARedirectOfATranslatedConnection) {
  masquerade();
  const auto quoted = wire::make_udp({.source = router, .destination = server}, 1000, 53);
  Packet redirect = Packet::from_ip(wire::make_icmp_error(
      {.source = IpAddress::v4(172, 31, 0, 9), .destination = router}, 5, 1, 0, quoted));
  track(redirect);
  ASSERT_EQ(redirect.ctinfo, CtInfo::related_reply);
  EXPECT_EQ(translate(redirect, Hook::prerouting, no_device, table, trace).cause,
            Cause::nat(NatCause::icmp_refused));
}

TEST_F(Translate, EndsWithTheDeviceOrItsAddress) {
  masquerade();
  address_removed(table, out0, IpAddress::v4(10, 0, 2, 9));
  address_removed(table, other0, router);
  device_down(table, other0);
  EXPECT_EQ(table.size(), 1U);
  address_removed(table, out0, router);
  EXPECT_EQ(table.size(), 0U);
  masquerade();
  device_down(table, out0);
  EXPECT_EQ(table.size(), 0U);
}

}  // namespace
}  // namespace wayout::nat
