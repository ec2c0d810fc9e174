// Random rules of what is modelled, such as the kernel loads, and such as packets meet.
#pragma once

#include <random>
#include <string>
#include <vector>

namespace wayout::kernel {

/// What the rules speak of; each list is picked from at random.
struct RuleWords {
  std::vector<std::string> addresses = {"10.0.1.2/32", "10.0.1.0/24", "10.0.0.0/8", "10.0.1.1/32",
                                        "10.0.2.0/24", "8.8.8.8/32",  "8.8.0.0/16", "0.0.0.0/1",
                                        "10.0.2.1/32"};
  std::vector<std::string> devices = {"in0", "out0", "in+", "o+", "lo", "nothere"};
  std::vector<std::string> ranges = {"10.0.1.0-10.0.1.2", "10.0.1.3-10.0.2.1", "0.0.0.0-8.8.8.8"};
  std::vector<std::string> macs = {"02:00:00:00:00:11"};
  std::vector<std::string> dnat = {"10.0.2.5", "8.8.4.4", "10.0.1.3"};  ///< destinations
  std::vector<std::string> snat = {"203.0.113.7"};                      ///< sources
  // None: no rules speak of these.
  std::vector<std::string> sets = {};      ///< `name src`, `name src,dst`
  std::vector<std::string> gateways = {};  ///< for copies
  bool takers = false;  ///< queues that nobody reads, and proxies that do not listen
};

/// A ruleset for iptables-restore: every table with all its chains and two more, a few rules each.
/// Whatever depends on time or drawn ports is left out: `limit` has a rate of one an hour.
[[nodiscard]] std::string random_rules(std::mt19937& random, const RuleWords& words = {});

}  // namespace wayout::kernel
