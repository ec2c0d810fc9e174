#include "why/headline.hpp"

#include <fmt/format.h>

#include "path/stages.hpp"
#include "why/circle.hpp"
#include "why/segments.hpp"
#include "why/words.hpp"

namespace wayout::why {
namespace {

bool is_unanswered(const Cause& cause) {
  return cause.kind() == CauseKind::address &&
         static_cast<AddressCause>(cause.value()) == AddressCause::not_answered;
}

/// `, and the set f2b-sshd holds 203.0.113.9`, for each set that the rule asked about.
std::string what_sets_hold(const host::Host& host, const Cause& cause, const Packet& packet) {
  const auto* ip = wire::header_at<wire::Ipv4Header>(packet.network());
  std::string text;
  if (ip == nullptr || cause.kind() != CauseKind::rule) return text;
  for (const netfilter::Match& any : host.netfilter.rule(cause.rule_ref()).matches) {
    const auto* match = std::get_if<netfilter::SetMatch>(&any);
    if (match == nullptr || match->source.empty()) continue;
    const wire::IpAddress asked =
        match->source.front() ? ip->source_address() : ip->destination_address();
    text += fmt::format(", and the set {} {} {}", match->set,
                        match->invert ? "does not hold" : "holds", asked.text());
  }
  return text;
}

/// `its TTL ran out, which this rule sets: …`, where one met the packet. Empty: none did.
std::string what_set_the_ttl(const host::Machine& machine, const Account& account) {
  const Cause& cause = account.end.stop.cause;
  if (cause.kind() != CauseKind::packet ||
      static_cast<PacketCause>(cause.value()) != PacketCause::ttl)
    return "";
  for (auto step = account.steps.rbegin(); step != account.steps.rend(); ++step) {
    if (step->did != Did::rule_matched || step->by.kind() != CauseKind::rule ||
        step->packet != account.legs.back().packet)
      continue;
    const host::Host& host = machine.hosts[step->host];
    const auto* target =
        std::get_if<netfilter::KeptTarget>(&host.netfilter.rule(step->by.rule_ref()).target);
    if (target != nullptr && target->name == "TTL")
      return fmt::format("its TTL ran out, because of {}, {}", host.name,
                         sentence(host, Stop::drop(Stage::ip_forward, DropReason::IP_INHDR, step->by)));
  }
  return "";
}

/// A service that listens on the loopback alone: `a program listens on 127.0.0.1 only`.
std::string listens_at_home(const host::Machine& machine, const Account& account) {
  const path::JourneyEnd& end = account.end;
  const route::Flow flow = route::flow_of(end.packet);
  const auto bytes = end.packet.network();
  const auto* ip = wire::header_at<wire::Ipv4Header>(bytes);
  const auto* port = ip == nullptr ? nullptr
                                   : wire::header_at<wire::be16>(bytes, ip->header_bytes() + 2);
  if (port == nullptr || end.stop.cause.kind() != CauseKind::socket) return "";
  for (const host::Listener& listener : machine.hosts[end.host].listeners)
    if (listener.protocol == flow.protocol && listener.port == *port &&
        listener.address.is_loopback() && !flow.destination.is_loopback())
      return fmt::format("the program behind port {} listens on {} only, not on {}",
                         std::uint16_t{*port}, listener.address.text(), flow.destination.text());
  return "";
}

/// Whoever has the next hop's address is a macvlan on the asking device, or the other way round.
std::string never_talk(const host::Machine& machine, const Account& account) {
  const host::DeviceRef asking{account.end.host, account.end.packet.device};
  const wire::IpAddress next_hop = path::next_hop(account.end.packet);
  const auto is_child = [&](host::DeviceRef child, host::DeviceRef lower) {
    const auto kind = machine.hosts[child.host].devices[child.device].kind;
    return (kind == link::DeviceKind::macvlan || kind == link::DeviceKind::ipvlan) &&
           machine.lower(child) == lower;
  };
  for (std::uint32_t i = 0; i < machine.hosts.size(); ++i) {
    const host::DeviceRef owner{i, machine.hosts[i].interfaces.owner_of(next_hop)};
    if (owner.device == no_device) continue;
    const bool owner_above = is_child(owner, asking);
    if (!owner_above && !is_child(asking, owner)) continue;
    const host::DeviceRef child = owner_above ? owner : asking;
    const host::DeviceRef lower = owner_above ? asking : owner;
    return fmt::format(": {} of {} is a {} on {}, and such a device and the one below it never talk",
                       machine.hosts[child.host].devices[child.device].name,
                       machine.hosts[child.host].name,
                       machine.hosts[child.host].devices[child.device].kind ==
                               link::DeviceKind::macvlan
                           ? "macvlan"
                           : "ipvlan",
                       machine.hosts[lower.host].devices[lower.device].name);
  }
  return "";
}

/// The answer was routed by the route that is to blame: `the answer leaves through wg0, though the
/// question came in through eth0`. Empty: it leaves as the question came.
std::string other_way(const host::Machine& machine, const Account& account) {
  const path::JourneyEnd& end = account.end;
  if (account.direction != Way::back || end.stop.cause.kind() != CauseKind::route) return "";
  DeviceId came_in = no_device, leaves = no_device;
  for (const Step& step : account.steps) {
    if (step.host != end.cause_host) continue;
    if (step.packet == account.legs.front().packet && step.did == Did::source_validated &&
        came_in == no_device)
      came_in = step.device;
    if (step.packet == account.legs.back().packet && step.did == Did::routed &&
        step.by == end.stop.cause)
      leaves = step.device;
  }
  if (came_in == no_device || leaves == no_device || came_in == leaves) return "";
  const link::Devices& devices = machine.hosts[end.cause_host].devices;
  return fmt::format("the answer leaves through {}, though the question came in through {}: ",
                     devices[leaves].name, devices[came_in].name);
}

/// The route that is to blame leads elsewhere than where the destination is: `10.1.0.2 is behind br0,
/// but this route leads to eth0: `. Empty: it does not.
std::string elsewhere(const host::Machine& machine, const Account& account) {
  const path::JourneyEnd& end = account.end;
  const wire::IpAddress to = route::flow_of(end.packet).destination;
  if (end.stop.cause.kind() != CauseKind::route || !to.is_v4()) return "";
  const host::Host& blamed = machine.hosts[end.cause_host];
  const route::Route& route = blamed.fib.route(end.stop.cause.route());
  if (route.nexthops.empty() || !route.destination.contains(to)) return "";
  const DeviceId leads = route.nexthops.front().device;
  const DeviceId belongs = strayed_from(machine, end.cause_host, leads, to);
  if (leads == no_device || belongs == no_device) return "";
  return fmt::format("{} is behind {} of {}, but this route leads to {}: ", to.text(),
                     blamed.devices[belongs].name, blamed.name, blamed.devices[leads].name);
}

/// `rp_filter` of conf.all holds for all devices: the one that the packet came in by is named.
std::string no_way_back(const path::JourneyEnd& end, const host::Host& blamed,
                        const std::string& line) {
  const bool came_here = end.cause_host == end.host && end.packet.device != no_device;
  return fmt::format("the source has no valid way back{}{} ({})", came_here ? " through " : "",
                     came_here ? blamed.devices[end.packet.device].name : "", line);
}

/// What a look-up that ends like this makes of connect() and send(). A routing rule that says
/// unreachable is told otherwise than a route. Linux: net/ipv4/fib_semantics.c fib_props;
/// net/ipv4/fib_rules.c fib4_rule_action.
const char* error_of_lookup(const host::Machine& machine, const path::JourneyEnd& end) {
  const route::Fib& fib = machine.hosts[end.cause_host].fib;
  const Cause& cause = end.stop.cause;
  using route::RuleAction;
  const RouteType type = cause.kind() == CauseKind::route ? fib.route(cause.route()).type
                                                          : RouteType::unspec;
  const RuleAction action = cause.kind() == CauseKind::routing_rule
                                ? fib.rules[cause.value()].action
                                : RuleAction::nop;
  if (type == RouteType::unreachable) return "No route to host (EHOSTUNREACH)";
  if (type == RouteType::prohibit || action == RuleAction::prohibit)
    return "Permission denied (EACCES)";
  if (type == RouteType::blackhole || action == RuleAction::blackhole)
    return "Invalid argument (EINVAL)";
  return "Network is unreachable (ENETUNREACH)";
}

/// A hook that the sender's own send() runs through dropped the packet.
bool dropped_while_sent(const Account& account) {
  if (account.end.stop.reason != DropReason::NETFILTER_DROP) return false;
  std::optional<Hook> last;
  for (const Step& step : account.steps)
    if (step.packet == account.legs.back().packet && step.host == account.end.host &&
        (step.did == Did::rule_matched || step.did == Did::policy_applied))
      last = step.hook;
  return last == Hook::output || last == Hook::postrouting;
}

/// What connect() fails with after an ICMP error of this code. Linux: net/ipv4/icmp.c
/// icmp_err_convert.
const char* error_of(std::uint8_t unreachable_code) {
  switch (unreachable_code) {
    case 0:
    case 6:
    case 9:
    case 11: return "Network is unreachable (ENETUNREACH)";
    case 2: return "Protocol not available (ENOPROTOOPT)";
    case 3: return "Connection refused (ECONNREFUSED)";
    default: return "No route to host (EHOSTUNREACH)";
  }
}

/// TCP only notes that nothing was sent, and tries again; but it hears the error or the reset that
/// REJECT sends. All others are told at once.
std::string told_of_own_rule(const Account& account, const Question& question) {
  if (question.probe != Probe::tcp) return "Operation not permitted (EPERM)";
  if (account.told_code) return error_of(*account.told_code);
  return account.told.empty() ? "" : "Connection refused (ECONNREFUSED)";
}

}  // namespace

std::string what_ended(const host::Machine& machine, const Account& account) {
  const path::JourneyEnd& end = account.end;
  const host::Host& blamed = machine.hosts[end.cause_host];
  const Cause& cause = end.stop.cause;
  const std::string& where = machine.hosts[end.host].name;
  const std::string line = cause_line(blamed, cause);
  const bool unanswered = end.stop.stage == Stage::neigh_invalidate;
  if (const auto circle = circle_of(account.steps, end); !circle.empty())
    return fmt::format("it goes in a circle until its TTL has run out: {} sends it back to {} ({})",
                       blamed.name, machine.hosts[circle.front().host].name, line);
  if (const std::string way = other_way(machine, account); !way.empty()) return way + line;
  if (const std::string way = elsewhere(machine, account); !way.empty()) return way + line;
  if (cause.kind() == CauseKind::route && unanswered && end.cause_host != end.host)
    return fmt::format("nobody answers ARP for {} on {}, because {} has this route: {}",
                       path::next_hop(end.packet).text(),
                       machine.hosts[end.host].devices[end.packet.device].name, blamed.name, line);
  if (cause.kind() == CauseKind::route && unanswered)
    return fmt::format("nobody answers ARP for {} on {}, where this route leads: {}",
                       path::next_hop(end.packet).text(), blamed.devices[end.packet.device].name, line);
  if (cause.kind() == CauseKind::sysctl && cause.sysctl() == Sysctl::rp_filter &&
      cause.device() == all_devices)
    return no_way_back(end, blamed, line);
  // What should have led it elsewhere did not, and where it came to nobody listens.
  if (end.stop.reason == DropReason::NO_SOCKET && account.direction == Way::out &&
      (cause.kind() == CauseKind::rule || cause.kind() == CauseKind::conntrack))
    return fmt::format("it comes to a port where nothing listens{}: {}",
                       cause.kind() == CauseKind::rule ? ", because of a rule" : "", line);
  if (cause.kind() == CauseKind::mtu && end.cause_host != end.host)
    return fmt::format("it is too big for the other end: {}: {}", blamed.name, line);
  if (cause.kind() == CauseKind::route && end.cause_host != end.host)
    return fmt::format("{} sends it to {}, which does not forward it: {}", blamed.name, where, line);
  if (cause.kind() == CauseKind::neighbour && end.cause_host != end.host)
    return fmt::format("{} sends it to a MAC address that is not its next hop's: {}", blamed.name,
                       line);
  if (cause.kind() == CauseKind::fdb)
    return fmt::format("{} sends it through {} to a host where its receiver is not: {}", blamed.name,
                       blamed.devices[cause.device()].name, line);
  if (is_unanswered(cause))
    return fmt::format("nobody answers ARP for {} on {}{}", path::next_hop(end.packet).text(),
                       machine.hosts[end.host].devices[end.packet.device].name,
                       never_talk(machine, account));
  if (const std::string rule = what_set_the_ttl(machine, account); !rule.empty()) return rule;
  if (const std::string home = listens_at_home(machine, account); !home.empty()) return home;
  return sentence(blamed, end.stop) +
         (end.cause_host == end.host ? what_sets_hold(blamed, cause, end.packet) : "");
}

std::string what_sender_sees(const host::Machine& machine, const Account& account,
                             const Question& question) {
  const bool at_home = account.end.host == question.from && account.direction == Way::out;
  if (at_home && dropped_while_sent(account)) return told_of_own_rule(account, question);
  if (!account.told.empty()) return account.told;
  if (!at_home) return "";
  if (account.end.stop.stage == Stage::neigh_invalidate) return "No route to host (EHOSTUNREACH)";
  if (account.end.stop.stage == Stage::udp_sendmsg) return "Permission denied (EACCES)";
  if (account.end.stop.reason == DropReason::IP_OUTNOROUTES)
    return error_of_lookup(machine, account.end);
  if (account.end.stop.stage == Stage::tcp_v4_connect)
    return "Network is unreachable (ENETUNREACH)";
  return "";
}

}  // namespace wayout::why
