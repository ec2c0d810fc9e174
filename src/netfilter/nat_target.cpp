#include "nat/map.hpp"
#include "nat/range.hpp"
#include "netfilter/target.hpp"

namespace wayout::netfilter {
namespace {

nat::Manip manip_of(const NatTarget& target, Hook hook) {
  using Kind = NatTarget::Kind;
  switch (target.kind) {
    case Kind::dnat:
    case Kind::redirect: return nat::Manip::destination;
    case Kind::netmap: return nat::manip_of(hook);
    case Kind::snat:
    case Kind::masquerade: break;
  }
  return nat::Manip::source;
}

/// The range as the rule has it, or with the address that it finds for this packet.
nat::Range range_of(const NatTarget& target, const Situation& at) {
  using Kind = NatTarget::Kind;
  const wire::IpAddress destination = at.ip().destination_address();
  switch (target.kind) {
    case Kind::masquerade: {
      const wire::IpAddress& gateway = at.packet.routing.gateway;
      return nat::masquerade_range(target.range, at.around.interfaces, at.devices.out,
                                   gateway.is_set() ? gateway : destination);
    }
    case Kind::redirect:
      return nat::redirect_range(target.range, at.hook, at.around.interfaces, at.devices.in);
    case Kind::netmap:
      return nat::netmap_range(target.range, nat::manip_of(at.hook) == nat::Manip::source
                                                 ? at.ip().source_address()
                                                 : destination);
    case Kind::dnat:
    case Kind::snat: break;
  }
  return target.range;
}

}  // namespace

Verdict act(const NatTarget& target, const Situation& at) {
  using Kind = NatTarget::Kind;
  const ConnectionId id = at.packet.connection;
  if (id == no_connection) return Verdict::accept();
  conntrack::Connection& connection = at.changes.connections[id];
  const bool masquerades = target.kind == Kind::masquerade;
  // Who has no address yet (DHCP) is not masqueraded.
  if (masquerades && connection.original().source.is_unspecified()) return Verdict::accept();

  const nat::Range range = range_of(target, at);
  const bool finds_address = masquerades || target.kind == Kind::redirect;
  if (finds_address && !range.min_address.is_set()) {
    const Cause cause = masquerades ? Cause::nat(NatCause::no_address, at.devices.out)
                                    : Cause::nat(NatCause::no_redirect_address, at.devices.in);
    return Verdict::end(at.drop(cause));
  }
  if (masquerades) connection.masquerade_device = at.devices.out;
  nat::setup(at.changes.connections, id, range, manip_of(target, at.hook), at.rule,
             at.changes.chance, at.changes.now_ms);
  return Verdict::accept();
}

}  // namespace wayout::netfilter
