// Re-routing after OUTPUT, as recorded from Linux 6.18.
#include <gmock/gmock.h>

#include "path/test_journey.hpp"

namespace wayout::path {
namespace {

using host::two_containers;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr wire::IpAddress host_address = wire::IpAddress::v4(198, 51, 100, 10);
constexpr wire::IpAddress service = wire::IpAddress::v4(10, 96, 0, 1);

TEST(Hook, OutputDnatIsRoutedAgain) {
  TestJourney journey(two_containers().rules(
      "nat", "-A OUTPUT -d 10.96.0.1 -p tcp --dport 443 -j DNAT --to-destination 10.1.0.2:80\n",
      "host/iptables-legacy-save.txt"));
  const auto packet = journey.send("host", syn(service, 443, host_address));
  EXPECT_THAT(journey.ends(packet), ElementsAre("c1 delivered"));
  // The source is the one that the first route chose.
  EXPECT_THAT(journey.seen(packet), HasSubstr("198.51.100.10.40000 > 10.1.0.2.80:"));
  const auto routed = journey.steps(packet, Did::routed);
  ASSERT_THAT(routed, SizeIs(3));
  EXPECT_EQ(routed[0].device, journey.device("host", "eth0"));
  EXPECT_EQ(routed[1].device, journey.device("host", "br0"));
}

/// What host sends to port 80 is marked, and marked packets ask table 77.
host::TestMachine marked(const std::string& routes) {
  return two_containers()
      .rules("mangle", "-A OUTPUT -p tcp --dport 80 -j MARK --set-mark 7\n")
      .set("host/ip-rule.txt",
           "0: from all lookup local\n100: from all fwmark 0x7 lookup 77\n"
           "32766: from all lookup main\n")
      .append("host/ip-route.txt", routes);
}

TEST(Hook, AMarkIsRoutedAgain) {
  TestJourney journey(marked("default via 10.1.0.2 dev br0 table 77\n"));
  const auto packet = journey.send("host", syn(outsider, 80, host_address));
  const auto routed = journey.steps(packet, Did::routed);
  ASSERT_THAT(routed, testing::Not(IsEmpty()));
  EXPECT_EQ(routed[1].device, journey.device("host", "br0"));
  EXPECT_THAT(journey.ends(packet), ElementsAre("c1 ip_error IP_INADDRERRORS"))
      << "the container forwards nothing";

  TestJourney other(marked("default via 10.1.0.2 dev br0 table 77\n"));
  EXPECT_THAT(other.ends(other.send("host", datagram(outsider, 53, 0, false, host_address))),
              ElementsAre("o delivered"));
}

TEST(Hook, AMarkThatLeadsNowhereEndsAtTheHook) {
  for (const char* type : {"blackhole", "prohibit", "unreachable"}) {
    SCOPED_TRACE(type);
    TestJourney journey(marked(fmt::format("{} default table 77\n", type)));
    const auto packet = journey.send("host", syn(outsider, 80, host_address));
    EXPECT_THAT(journey.ends(packet), ElementsAre("host nf_hook_slow NETFILTER_DROP"));
    EXPECT_EQ(journey.cause(packet).kind(), CauseKind::route);
    EXPECT_THAT(journey.answers(packet), IsEmpty());
  }
}

TEST(Hook, DnatToWhereNoRouteLeads) {
  const char* rule =
      "-A OUTPUT -d 198.51.100.1/32 -p tcp --dport 443 -j DNAT --to-destination 203.0.113.1:80\n";
  for (const char* file : {"host/iptables-save.txt", "host/iptables-legacy-save.txt"}) {
    SCOPED_TRACE(file);
    TestJourney journey(two_containers()
                            .set("host/iptables-save.txt", "")
                            .edit("host/ip-route.txt", "default via 198.51.100.1 dev eth0\n", "")
                            .rules("nat", rule, file));
    const auto packet = journey.send("host", syn(outsider, 443, host_address));
    EXPECT_THAT(journey.ends(packet), ElementsAre("host nf_hook_slow NETFILTER_DROP"));
    EXPECT_EQ(journey.cause(packet).kind(), CauseKind::no_route);
    EXPECT_THAT(journey.seen(packet), HasSubstr("> 203.0.113.1.80:"));
  }
}

TEST(Hook, WhatARuleAnswersGoesItsOwnWay) {
  TestJourney journey(two_containers().rules(
      "filter", "-A OUTPUT -p tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable\n"));
  const auto packet = journey.send("host", syn(outsider, 80, host_address));
  EXPECT_THAT(journey.ends(packet), ElementsAre("host nft_do_chain NETFILTER_DROP"));
  EXPECT_THAT(journey.answers(packet),
              ElementsAre("host: IP 198.51.100.10 > 198.51.100.10: ICMP 198.51.100.1 tcp port 80 "
                          "unreachable, length 48"));
}

}  // namespace
}  // namespace wayout::path
