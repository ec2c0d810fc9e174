#include "why/outsider.hpp"

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

namespace wayout::why {
namespace {

using netfilter::TcpMatch;
using netfilter::KeptMatch;

/// The numbers in the words of a match.
std::vector<std::uint32_t> numbers_of(const KeptMatch& match) {
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

/// What a number of the far end's may be: as it usually is, or as rules ask for it.
struct Range {
  std::uint32_t usual, least, most;
  std::vector<std::uint32_t> values = {usual};
  Cause by = {};           ///< the first rule that asks
  std::uint32_t host = 0;  ///< and where it stands

  /// Both sides of each number that the match asks for; a TTL is one less behind a router.
  void add(const KeptMatch& match, std::uint32_t on, Cause rule) {
    for (const std::uint32_t number : numbers_of(match))
      for (const std::uint32_t value : {number - 1, number, number + 1, number + 2}) {
        if (value < least || value > most || std::ranges::find(values, value) != values.end())
          continue;
        if (values.size() == 1) host = on, by = rule;
        values.push_back(value);
      }
  }
  [[nodiscard]] std::uint32_t choose(Chance& chance) const {
    if (values.size() == 1) return usual;
    chance.on_host(host);
    return values[chance.choose(by, static_cast<std::uint32_t>(values.size()))];
  }
};

class Guess {
 public:
  Guess(Probe probe, Chance& chance) : probe_(probe), chance_(chance) {}

  void ask(const netfilter::Rule& rule, std::uint32_t host, Cause by) {
    for (const netfilter::Match& match : rule.matches) {
      const auto* kept = std::get_if<KeptMatch>(&match);
      if (kept != nullptr && kept->name == "ttl") ttl_.add(*kept, host, by);
      if (kept != nullptr && kept->name == "tcpmss" && probe_ == Probe::tcp)
        mss_.add(*kept, host, by);
      const auto* tcp = std::get_if<TcpMatch>(&match);
      if (tcp != nullptr && probe_ == Probe::tcp) option(tcp->option, host, by);
    }
  }
  [[nodiscard]] Outsider outsider() {
    outsider_.ttl = static_cast<std::uint8_t>(ttl_.choose(chance_));
    outsider_.offer.mss = static_cast<std::uint16_t>(mss_.choose(chance_));
    return outsider_;
  }

 private:
  /// Those that not every TCP has; the MSS every one names.
  void option(std::uint8_t kind, std::uint32_t host, Cause by) {
    constexpr std::uint8_t window_scale = 3, sack_permitted = 4, timestamps = 8;
    const bool varies = kind == window_scale || kind == sack_permitted || kind == timestamps;
    if (!varies || known_[kind]) return;
    known_[kind] = true;
    chance_.on_host(host);
    if (chance_.choose(by, 2) == 0) return;
    if (kind == window_scale) outsider_.offer.window_scale.reset();
    if (kind == sack_permitted) outsider_.offer.sack = false;
    if (kind == timestamps) outsider_.offer.timestamps = false;
  }

  Probe probe_;
  Chance& chance_;
  Outsider outsider_;
  // More hops than about thirty nobody has behind him, and hardly anybody begins below 64.
  Range ttl_{.usual = Outsider().ttl, .least = 33, .most = 255};
  Range mss_{.usual = TcpOffer().mss, .least = 536, .most = 8960};
  bool known_[9] = {};
};

}  // namespace

Outsider outsider(const host::Machine& machine, Probe probe, Chance& chance) {
  Guess guess(probe, chance);
  for (std::uint32_t h = 0; h < machine.hosts.size(); ++h) {
    const auto& rulesets = machine.hosts[h].netfilter.rulesets;
    for (std::uint8_t r = 0; r < rulesets.size(); ++r)
      for (std::uint8_t t = 0; t < rulesets[r].tables.size(); ++t)
        for (std::uint32_t c = 0; c < rulesets[r].tables[t].chains.size(); ++c) {
          const auto& rules = rulesets[r].tables[t].chains[c].rules;
          for (std::uint32_t i = 0; i < rules.size(); ++i)
            guess.ask(rules[i], h, Cause::rule({r, t, c, i}));
        }
  }
  return guess.outsider();
}

}  // namespace wayout::why
