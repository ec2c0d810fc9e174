#include "replay/replay.hpp"

#include <algorithm>
#include <utility>

namespace wayout::replay {
namespace {

constexpr std::int64_t ns_per_ms = 1'000'000;

/// Whether a packet waits for a neighbour whose connection nobody else keeps: one that a bridge
/// redirected, before it was confirmed. The connection must not be freed then.
bool only_packets_hold(const link::NeighbourState& neighbours,
                       const conntrack::Table& connections) {
  const auto holds = [&](const Packet& packet) {
    if (packet.connection == no_connection) return false;
    const conntrack::Connection& connection = connections[packet.connection];
    return !connection.has(conntrack::Status::confirmed) ||
           connection.has(conntrack::Status::dying);
  };
  return std::any_of(neighbours.asked.begin(), neighbours.asked.end(),
                     [&](const link::NeighbourKey& key) {
                       const auto& waiting = neighbours.entries.at(key).waiting;
                       return std::any_of(waiting.begin(), waiting.end(), holds);
                     });
}

/// Of several copies of a frame that end differently, the one that tells most.
int rank(const Stop& stop) {
  switch (stop.fate) {
    case Fate::delivered: return 6;
    case Fate::forwarded: return 5;
    case Fate::bridged: return 4;
    case Fate::undecided: return 3;
    case Fate::held: return 2;
    case Fate::dropped: return stop.reason == DropReason::OTHERHOST ? 0 : 1;
    case Fate::on_its_way: break;
  }
  return -1;
}

/// It will go on, or be given up, without any frame's doing.
bool waits_for_neighbour(const Stop& stop) {
  return stop.fate == Fate::held && stop.stage == Stage::neigh_resolve_output;
}

}  // namespace

Replay::Replay(const host::Machine& machine, std::uint64_t seed, std::int64_t start_ns, Sink& sink)
    : sink_(sink),
      chance_(seed),
      journey_(machine, chance_, trace_, path::Asking::in_time),
      start_ns_(start_ns),
      now_ns_(start_ns) {}

/// An end of a frame, or of a copy of it, whose verdict is open.
void Replay::note(const path::JourneyEnd& end) {
  const auto found = open_.find(end.packet.number);
  if (end.host != 0 || found == open_.end()) return;
  Verdict& verdict = found->second;
  // Once it has waited, what came of that counts, and not that it waited.
  if (rank(end.stop) <= rank(verdict.stop) && !waits_for_neighbour(verdict.stop)) return;
  verdict.stop = end.stop;
  verdict.cause_host = end.cause_host;
}

void Replay::decide(std::uint32_t number) {
  const auto found = open_.find(number);
  if (found == open_.end() || waits_for_neighbour(found->second.stop)) return;
  sink_.decided(found->second);
  open_.erase(found);
}

/// What happened since the last call goes to the sink. Only what moved is looked at: frames that wait
/// may be many.
void Replay::hand_out() {
  for (const path::Departure& d : journey_.take_departures())
    if (d.from.host == 0) sink_.left(d.from.device, now_ns_, d.frame);
  for (const Step& step : trace_.steps())
    if (const auto found = open_.find(step.packet); found != open_.end())
      found->second.steps.push_back(step);
  trace_.clear();
  for (const path::JourneyAssumption& a : journey_.take_assumptions())
    if (const auto found = open_.find(a.assumption.packet); found != open_.end())
      found->second.unknown.push_back(a);
  const std::vector<path::JourneyEnd> ends = journey_.take_ends();
  sink_.ended(ends);
  for (const path::JourneyEnd& end : ends) note(end);
  for (const path::JourneyEnd& end : ends) decide(end.packet.number);
}

/// Frames in circles are not carried on into the next frame's time.
bool Replay::come_to_rest(bool at_rest) {
  if (!at_rest) journey_.give_up();
  return at_rest;
}

std::int64_t Replay::virtual_ms(std::int64_t time_ns) const {
  return std::max(std::max(time_ns, now_ns_) - start_ns_, std::int64_t{0}) / ns_per_ms;
}

bool Replay::wait_until(std::int64_t time_ns) {
  const std::int64_t now_ms = virtual_ms(time_ns);
  bool at_rest = true;
  while (const auto due_ms = journey_.next_due()) {
    if (*due_ms > now_ms) break;
    now_ns_ = std::max(now_ns_, start_ns_ + *due_ms * ns_per_ms);
    at_rest = come_to_rest(journey_.advance(*due_ms)) && at_rest;
    hand_out();
  }
  now_ns_ = std::max(now_ns_, time_ns);
  return come_to_rest(journey_.advance(now_ms)) && at_rest;
}

bool Replay::receive(DeviceId device, std::int64_t time_ns, Packet frame) {
  bool at_rest = wait_until(time_ns);
  const std::uint32_t number = frame.number = journey_.new_number();
  open_[number] = {.index = next_index_++, .device = device, .packet = number};
  journey_.receive({0, device}, std::move(frame));
  at_rest = come_to_rest(journey_.run()) && at_rest;
  hand_out();

  constexpr std::int64_t housekeeping_ms = 1000;
  conntrack::Table& connections = state().connections;
  if (!only_packets_hold(state().neighbours, connections)) connections.collect();
  const std::int64_t now_ms = virtual_ms(now_ns_);
  if (now_ms - expired_ms_ >= housekeeping_ms) {
    connections.expire(now_ms);
    expired_ms_ = now_ms;
  }
  return at_rest;
}

bool Replay::finish() {
  constexpr std::int64_t neighbours_given_up_ns = 10'000 * ns_per_ms;
  const bool at_rest = wait_until(now_ns_ + neighbours_given_up_ns);
  for (const auto& [number, verdict] : open_) sink_.decided(verdict);  // a daemon may be asked longer
  open_.clear();
  return at_rest;
}

}  // namespace wayout::replay
