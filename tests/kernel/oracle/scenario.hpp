// One host and the frames that reach it: what the kernel and the engine are both asked.
//
// As text, which is what a difference is kept as:
//
//     # comment
//     tap eth0                          a TAP device of the host
//     ip addr add 10.0.1.1/24 dev eth0  arguments of ip, in their order
//     sysctl net/ipv4/ip_forward=1
//     legacy / nft                      a ruleset, as iptables-restore takes it, up to `end`
//     end
//     frame eth0 0 0200…                a frame that the device receives, 0 ms after the one before
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "netfilter/rule.hpp"
#include "wayout/result.hpp"

namespace wayout::oracle {

struct InputFrame {
  std::string device;
  std::int64_t pause_ms = 0;      ///< before it
  std::vector<std::uint8_t> bytes;
};

struct RulesText {
  netfilter::Backend backend = netfilter::Backend::legacy;
  std::string text;
};

struct Scenario {
  std::vector<std::string> taps;
  std::vector<std::string> setup;  ///< `ip …` and `sysctl …` lines
  std::vector<RulesText> rules;    ///< of each backend one at most
  std::vector<InputFrame> frames;
};

/// With what each frame is, for a reader.
[[nodiscard]] std::string print(const Scenario& scenario);
[[nodiscard]] Result<Scenario> parse(std::string_view text, const std::string& file);

}  // namespace wayout::oracle
