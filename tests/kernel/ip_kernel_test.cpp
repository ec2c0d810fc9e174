// IPv4's stages against the running kernel's: random packets into a router without rules, and what
// leaves it, byte for byte. Half of the rounds have connection tracking on, so that fragments are
// reassembled; the MTU of the way out varies.
//
// The seed is printed; WAYOUT_SEED sets it, WAYOUT_ROUNDS the number of routers, WAYOUT_PACKETS
// that of packets through each. Left out, because they differ and are said to (docs/design/ip.md):
// the time in timestamps, recorded routes echoed in answers, and reasons, which recordings hold.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>

#include <cstdlib>

#include "namespace.hpp"
#include "random_ip.hpp"
#include "rules_world.hpp"
#include "wire/text.hpp"

namespace wayout::kernel {
namespace {

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

std::string told(const IpPacket& packet) {
  return fmt::format("from the {}: {}\n    {:02x}",
                     packet.from == Origin::client ? "client" : "server",
                     wire::describe_ip(packet.bytes), fmt::join(packet.bytes, ""));
}

TEST(IpKernel, RandomPackets) {
  WAYOUT_NEEDS_NAMESPACE();
  const unsigned seed = from_environment("WAYOUT_SEED", std::random_device{}());
  const unsigned rounds = from_environment("WAYOUT_ROUNDS", 8);
  const unsigned packets = from_environment("WAYOUT_PACKETS", 150);
  fmt::print("WAYOUT_SEED={}\n", seed);
  unsigned answered = 0;
  for (unsigned round = 0; round < rounds; ++round) {
    std::mt19937 random(seed + round);
    ASSERT_EQ(enter_new_namespace(), "");
    KernelRouter kernel;
    std::vector<RulesText> rules;
    if (random() % 2 == 0) {
      rules.push_back({netfilter::Backend::legacy,
                       "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
                       "-A FORWARD -m conntrack --ctstate NEW\nCOMMIT\n"});
      ASSERT_EQ(kernel.load(rules.front()), "");
    }
    constexpr std::uint32_t mtus[] = {1500, 1500, 600, 300, 80};
    const std::uint32_t mtu = mtus[random() % std::size(mtus)];
    run_all({fmt::format("link set out0 mtu {}", mtu)});
    EngineRouter engine(rules, mtu);
    RandomIp source(random);
    std::string history;
    for (unsigned i = 0; i < packets; ++i) {
      const IpPacket packet = source.next();
      if (packet.from == Origin::server && packet.bytes.size() > mtu) continue;  // not received
      history += told(packet) + "\n";
      engine.send(packet.from, packet.bytes);
      const std::vector<Seen> ours = engine.seen();
      kernel.send(packet.from, packet.bytes);
      const std::vector<Seen> theirs = kernel.seen(ours);
      answered += theirs.empty() ? 0 : 1;
      ASSERT_EQ(told(ours), told(theirs))
          << engine.told_ends() << "WAYOUT_SEED=" << seed + round
          << " WAYOUT_ROUNDS=1, MTU " << mtu << (rules.empty() ? "" : ", conntrack") << ", packet "
          << i + 1 << " of:\n"
          << history.substr(history.size() > 4000 ? history.size() - 4000 : 0);
      (void)engine.told_ends();
    }
  }
  fmt::print("{} packets, {} with an answer or a way on\n", rounds * packets, answered);
  EXPECT_GT(answered, rounds * packets / 10) << "the packets do not ask much";
}

}  // namespace
}  // namespace wayout::kernel
