#include "why/headline.hpp"

#include <fmt/format.h>

#include "why/words.hpp"
#include "wire/headers.hpp"

namespace wayout::why {
namespace {

/// Whom the packet was for on its last segment.
wire::IpAddress next_hop_of(const Packet& packet) {
  if (packet.routing.gateway.is_set()) return packet.routing.gateway;
  const auto* ip = wire::header_at<wire::Ipv4Header>(packet.network());
  return ip == nullptr ? wire::IpAddress{} : ip->destination_address();
}

bool is_unanswered(const Cause& cause) {
  return cause.kind() == CauseKind::address &&
         static_cast<AddressCause>(cause.value()) == AddressCause::not_answered;
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
  if (cause.kind() == CauseKind::route && end.cause_host != end.host)
    return fmt::format("{} sends it to {}, which does not forward it: {}", blamed.name, where, line);
  if (cause.kind() == CauseKind::neighbour && end.cause_host != end.host)
    return fmt::format("{} sends it to a MAC address that is not its next hop's: {}", blamed.name,
                       line);
  if (is_unanswered(cause))
    return fmt::format("nobody answers ARP for {} on {}", next_hop_of(end.packet).text(),
                       machine.hosts[end.host].devices[end.packet.device].name);
  return sentence(blamed, end.stop);
}

std::string what_sender_sees(const Account& account, const Question& question) {
  const bool at_home = account.end.host == question.from && account.direction == Way::out;
  if (at_home && dropped_while_sent(account)) return told_of_own_rule(account, question);
  if (!account.told.empty()) return account.told;
  if (!at_home) return "";
  if (account.end.stop.stage == Stage::neigh_invalidate) return "No route to host (EHOSTUNREACH)";
  if (account.end.stop.reason == DropReason::IP_OUTNOROUTES)
    return "Network is unreachable (ENETUNREACH)";
  return "";
}

}  // namespace wayout::why
