#include "why/headline.hpp"

#include <fmt/format.h>

#include "path/stages.hpp"
#include "why/circle.hpp"
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
  if (cause.kind() == CauseKind::route && unanswered && end.cause_host != end.host)
    return fmt::format("nobody answers ARP for {} on {}, because {} has this route: {}",
                       path::next_hop(end.packet).text(),
                       machine.hosts[end.host].devices[end.packet.device].name, blamed.name, line);
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

std::string what_sender_sees(const Account& account, const Question& question) {
  const bool at_home = account.end.host == question.from && account.direction == Way::out;
  if (at_home && dropped_while_sent(account)) return told_of_own_rule(account, question);
  if (!account.told.empty()) return account.told;
  if (!at_home) return "";
  if (account.end.stop.stage == Stage::neigh_invalidate) return "No route to host (EHOSTUNREACH)";
  if (account.end.stop.stage == Stage::udp_sendmsg) return "Permission denied (EACCES)";
  if (account.end.stop.reason == DropReason::IP_OUTNOROUTES ||
      account.end.stop.stage == Stage::tcp_v4_connect)
    return "Network is unreachable (ENETUNREACH)";
  return "";
}

}  // namespace wayout::why
