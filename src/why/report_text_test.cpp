#include <gmock/gmock.h>

#include "why/report.hpp"
#include "why/test_question.hpp"

namespace wayout::why {
namespace {

using host::TestMachine;
using host::two_containers;
using testing::HasSubstr;
using testing::Not;

/// The whole answer to c1's question. What the files of a test leave out is not what is tested.
std::string report(const TestMachine& text, const Style& style = {}, std::uint16_t dport = 80,
                   const char* to = "198.51.100.1") {
  host::Machine machine = text.read();
  for (host::Host& host : machine.hosts)
    host.assumed.clear();
  return report_text(machine, answer(machine, ask(machine, "c1", to, dport)), style);
}

TestMachine forwarding_off() {
  return two_containers()
      .set("c1/ip-neigh.txt", "10.1.0.1 dev eth0 lladdr 02:77:00:00:00:67 REACHABLE\n")
      .set("host/sysctl.txt", "net.ipv4.ip_forward = 0\n");
}

TEST(ReportText, AWholeAnswer) {
  EXPECT_EQ(
      report(forwarding_off()),
      R"(dropped: c1 does not reach 198.51.100.1:80 (tcp): packets that come in on br0 are not forwarded (net.ipv4.ip_forward = 0)

out:  IP 10.1.0.2.49321 > 198.51.100.1.80: Flags [S], seq 1000, win 64240, options [mss 1460,sackOK,TS val 2000 ecr 0,nop,wscale 7], length 0
  c1    eth0    ip_route_output_key_hash  routed   via 10.1.0.1 dev eth0  [default via 10.1.0.1 dev eth0]
  c1    eth0    ip_route_output_key_hash  source   10.1.0.2
  c1    eth0    veth_xmit                 sent     leaves through eth0
  host  vethc1  br_pass_frame_up          up       vethc1 to br0
  host  br0     nf_conntrack_in           tracked  NEW
  host  br0     ip_rcv_finish_core        routed   not forwarded  [198.51.100.0/24 dev eth0 proto kernel scope link src 198.51.100.10]
  host  br0     ip_error                  dropped  IP_INADDRERRORS  [net.ipv4.ip_forward = 0]

cause    host: net.ipv4.ip_forward = 0
ended    in host, ip_error (IP_INADDRERRORS)
told     nothing: the sender waits

fix 1    tried: it gets there and the answer comes back
         host# sysctl -w net.ipv4.ip_forward=1
         to keep it: write "net.ipv4.ip_forward = 1" to a file in /etc/sysctl.d
)");
}

TEST(ReportText, TheHeadingIsTheVerdict) {
  EXPECT_THAT(report(two_containers()),
              testing::StartsWith(
                  "delivered: c1 reaches 198.51.100.1:80 (tcp) and the answer comes back\n"));
  EXPECT_THAT(report(two_containers().set("host/iptables-save.txt", "")),
              testing::StartsWith("dropped: c1 gets no answer from 198.51.100.1:80 (tcp): "));
  EXPECT_THAT(
      report(two_containers().rules("filter",
                                    "-A FORWARD -m limit --limit 1/s -j ACCEPT\n"
                                    "-A FORWARD -j DROP\n")),
      testing::StartsWith("undecided: whether c1 reaches 198.51.100.1:80 (tcp), because of "));
}

TEST(ReportText, OnlyTheFirstExchangeOfWhatWorks) {
  const std::string brief = report(two_containers());
  EXPECT_THAT(brief, HasSubstr("\nout:  IP 10.1.0.2"));
  EXPECT_THAT(brief, HasSubstr("\nback: IP 198.51.100.1"));
  EXPECT_THAT(brief, Not(HasSubstr("Flags [P.]")));
  EXPECT_THAT(report(two_containers(), {.explain = true}), HasSubstr("Flags [P.]"));
}

TEST(ReportText, WhatTheSenderIsTold) {
  EXPECT_THAT(report(two_containers(), {}, 81),
              HasSubstr("\ntold     IP 198.51.100.1.81 > 10.1.0.2.49321: Flags [R.]"));
}

TEST(ReportText, NoFixForWhatIsMissingIsAProgram) {
  EXPECT_THAT(report(two_containers(), {}, 81), Not(HasSubstr("\nfix")));
}

TEST(ReportText, WhereToLookWhenAllIsRightHere) {
  EXPECT_THAT(report(two_containers().without("o")),
              HasSubstr("tcpdump -ni eth0 host 198.51.100.1"));
  EXPECT_THAT(report(two_containers()), Not(HasSubstr("look next")));
}

TEST(ReportText, RemarksAreNotes) {
  EXPECT_THAT(report(two_containers().rules("filter", "-A FORWARD -i docker0 -j DROP\n")),
              Not(HasSubstr("\nfix")));
  EXPECT_THAT(
      report(two_containers().rules("filter", "-A FORWARD -i docker0 -j DROP\n")),
      HasSubstr("note     host: -A FORWARD -i docker0 -j DROP names docker0, and there is no "
                "such device\n"));
}

TEST(ReportText, ColourOnlyWhenAskedFor) {
  EXPECT_THAT(report(forwarding_off()), Not(HasSubstr("\x1b")));
  EXPECT_THAT(report(forwarding_off(), {.colour = true}),
              testing::StartsWith("\x1b[1;31mdropped:\x1b[0m c1 "));
}

TEST(ReportText, AHostileFileDoesNotSpeakToTheTerminal) {
  const std::string text =
      report(two_containers().rules("filter",
                                    "-A FORWARD -i br0 -m comment --comment \"\x1b]0;owned\x07\x9b"
                                    "31m\" -j DROP\n"));
  for (const char c : text)
    EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << static_cast<int>(c);
  EXPECT_THAT(text, HasSubstr("\\x1b]0;owned\\x07"));
}

TEST(ReportText, AHostileNameDoesNotEither) {
  host::Machine machine =
      two_containers().set("host/sysctl.txt", "net.ipv4.ip_forward = 0\n").read();
  machine.hosts[0].name = "host\x1b[2J";
  machine.hosts[host::position(machine, "c1")].devices[2].name = "e\x1b[31m";
  const Answer whole = answer(machine, ask(machine, "c1", "198.51.100.1"));
  EXPECT_THAT(report_text(machine, whole, {.explain = true}), Not(HasSubstr("\x1b")));
}

TEST(ReportText, AServiceThatListensAtHomeOnly) {
  const TestMachine at_home =
      two_containers().set("host/ss.txt", "tcp LISTEN 0 8 127.0.0.1:8080 0.0.0.0:*\n");
  EXPECT_THAT(report(at_home, {}, 8080, "10.1.0.1"),
              HasSubstr("the program behind port 8080 listens on 127.0.0.1 only, not on 10.1.0.1"));
  EXPECT_THAT(report(two_containers(), {}, 8080, "10.1.0.1"),
              Not(HasSubstr("127.0.0.1 only")));
}

TEST(ReportText, WhatASetHolds) {
  TestMachine banned =
      two_containers().set("host/ipset.txt", "create bad hash:ip family inet\nadd bad 10.1.0.2\n");
  banned.rules("filter", "-A FORWARD -m set --match-set bad src -j DROP\n");
  EXPECT_THAT(report(banned), HasSubstr("-j DROP, and the set bad holds 10.1.0.2"));
  EXPECT_THAT(report(banned), HasSubstr("fix 1    tried: it gets there and the answer comes back\n"
                                        "         host# ipset del bad 10.1.0.2\n"));
  TestMachine missing = two_containers().set("host/ipset.txt", "create good hash:ip family inet\n");
  missing.rules("filter", "-A FORWARD -i br0 -m set ! --match-set good src -j DROP\n");
  EXPECT_THAT(report(missing), HasSubstr("the set good does not hold 10.1.0.2"));
  EXPECT_THAT(report(missing), HasSubstr("host# ipset add good 10.1.0.2\n"));
}

TEST(ReportText, TheRuleThatSetTheTtl) {
  TestMachine short_lived = two_containers();
  short_lived.rules("mangle", "-A PREROUTING -i br0 -j TTL --ttl-set 1\n");
  EXPECT_THAT(report(short_lived),
              HasSubstr("its TTL ran out, because of host, rule 1 in chain PREROUTING of table mangle: "
                        "-A PREROUTING -i br0 -j TTL --ttl-set 1"));
  EXPECT_THAT(report(short_lived),
              HasSubstr("host# iptables -t mangle -D PREROUTING -i br0 -j TTL --ttl-set 1\n"));
}

TEST(ReportText, AMacvlanAndTheDeviceBelowIt) {
  const TestMachine machine =
      two_containers()
          .set("c1/ip-addr.txt",
               "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 state UNKNOWN\n"
               "    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00 promiscuity 0\n"
               "    inet 127.0.0.1/8 scope host lo\n"
               "200: mv0@if100: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UP\n"
               "    link/ether 02:77:00:00:00:c8 brd ff:ff:ff:ff:ff:ff link-netns host promiscuity 0\n"
               "    macvlan mode bridge\n"
               "    inet 198.51.100.20/24 scope global mv0\n")
          .set("c1/ip-route.txt",
               "198.51.100.0/24 dev mv0 proto kernel scope link src 198.51.100.20\n");
  EXPECT_THAT(report(machine, {}, 22, "198.51.100.10"),
              HasSubstr("nobody answers ARP for 198.51.100.10 on mv0: mv0 of c1 is a macvlan on eth0, "
                        "and such a device and the one below it never talk"));
}

}  // namespace
}  // namespace wayout::why
