// A bridge that answers ARP in the place of the neighbours it knows.
//
// It joins the bridge's database with the neighbours and addresses of the bridge device, which is
// why it is no business of the room bridge.
#include <algorithm>

#include "bridge/fdb.hpp"
#include "path/stages.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::path {
namespace {

using wire::ArpHeader;

bool suppresses(DeviceId port, const link::Devices& devices) {
  return port != no_device && devices[port].port && devices[port].port->neigh_suppress;
}

/// The first port of the bridge that suppresses ARP, or no_device.
DeviceId suppressing_port(DeviceId bridge, const link::Devices& devices) {
  for (DeviceId id = 1; id < devices.size(); ++id)
    if (devices[id].master == bridge && suppresses(id, devices)) return id;
  return no_device;
}

bool is_own(const wire::IpAddress& address, const route::Interface& interface) {
  return std::ranges::any_of(interface.addresses, [&](const route::InterfaceAddress& own) {
    return own.local == address;
  });
}

/// The answer in the name of `mac`, out of the port that asked, or to the bridge device itself.
void send(const ArpHeader& asked, const wire::MacAddress& mac, const Packet& frame, DeviceId port,
          DeviceId bridge, Stack& stack) {
  Packet answer = Packet::from_frame(wire::make_arp(
      ArpHeader::reply, mac, asked.sender_mac, mac, wire::IpAddress::v4(asked.target_ip),
      asked.sender_mac, wire::IpAddress::v4(asked.sender_ip)));
  answer.device = port == no_device ? bridge : port;
  answer.number = stack.next_packet++;
  answer.answers = frame.answers;
  const auto kind = port == no_device ? Work::Kind::receive : Work::Kind::transmit;
  stack.work.push_back({kind, std::move(answer)});
}

}  // namespace

template <Trace T>
Stop answer_for_neighbours(Packet& packet, DeviceId port, DeviceId bridge, Stack& stack, T&) {
  packet.arp_answered = false;
  if (packet.ethertype != wire::ethertype::arp) return Stop::go_on();
  const host::Host& host = stack.host;
  const DeviceId suppressing = suppressing_port(bridge, host.devices);
  const bool proxies = port != no_device && host.devices[port].port->proxy_arp;
  if (suppressing == no_device && !proxies) return Stop::go_on();
  if (host.devices[bridge].bridge.vlan_filtering)
    return Stop::end(Fate::undecided, Stage::br_handle_frame_finish,
                     Cause::bridge(BridgeCause::arp_proxy, proxies ? port : suppressing));

  const auto* arp = wire::header_at<ArpHeader>(packet.network());
  const auto* ethernet = wire::header_at<wire::EthernetHeader>(packet.frame());
  if (arp == nullptr || ethernet == nullptr) return Stop::go_on();
  const wire::IpAddress sender = wire::IpAddress::v4(arp->sender_ip);
  const wire::IpAddress target = wire::IpAddress::v4(arp->target_ip);
  const bool request = arp->operation == ArpHeader::request;
  if (target.is_loopback() || target.is_multicast()) return Stop::go_on();
  if (suppressing != no_device) {
    if (suppresses(port, host.devices)) return Stop::go_on();
    if (request && !ethernet->destination.is_multicast()) return Stop::go_on();
    packet.arp_answered = sender.v4() >> 24 == 0 || sender == target ||
                          (request && is_own(target, host.interfaces[bridge]));
    if (packet.arp_answered) return Stop::go_on();
  }
  if (!request) return Stop::go_on();
  const auto known = stack.state.neighbours.entries.find({bridge, target});
  if (known == stack.state.neighbours.entries.end() || !link::nud_valid(known->second.state))
    return Stop::go_on();
  const wire::MacAddress mac = known->second.mac;
  const bridge::State::Entry* behind = bridge::find(stack.state.bridges, {bridge, 0, mac},
                                                    host.devices, host.bridging,
                                                    stack.state.now_ms);
  if (behind == nullptr) return Stop::go_on();
  const bool replies = proxies || suppresses(behind->port, host.devices);
  if (replies) send(*arp, mac, packet, port, bridge, stack);
  packet.arp_answered = replies || suppressing != no_device;
  return Stop::go_on();
}

template Stop answer_for_neighbours(Packet&, DeviceId, DeviceId, Stack&, NoTrace&);
template Stop answer_for_neighbours(Packet&, DeviceId, DeviceId, Stack&, StepTrace&);

}  // namespace wayout::path
