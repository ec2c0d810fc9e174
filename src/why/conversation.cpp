#include "why/conversation.hpp"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "ip/ip.hpp"
#include "netfilter/target.hpp"
#include "path/stages.hpp"
#include "why/arrival.hpp"
#include "why/blame.hpp"
#include "why/dialogue.hpp"
#include "why/outside.hpp"
#include "why/outsider.hpp"
#include "why/source_port.hpp"
#include "why/words.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"
#include "wire/text.hpp"

namespace wayout::why {
namespace {

constexpr std::uint8_t ttl_of_route = 0;   // a socket leaves it to the route

Endpoints turned(const Endpoints& e) { return {e.destination, e.source, e.dport, e.sport}; }

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
  void receive_from_outside(std::span<const std::uint8_t> packet, std::uint32_t number);
  Arrival run_leg(Way way, std::uint32_t packet);
  void lose(Way way, const path::JourneyEnd& end);
  void set_offer(Way sender, std::uint32_t host_number, const Endpoints& ends);
  [[nodiscard]] bool is_proxied() const;
  void choose_answering_address(Endpoints& ends);
  bool check_answer(const path::JourneyEnd& end);
  [[nodiscard]] Cause why_elsewhere(const path::JourneyEnd& end, const Endpoints& got) const;
  void hear_errors(std::uint32_t about);
  void assume(std::string text);
  void tell_stand_ins();
  void gather_unknown();

  const host::Machine& machine_;
  const Question& question_;
  StepTrace trace_;
  Chance chance_;
  path::Journey journey_;
  Dialogue dialogue_;
  Account account_;
  std::optional<path::Departure> outside_;  ///< the probe as it left this machine
  std::optional<Outsider> outsider_;        ///< who answers there
};

Account Conversation::play() {
  const PortSet ports = source_ports(machine_.hosts[question_.from], question_.probe);
  const std::uint16_t sport = source_port(question_, ports);
  account_.asked = {question_.source.is_set() ? question_.source
                                              : wire::IpAddress::any(wire::Family::ipv4),
                    question_.to, sport,
                    question_.probe == Probe::icmp ? sport : question_.dport};
  chance_.on_host(question_.from);
  if (!question_.sport)
    chance_.let_stand(sport, ports, Cause::socket(SocketCause::source_port));
  listen();
  bool arrived = true;
  for (std::size_t index = 0; arrived && index < dialogue_.legs(); ++index)
    arrived = index % 2 == 0 ? out_leg(index) : back_leg(index);
  if (arrived) {
    account_.verdict = Verdict::delivered;
    account_.direction = Way::back;
  }
  account_.steps = trace_.steps();
  blame(machine_, account_);
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
  return arrival_of(journey_, packet);
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

/// What this end's TCP offers depends on where routing sends it.
void Conversation::set_offer(Way sender, std::uint32_t host_number, const Endpoints& ends) {
  if (question_.probe != Probe::tcp) return;
  const host::Host& host = machine_.hosts[host_number];
  route::Flow flow{.source = ends.source.is_unspecified() ? wire::IpAddress{} : ends.source,
                   .destination = ends.destination, .protocol = wire::protocol::tcp,
                   .sport = ends.sport, .dport = ends.dport};
  NoTrace untold;
  Packet packet;
  Chance chance{chance_};  // it asks what the packet will ask again
  const Stop stop = route::output(flow, packet, host.fib, host.interfaces, chance, untold);
  std::uint32_t mtu_bytes = 1500;
  if (!stop)
    mtu_bytes = packet.routing.mtu_bytes != 0 ? packet.routing.mtu_bytes
                                              : host.devices[packet.routing.egress].mtu_bytes;
  dialogue_.set_offer(sender, offer_of(host, mtu_bytes));
}

bool Conversation::out_leg(std::size_t index) {
  const std::uint32_t number = journey_.new_number();
  if (index == 0) set_offer(Way::out, question_.from, account_.asked);
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
    if (index == 0 && arrival.end.host != question_.from &&
        arrival.end.packet.routing.type == RouteType::local)
      account_.seen = endpoints_of(arrival.end.packet);  // it came to where it was for
    lose(Way::out, arrival.end);
    return false;
  }
  account_.end = arrival.end;
  if (arrival.kind == Arrival::Kind::left) {
    outside_ = *arrival.departure;
    account_.uplink = arrival.departure->from;
    if (index == 0) account_.seen = endpoints_of(arrival.departure->frame);
    dialogue_.heard(index, arrival.departure->frame);
    return true;
  }
  account_.reached = arrival.end.host;
  if (arrival.end.stop.stage == Stage::synproxy_tg4) {  // what it sends the server is not followed
    path::JourneyEnd proxied = arrival.end;
    proxied.stop.fate = Fate::undecided;
    lose(Way::out, proxied);
    return false;
  }
  if (index == 0) account_.seen = endpoints_of(arrival.end.packet);
  dialogue_.heard(index, arrival.end.packet);
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

/// A transparent socket of a proxy answers, in the name of the address that was asked.
bool Conversation::is_proxied() const { return account_.end.packet.assigned_by != Cause{}; }

/// A UDP socket bound to all addresses answers from the one that routing chooses, unless its program
/// sees to it (IP_PKTINFO) that it is the one that was asked.
void Conversation::choose_answering_address(Endpoints& ends) {
  if (question_.probe != Probe::udp || is_proxied()) return;
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
  if (chance_.choose(Cause::socket(SocketCause::answers_from), 2) == 1) ends.source = flow.source;
}

/// The outsider's packet comes in where the probe went out. What is longer than that device's MTU it
/// has cut, as long as it may.
void Conversation::receive_from_outside(std::span<const std::uint8_t> packet,
                                        std::uint32_t number) {
  const Packet& left = outside_->frame;
  const auto* away = wire::header_at<wire::EthernetHeader>(left.frame());
  const std::uint32_t mtu_bytes =
      machine_.hosts[outside_->from.host].devices[outside_->from.device].mtu_bytes;
  std::vector<Packet> pieces(1, Packet::from_ip(packet));
  if (packet.size() > mtu_bytes && !ip::must_not_fragment(pieces.front(), mtu_bytes))
    pieces = ip::fragment(pieces.front(), mtu_bytes);
  for (const Packet& piece : pieces) {
    Packet frame = away == nullptr || left.link_header_bytes() == 0
                       ? Packet::from_ip(piece.network())
                       : Packet::from_frame(wire::make_frame(away->destination, away->source,
                                                             wire::ethertype::ipv4,
                                                             piece.network()));
    frame.number = number;
    frame.vlan_tci = left.vlan_tci;
    journey_.receive(outside_->from, std::move(frame));
  }
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
    if (!outsider_) {
      outsider_ = outsider(machine_, question_.probe, chance_);
      dialogue_.set_offer(Way::back, outsider_->offer);
    }
    const auto packet = dialogue_.packet(index, turned(seen), outsider_->ttl);
    account_.legs.push_back({Way::back, number, wire::describe_ip(packet)});
    receive_from_outside(packet, number);
  } else if (question_.probe == Probe::icmp) {
    number = echo_reply_to(probe);
    account_.legs.push_back({Way::back, number, {}});
  } else {
    number = journey_.new_number();
    Endpoints ends = turned(endpoints_of(account_.end.packet));
    choose_answering_address(ends);
    if (index == 1) set_offer(Way::back, *account_.reached, ends);
    const auto packet = dialogue_.packet(index, ends, ttl_of_route);
    Packet answer = Packet::from_ip(packet);
    answer.number = number;
    answer.any_source = is_proxied();
    account_.legs.push_back({Way::back, number, wire::describe_ip(packet)});
    journey_.send(*account_.reached, std::move(answer));
  }
  const Arrival arrival = run_leg(Way::back, number);
  if (account_.legs.back().text.empty())
    account_.legs.back().text = wire::describe_ip(arrival.end.packet.network());
  if (arrival.kind == Arrival::Kind::delivered || arrival.kind == Arrival::Kind::refused) {
    dialogue_.heard(index, arrival.end.packet);
    return check_answer(arrival.end);
  }
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
  wrong.stop = Stop::drop(stage, DropReason::NO_SOCKET, why_elsewhere(end, got));
  lose(Way::back, wrong);
  return false;
}

/// The answer is delivered, but not to the socket that waits for it: it comes from a wrong address; or
/// it comes to where the question was given its source, and keeps that; or somebody takes the
/// asker's address for his own.
Cause Conversation::why_elsewhere(const path::JourneyEnd& end, const Endpoints& got) const {
  const bool right_source = got.source == account_.asked.destination &&
                            got.sport == account_.asked.dport;
  if (end.host == question_.from || !right_source)
    return Cause::nat(NatCause::answer_elsewhere, end.packet.device);
  if (got.destination != account_.asked.source)
    return Cause::nat(NatCause::not_translated_back, end.packet.device);
  return end.packet.routing.by;
}

/// The code of an ICMP error that something cannot be reached; none: another packet.
std::optional<std::uint8_t> unreachable_code(const Packet& packet) {
  const auto* ip = wire::header_at<wire::Ipv4Header>(packet.network());
  if (ip == nullptr || ip->protocol != wire::protocol::icmp) return std::nullopt;
  const auto* icmp = wire::header_at<wire::IcmpHeader>(packet.network(), ip->header_bytes());
  if (icmp == nullptr || icmp->type != wire::IcmpHeader::unreachable) return std::nullopt;
  return icmp->code;
}

void Conversation::hear_errors(std::uint32_t about) {
  const std::uint32_t answer = question_.probe == Probe::icmp ? echo_reply_to(about) : 0;
  for (const path::JourneyEnd& e : journey_.ends()) {
    if (e.packet.answers != about || e.host != question_.from || e.stop.fate != Fate::delivered)
      continue;
    if (e.packet.ethertype != wire::ethertype::ipv4) continue;
    if (e.packet.number == answer) continue;
    account_.told = wire::describe_ip(e.packet.network());
    account_.told_code = unreachable_code(e.packet);
  }
}

bool names_unmodelled(const host::Machine& machine, const Step& step) {
  if (step.did != Did::assumed) return false;
  if (step.by.kind() == CauseKind::unmodelled)
    return !machine.hosts[step.host].unmodelled[step.by.value()].passes;
  if (step.by.kind() != CauseKind::rule) return false;
  return netfilter::may_be_assumed(
      machine.hosts[step.host].netfilter.rule(step.by.rule_ref()).target);
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

/// A port that NAT took by chance: what is printed is one of many.
void Conversation::tell_stand_ins() {
  for (const StandIn& port : chance_.stand_ins()) {
    const bool seen = account_.seen &&
                      (account_.seen->sport == port.number || account_.seen->dport == port.number);
    if (port.by.kind() == CauseKind::socket || !seen) continue;
    assume(fmt::format("port {} stands for one that {} takes by chance: {}", port.number,
                       machine_.hosts[port.host].name,
                       unknown_line(machine_.hosts[port.host], port.by)));
  }
}

void Conversation::gather_unknown() {
  tell_stand_ins();
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
