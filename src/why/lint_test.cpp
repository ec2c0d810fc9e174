#include "why/lint.hpp"

#include <gmock/gmock.h>

#include "why/test_question.hpp"

namespace wayout::why {
namespace {

using host::TestMachine;
using host::two_containers;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

/// The remarks about c1's question for 198.51.100.1:80, `line | text`.
std::vector<std::string> remarks(const TestMachine& text) {
  const host::Machine machine = text.read();
  std::vector<std::string> told;
  const Question question = ask(machine, "c1", "198.51.100.1");
  for (const Remark& r : lint(machine, question, explore(machine, question)))
    told.push_back(fmt::format("{} | {}", r.line, r.text));
  return told;
}

TestMachine nat(const char* rule) {
  TestMachine machine = two_containers();
  return machine.set("host/iptables-save.txt", "").rules("nat", rule);
}

TEST(Lint, NothingWhereNothingIsOdd) {
  EXPECT_THAT(remarks(two_containers()), IsEmpty());
  EXPECT_THAT(remarks(two_containers().rules("filter", "-A FORWARD -i br0 -j ACCEPT\n")),
              IsEmpty());
}

TEST(Lint, ADeviceThatIsNotThere) {
  EXPECT_THAT(remarks(two_containers().rules("filter", "-A FORWARD -i docker0 -j DROP\n")),
              ElementsAre("-A FORWARD -i docker0 -j DROP | names docker0, and there is no such "
                          "device"));
  EXPECT_THAT(remarks(two_containers().rules(
                  "filter", "-A FORWARD -i veth+ -j DROP\n-A FORWARD ! -i docker0 -j ACCEPT\n")),
              IsEmpty())
      << "patterns and negations mean devices to come";
}

TEST(Lint, AnAcceptThatIsNeverReached) {
  EXPECT_THAT(remarks(two_containers().rules("filter",
                                             "-A FORWARD -j DROP\n-A FORWARD -i br0 -j ACCEPT\n")),
              ElementsAre("-A FORWARD -i br0 -j ACCEPT | is never reached: rule 1 above it takes "
                          "everything"));
  EXPECT_THAT(remarks(two_containers().rules(
                  "filter", "-A FORWARD -i eth0 -j DROP\n-A FORWARD -i br0 -j ACCEPT\n")),
              IsEmpty());
}

TEST(Lint, PublishedOnAnotherAddress) {
  constexpr const char* rule =
      "-A PREROUTING -d {}/32 -p tcp -m tcp --dport {} -j DNAT --to-destination 10.9.0.2:80\n";
  const auto told = [&](const char* on, int port) {
    TestMachine machine = two_containers().set("o/ss.txt", "");
    return remarks(machine.rules("nat", fmt::format(fmt::runtime(rule), on, port),
                                 "o/iptables-save.txt"));
  };
  EXPECT_THAT(told("198.51.100.7", 80),
              ElementsAre("-A PREROUTING -d 198.51.100.7/32 -p tcp -m tcp --dport 80 -j DNAT "
                          "--to-destination 10.9.0.2:80 | publishes it on 198.51.100.7 only, not on "
                          "198.51.100.1"));
  EXPECT_THAT(told("198.51.100.7", 81), IsEmpty()) << "another port";
}

TEST(Lint, AMasqueradeThatMissesTheContainer) {
  EXPECT_THAT(remarks(nat("-A POSTROUTING -s 10.10.0.0/24 -o eth0 -j MASQUERADE\n")),
              ElementsAre("-A POSTROUTING -s 10.10.0.0/24 -o eth0 -j MASQUERADE | does not cover "
                          "10.1.0.2"));
}

TEST(Lint, AMasqueradeForAnotherDevice) {
  EXPECT_THAT(remarks(nat("-A POSTROUTING -s 10.1.0.0/24 -o vethc2 -j MASQUERADE\n")),
              ElementsAre("-A POSTROUTING -s 10.1.0.0/24 -o vethc2 -j MASQUERADE | is for vethc2, "
                          "but the packet leaves through eth0"));
}

TEST(Lint, AnyNumberOfChains) {
  std::string rules;
  for (int i = 0; i < 66'000; ++i) rules += "-N N" + std::to_string(i) + "\n";
  EXPECT_THAT(remarks(two_containers().rules(
                  "filter", rules + "-A FORWARD -j N65999\n-A N65999 -i docker0 -j DROP\n")),
              ElementsAre("-A N65999 -i docker0 -j DROP | names docker0, and there is no such "
                          "device"));
}

TEST(Lint, OnlyChainsThatWereMet) {
  EXPECT_THAT(remarks(two_containers().rules("filter", "-A INPUT -i docker0 -j DROP\n")),
              IsEmpty());
}

TEST(Lint, ATranslationOfWhatIsForOthers) {
  const char* stray = "-A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.1.0.3:80";
  EXPECT_THAT(remarks(nat(fmt::format("{}\n", stray).c_str())),
              Contains(fmt::format("{} | takes what is for 198.51.100.1, which is not an address of "
                                   "host", stray)));
  for (const char* meant : {"-i br0 ", "-d 198.51.100.1/32 ", "-m addrtype ! --dst-type LOCAL "})
    EXPECT_THAT(remarks(nat(fmt::format("-A PREROUTING {}-p tcp -m tcp --dport 80 -j DNAT "
                                        "--to-destination 10.1.0.3:80\n", meant).c_str())),
                IsEmpty())
        << meant;
}

TEST(Lint, ATranslationOfWhatWasSentHereBefore) {
  // The container's own rule sends it to the host, whose rule takes it on: that is for the host.
  TestMachine machine = nat("-A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.1.0.3:80\n");
  machine.rules("nat", "-A OUTPUT -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.1.0.1:80\n",
                "c1/iptables-save.txt");
  EXPECT_THAT(remarks(machine), testing::Not(Contains(testing::StartsWith("-A PREROUTING"))));
}

}  // namespace
}  // namespace wayout::why
