#include "netfilter/match.hpp"

namespace wayout::netfilter {
namespace {

bool holds(std::uint16_t types, RouteType type) {
  return (types >> static_cast<unsigned>(type) & 1U) != 0;
}

bool between(const std::pair<wire::IpAddress, wire::IpAddress>& range,
             const wire::IpAddress& address) {
  return range.first <= address && address <= range.second;
}

bool between(const std::pair<std::uint32_t, std::uint32_t>& range, std::uint32_t id) {
  return range.first <= id && id <= range.second;
}

/// A pattern of physdev, which still has its `+`.
bool port_is_named(const Situation& at, DeviceId port, std::string_view pattern) {
  const bool wildcard = pattern.ends_with('+');
  if (wildcard) pattern.remove_suffix(1);
  return port != no_device && is_named(at.around.devices[port].name, pattern, wildcard);
}

}  // namespace

bool is_named(std::string_view device, std::string_view asked, bool wildcard) {
  return wildcard ? device.starts_with(asked) : device == asked;
}

Outcome ask(const AddrtypeMatch& match, const Situation& at) {
  const auto type_of = [&](const wire::IpAddress& address) {
    if (match.limit_in) return route::address_type_on(at.around.fib, address, at.devices.in);
    if (match.limit_out) return route::address_type_on(at.around.fib, address, at.devices.out);
    return route::address_type(at.around.fib, address);
  };
  const bool source_fits =
      match.source_types == 0 ||
      holds(match.source_types, type_of(at.ip().source_address())) != match.invert_source;
  if (!source_fits) return Outcome::no;
  return outcome(match.destination_types == 0 ||
                 holds(match.destination_types, type_of(at.ip().destination_address())) !=
                     match.invert_destination);
}

Outcome ask(const IprangeMatch& match, const Situation& at) {
  if (match.source && between(*match.source, at.ip().source_address()) == match.invert_source)
    return Outcome::no;
  return outcome(!match.destination || between(*match.destination, at.ip().destination_address()) !=
                                           match.invert_destination);
}

Outcome ask(const MacMatch& match, const Situation& at) {
  const DeviceId in = at.devices.in;
  const bool from_loopback =
      in != no_device && at.around.devices[in].kind == link::DeviceKind::loopback;
  if (from_loopback || at.packet.link_header_bytes() < sizeof(wire::EthernetHeader)) return Outcome::no;
  const auto* ethernet = wire::header_at<wire::EthernetHeader>(std::as_const(at.packet).frame());
  return outcome((ethernet->source == match.source) != match.invert);
}

Outcome ask(const PhysdevMatch& match, const Situation& at) {
  const DeviceId in = at.packet.bridge_port_in, out = at.packet.bridge_port_out;
  const bool is_in = in != no_device, is_out = out != no_device;
  // A frame has a port to leave by only while it is being bridged.
  if (match.is_bridged && is_out == match.invert_is_bridged) return Outcome::no;
  if (match.is_in && is_in == match.invert_is_in) return Outcome::no;
  if (match.is_out && is_out == match.invert_is_out) return Outcome::no;
  if (!match.in.empty() && port_is_named(at, in, match.in) == match.invert_in) return Outcome::no;
  return outcome(match.out.empty() || port_is_named(at, out, match.out) != match.invert_out);
}

/// What passes by, a reset of REJECT's and a copy of TEE's have no socket. What else the kernel sends
/// in answer to something (echo replies, ICMP errors, resets of closed ports) has one, but no user: of
/// the user and the group the match holds only if it is inverted.
Outcome ask(const OwnerMatch& match, const Situation& at) {
  const bool has_socket = at.packet.local && at.packet.sender.socket;
  const bool has_user = has_socket && at.packet.answers == 0;
  if (!has_user) {
    return outcome((!match.uid || match.invert_uid) && (!match.gid || match.invert_gid) &&
                   (!match.socket_exists || has_socket != match.invert_socket));
  }
  if (match.socket_exists && match.invert_socket) return Outcome::no;

  const auto id_outcome = [](const auto& range, bool invert, const auto& id) {
    if (!range) return Outcome::yes;
    return id ? outcome(between(*range, *id) != invert) : Outcome::unknown;
  };
  const Outcome user = id_outcome(match.uid, match.invert_uid, at.packet.sender.uid);
  Outcome group = id_outcome(match.gid, match.invert_gid, at.packet.sender.gid);
  // The primary group is not one of them: the others are not known.
  const bool primary_holds = (group == Outcome::yes) != match.invert_gid;
  if (match.gid && match.supplementary_groups && !primary_holds) group = Outcome::unknown;
  if (user == Outcome::no || group == Outcome::no) return Outcome::no;
  return user == Outcome::yes && group == Outcome::yes ? Outcome::yes : Outcome::unknown;
}

Outcome ask(const MarkMatch& match, const Situation& at) {
  return outcome(((at.packet.mark & match.mask) == match.value) != match.invert);
}

}  // namespace wayout::netfilter
