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
                       next_hop_of(end.packet).text(), blamed.devices[end.packet.device].name, line);
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
  if (is_unanswered(cause))
    return fmt::format("nobody answers ARP for {} on {}", path::next_hop(end.packet).text(),
                       machine.hosts[end.host].devices[end.packet.device].name);
  return sentence(blamed, end.stop);
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
