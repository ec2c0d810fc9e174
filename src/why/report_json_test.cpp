// The members that scripts rely on.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "why/report.hpp"
#include "why/test_question.hpp"

namespace wayout::why {
namespace {

using host::TestMachine;
using host::two_containers;
using nlohmann::json;

json report(const TestMachine& text, std::uint16_t dport = 80, Probe probe = Probe::tcp) {
  host::Machine machine = text.read();
  for (host::Host& host : machine.hosts)
    host.assumed.clear();
  const Answer whole = answer(machine, ask(machine, "c1", "198.51.100.1", dport, probe));
  return json::parse(report_json(machine, whole, false));
}

/// JSON is a tree of its own; this is one as a test writes it.
json of(const char* text) {
  return json::parse(text);
}

TEST(ReportJson, Delivered) {
  const json j = report(two_containers());
  EXPECT_EQ(j.at("verdict"), "delivered");
  EXPECT_EQ(j.at("direction"), "back");
  EXPECT_EQ(j.at("proto"), "tcp");
  EXPECT_EQ(j.at("asked"),
            of(R"({"src": "10.1.0.2", "sport": 49321, "dst": "198.51.100.1", "dport": 80})"));
  EXPECT_EQ(j.at("translated"),
            of(R"({"src": "198.51.100.10", "sport": 49321, "dst": "198.51.100.1", "dport": 80})"));
  EXPECT_TRUE(j.at("cause").is_null());
  EXPECT_EQ(j.at("fixes"), json::array());
  EXPECT_EQ(j.at("unknown"), json::array());
  EXPECT_EQ(j.at("assumed"), json::array());
}

TEST(ReportJson, DroppedByASysctl) {
  const json j = report(two_containers().set("host/sysctl.txt", "net.ipv4.ip_forward = 0\n"));
  EXPECT_EQ(j.at("verdict"), "dropped");
  EXPECT_EQ(j.at("direction"), "out");
  EXPECT_EQ(j.at("end"), of(R"({"namespace": "host", "stage": "ip_error", "device": "br0",
                                "reason": "IP_INADDRERRORS"})"));
  EXPECT_EQ(j.at("cause"),
            of(R"({"kind": "sysctl", "namespace": "host", "key": "net.ipv4.ip_forward",
                   "value": "0", "text": "net.ipv4.ip_forward = 0"})"));
  EXPECT_TRUE(j.at("translated").is_null()) << "nobody saw it";
  ASSERT_EQ(j.at("fixes").size(), 1u);
  EXPECT_EQ(j.at("fixes")[0].at("commands"),
            of(R"([{"namespace": "host", "command": "sysctl -w net.ipv4.ip_forward=1"}])"));
  EXPECT_EQ(j.at("fixes")[0].at("verified"), true);
}

TEST(ReportJson, DroppedByARuleAndByAPolicy) {
  const json rule = report(two_containers().rules("filter", "-A FORWARD -i br0 -j DROP\n"));
  EXPECT_EQ(rule.at("cause"),
            of(R"({"kind": "rule", "namespace": "host", "table": "filter", "chain": "FORWARD",
                   "number": 1, "command": "iptables", "text": "-A FORWARD -i br0 -j DROP"})"));
  const json policy = report(two_containers().rules("filter", ":FORWARD DROP [0:0]\n"));
  EXPECT_EQ(policy.at("cause"),
            of(R"({"kind": "policy", "namespace": "host", "table": "filter", "chain": "FORWARD",
                   "command": "iptables", "text": "-P FORWARD DROP"})"));
}

TEST(ReportJson, EndedOutside) {
  const json j = report(two_containers().without("o").set("host/iptables-save.txt", ""));
  EXPECT_EQ(j.at("direction"), "back");
  EXPECT_EQ(j.at("end").at("namespace"), "outside");
  EXPECT_EQ(j.at("cause").at("kind"), "nat");
  EXPECT_EQ(j.at("cause").at("namespace"), "host");
}

TEST(ReportJson, Undecided) {
  const json j = report(two_containers().rules("filter",
                                               "-A FORWARD -m limit --limit 1/s -j ACCEPT\n"
                                               "-A FORWARD -j DROP\n"));
  EXPECT_EQ(j.at("verdict"), "undecided");
  EXPECT_TRUE(j.at("cause").is_null());
  ASSERT_EQ(j.at("unknown").size(), 1u);
  EXPECT_EQ(j.at("unknown")[0].at("namespace"), "host");
  EXPECT_THAT(j.at("unknown")[0].at("text").get<std::string>(),
              testing::HasSubstr("-m limit --limit 1/sec"));
  EXPECT_EQ(j.at("fixes"), json::array());
}

TEST(ReportJson, UndecidedNamesWhatEndedIt) {
  std::string rules = "-A FORWARD -j D0\n";
  for (int i = 0; i < 22; ++i)
    for (int twice = 0; twice < 2; ++twice) rules += fmt::format("-A D{} -j D{}\n", i, i + 1);
  std::string chains;
  for (int i = 0; i <= 22; ++i) chains += fmt::format(":D{} - [0:0]\n", i);
  const json j = report(two_containers().rules("filter", chains + rules));
  EXPECT_EQ(j.at("verdict"), "undecided");
  ASSERT_EQ(j.at("unknown").size(), 1u);
  EXPECT_THAT(j.at("unknown")[0].at("text").get<std::string>(),
              testing::HasSubstr("rules whose chains call each other so often"));
}

TEST(ReportJson, StepsInTheOrderOfTheWay) {
  const json j = report(two_containers());
  std::vector<std::string> namespaces;
  for (const json& step : j.at("steps")) {
    for (const char* member : {"direction", "namespace", "device", "stage", "did", "text"})
      EXPECT_TRUE(step.contains(member)) << member;
    const std::string name = step.at("namespace");
    if (namespaces.empty() || namespaces.back() != name) namespaces.push_back(name);
  }
  EXPECT_THAT(std::vector(namespaces.begin(), namespaces.begin() + 5),
              testing::ElementsAre("c1", "host", "o", "host", "c1"));
}

TEST(ReportJson, PingHasTheIdForPorts) {
  const json j = report(two_containers(), 0, Probe::icmp);
  EXPECT_EQ(j.at("proto"), "icmp");
  EXPECT_EQ(j.at("translated").at("sport"), j.at("translated").at("dport"));
}

TEST(ReportJson, IsValidWhateverTheNamesAre) {
  host::Machine machine =
      two_containers()
          .rules("filter", "-A FORWARD -m comment --comment \"\x1b\xff\" -j DROP\n")
          .read();
  machine.hosts[0].name = "h\"ost\n\xfe";
  const Answer whole = answer(machine, ask(machine, "c1", "198.51.100.1"));
  const std::string text = report_json(machine, whole, true);
  const json j = json::parse(text, nullptr, false);
  ASSERT_FALSE(j.is_discarded());
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_THAT(j.at("end").at("namespace").get<std::string>(), testing::StartsWith("h\"ost\n"));
}

TEST(ExitCode, IsTheContracts) {
  Answer a;
  a.account.verdict = Verdict::delivered;
  EXPECT_EQ(exit_code(a), 0);
  a.account.verdict = Verdict::dropped;
  EXPECT_EQ(exit_code(a), 1);
  a.account.verdict = Verdict::undecided;
  EXPECT_EQ(exit_code(a), 3);
}

}  // namespace
}  // namespace wayout::why
