#include "ip/arp.hpp"

#include <algorithm>

#include "link/receive.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::ip {
namespace {

using route::Ipv4Conf;
using wire::ArpHeader;

/// One ARP message and where it came in.
struct Message {
  const ArpHeader& arp;
  wire::IpAddress sender, target;
  DeviceId device;
};

Stop unanswered(Cause cause) {
  return Stop::drop(Stage::arp_process, DropReason::NOT_SPECIFIED, cause);
}

bool on_device(const route::Interface& interface, const wire::IpAddress& address) {
  return std::any_of(interface.addresses.begin(), interface.addresses.end(),
                     [&](const auto& a) { return a.local == address; });
}

/// Linux: net/ipv4/arp.c arp_ignore, inet_confirm_addr.
bool ignores(const Message& m, const route::Interfaces& interfaces) {
  const route::Interface& interface = interfaces[m.device];
  switch (interfaces.max(m.device, &Ipv4Conf::arp_ignore)) {
    case 0: return false;
    case 1: return !on_device(interface, m.target);
    case 2:
      return std::none_of(interface.addresses.begin(), interface.addresses.end(), [&](const auto& a) {
        return a.local == m.target && a.subnet().contains(m.sender);
      });
    case 3: {
      for (DeviceId d = 1; d < interfaces.size(); ++d)
        for (const auto& a : interfaces[d].addresses)
          if (a.local == m.target && a.scope < route::Scope::host) return false;
      return true;
    }
    case 8: return true;
    default: return false;
  }
}

/// arp_filter: only where a packet to the sender would leave by the device it asked on.
/// Linux: net/ipv4/arp.c arp_filter.
bool filters(const Message& m, const route::Fib& fib, const route::Interfaces& interfaces,
             Chance& chance) {
  if (!interfaces.either(m.device, &Ipv4Conf::arp_filter)) return false;
  route::Flow flow{.source = m.target, .destination = m.sender};
  Packet routed;
  NoTrace quiet;
  if (route::output(flow, routed, fib, interfaces, chance, quiet)) return true;
  return routed.routing.egress != m.device;
}

/// Answering for a host behind another device, or, with proxy_arp_pvlan, behind the same one.
/// Linux: net/ipv4/arp.c arp_process, arp_fwd_proxy, arp_fwd_pvlan.
bool answers_as_proxy(const Message& m, const Routing& routing, const route::Interfaces& interfaces,
                      const std::vector<link::Neighbour>& configured) {
  if (!interfaces[m.device].conf.forwarding || routing.error ||
      routing.type != RouteType::unicast)
    return false;
  if (routing.egress == m.device)
    return interfaces[m.device].conf.proxy_arp_pvlan;
  if (interfaces.either(m.device, &Ipv4Conf::proxy_arp)) return true;
  return std::any_of(configured.begin(), configured.end(), [&](const link::Neighbour& n) {
    return n.proxy && n.address == m.target && (n.device == m.device || n.device == no_device);
  });
}

Packet reply_to(const Message& m, const link::Device& device) {
  Packet answer = Packet::from_frame(wire::make_arp(ArpHeader::reply, device.mac, m.arp.sender_mac,
                                                    device.mac, m.target, m.arp.sender_mac, m.sender));
  answer.device = m.device;
  return answer;
}

/// What is learned of the sender. A request makes an entry stale, the reply to our own request
/// makes it reachable; either lets waiting packets go.
void learn(const Message& m, bool reply, bool create, link::NeighbourState& neighbours,
           ArpResult& result) {
  const link::NeighbourKey key{m.device, m.sender};
  const auto found = neighbours.entries.find(key);
  if (found == neighbours.entries.end() && !create) return;
  auto& entry = neighbours.entries[key];
  if (entry.state == link::NudState::permanent || entry.state == link::NudState::noarp) return;
  entry.mac = m.arp.sender_mac;
  entry.state = reply ? link::NudState::reachable : link::NudState::stale;
  entry.assumed = false;
  if (!entry.waiting.empty()) result.resolved = key;
}

/// The source that a request carries. Linux: net/ipv4/arp.c arp_solicit.
wire::IpAddress announced_source(const wire::IpAddress& target, DeviceId device,
                                 const Packet& waiting, const route::Fib& fib,
                                 const route::Interfaces& interfaces) {
  const auto* ip = wire::header_at<wire::Ipv4Header>(waiting.network());
  const int announce = interfaces.max(device, &Ipv4Conf::arp_announce);
  if (ip != nullptr && announce < 2) {
    const wire::IpAddress source = ip->source_address();
    const bool ours = route::address_type(fib, source) == RouteType::local;
    const auto& addresses = interfaces[device].addresses;
    const bool near = std::any_of(addresses.begin(), addresses.end(), [&](const auto& a) {
      return a.subnet().contains(source) && a.subnet().contains(target);
    });
    if (ours && (announce == 0 || near)) return source;
  }
  return route::select_source_address(interfaces, device, target, route::Scope::link);
}

}  // namespace

Packet arp_request(const wire::IpAddress& target, DeviceId device, const Packet& waiting,
                   const route::Fib& fib, const route::Interfaces& interfaces,
                   const link::Devices& devices) {
  wire::IpAddress source = announced_source(target, device, waiting, fib, interfaces);
  if (!source.is_set()) source = wire::IpAddress::any(wire::Family::ipv4);
  Packet request = Packet::from_frame(wire::make_arp(
      ArpHeader::request, devices[device].mac, wire::MacAddress::broadcast(), devices[device].mac,
      source, {}, target));
  request.device = device;
  return request;
}

template <Trace T>
ArpResult arp_process(const Packet& frame, const route::Fib& fib,
                      const route::Interfaces& interfaces, const link::Devices& devices,
                      const std::vector<link::Neighbour>& configured,
                      link::NeighbourState& neighbours, Chance& chance, T&) {
  ArpResult result;
  const auto* arp = wire::header_at<ArpHeader>(frame.network());
  const DeviceId device = frame.device;
  result.stop = unanswered(Cause::packet(PacketCause::header));
  if (arp == nullptr || arp->hardware != 1 || arp->protocol != wire::ethertype::ipv4) return result;
  if (frame.type == PacketType::other_host || !devices[device].arp) {
    result.stop =
        Stop::drop(Stage::arp_rcv, DropReason::OTHERHOST, link::blame_other_host(frame));
    return result;
  }
  const Message m{*arp, wire::IpAddress::v4(arp->sender_ip), wire::IpAddress::v4(arp->target_ip),
                  device};
  if (m.target.is_multicast() ||
      (m.target.is_loopback() && !interfaces.either(device, &Ipv4Conf::route_localnet))) {
    result.stop = unanswered(Cause::address(AddressCause::localnet, device));
    return result;
  }
  if (arp->operation == ArpHeader::reply) {
    learn(m, true, false, neighbours, result);
    result.stop = Stop::end(Fate::delivered, Stage::arp_process);
    return result;
  }
  if (arp->operation != ArpHeader::request) return result;

  if (m.sender.is_unspecified()) {  // duplicate address detection: answered, nothing learned
    if (route::address_type(fib, m.target) == RouteType::local && !ignores(m, interfaces)) {
      result.answer = reply_to(m, devices[device]);
      result.stop = Stop::end(Fate::delivered, Stage::arp_process);
    } else {
      result.stop = unanswered(Cause::address(AddressCause::not_answered, device));
    }
    return result;
  }

  const route::Flow flow{.source = m.sender, .destination = m.target, .ingress = device};
  const route::InputDecision way = route::decide_input(flow, true, fib, interfaces, chance);
  if (way.stop) {
    result.stop = unanswered(way.stop.cause);
    return result;
  }
  bool answer = false;
  if (way.routing.type == RouteType::local && !way.routing.error) {
    if (ignores(m, interfaces)) {
      result.stop = unanswered(Cause::sysctl(Sysctl::arp_ignore, device));
    } else if (filters(m, fib, interfaces, chance)) {
      result.stop = unanswered(Cause::sysctl(Sysctl::arp_filter, device));
    } else {
      answer = true;
    }
  } else {
    answer = answers_as_proxy(m, way.routing, interfaces, configured);
    if (!answer) result.stop = unanswered(Cause::address(AddressCause::not_answered, device));
  }
  if (answer) {
    learn(m, false, true, neighbours, result);
    result.answer = reply_to(m, devices[device]);
    result.stop = Stop::end(Fate::delivered, Stage::arp_process);
  }
  return result;
}

template ArpResult arp_process(const Packet&, const route::Fib&, const route::Interfaces&,
                               const link::Devices&, const std::vector<link::Neighbour>&,
                               link::NeighbourState&, Chance&, NoTrace&);
template ArpResult arp_process(const Packet&, const route::Fib&, const route::Interfaces&,
                               const link::Devices&, const std::vector<link::Neighbour>&,
                               link::NeighbourState&, Chance&, StepTrace&);

}  // namespace wayout::ip
