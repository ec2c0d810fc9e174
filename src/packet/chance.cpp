#include "packet/chance.hpp"

#include <cassert>

namespace wayout {

namespace {

/// One round of SplitMix64: every bit of the result depends on every bit of the input.
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

std::uint32_t Chance::choose(Cause asked_by, std::uint32_t options) {
  assert(options > 0);
  if (mode_ == Mode::draw) return static_cast<std::uint32_t>(generator_() % options);
  return follow_script({.asked_by = asked_by, .host = host_, .options = options});
}

std::uint16_t Chance::port_offset(std::uint32_t first, std::uint32_t count) {
  ++port_searches_;
  for (const std::uint16_t port : expected_)
    if (port >= first && port - first < count) return static_cast<std::uint16_t>(port - first);
  return static_cast<std::uint16_t>(generator_());
}

std::uint32_t Chance::choose_for(std::uint64_t flow, Cause asked_by, std::uint32_t options) {
  assert(options > 0 && flow != 0);
  if (mode_ == Mode::draw) return static_cast<std::uint32_t>(mixed(flow ^ mixed(seed_)) % options);
  for (const Choice& before : asked_)
    if (before.flow == flow && before.asked_by == asked_by && before.host == host_)
      return before.taken % options;
  return follow_script(
      {.asked_by = asked_by, .host = host_, .options = options, .flow = flow});
}

std::uint32_t Chance::choose_about(std::uint16_t number, Cause asked_by, std::uint32_t options) {
  const StandIn* unknown = stand_in(number);
  if (unknown == nullptr || mode_ == Mode::draw) return choose(asked_by, options);
  return follow_script({.asked_by = asked_by,
                        .host = host_,
                        .options = options,
                        .unknown_by = unknown->by,
                        .unknown_host = unknown->host});
}

void Chance::let_stand(std::uint16_t number, const PortSet& possible, Cause by) {
  const bool single = possible.ranges().size() == 1 &&
                      possible.ranges().front().low == possible.ranges().front().high;
  if (mode_ == Mode::draw || possible.empty() || single) return;
  for (StandIn& known : stand_ins_) {
    if (known.number != number) continue;
    // The same number for two of them: then it may be what either can be.
    for (const PortSet::Range& range : possible.ranges()) known.possible.add(range);
    return;
  }
  stand_ins_.push_back({number, possible, by, host_});
}

const StandIn* Chance::stand_in(std::uint16_t number) const {
  for (const StandIn& known : stand_ins_)
    if (known.number == number) return &known;
  return nullptr;
}

void Chance::narrow(std::uint16_t number, const PortSet& to) {
  for (StandIn& known : stand_ins_) {
    if (known.number != number) continue;
    PortSet left = known.possible & to;
    if (!left.empty()) known.possible = std::move(left);
  }
}

bool Chance::is_among(std::uint16_t number, const PortSet& accepted, Cause asked_by) {
  const StandIn* unknown = stand_in(number);
  if (unknown == nullptr) return accepted.contains(number);
  const bool some_are = !(unknown->possible & accepted).empty();
  const bool some_are_not = !(unknown->possible & accepted.complement()).empty();
  const bool is = some_are && (!some_are_not || choose_about(number, asked_by, 2) == 0);
  narrow(number, is ? accepted : accepted.complement());
  return is;
}

std::uint32_t Chance::follow_script(const Choice& choice) {
  asked_.push_back(choice);
  std::uint32_t& taken = asked_.back().taken;
  if (asked_.size() <= script_.size()) taken = script_[asked_.size() - 1];
  return taken;
}

}  // namespace wayout
