#include "netfilter/match.hpp"

namespace wayout::netfilter {
namespace {

using conntrack::Connection;
using conntrack::Status;

std::uint16_t state_of(const Connection* connection, CtInfo info) {
  using M = ConntrackMatch;
  if (connection == nullptr) return info == CtInfo::untracked ? M::untracked : M::invalid;
  std::uint16_t state = M::established;
  const bool is_template = info == CtInfo::none;
  if (info == CtInfo::new_connection || is_template) state = M::new_;
  if (info == CtInfo::related || info == CtInfo::related_reply) state = M::related;
  if (connection->has(Status::source_nat)) state |= M::snat;
  if (connection->has(Status::destination_nat)) state |= M::dnat;
  return state;
}

bool fits(const std::optional<ConntrackMatch::AddressField>& asked,
          const wire::IpAddress& address) {
  return !asked || asked->prefix.contains(address) != asked->invert;
}

bool tuples_fit(const ConntrackMatch& match, const Connection& connection) {
  const conntrack::Tuple& original = connection.original();
  const conntrack::Tuple& reply = connection.reply();
  return fits(match.original_source, original.source) &&
         fits(match.original_destination, original.destination) &&
         fits(match.reply_source, reply.source) &&
         fits(match.reply_destination, reply.destination) &&
         (!match.protocol || (original.protocol == *match.protocol) != match.invert_protocol);
}

Outcome ports_outcome(const ConntrackMatch& match, const Connection& connection,
                      const Situation& at) {
  const auto ask = [&](const std::optional<ConntrackMatch::PortField>& field, std::uint16_t port) {
    return field ? ask_port(at, port, field->ports, field->invert) : Outcome::yes;
  };
  const conntrack::Tuple& original = connection.original();
  const conntrack::Tuple& reply = connection.reply();
  return both(both(ask(match.original_source_port, original.source_port),
                   ask(match.original_destination_port, original.destination_port)),
              both(ask(match.reply_source_port, reply.source_port),
                   ask(match.reply_destination_port, reply.destination_port)));
}

/// Whole seconds left; none for a connection that is not confirmed yet.
std::int64_t seconds_left(const Connection& connection, std::int64_t now_ms) {
  if (!connection.has(Status::confirmed) || connection.expires_ms < now_ms) return 0;
  return (connection.expires_ms - now_ms) / 1000;
}

}  // namespace

Outcome ask(const ConntrackMatch& match, const Situation& at) {
  const Connection* connection = at.connection_or_template();
  if (match.states) {
    const bool fits = (*match.states & state_of(connection, at.packet.ctinfo)) != 0;
    if (fits == match.invert_states) return Outcome::no;
  }
  // Without a connection only the states are asked for, and whatever else stands there is not.
  if (connection == nullptr) return outcome(match.states.has_value());

  if (match.direction_reply &&
      (at.direction() == conntrack::Direction::reply) != *match.direction_reply)
    return Outcome::no;
  if (!tuples_fit(match, *connection)) return Outcome::no;
  if (match.status && ((connection->status & *match.status) != 0) == match.invert_status)
    return Outcome::no;
  if (match.expire_s) {
    const std::int64_t left = seconds_left(*connection, at.changes.now_ms);
    const bool fits = match.expire_s->first <= left && left <= match.expire_s->second;
    if (fits == match.invert_expire) return Outcome::no;
  }
  return ports_outcome(match, *connection, at);
}

Outcome ask(const ConnmarkMatch& match, const Situation& at) {
  const Connection* connection = at.connection_or_template();
  if (connection == nullptr) return Outcome::no;
  return outcome(((connection->mark & match.mask) == match.value) != match.invert);
}

}  // namespace wayout::netfilter
