#include "why/headline.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "why/test_question.hpp"

namespace wayout::why {
namespace {

using host::TestMachine;
using host::two_containers;

struct Told {
  Told(const TestMachine& text, std::string_view to, std::string_view from = "c1",
       Probe probe = Probe::tcp)
      : machine(text.read()), question(ask(machine, from, to, 80, probe)) {
    account = explore(machine, question);
    ended = account.verdict == Verdict::dropped ? what_ended(machine, account) : "";
    sees = account.verdict == Verdict::dropped ? what_sender_sees(machine, account, question) : "";
  }
  host::Machine machine;
  Question question;
  Account account;
  std::string ended, sees;
};

/// What connect() returned on the running kernel for each.
TEST(Headline, EveryRouteThatRefusesHasAnErrorOfItsOwn) {
  const auto by_route = [](const char* type) {
    return Told(two_containers().append("c1/ip-route.txt", fmt::format("{} 198.51.100.0/24\n", type)),
                "198.51.100.1").sees;
  };
  EXPECT_EQ(by_route("unreachable"), "No route to host (EHOSTUNREACH)");
  EXPECT_EQ(by_route("prohibit"), "Permission denied (EACCES)");
  EXPECT_EQ(by_route("blackhole"), "Invalid argument (EINVAL)");
  EXPECT_EQ(by_route("throw"), "Network is unreachable (ENETUNREACH)");
}

TEST(Headline, ARoutingRuleThatRefusesIsToldOtherwise) {
  const auto by_rule = [](const char* action) {
    return Told(two_containers().set("c1/ip-rule.txt",
                                     fmt::format("0: from all lookup local\n50: from all to "
                                                 "198.51.100.0/24 {}\n32766: from all lookup main\n",
                                                 action)),
                "198.51.100.1").sees;
  };
  EXPECT_EQ(by_rule("unreachable"), "Network is unreachable (ENETUNREACH)");
  EXPECT_EQ(by_rule("prohibit"), "Permission denied (EACCES)");
  EXPECT_EQ(by_rule("blackhole"), "Invalid argument (EINVAL)");
}

TEST(Headline, RpFilterOfAllNamesTheDeviceThatItCameInBy) {
  const Told t(two_containers()
                   .append("host/sysctl.txt", "net.ipv4.conf.all.rp_filter = 1\n")
                   .append("host/ip-route.txt", "10.1.0.2 via 198.51.100.1 dev eth0\n")
                   .set("c1/ip-neigh.txt", "10.1.0.1 dev eth0 lladdr 02:77:00:00:00:67 REACHABLE\n"),
               "198.51.100.1");
  EXPECT_EQ(t.ended, "the source has no valid way back through br0 (net.ipv4.conf.all.rp_filter = 1)");
}

TEST(Headline, ARouteThatLeadsElsewhereThanWhereTheContainerIs) {
  const Told t(two_containers()
                   .append("host/ip-addr.txt",
                           "110: brold: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UP\n"
                           "    link/ether 02:77:00:00:00:6a brd ff:ff:ff:ff:ff:ff promiscuity 0\n"
                           "    bridge ageing_time 30000 stp_state 0\n"
                           "    inet 10.1.0.1/25 scope global brold\n")
                   .append("host/ip-route.txt",
                           "10.1.0.0/25 dev brold proto kernel scope link src 10.1.0.1\n"),
               "10.1.0.2", "host");
  EXPECT_EQ(t.ended, "10.1.0.2 is behind br0 of host, but this route leads to brold: 10.1.0.0/25 dev "
                     "brold proto kernel scope link src 10.1.0.1");
  EXPECT_EQ(t.sees, "No route to host (EHOSTUNREACH)");
}

TEST(Headline, ARouteWithoutAGatewayIsToBlameForItsSilence) {
  Told t(two_containers().set("host/ip-route.txt",
                              "default dev eth0 scope link\n"
                              "10.1.0.0/24 dev br0 proto kernel scope link src 10.1.0.1\n"
                              "198.51.100.0/24 dev eth0 proto kernel scope link src 198.51.100.10\n"),
         "203.0.113.9");
  t.account.end.stop.cause = t.account.end.packet.routing.by;
  EXPECT_EQ(what_ended(t.machine, t.account), "nobody answers ARP for 203.0.113.9 on eth0, where this "
                                              "route leads: default dev eth0 scope link");
}

}  // namespace
}  // namespace wayout::why
