#include "why/story.hpp"

#include <gmock/gmock.h>

#include "why/test_question.hpp"

namespace wayout::why {
namespace {

using host::TestMachine;
using host::two_containers;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

/// The story of one leg of c1's question, `host br0 ip_error dropped: IP_INADDRERRORS [line]`.
std::vector<std::string> told(const TestMachine& text, const char* to, std::size_t leg = 0,
                              bool all = false) {
  const host::Machine machine = text.read();
  const Account account = explore(machine, ask(machine, "c1", to));
  std::vector<std::string> lines;
  for (const StoryLine& l : story(machine, account, account.legs.at(leg), all)) {
    const std::string by = l.line.empty() ? "" : fmt::format(" [{}]", l.line);
    lines.push_back(fmt::format("{} {} {} {}: {}{}{}", machine.hosts[l.host].name, l.device,
                                l.stage, l.did, l.text, by, l.ended ? " END" : ""));
  }
  return lines;
}

TestMachine warm() {
  return two_containers()
      .set("c1/ip-neigh.txt", "10.1.0.1 dev eth0 lladdr 02:77:00:00:00:67 REACHABLE\n")
      .set("host/ip-neigh.txt",
           "10.1.0.2 dev br0 lladdr 02:77:00:00:00:66 REACHABLE\n"
           "198.51.100.1 dev eth0 lladdr 02:77:00:00:00:65 REACHABLE\n");
}

TEST(Story, OneLineForEachStageThatDecides) {
  EXPECT_THAT(
      told(warm().set("host/sysctl.txt", "net.ipv4.ip_forward = 0\n"), "198.51.100.1"),
      ElementsAre("c1 eth0 ip_route_output_key_hash routed: via 10.1.0.1 dev eth0 "
                  "[default via 10.1.0.1 dev eth0]",
                  "c1 eth0 ip_route_output_key_hash source: 10.1.0.2",
                  "c1 eth0 veth_xmit sent: leaves through eth0",
                  "host vethc1 br_pass_frame_up up: vethc1 to br0",
                  "host br0 nf_conntrack_in tracked: NEW",
                  "host br0 ip_rcv_finish_core routed: not forwarded [198.51.100.0/24 dev eth0 "
                  "proto kernel "
                  "scope link src 198.51.100.10]",
                  "host br0 ip_error dropped: IP_INADDRERRORS [net.ipv4.ip_forward = 0] END"));
}

TEST(Story, TellsOfTranslationBothWays) {
  const std::string rule = "[-A POSTROUTING -s 10.1.0.0/24 ! -o br0 -j MASQUERADE]";
  EXPECT_THAT(told(warm(), "198.51.100.1"),
              testing::IsSupersetOf(
                  {"host eth0 nat POSTROUTING maps: POSTROUTING 1 " + rule,
                   "host eth0 nf_nat_inet_fn translated: source 198.51.100.10:49321 " + rule}));
  EXPECT_THAT(told(warm(), "198.51.100.1", 1),
              testing::IsSupersetOf({std::string("host eth0 nf_conntrack_in tracked: ESTABLISHED"),
                                     "host eth0 nf_nat_inet_fn translated: destination "
                                     "10.1.0.2:49321 " +
                                         rule}));
}

TEST(Story, TellsWhoIsAskedByArp) {
  EXPECT_THAT(told(two_containers(), "198.51.100.1"),
              Contains("c1 eth0 neigh_resolve_output neighbour: who has 10.1.0.1"));
  EXPECT_THAT(told(two_containers().without("o"), "198.51.100.1"),
              Contains("host eth0 neigh_resolve_output neighbour: 198.51.100.1 assumed to answer"));
}

TEST(Story, RulesThatWereMissedOnlyInFull) {
  const TestMachine text =
      warm().rules("filter",
                   "-A FORWARD -i eth0 -j ACCEPT\n-A FORWARD -p udp -j ACCEPT\n"
                   "-A FORWARD -i br0 -p tcp -m tcp --dport 81 -j ACCEPT\n"
                   "-A FORWARD -s 10.1.0.3/32 -j ACCEPT\n-A FORWARD -i br0 -j DROP\n");
  const char* missed[] = {
      "host br0 filter FORWARD missed: in interface [-A FORWARD -i eth0 -j ACCEPT]",
      "host br0 filter FORWARD missed: protocol [-A FORWARD -p udp -j ACCEPT]",
      "host br0 filter FORWARD missed: -m tcp --dport 81 "
      "[-A FORWARD -i br0 -p tcp -m tcp --dport 81 -j ACCEPT]",
      "host br0 filter FORWARD missed: source [-A FORWARD -s 10.1.0.3/32 -j ACCEPT]"};
  const auto full = told(text, "198.51.100.1", 0, true);
  const auto brief = told(text, "198.51.100.1");
  for (const char* line : missed) {
    EXPECT_THAT(full, Contains(line));
    EXPECT_THAT(brief, Not(Contains(line)));
  }
  for (const auto& lines : {full, brief})
    EXPECT_THAT(lines, Contains("host br0 filter FORWARD drops: FORWARD 5 "
                                "[-A FORWARD -i br0 -j DROP]"));
}

TEST(Story, WhichOutcomeWasFollowed) {
  EXPECT_THAT(told(warm().rules("filter", "-A FORWARD -i br0 -m limit --limit 1/s -j ACCEPT\n"),
                   "198.51.100.1"),
              Contains(testing::StartsWith("host br0 nft_do_chain not known: taken not to match")));
}

TEST(Story, OfALegOnlyItsOwnPacket) {
  const host::Machine machine = two_containers().read();
  const Account account = explore(machine, ask(machine, "c1", "198.51.100.1"));
  for (const Leg& leg : account.legs)
    for (const StoryLine& line : story(machine, account, leg, true)) {
      EXPECT_EQ(line.packet, leg.packet);
      EXPECT_EQ(line.way, leg.way);
    }
}

}  // namespace
}  // namespace wayout::why
