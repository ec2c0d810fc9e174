#include "path/journey.hpp"

#include <algorithm>
#include <utility>

#include "path/stages.hpp"
#include "path/walk.hpp"
#include "wire/headers.hpp"

namespace wayout::path {
namespace {

/// Who is taken to stand behind a next hop that nobody on this machine owns.
constexpr wire::MacAddress outsider_mac{{0x02, 0x00, 0x00, 0x0f, 0xff, 0xfe}};

/// The kernel asks three times, a second apart (retrans_time_ms), and gives up a second later.
constexpr std::int64_t solicit_ms = 3000, ask_again_ms = 1000;

/// What one frame can set off; more is a circle.
constexpr std::uint32_t frames_between_times = 20'000;

/// How much the end of an ARP request says about why it was not answered. In a tunnel it ends as
/// the packet that carries it, or because that finds no way.
int weight(const JourneyEnd& end) {
  const Stop& stop = end.stop;
  if (stop.fate != Fate::dropped) return 0;
  const bool carried =
      end.packet.ethertype == wire::ethertype::ipv4 || stop.stage == Stage::vxlan_xmit_one;
  switch (stop.cause.kind()) {
    case CauseKind::sysctl: return 5;
    case CauseKind::no_route:  // of a proxy
    case CauseKind::bridge:
    case CauseKind::mtu: return 4;
    case CauseKind::device:
      return stop.cause.value() == static_cast<std::uint32_t>(DeviceCause::other_host) ? 1 : 4;
    case CauseKind::address: return carried ? 4 : 2;
    default: return carried ? 4 : 1;
  }
}

}  // namespace

Journey::Place::Place(std::uint32_t number, Journey& journey)
    : state(host::initial_state(journey.machine_.hosts[number])),
      stack{.number = number,
            .host = journey.machine_.hosts[number],
            .state = state,
            .chance = journey.chance_,
            .machine = journey.machine_,
            .next_packet = journey.next_packet_} {}

Journey::Journey(const host::Machine& machine, Chance& chance, StepTrace& trace, Asking asking)
    : machine_(machine),
      chance_(chance),
      trace_(trace),
      asking_(asking),
      places_(machine.hosts.size()) {}

Stack& Journey::stack(std::uint32_t host) {
  if (!places_[host]) {
    places_[host] = std::make_unique<Place>(host, *this);
    places_[host]->state.now_ms = now_ms_;
    places_[host]->stack.pinging = asking_ == Asking::at_rest;
  }
  return places_[host]->stack;
}

void Journey::send(std::uint32_t host, Packet packet) {
  packet.local = packet.by_socket = true;
  give(host, {Work::Kind::send, std::move(packet)});
}

void Journey::receive(host::DeviceRef at, Packet frame) {
  frame.device = at.device;
  give(at.host, {Work::Kind::receive, std::move(frame)});
}

void Journey::listen(std::uint32_t host, const Socket& socket) {
  stack(host).sockets.push_back(socket);
}

bool Journey::run() {
  for (bool busy = true; busy;) {
    while (!ready_.empty()) {
      const std::uint32_t host = ready_.front();
      ready_.pop_front();
      if (!work(host)) return false;
    }
    busy = asking_ == Asking::at_rest && settle_neighbour();
  }
  return true;
}

void Journey::give(std::uint32_t host, Work work) {
  Stack& here = stack(host);
  if (here.work.empty()) ready_.push_back(host);
  here.work.push_back(std::move(work));
}

bool Journey::work(std::uint32_t host) {
  Stack& here = stack(host);
  trace_.on_host(host);
  chance_.on_host(host);
  const bool at_rest = drain(here, budget_, trace_);
  for (Ended& ended : here.ended) {
    const std::uint32_t elsewhere = ended.stop.cause_elsewhere;
    const std::uint32_t cause_host = elsewhere == 0 ? host : elsewhere - 1;
    ends_.push_back({host, cause_host, std::move(ended.packet), ended.stop});
  }
  here.ended.clear();
  std::vector<Handover> handovers = std::move(here.handovers);
  here.handovers.clear();
  for (Handover& handover : handovers) carry(std::move(handover));
  return at_rest;
}

void Journey::carry(Handover handover) {
  Packet& frame = handover.frame;
  if (handover.how == Handover::How::outside) {
    departures_.push_back({handover.from, std::move(frame)});
    return;
  }
  if (asking_ == Asking::in_time && handover.how == Handover::How::to_peer)
    departures_.push_back({handover.from, frame});
  frame.scrub(handover.from.host == handover.to.host);
  const bool to_carrier = handover.how == Handover::How::to_carrier;
  frame.device = to_carrier ? no_device : handover.to.device;
  if (to_carrier) frame.bound = handover.to.device;
  frame.local = to_carrier;
  auto kind = Work::Kind::receive;
  if (handover.how == Handover::How::to_lower) kind = Work::Kind::transmit;
  if (to_carrier) kind = Work::Kind::send;
  give(handover.to.host, {kind, std::move(frame)});
}

bool Journey::left_machine(std::uint32_t packet) const {
  return std::any_of(departures_.begin(), departures_.end(),
                     [&](const Departure& d) { return d.frame.number == packet; });
}

bool Journey::settle_neighbour() {
  std::uint32_t asking = 0;
  const link::NeighbourKey* key = nullptr;
  link::NeighbourState::Entry* last = nullptr;
  for (std::uint32_t host = 0; host < places_.size(); ++host) {
    if (!places_[host]) continue;
    for (auto& [known, entry] : places_[host]->state.neighbours.entries)
      if (!entry.waiting.empty() && (last == nullptr || entry.request > last->request))
        asking = host, key = &known, last = &entry;
  }
  if (last == nullptr) return false;
  Stack& here = stack(asking);
  const bool said_failed = std::any_of(
      here.host.neighbours.begin(), here.host.neighbours.end(), [&](const link::Neighbour& n) {
        return n.device == key->device && n.address == key->address &&
               n.state == link::NudState::failed;
      });
  if (left_machine(last->request) && !said_failed) {
    last->state = link::NudState::reachable;
    last->mac = outsider_mac;
    last->assumed = true;
    for (Packet& waiting : last->waiting)
      here.work.push_back({Work::Kind::to_neighbour, std::move(waiting)});
    last->waiting.clear();
  } else {
    fail_neighbour(asking, *last);
  }
  if (!here.work.empty()) ready_.push_back(asking);
  return true;
}

void Journey::fail_neighbour(std::uint32_t host, link::NeighbourState::Entry& entry) {
  Stack& here = stack(host);
  trace_.on_host(host);
  if (asking_ == Asking::at_rest) here.state.now_ms += solicit_ms;
  entry.state = link::NudState::failed;
  std::vector<Packet> waiting = std::move(entry.waiting);
  entry.waiting.clear();
  for (Packet& packet : waiting) {
    const JourneyEnd* unread = end_not_read(entry.request);
    const Unanswered why = unread != nullptr
                               ? Unanswered{unread->cause_host, unread->stop.cause}
                               : why_unanswered(entry.request, host, packet);
    const Stop stop = unread != nullptr
                          ? Stop::end(Fate::undecided, Stage::neigh_invalidate, why.cause)
                          : Stop::drop(Stage::neigh_invalidate, DropReason::NEIGH_FAILED, why.cause);
    std::optional<Packet> unheard;
    if (why.unheard != nullptr) unheard = *why.unheard;
    if (!packet.local && unread == nullptr) send_error(packet, {wire::IcmpHeader::unreachable, 1, 0}, here);
    trace_.step({.stage = stop.stage,
                 .did = Did::ended,
                 .fate = stop.fate,
                 .reason = stop.reason,
                 .device = packet.device,
                 .by = Cause::neighbour(packet.device),
                 .packet = packet.number});
    ends_.push_back({host, why.cause_host, std::move(packet), stop, std::move(unheard)});
  }
}

std::optional<std::int64_t> Journey::next_due() const {
  std::optional<std::int64_t> due;
  for (const auto& place : places_) {
    if (!place) continue;
    const link::NeighbourState& neighbours = place->state.neighbours;
    for (const link::NeighbourKey& key : neighbours.asked) {
      const auto& entry = neighbours.entries.at(key);
      if (entry.waiting.empty()) continue;
      const std::int64_t next = entry.asked_ms + entry.requests * ask_again_ms;
      if (!due || next < *due) due = next;
    }
  }
  return due;
}

void Journey::ask_again(std::uint32_t host) {
  Stack& here = stack(host);
  link::NeighbourState& neighbours = here.state.neighbours;
  std::erase_if(neighbours.asked, [&](const link::NeighbourKey& key) {
    return neighbours.entries.at(key).waiting.empty();
  });
  for (const link::NeighbourKey& key : neighbours.asked) {
    auto& entry = neighbours.entries.at(key);
    if (entry.waiting.empty() || entry.asked_ms + entry.requests * ask_again_ms > now_ms_) continue;
    const link::NeighbourParms& parms = here.host.devices[key.device].neighbours;
    if (entry.requests >= parms.mcast_solicit + parms.app_solicit)
      fail_neighbour(host, entry);
    else
      ask_neighbour(key.address, entry.waiting.front(), entry, here);
  }
  if (!here.work.empty()) ready_.push_back(host);
}

bool Journey::advance(std::int64_t now_ms) {
  now_ms_ = now_ms;
  for (std::uint32_t host = 0; host < places_.size(); ++host) {
    if (!places_[host]) continue;
    places_[host]->state.now_ms = now_ms;
    ask_again(host);
  }
  budget_ = frames_between_times;
  return run();
}

std::vector<JourneyEnd> Journey::take_ends() { return std::exchange(ends_, {}); }

std::vector<Departure> Journey::take_departures() { return std::exchange(departures_, {}); }

std::vector<JourneyAssumption> Journey::take_assumptions() {
  std::vector<JourneyAssumption> taken;
  for (std::uint32_t host = 0; host < places_.size(); ++host) {
    if (!places_[host]) continue;
    for (const Assumption& assumption : places_[host]->stack.assumed)
      taken.push_back({host, assumption});
    places_[host]->stack.assumed.clear();
  }
  return taken;
}

void Journey::give_up() {
  ready_.clear();
  for (std::uint32_t host = 0; host < places_.size(); ++host) {
    if (!places_[host]) continue;
    for (Work& work : places_[host]->stack.work)
      ends_.push_back({host, host, std::move(work.packet), Stop::end(Fate::undecided, Stage::none)});
    places_[host]->stack.work.clear();
  }
}

const JourneyEnd* Journey::end_not_read(std::uint32_t request) const {
  const auto found = std::find_if(ends_.begin(), ends_.end(), [&](const JourneyEnd& e) {
    return e.packet.number == request && e.stop.fate == Fate::undecided;
  });
  return found == ends_.end() ? nullptr : &*found;
}

Journey::Unanswered Journey::why_unanswered(std::uint32_t request, std::uint32_t host,
                                            const Packet& waiting) const {
  if (machine_.hosts[host].devices[waiting.device].neighbours.mcast_solicit == 0)
    return {host, Cause::sysctl(Sysctl::mcast_solicit, waiting.device)};
  const wire::IpAddress wanted = next_hop(waiting);
  constexpr int most = 10;
  const auto telling = [&](const JourneyEnd& e) {
    const bool has_it = e.packet.number == request &&
                        machine_.hosts[e.host].interfaces.owner_of(wanted) != no_device;
    return weight(e) + (has_it && weight(e) > 2 ? most : 0);
  };
  const JourneyEnd* best = nullptr;
  for (const JourneyEnd& e : ends_) {
    // The reply is said to answer what waits, as the request is, and was made after that.
    const bool is_reply = e.packet.answers == waiting.number && e.packet.number > request;
    const bool about_it =
        e.packet.number == request || e.packet.answers == request || is_reply;
    if (about_it && (best == nullptr || telling(e) > telling(*best))) best = &e;
  }
  if (best != nullptr && weight(*best) > 2) return {best->cause_host, best->stop.cause, &best->packet};
  // A port that the flood left out (isolated, flooding off) may be the one that would have known.
  for (const Step& step : trace_.steps())
    if (step.packet == request && step.did == Did::passed_over && step.by.kind() == CauseKind::bridge)
      return {step.host, step.by};
  return {host, Cause::address(AddressCause::not_answered, waiting.device)};
}

}  // namespace wayout::path
