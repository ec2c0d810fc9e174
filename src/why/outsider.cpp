#include "why/outsider.hpp"

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

namespace wayout::why {
namespace {

using netfilter::TcpMatch;
using netfilter::UnmodelledMatch;

/// The numbers in the words of a match.
std::vector<std::uint32_t> numbers_of(const UnmodelledMatch& match) {
  std::vector<std::uint32_t> numbers;
  for (const std::string& word : match.tokens)
    for (const char *at = word.data(), *end = at + word.size(); at < end;) {
      std::uint32_t number = 0;
      const auto [rest, error] = std::from_chars(at, end, number);
      if (error == std::errc{}) numbers.push_back(number);
      at = error == std::errc{} ? rest : at + 1;
    }
  return numbers;
}

/// Those next to a number that a rule asks for, and so on both sides of it, within what is likely.
std::vector<std::uint32_t> around(const std::vector<std::uint32_t>& asked, std::uint32_t usual,
                                  std::uint32_t least, std::uint32_t most) {
  std::vector<std::uint32_t> values = {usual};
  for (const std::uint32_t number : asked)
    for (const std::uint32_t value : {number - 1, number, number + 1, number + 2})
      if (value >= least && value <= most && std::ranges::find(values, value) == values.end())
        values.push_back(value);
  return values;
}

class Guess {
 public:
  Guess(Probe probe, Chance& chance) : probe_(probe), chance_(chance) {}

  void ask(const netfilter::Rule& rule, Cause by) {
    for (const netfilter::Match& match : rule.matches) {
      if (const auto* kept = std::get_if<UnmodelledMatch>(&match)) number(*kept, by);
      const auto* tcp = std::get_if<TcpMatch>(&match);
      if (tcp != nullptr && probe_ == Probe::tcp) option(tcp->option, by);
    }
  }
  [[nodiscard]] const Outsider& outsider() const { return outsider_; }

 private:
  void number(const UnmodelledMatch& match, Cause by) {
    // More hops than about thirty nobody has behind him, and hardly anybody begins below 64.
    if (match.name == "ttl" && !ttl_known_) {
      const auto values = around(numbers_of(match), outsider_.ttl, 33, 255);
      outsider_.ttl = static_cast<std::uint8_t>(one_of(values, by));
      ttl_known_ = true;
    }
    if (match.name == "tcpmss" && probe_ == Probe::tcp && !mss_known_) {
      const auto values = around(numbers_of(match), outsider_.offer.mss, 536, 8960);
      outsider_.offer.mss = static_cast<std::uint16_t>(one_of(values, by));
      mss_known_ = true;
    }
  }

  /// Those that not every TCP has; the MSS every one names.
  void option(std::uint8_t kind, Cause by) {
    constexpr std::uint8_t window_scale = 3, sack_permitted = 4, timestamps = 8;
    const bool varies = kind == window_scale || kind == sack_permitted || kind == timestamps;
    if (!varies || known_[kind]) return;
    known_[kind] = true;
    if (chance_.choose(by, 2) == 0) return;
    if (kind == window_scale) outsider_.offer.window_scale.reset();
    if (kind == sack_permitted) outsider_.offer.sack = false;
    if (kind == timestamps) outsider_.offer.timestamps = false;
  }

  std::uint32_t one_of(const std::vector<std::uint32_t>& values, Cause by) {
    if (values.size() == 1) return values.front();
    return values[chance_.choose(by, static_cast<std::uint32_t>(values.size()))];
  }

  Probe probe_;
  Chance& chance_;
  Outsider outsider_;
  bool ttl_known_ = false, mss_known_ = false, known_[9] = {};
};

}  // namespace

Outsider outsider(const host::Machine& machine, Probe probe, Chance& chance) {
  Guess guess(probe, chance);
  for (std::uint32_t h = 0; h < machine.hosts.size(); ++h) {
    chance.on_host(h);
    const auto& rulesets = machine.hosts[h].netfilter.rulesets;
    for (std::uint8_t r = 0; r < rulesets.size(); ++r)
      for (std::uint8_t t = 0; t < rulesets[r].tables.size(); ++t)
        for (std::uint16_t c = 0; c < rulesets[r].tables[t].chains.size(); ++c) {
          const auto& rules = rulesets[r].tables[t].chains[c].rules;
          for (std::uint32_t i = 0; i < rules.size(); ++i)
            guess.ask(rules[i], Cause::rule({r, t, c, i}));
        }
  }
  return guess.outsider();
}

}  // namespace wayout::why
