#include "why/conversation.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "path/stages.hpp"
#include "why/circle.hpp"
#include "why/dialogue.hpp"
#include "why/outside.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"
#include "wire/text.hpp"

namespace wayout::why {
namespace {

constexpr std::uint8_t outsider_ttl = 57;  // a common initial 64 after some hops
constexpr std::uint8_t ttl_of_route = 0;   // a socket leaves it to the route

Endpoints turned(const Endpoints& e) { return {e.destination, e.source, e.dport, e.sport}; }

/// Where a leg came to: the end that tells most about it, and the frame that left, if any.
struct Arrival {
  enum class Kind : std::uint8_t { delivered, refused, left, lost };
  Kind kind = Kind::lost;
  path::JourneyEnd end;
  const path::Departure* departure = nullptr;
};

bool refused(const Stop& stop) { return stop.reason == DropReason::NO_SOCKET; }

bool forwarding_off(const Cause& cause) {
  return cause.kind() == CauseKind::sysctl && cause.sysctl() == Sysctl::forwarding;
}

bool other_host(const Stop& stop) { return stop.reason == DropReason::OTHERHOST; }

class Conversation {
 public:
  Conversation(const host::Machine& machine, const Question& question,
               std::vector<std::uint32_t> choices)
      : machine_(machine),
        question_(question),
        chance_(std::move(choices)),
        journey_(machine, chance_, trace_),
        dialogue_(question) {}

  Account play();

 private:
  void listen();
  /// Send one leg and see where it came to. False: it ended the conversation.
  bool out_leg(std::size_t index);
  bool back_leg(std::size_t index);
  [[nodiscard]] std::uint32_t echo_reply_to(std::uint32_t probe) const;
  [[nodiscard]] host::DeviceRef last_router(std::uint32_t packet) const;
  Arrival run_leg(Way way, std::uint32_t packet);
  [[nodiscard]] Arrival arrival_of(std::uint32_t packet) const;
  void lose(Way way, const path::JourneyEnd& end);
  void choose_answering_address(Endpoints& ends);
  bool check_answer(const path::JourneyEnd& end);
  void blame_missing_translation();
  void blame_detour();
  void blame_circle();
  [[nodiscard]] bool was_redirected(const Step& routed) const;
  [[nodiscard]] std::vector<Step> decisions(std::uint32_t packet) const;
  void hear_errors(std::uint32_t about);
  void assume(std::string text);
  void gather_unknown();

  const host::Machine& machine_;
  const Question& question_;
  StepTrace trace_;
  Chance chance_;
  path::Journey journey_;
  Dialogue dialogue_;
  Account account_;
  std::optional<path::Departure> outside_;  ///< the probe as it left this machine
};

Account Conversation::play() {
  account_.asked = {question_.source.is_set() ? question_.source
                                              : wire::IpAddress::any(wire::Family::ipv4),
                    question_.to, source_port(question_),
                    question_.probe == Probe::icmp ? source_port(question_) : question_.dport};
  listen();
  bool arrived = true;
  for (std::size_t index = 0; arrived && index < dialogue_.legs(); ++index)
    arrived = index % 2 == 0 ? out_leg(index) : back_leg(index);
  if (arrived) {
    account_.verdict = Verdict::delivered;
    account_.direction = Way::back;
  }
  account_.steps = trace_.steps();
  blame_missing_translation();
  blame_detour();
  blame_circle();
  gather_unknown();
  if (account_.circles || !account_.unknown.empty()) account_.verdict = Verdict::undecided;
  account_.choices = chance_.asked();
  return std::move(account_);
}

/// The asker's socket takes the answer; it is bound to an address once routing has chosen one.
void Conversation::listen() {
  const wire::IpAddress source = account_.asked.source;
  journey_.listen(question_.from, {.protocol = protocol_of(question_.probe),
                                   .local = source.is_unspecified() ? wire::IpAddress{} : source,
                                   .remote = question_.to,
                                   .local_port = account_.asked.sport,
                                   .remote_port = account_.asked.dport});
}

Arrival Conversation::run_leg(Way way, std::uint32_t packet) {
  account_.direction = way;
  if (!journey_.run()) account_.circles = true;
  hear_errors(packet);
  return arrival_of(packet);
}

Arrival Conversation::arrival_of(std::uint32_t packet) const {
  const path::JourneyEnd* best = nullptr;
  const auto rank = [](const path::JourneyEnd& e) {
    if (e.stop.fate == Fate::delivered) return 5;
    if (refused(e.stop)) return 4;
    if (e.stop.fate == Fate::undecided) return 3;
    if (e.stop.fate == Fate::dropped) return other_host(e.stop) ? 1 : 2;
    return 0;
  };
  for (const path::JourneyEnd& e : journey_.ends()) {
    if (e.packet.number == packet && (best == nullptr || rank(e) >= rank(*best))) best = &e;
  }
  Arrival arrival;
  if (best != nullptr) arrival.end = *best;
  const int reached = best == nullptr ? 0 : rank(*best);
  if (reached == 5) arrival.kind = Arrival::Kind::delivered;
  if (reached == 4) arrival.kind = Arrival::Kind::refused;
  if (reached >= 4) return arrival;
  for (const path::Departure& d : journey_.departures()) {
    if (d.frame.number != packet || d.frame.ethertype != wire::ethertype::ipv4) continue;
    arrival.kind = Arrival::Kind::left;
    arrival.departure = &d;
  }
  return arrival;
}

/// The host that routed this packet last, and the device it chose.
host::DeviceRef Conversation::last_router(std::uint32_t packet) const {
  host::DeviceRef last = outside_->from;
  for (const Step& step : trace_.steps())
    if (step.packet == packet && step.did == Did::routed) last = {step.host, step.device};
  return last;
}

void Conversation::lose(Way way, const path::JourneyEnd& end) {
  account_.verdict = end.stop.fate == Fate::undecided ? Verdict::undecided : Verdict::dropped;
  account_.direction = way;
  account_.end = end;
}

bool Conversation::out_leg(std::size_t index) {
  const std::uint32_t number = journey_.new_number();
  Packet packet = Packet::from_ip(dialogue_.packet(index, account_.asked, ttl_of_route));
  packet.number = number;
  account_.legs.push_back({Way::out, number, {}});
  const std::size_t first_step = trace_.steps().size();
  journey_.send(question_.from, std::move(packet));
  const Arrival arrival = run_leg(Way::out, number);
  if (index == 0) {
    for (std::size_t i = first_step; i < trace_.steps().size(); ++i) {
      const Step& step = trace_.steps()[i];
      if (step.packet != number || step.did != Did::source_chosen) continue;
      account_.asked.source = step.address;
      break;  // a tunnel's datagrams have the same number, and choose later
    }
    listen();
  }
  account_.legs.back().text = wire::describe_ip(dialogue_.packet(index, account_.asked, ttl_of_route));
  if (arrival.kind == Arrival::Kind::lost) {
    lose(Way::out, arrival.end);
    return false;
  }
  account_.end = arrival.end;
  if (arrival.kind == Arrival::Kind::left) {
    outside_ = *arrival.departure;
    account_.uplink = arrival.departure->from;
    if (index == 0) account_.seen = endpoints_of(arrival.departure->frame);
    if (const auto mss = mss_of(arrival.departure->frame); mss != 0) dialogue_.heard_mss(mss);
    return true;
  }
  account_.reached = arrival.end.host;
  if (index == 0) account_.seen = endpoints_of(arrival.end.packet);
  if (const auto mss = mss_of(arrival.end.packet); mss != 0) dialogue_.heard_mss(mss);
  if (arrival.kind == Arrival::Kind::refused) lose(Way::out, arrival.end);
  return arrival.kind != Arrival::Kind::refused;
}

/// The echo reply that the far stack made by itself to `probe`; it has walked already.
std::uint32_t Conversation::echo_reply_to(std::uint32_t probe) const {
  for (const path::JourneyEnd& e : journey_.ends()) {
    if (e.packet.answers != probe || e.packet.ethertype != wire::ethertype::ipv4) continue;
    const auto network = e.packet.network();
    const auto* ip = wire::header_at<wire::Ipv4Header>(network);
    if (ip == nullptr) continue;
    const auto* icmp = wire::header_at<wire::IcmpHeader>(network, ip->header_bytes());
    if (icmp != nullptr && icmp->type == wire::IcmpHeader::echo_reply) return e.packet.number;
  }
  return 0;
}

/// A UDP socket bound to all addresses answers from the one that routing chooses, unless its program
/// sees to it (IP_PKTINFO) that it is the one that was asked.
void Conversation::choose_answering_address(Endpoints& ends) {
  if (question_.probe != Probe::udp) return;
  const host::Host& host = machine_.hosts[*account_.reached];
  for (const host::Listener& listener : host.listeners)
    if (listener.protocol == wire::protocol::udp && listener.port == ends.sport &&
        listener.address == ends.source)
      return;
  route::Flow flow{.destination = ends.destination, .protocol = wire::protocol::udp,
                   .sport = ends.sport, .dport = ends.dport};
  NoTrace untold;
  Packet packet;
  const Stop stop = route::output(flow, packet, host.fib, host.interfaces, chance_, untold);
  if (stop || flow.source == ends.source) return;
  chance_.on_host(*account_.reached);
  if (chance_.choose(Cause::socket(), 2) == 1) ends.source = flow.source;
}

bool Conversation::back_leg(std::size_t index) {
  const std::uint32_t probe = account_.legs.back().packet;
  std::uint32_t number = 0;
  if (outside_) {
    const Packet& left = outside_->frame;
    const Endpoints seen = endpoints_of(left);
    const bool translated = seen.source != account_.asked.source;
    const OutsideAnswer outside =
        answer_from_outside(machine_, last_router(probe), left, translated);
    if (!outside.assumed.empty() && index == 1) account_.assumed.push_back(outside.assumed);
    number = journey_.new_number();
    if (!outside.comes_back) {
      account_.ended_outside = true;
      lose(Way::back, {outside_->from.host, outside_->from.host, left, outside.stop});
      return false;
    }
    const auto* away = wire::header_at<wire::EthernetHeader>(left.frame());
    const auto packet = dialogue_.packet(index, turned(seen), outsider_ttl);
    Packet frame =
        away == nullptr || left.link_header_bytes() == 0
            ? Packet::from_ip(packet)
            : Packet::from_frame(wire::make_frame(away->destination, away->source,
                                                  wire::ethertype::ipv4, packet));
    frame.number = number;
    frame.vlan_tci = left.vlan_tci;
    account_.legs.push_back({Way::back, number, wire::describe_ip(packet)});
    journey_.receive(outside_->from, std::move(frame));
  } else if (question_.probe == Probe::icmp) {
    number = echo_reply_to(probe);
    account_.legs.push_back({Way::back, number, {}});
  } else {
    number = journey_.new_number();
    Endpoints ends = turned(endpoints_of(account_.end.packet));
    choose_answering_address(ends);
    const auto packet = dialogue_.packet(index, ends, ttl_of_route);
    Packet answer = Packet::from_ip(packet);
    answer.number = number;
    account_.legs.push_back({Way::back, number, wire::describe_ip(packet)});
    journey_.send(*account_.reached, std::move(answer));
  }
  const Arrival arrival = run_leg(Way::back, number);
  if (account_.legs.back().text.empty())
    account_.legs.back().text = wire::describe_ip(arrival.end.packet.network());
  if (arrival.kind == Arrival::Kind::delivered || arrival.kind == Arrival::Kind::refused)
    return check_answer(arrival.end);
  path::JourneyEnd end = arrival.end;
  if (arrival.kind == Arrival::Kind::left) {
    end = {arrival.departure->from.host, arrival.departure->from.host, arrival.departure->frame,
           Stop::drop(Stage::outside, DropReason::NOT_SPECIFIED,
                      arrival.departure->frame.routing.by)};
    account_.ended_outside = true;
  }
  lose(Way::back, end);
  return false;
}

/// Delivered somewhere, but is it the answer that the sender's socket waits for?
bool Conversation::check_answer(const path::JourneyEnd& end) {
  const Endpoints got = endpoints_of(end.packet);
  if (end.host == question_.from && got.source == account_.asked.destination &&
      got.destination == account_.asked.source && got.dport == account_.asked.sport &&
      got.sport == account_.asked.dport) {
    account_.end = end;
    return true;
  }
  path::JourneyEnd wrong = end;
  // An echo reply is for a ping socket, and dropped where none is found.
  const Stage stage = end.stop.stage == Stage::icmp_rcv ? Stage::ping_rcv : end.stop.stage;
  wrong.stop = Stop::drop(stage, DropReason::NO_SOCKET,
                          Cause::nat(NatCause::answer_elsewhere, end.packet.device));
  lose(Way::back, wrong);
  return false;
}

/// Where a packet went, host by host: the routing decision each of them made.
std::vector<Step> Conversation::decisions(std::uint32_t packet) const {
  std::vector<Step> out;
  for (const Step& step : account_.steps)
    if (step.packet == packet && step.did == Did::routed &&
        (out.empty() || out.back().host != step.host))
      out.push_back(step);
  return out;
}

/// An outsider that has no way back to an address nobody translated is not at fault: the host that
/// forwarded it untranslated is, though the outsider is a namespace of this machine. The same for
/// one that was given an address nobody owns.
void Conversation::blame_missing_translation() {
  if (account_.verdict != Verdict::dropped || account_.direction != Way::back) return;
  if (!account_.reached || !account_.seen || !machine_.hosts[*account_.reached].runtime.empty()) return;
  const CauseKind kind = account_.end.stop.cause.kind();
  if (kind != CauseKind::no_route && kind != CauseKind::address && kind != CauseKind::neighbour &&
      kind != CauseKind::route && !forwarding_off(account_.end.stop.cause))
    return;

  const std::vector<Step> hops = decisions(account_.legs.front().packet);
  const auto forwarder = std::find_if(hops.begin(), hops.end(), [&](const Step& hop) {
    return hop.host != question_.from && hop.host != *account_.reached &&
           is_uplink(machine_.hosts[hop.host], hop.device);
  });
  if (forwarder == hops.end()) return;
  const bool beyond = std::any_of(forwarder + 1, hops.end(), [&](const Step& hop) {
    return hop.host == account_.end.host;
  });
  const host::Host& host = machine_.hosts[forwarder->host];
  if (!beyond || host.interfaces.owner_of(account_.seen->source) != no_device) return;
  account_.end.cause_host = forwarder->host;
  account_.end.stop.cause = account_.seen->source == account_.asked.source
                                ? Cause::nat(NatCause::not_translated, forwarder->device)
                                : Cause::address(AddressCause::not_owned, forwarder->device);
}

/// A rule gave the packet another destination in this namespace, before it was routed.
bool Conversation::was_redirected(const Step& routed) const {
  return std::any_of(account_.steps.begin(), account_.steps.end(), [&](const Step& step) {
    return step.host == routed.host && step.packet == routed.packet &&
           step.did == Did::translated && step.hook == Hook::prerouting;
  });
}

/// A namespace that does not forward, and would have to send the packet back where it came from or
/// knows no way at all, is no router that is switched off: whoever sent the packet there is wrong.
void Conversation::blame_detour() {
  if (account_.verdict != Verdict::dropped || !forwarding_off(account_.end.stop.cause)) return;
  const std::vector<Step> hops = decisions(account_.legs.back().packet);
  if (hops.size() < 2 || hops.back().host != account_.end.host) return;
  const host::Host& host = machine_.hosts[account_.end.host];
  const Step& here = hops.back();
  const bool leads_on =
      here.by.kind() == CauseKind::route &&
      std::any_of(host.fib.route(here.by.route()).nexthops.begin(),
                  host.fib.route(here.by.route()).nexthops.end(),
                  [&](const auto& hop) { return hop.device != account_.end.packet.device; });
  if (leads_on || was_redirected(hops.back())) return;
  const Step& before = hops[hops.size() - 2];
  account_.end.cause_host = before.host;
  // Whoever does not have the next hop's address was meant by a wrong MAC address.
  account_.end.stop.cause = host.interfaces.owner_of(before.address) == no_device
                                ? Cause::neighbour(before.device)
                                : before.by;
}

/// Routers that send a packet in a circle: whoever sends it back where it has been is blamed.
void Conversation::blame_circle() {
  if (account_.verdict != Verdict::dropped) return;
  const std::vector<Step> circle = circle_of(account_.steps, account_.end);
  if (circle.empty()) return;
  account_.end.cause_host = circle.back().host;
  account_.end.stop.cause = circle.back().by;
}

void Conversation::hear_errors(std::uint32_t about) {
  const std::uint32_t answer = question_.probe == Probe::icmp ? echo_reply_to(about) : 0;
  for (const path::JourneyEnd& e : journey_.ends()) {
    if (e.packet.answers != about || e.host != question_.from || e.stop.fate != Fate::delivered)
      continue;
    if (e.packet.ethertype != wire::ethertype::ipv4) continue;
    if (e.packet.number != answer) account_.told = wire::describe_ip(e.packet.network());
  }
}

bool names_unmodelled(const host::Machine& machine, const Step& step) {
  if (step.did != Did::assumed) return false;
  if (step.by.kind() == CauseKind::unmodelled)
    return !machine.hosts[step.host].unmodelled[step.by.value()].passes;
  if (step.by.kind() != CauseKind::rule) return false;
  const auto& rule = machine.hosts[step.host].netfilter.rule(step.by.rule_ref());
  const auto* target = std::get_if<netfilter::UnmodelledTarget>(&rule.target);
  return target != nullptr && !target->passes;
}

/// A chain that is not modelled, and need not be.
std::optional<std::string> what_passes(const host::Machine& machine, const Step& step) {
  if (step.did != Did::assumed || step.by.kind() != CauseKind::unmodelled) return std::nullopt;
  const host::Host& host = machine.hosts[step.host];
  const host::Unmodelled& met = host.unmodelled[step.by.value()];
  if (!met.passes) return std::nullopt;
  return fmt::format("{} on {} lets everything pass", met.text, host.name);
}

void Conversation::assume(std::string text) {
  auto& assumed = account_.assumed;
  if (std::find(assumed.begin(), assumed.end(), text) == assumed.end())
    assumed.push_back(std::move(text));
}

void Conversation::gather_unknown() {
  for (const Step& step : account_.steps) {
    const bool on_the_way = std::any_of(account_.legs.begin(), account_.legs.end(),
                                        [&](const Leg& l) { return l.packet == step.packet; });
    if (!on_the_way) continue;
    if (step.did == Did::assumed_resolved) {
      assume(fmt::format("{} on {} {} answers", step.address.text(),
                         machine_.hosts[step.host].name,
                         machine_.hosts[step.host].devices[step.device].name));
    }
    if (const auto passed = what_passes(machine_, step)) assume(*passed);
    if (!names_unmodelled(machine_, step)) continue;
    const Unknown unknown{step.host, step.by};
    if (std::find(account_.unknown.begin(), account_.unknown.end(), unknown) == account_.unknown.end())
      account_.unknown.push_back(unknown);
  }
}

}  // namespace

Account converse(const host::Machine& machine, const Question& question,
                 std::vector<std::uint32_t> script) {
  return Conversation(machine, question, std::move(script)).play();
}

}  // namespace wayout::why
