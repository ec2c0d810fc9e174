#include "ip/arp.hpp"

#include <algorithm>

#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::ip {
namespace {

using link::NudState;
using route::InterfaceAddress;
using route::Ipv4Conf;
using route::Scope;
using wire::ArpHeader;

/// One ARP message and where it came in.
struct Message {
  const ArpHeader& arp;
  wire::IpAddress sender, target;
  DeviceId device;
  bool to_us;  ///< in a unicast frame

  [[nodiscard]] bool is_request() const { return arp.operation == ArpHeader::request; }
  [[nodiscard]] bool is_reply() const { return arp.operation == ArpHeader::reply; }
  /// It announces its sender to all. Linux: arp_is_garp.
  [[nodiscard]] bool is_gratuitous() const {
    return target == sender &&
           (is_request() || (is_reply() && arp.sender_mac == arp.target_mac));
  }
};

/// Who is asked, and with what.
struct Surroundings {
  const route::Fib& fib;
  const route::Interfaces& interfaces;
  const link::Devices& devices;
  const std::vector<link::Neighbour>& configured;
  std::int64_t now_ms;
  Chance& chance;
};

Stop unanswered(Cause cause) {
  return Stop::drop(Stage::arp_process, DropReason::NOT_SPECIFIED, cause);
}

bool is_own(const Surroundings& s, const wire::IpAddress& address, DeviceId device) {
  return route::address_type(s.fib, address, device) == RouteType::local;
}

// ---------------------------------------------------------------- whether to answer

/// `address` is one of the device, of sufficient scope, and shares a subnet there with `other` (not
/// set or 0.0.0.0: with nobody). Linux: net/ipv4/devinet.c confirm_addr_indev.
bool confirms(const route::Interfaces& interfaces, DeviceId device, const wire::IpAddress& other,
              const wire::IpAddress& address, Scope scope) {
  const Scope nearest =
      interfaces.either(device, &Ipv4Conf::route_localnet) ? Scope::link : Scope::host;
  const auto& list = interfaces[device].addresses;
  const bool has = std::ranges::any_of(list, [&](const InterfaceAddress& a) {
    return a.local == address && std::min(a.scope, nearest) <= scope;
  });
  const bool alone = !other.is_set() || other.is_unspecified();
  return has && std::ranges::any_of(list, [&](const InterfaceAddress& a) {
           return a.subnet().contains(address) && (alone || a.subnet().contains(other));
         });
}

/// Linux: arp.c arp_ignore.
bool ignores(const Message& m, const route::Interfaces& interfaces) {
  switch (interfaces.max(m.device, &Ipv4Conf::arp_ignore)) {
    case 1: return !confirms(interfaces, m.device, {}, m.target, Scope::host);
    case 2: return !confirms(interfaces, m.device, m.sender, m.target, Scope::host);
    case 3:
      for (DeviceId device = 1; device < interfaces.size(); ++device)
        if (confirms(interfaces, device, {}, m.target, Scope::link)) return false;
      return true;
    case 8: return true;
    default: return false;
  }
}

/// Only where a packet to the sender would leave by the device it asked on. Linux: arp.c
/// arp_filter.
bool filters(const Message& m, const Surroundings& s) {
  if (!s.interfaces.either(m.device, &Ipv4Conf::arp_filter)) return false;
  route::Flow flow;
  flow.source = m.target;
  flow.destination = m.sender;
  flow.egress = s.interfaces.l3_domain(m.device);
  flow.uid = 0;
  Packet routed;
  NoTrace quiet;
  if (route::output(flow, routed, s.fib, s.interfaces, s.chance, quiet)) return true;
  return routed.routing.egress != m.device;
}

/// Told to answer for this target, or for any. Linux: arp.c arp_fwd_proxy, pneigh_lookup.
bool is_proxy(const Message& m, const Surroundings& s) {
  return s.interfaces.either(m.device, &Ipv4Conf::proxy_arp) ||
         std::ranges::any_of(s.configured, [&](const link::Neighbour& n) {
           return n.proxy && n.address == m.target &&
                  (n.device == m.device || n.device == no_device);
         });
}

/// On behalf of a host behind another device, or, with proxy_arp_pvlan, behind the same one.
/// Linux: arp.c arp_process, arp_fwd_proxy, arp_fwd_pvlan.
bool answers_as_proxy(const Message& m, const Routing& routing, const Surroundings& s) {
  if (!s.interfaces[m.device].conf.forwarding || routing.error ||
      routing.type != RouteType::unicast)
    return false;
  if (routing.egress == m.device)
    return m.sender != m.target && s.interfaces.either(m.device, &Ipv4Conf::proxy_arp_pvlan);
  return is_proxy(m, s);
}

/// The device by which the target is reached, whether this host forwards or not.
DeviceId way_to_target(const Routing& routing, const Surroundings& s) {
  if (routing.by.kind() != CauseKind::route) return no_device;
  const route::Route& route = s.fib.route(routing.by.route());
  return route.type == RouteType::unicast && !route.nexthops.empty() ? route.nexthops.front().device
                                                                     : no_device;
}

/// Nothing but a container's veth, and the target in no subnet of it: what a gateway like
/// 169.254.1.1 is made for, which only a proxy answers.
bool wants_proxy(const Message& m, const Surroundings& s) {
  const link::Device& device = s.devices[m.device];
  return device.kind == link::DeviceKind::veth && device.master == no_device &&
         std::ranges::none_of(s.interfaces[m.device].addresses, [&](const InterfaceAddress& a) {
           return a.subnet().contains(m.target);
         });
}

/// Why nobody answers here: a proxy that would have but for one setting, or none that is asked.
Cause silence(const Message& m, const Routing& routing, const Surroundings& s) {
  const Cause nobody = Cause::address(AddressCause::not_answered, m.device);
  const link::Device& device = s.devices[m.device];
  if (device.kind == link::DeviceKind::vxlan && device.master == no_device &&
      s.interfaces[m.device].addresses.empty())
    return Cause::bridge(BridgeCause::not_a_port, m.device);
  const DeviceId way = way_to_target(routing, s);
  if (way == m.device) return nobody;
  const bool proxy = is_proxy(m, s);
  if (proxy && !s.interfaces[m.device].conf.forwarding)
    return Cause::sysctl(Sysctl::forwarding, m.device);
  if (proxy && routing.by.kind() == CauseKind::no_route) return routing.by;
  if (!proxy && way != no_device && wants_proxy(m, s))
    return Cause::sysctl(Sysctl::proxy_arp, m.device);
  return nobody;
}

/// What is done with a request.
struct Judgement {
  Stop stop;              ///< zero: it is answered
  bool overheard = true;  ///< not answered, but perhaps its sender is known
};

/// Linux: arp.c arp_process.
Judgement judge(const Message& m, const Surroundings& s) {
  route::Flow flow;
  flow.source = m.sender;
  flow.destination = m.target;
  flow.ingress = m.device;
  flow.uid = 0;
  const route::InputDecision way =
      route::decide_input(flow, /*is_arp=*/true, s.fib, s.interfaces, s.chance);
  if (way.stop.fate == Fate::undecided) return {way.stop};
  if (way.stop) return {unanswered(way.stop.cause)};
  if (way.routing.type != RouteType::local || way.routing.error) {
    if (answers_as_proxy(m, way.routing, s)) return {};
    return {unanswered(silence(m, way.routing, s))};
  }
  if (ignores(m, s.interfaces))
    return {unanswered(Cause::sysctl(Sysctl::arp_ignore, m.device)), /*overheard=*/false};
  if (filters(m, s))
    return {unanswered(Cause::sysctl(Sysctl::arp_filter, m.device)), /*overheard=*/false};
  return {};
}

Packet reply_to(const Message& m, const link::Device& device) {
  Packet answer =
      Packet::from_frame(wire::make_arp(ArpHeader::reply, device.mac, m.arp.sender_mac, device.mac,
                                        m.target, m.arp.sender_mac, m.sender));
  answer.device = m.device;
  return answer;
}

// ---------------------------------------------------------------- what is learned

/// Of several that answer for one address the first is kept.
/// Linux: arp.c arp_process (net.ipv4.neigh.*.locktime).
bool is_locked(const link::NeighbourState::Entry& entry, const wire::MacAddress& mac,
               std::int64_t now_ms) {
  constexpr std::int64_t locktime_ms = 1000;
  return link::nud_valid(entry.state) && entry.mac != mac && entry.updated_ms &&
         now_ms <= *entry.updated_ms + locktime_ms;
}

/// Linux: net/core/neighbour.c __neigh_update.
void update(const link::NeighbourKey& key, const wire::MacAddress& mac, NudState state,
            std::int64_t now_ms, link::NeighbourState& neighbours, ArpResult& result) {
  auto& entry = neighbours.entries[key];
  if (entry.state == NudState::permanent || entry.state == NudState::noarp) return;
  const bool says_nothing_new =
      link::nud_valid(entry.state) && entry.mac == mac && state == NudState::stale;
  if (!says_nothing_new) {
    entry.mac = mac;
    entry.state = state;
    entry.assumed = false;
    entry.updated_ms = now_ms;
  }
  if (!entry.waiting.empty()) result.resolved = key;
}

/// Linux: arp.c arp_accept, arp_is_garp.
bool accepts_strangers(const Message& m, const Surroundings& s) {
  constexpr int of_the_subnet_only = 2;
  const int accept = s.interfaces.max(m.device, &Ipv4Conf::arp_accept);
  if (accept == 0 || !(m.is_gratuitous() || m.is_reply())) return false;
  if (route::address_type(s.fib, m.sender, m.device) != RouteType::unicast) return false;
  return accept != of_the_subnet_only ||
         std::ranges::any_of(s.interfaces[m.device].addresses, [&](const InterfaceAddress& a) {
           return a.subnet().contains(m.sender);
         });
}

/// A message that was not answered may still tell of somebody known, and, if arp_accept says so, of
/// somebody new. Linux: arp.c arp_process, its second half.
void overhear(const Message& m, const Surroundings& s, link::NeighbourState& neighbours,
              ArpResult& result) {
  const link::NeighbourKey key{m.device, m.sender};
  const auto known = neighbours.entries.find(key);
  const bool exists =
      known != neighbours.entries.end() && known->second.state != NudState::none;
  if (!exists && !accepts_strangers(m, s)) return;
  const bool certain = m.is_reply() && m.to_us;
  if (exists && is_locked(known->second, m.arp.sender_mac, s.now_ms) && !m.is_gratuitous()) return;
  update(key, m.arp.sender_mac, certain ? NudState::reachable : NudState::stale, s.now_ms,
         neighbours, result);
}

/// A whole message for Ethernet and IPv4, or why it is none.
Stop check(const Packet& frame, const ArpHeader* arp, const link::Device& device) {
  constexpr std::uint16_t ethernet = 1, ieee802 = 6;
  if (!device.arp || frame.type == PacketType::other_host)
    return Stop::drop(Stage::arp_rcv, DropReason::OTHERHOST,
                      Cause::on_device(DeviceCause::other_host, frame.device));
  const bool whole = arp != nullptr && arp->hardware_length == 6 && arp->protocol_length == 4 &&
                     (arp->hardware == ethernet || arp->hardware == ieee802) &&
                     arp->protocol == wire::ethertype::ipv4 &&
                     (arp->operation == ArpHeader::request || arp->operation == ArpHeader::reply);
  return whole ? Stop::go_on() : unanswered(Cause::packet(PacketCause::header));
}

/// Messages that are not for anybody to answer.
Stop check_addresses(const Message& m, const route::Interfaces& interfaces) {
  if (m.target.is_multicast() ||
      (m.target.is_loopback() && !interfaces.either(m.device, &Ipv4Conf::route_localnet)))
    return unanswered(Cause::address(AddressCause::localnet, m.device));
  const bool drops_gratuitous = interfaces.either(m.device, &Ipv4Conf::drop_gratuitous_arp);
  if (m.sender == m.target && drops_gratuitous)
    return unanswered(Cause::packet(PacketCause::header));
  return Stop::go_on();
}

/// The source that a request carries. Linux: arp.c arp_solicit.
wire::IpAddress announced_source(const wire::IpAddress& target, DeviceId device,
                                 const Packet& waiting, const route::Fib& fib,
                                 const route::Interfaces& interfaces) {
  const auto* ip = wire::header_at<wire::Ipv4Header>(waiting.network());
  const int announce = interfaces.max(device, &Ipv4Conf::arp_announce);
  if (ip != nullptr && announce < 2) {
    const wire::IpAddress source = ip->source_address();
    const bool ours = route::address_type(fib, source, device) == RouteType::local;
    const bool near =
        std::ranges::any_of(interfaces[device].addresses, [&](const InterfaceAddress& a) {
          return a.subnet().contains(source) && a.subnet().contains(target);
        });
    if (ours && (announce == 0 || near)) return source;
  }
  const wire::IpAddress chosen =
      route::select_source_address(interfaces, device, target, Scope::link);
  return chosen.is_set() ? chosen : wire::IpAddress::any(wire::Family::ipv4);
}

}  // namespace

Packet arp_request(const wire::IpAddress& target, DeviceId device, const Packet& waiting,
                   const route::Fib& fib, const route::Interfaces& interfaces,
                   const link::Devices& devices) {
  const wire::MacAddress& mac = devices[device].mac;
  Packet request = Packet::from_frame(
      wire::make_arp(ArpHeader::request, mac, wire::MacAddress::broadcast(), mac,
                     announced_source(target, device, waiting, fib, interfaces), {}, target));
  request.device = device;
  return request;
}

template <Trace T>
ArpResult arp_process(const Packet& frame, const route::Fib& fib,
                      const route::Interfaces& interfaces, const link::Devices& devices,
                      const std::vector<link::Neighbour>& configured,
                      link::NeighbourState& neighbours, std::int64_t now_ms, Chance& chance,
                      T&) {
  ArpResult result;
  const auto* arp = wire::header_at<ArpHeader>(frame.network());
  const DeviceId device = frame.device;
  result.stop = check(frame, arp, devices[device]);
  if (result.stop) return result;
  const Message m{*arp, wire::IpAddress::v4(arp->sender_ip), wire::IpAddress::v4(arp->target_ip),
                  device, frame.type == PacketType::host};
  result.stop = check_addresses(m, interfaces);
  if (result.stop) return result;

  const Surroundings s{fib, interfaces, devices, configured, now_ms, chance};
  const bool probe = m.sender.is_unspecified();  // duplicate address detection
  if (probe) {
    if (m.is_request() && is_own(s, m.target, device) && !ignores(m, interfaces))
      result.answer = reply_to(m, devices[device]);
    else
      result.stop = unanswered(Cause::address(AddressCause::not_answered, device));
  } else if (m.is_reply()) {
    overhear(m, s, neighbours, result);
  } else {
    const Judgement judgement = judge(m, s);
    result.stop = judgement.stop;
    if (!judgement.stop) {
      update({device, m.sender}, m.arp.sender_mac, NudState::stale, now_ms, neighbours, result);
      result.answer = reply_to(m, devices[device]);
    } else if (judgement.overheard) {
      overhear(m, s, neighbours, result);
    }
  }
  if (!result.stop) result.stop = Stop::end(Fate::delivered, Stage::arp_process);
  return result;
}

template ArpResult arp_process(const Packet&, const route::Fib&, const route::Interfaces&,
                               const link::Devices&, const std::vector<link::Neighbour>&,
                               link::NeighbourState&, std::int64_t, Chance&,
                               NoTrace&);
template ArpResult arp_process(const Packet&, const route::Fib&, const route::Interfaces&,
                               const link::Devices&, const std::vector<link::Neighbour>&,
                               link::NeighbourState&, std::int64_t, Chance&,
                               StepTrace&);

}  // namespace wayout::ip
