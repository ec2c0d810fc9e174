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

}  // namespace
}  // namespace wayout::why
