// Our rules against the running kernel's: random rulesets of both backends, random packets, what
// leaves the router, what every rule and policy counted, and which connections there are.
//
// The seed is printed; WAYOUT_SEED sets it, WAYOUT_ROUNDS the number of rulesets, WAYOUT_PACKETS
// that of packets through each.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>

#include <cstdlib>

#include "namespace.hpp"
#include "random_rules.hpp"
#include "random_traffic.hpp"
#include "rules_world.hpp"
#include "wire/text.hpp"

namespace wayout::kernel {
namespace {

using netfilter::Backend;

unsigned from_environment(const char* name, unsigned otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? static_cast<unsigned>(std::strtoul(value, nullptr, 10)) : otherwise;
}

std::string told(const std::vector<Seen>& frames) {
  std::string text;
  for (const Seen& seen : frames)
    text += fmt::format("  to the {}: {}\n    {:02x}\n",
                        seen.towards == Origin::client ? "client" : "server",
                        wire::describe_frame(seen.frame), fmt::join(seen.frame, ""));
  return text;
}

std::string told(const Sent& sent) {
  constexpr const char* names[] = {"client", "server", "router"};
  return fmt::format("from the {}: {}", names[static_cast<int>(sent.from)],
                     wire::describe_ip(sent.packet));
}

constexpr const char* sets = R"(create hosts hash:ip
create lasting hash:ip timeout 600
create services hash:ip,port maxelem 4
create nets hash:net
create links hash:net,iface
create ports bitmap:port range 0-1500
create both list:set
add nets 8.8.0.0/16
add ports 53
add both hosts
add both lasting
)";

RuleWords words() {
  RuleWords words;
  words.sets = {"hosts src", "hosts dst", "lasting src", "services src,dst", "services dst,src",
                "nets src", "nets dst", "links src,src", "links dst,dst", "ports src", "ports dst", "both src", "both dst"};
  words.gateways = {"10.0.2.254", "10.0.1.2", "10.0.1.3", "8.8.8.8"};
  words.takers = true;
  return words;
}

/// One or both backends, in random order of loading.
std::vector<RulesText> random_rulesets(std::mt19937& random) {
  std::vector<RulesText> list;
  const bool legacy_first = random() % 2 == 0;
  for (const Backend backend : {legacy_first ? Backend::legacy : Backend::nft,
                                legacy_first ? Backend::nft : Backend::legacy}) {
    if (list.empty() || random() % 3 == 0) list.push_back({backend, random_rules(random, words())});
  }
  return list;
}

/// Both routers, in the same state.
struct Pair {
  KernelRouter kernel;
  std::vector<RulesText> saved;
  std::unique_ptr<EngineRouter> engine;
  std::vector<std::string> history;
  bool drew_apart = false;  ///< each has drawn a port of its own: they go separate ways from here on

  /// What is wrong with the rules, or "".
  std::string load(const std::vector<RulesText>& rulesets) {
    if (std::string said = KernelRouter::load_sets(sets); !said.empty()) return said;
    for (const RulesText& rules : rulesets) {
      if (std::string said = kernel.load(rules); !said.empty()) return said + rules.text;
    }
    for (const RulesText& rules : rulesets)
      saved.push_back({rules.backend, KernelRouter::saved(rules.backend)});
    engine = std::make_unique<EngineRouter>(saved, 1500, sets);
    return "";
  }

  /// Every ruleset, as it was saved before the first packet.
  [[nodiscard]] std::string rules() const {
    std::string text;
    for (const RulesText& one : saved) text += one.text;
    return text;
  }

  /// Send it through both and compare.
  void pass(const Sent& sent, RandomTraffic& traffic) {
    history.push_back(told(sent));
    engine->send(sent.from, sent.packet);
    const std::vector<Seen> ours = engine->seen();
    kernel.send(sent.from, sent.packet);
    const std::vector<Seen> theirs = kernel.seen(ours);
    const std::string ends = engine->told_ends();
    drew_apart = engine->drew_port();
    if (drew_apart) {
      ASSERT_EQ(told(without_ports(ours)), told(without_ports(theirs))) << ends;
    } else {
      ASSERT_EQ(told(ours), told(theirs)) << ends;
    }
    traffic.saw(theirs);
    for (std::size_t i = 0; i < saved.size(); ++i) {
      const std::string counted = engine->saved(i);
      ASSERT_EQ(counted, KernelRouter::saved(saved[i].backend, counted)) << ends;
    }
  }
};

TEST(Rules, AgreeWithTheKernel) {
  WAYOUT_NEEDS_NAMESPACE();
  const unsigned seed = from_environment("WAYOUT_SEED", std::random_device{}());
  const unsigned rounds = from_environment("WAYOUT_ROUNDS", 12);
  const unsigned packets = from_environment("WAYOUT_PACKETS", 30);
  fmt::print("seed {}\n", seed);

  for (unsigned round = 0; round < rounds; ++round) {
    std::mt19937 random(seed + round);
    ASSERT_EQ(enter_new_namespace(), "");
    Pair both;
    ASSERT_EQ(both.load(random_rulesets(random)), "") << "seed " << seed + round;
    RandomTraffic traffic(random);
    for (unsigned i = 0; i < packets && !both.drew_apart; ++i) {
      both.pass(traffic.next(), traffic);
      if (testing::Test::HasFatalFailure())
        FAIL() << "WAYOUT_SEED=" << seed + round << " WAYOUT_ROUNDS=1, packet " << i + 1 << " of:\n"
               << fmt::format("{}\n", fmt::join(both.history, "\n")) << both.rules();
    }
    if (both.drew_apart) continue;
    ASSERT_EQ(both.engine->connections(), KernelRouter::connections())
        << "WAYOUT_SEED=" << seed + round << " WAYOUT_ROUNDS=1\n"
        << fmt::format("{}\n", fmt::join(both.history, "\n")) << both.rules();
  }
}

}  // namespace
}  // namespace wayout::kernel
