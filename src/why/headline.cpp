#include "why/headline.hpp"

#include <fmt/format.h>

#include "why/circle.hpp"
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

}  // namespace

std::string what_ended(const host::Machine& machine, const Account& account) {
  const path::JourneyEnd& end = account.end;
  const host::Host& blamed = machine.hosts[end.cause_host];
  const Cause& cause = end.stop.cause;
  const std::string& where = machine.hosts[end.host].name;
  const std::string line = cause_line(blamed, cause);
  if (const auto circle = circle_of(account.steps, end); !circle.empty())
    return fmt::format("it goes in a circle until its TTL has run out: {} sends it back to {} ({})",
                       blamed.name, machine.hosts[circle.front().host].name, line);
  if (cause.kind() == CauseKind::mtu && end.cause_host != end.host)
    return fmt::format("it is too big for the other end: {}: {}", blamed.name, line);
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
  if (!account.told.empty()) return account.told;
  const bool at_home = account.end.host == question.from && account.direction == Way::out;
  if (!at_home) return "";
  if (account.end.stop.stage == Stage::neigh_invalidate) return "No route to host (EHOSTUNREACH)";
  if (account.end.stop.stage == Stage::udp_sendmsg) return "Permission denied (EACCES)";
  if (account.end.stop.reason == DropReason::IP_OUTNOROUTES ||
      account.end.stop.stage == Stage::tcp_v4_connect)
    return "Network is unreachable (ENETUNREACH)";
  return "";
}

}  // namespace wayout::why
