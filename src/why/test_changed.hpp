// A machine to make changes on, for the tests of this room.
#pragma once

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "host/finish.hpp"
#include "netfilter/read.hpp"
#include "why/change.hpp"
#include "why/test_question.hpp"

namespace wayout::why {

/// A machine, and a change made to it as a trial does.
struct Changed {
  explicit Changed(const host::TestMachine& text) : machine(text.read()) {}

  host::Host& host(const char* name = "host") {
    return machine.hosts[host::position(machine, name)];
  }
  [[nodiscard]] DeviceId device(const char* name) const {
    return machine.hosts[0].devices.find(name);
  }
  /// Make the change; its command.
  std::string make(const Change& change) {
    change.apply(machine.hosts[change.host]);
    const Result<void> finished = host::finish(machine);
    EXPECT_TRUE(finished) << (finished ? "" : finished.error().text());
    return change.command;
  }
  [[nodiscard]] RuleRef chain(netfilter::TableKind kind, const char* name, std::uint8_t ruleset = 0) const {
    const auto& tables = machine.hosts[0].netfilter.rulesets[ruleset].tables;
    for (std::uint8_t t = 0; t < tables.size(); ++t)
      if (tables[t].kind == kind)
        return {ruleset, t, static_cast<std::uint32_t>(tables[t].find(name)), 0};
    ADD_FAILURE() << "no table for " << name;
    return {};
  }
  /// The rules of a chain as `iptables -S` prints them.
  [[nodiscard]] std::vector<std::string> rules(netfilter::TableKind kind, const char* name) const {
    RuleRef ref = chain(kind, name);
    const auto count = machine.hosts[0].netfilter.chain(ref).rules.size();
    std::vector<std::string> lines;
    for (ref.rule = 0; ref.rule < count; ++ref.rule)
      lines.push_back(cause_line(machine.hosts[0], Cause::rule(ref)));
    return lines;
  }
  /// The routes of table main as `ip route` prints them.
  [[nodiscard]] std::vector<std::string> routes(const char* name = "host") const {
    const host::Host& h = machine.hosts[host::position(machine, name)];
    std::vector<std::string> lines;
    for (std::uint32_t t = 0; t < h.fib.tables.size(); ++t)
      for (std::uint32_t r = 0;
           h.fib.tables[t].id == route::table_main && r < h.fib.tables[t].routes.size(); ++r)
        lines.push_back(route_line(h, {t, r}));
    return lines;
  }

  host::Machine machine;
};

inline netfilter::Rule rule(const char* line, const char* table = "filter") {
  const auto set = netfilter::read_save(
      fmt::format("*{}\n:x - [0:0]\n-A x {}\nCOMMIT\n", table, line), "rule", {});
  EXPECT_TRUE(set) << line;
  const netfilter::Table& read = set.value().tables.at(0);
  return read.chains[static_cast<std::size_t>(read.find("x"))].rules.at(0);
}

}  // namespace wayout::why
