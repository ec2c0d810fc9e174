// The tail of layer 3: MTU, next hop, neighbour, link header.
#include "ip/arp.hpp"
#include "path/stages.hpp"
#include "wire/headers.hpp"

namespace wayout::path {
namespace {

void put_ethernet(Packet& packet, const link::Device& device, const wire::MacAddress& to) {
  if (!device.ethernet) {
    packet.pull_link_header();
    return;
  }
  wire::EthernetHeader header{};
  header.destination = to;
  header.source = device.mac;
  header.type = wire::ethertype::ipv4;
  packet.set_link_header({reinterpret_cast<const std::uint8_t*>(&header), sizeof header});
}

}  // namespace

wire::IpAddress next_hop(const Packet& packet) {
  if (packet.routing.gateway.is_set()) return packet.routing.gateway;
  const auto* ip = wire::header_at<wire::Ipv4Header>(packet.network());
  return ip == nullptr ? wire::IpAddress{} : ip->destination_address();
}

template <Trace T>
Stop output(Packet& packet, Stack& stack, T& trace) {
  const DeviceId ingress = packet.local ? no_device : packet.device;
  packet.device = packet.routing.egress;
  return hook(Hook::postrouting, packet, ingress, packet.device, stack, trace);
}

template <Trace T>
Stop leave(Packet& packet, Stack& stack, T& trace) {
  const host::Host& host = stack.host;
  const link::Device& device = host.devices[packet.device];
  const std::uint32_t mtu =
      packet.routing.mtu_bytes != 0 ? packet.routing.mtu_bytes : device.mtu_bytes;
  const std::size_t size = packet.network().size();
  const bool super_packet = packet.segment_bytes != 0;
  if ((size <= mtu || super_packet) && packet.fragment_max_bytes == 0)
    return neighbour(packet, stack, trace);

  if (size > mtu && ip::must_not_fragment(packet, mtu)) {
    send_error(packet, {wire::IcmpHeader::unreachable, 4, mtu}, stack);
    return Stop::drop(Stage::ip_fragment, DropReason::PKT_TOO_BIG, Cause::mtu(packet.device, mtu));
  }
  std::vector<Packet> pieces = ip::fragment(packet, mtu);
  if constexpr (T::tells) {
    trace.step({.stage = Stage::ip_fragment,
                .did = Did::fragmented,
                .device = packet.device,
                .value = static_cast<std::uint32_t>(pieces.size()),
                .by = Cause::mtu(packet.device, mtu),
                .packet = packet.number});
  }
  for (std::size_t i = pieces.size(); i-- > 1;)  // next, and in their order
    stack.work.push_front({Work::Kind::to_neighbour, std::move(pieces[i])});
  packet = std::move(pieces.front());
  return neighbour(packet, stack, trace);
}

void ask_neighbour(const wire::IpAddress& next_hop, const Packet& waiting,
                   link::NeighbourState::Entry& entry, Stack& stack) {
  ++entry.requests;
  const host::Host& host = stack.host;
  if (host.devices[waiting.device].neighbours.mcast_solicit == 0) return;  // a daemon's affair
  Packet request = ip::arp_request(next_hop, waiting.device, waiting, host.fib, host.interfaces,
                                   host.devices);
  request.device = waiting.device;
  request.number = stack.next_packet++;
  request.answers = waiting.number;
  entry.request = request.number;
  stack.work.push_back({Work::Kind::transmit, std::move(request)});
}

template <Trace T>
Stop neighbour(Packet& packet, Stack& stack, T& trace) {
  const host::Host& host = stack.host;
  const DeviceId out = packet.device;
  const link::Device& device = host.devices[out];
  const wire::IpAddress wanted = next_hop(packet);
  const bool is_broadcast = packet.routing.type == RouteType::broadcast;
  if (const auto mac = link::known_without_asking(device, wanted, is_broadcast)) {
    put_ethernet(packet, device, *mac);
    return transmit(packet, stack, trace);
  }

  auto& entry = stack.state.neighbours.entries[{out, wanted}];
  if (link::nud_valid(entry.state)) {
    if constexpr (T::tells) {
      trace.step({.stage = Stage::neigh_resolve_output,
                  .did = entry.assumed ? Did::assumed_resolved : Did::resolved,
                  .device = out,
                  .by = Cause::neighbour(out),
                  .address = wanted,
                  .packet = packet.number});
    }
    if (packet.bridged_dnat) {
      auto* ethernet = wire::header_at<wire::EthernetHeader>(packet.frame());
      ethernet->destination = entry.mac;
      packet.device = packet.bridge_port_in;
      return bridge_onward(packet, packet.bridge_port_in, out, stack, trace);
    }
    put_ethernet(packet, device, entry.mac);
    return transmit(packet, stack, trace);
  }

  const link::NeighbourParms& asked = device.neighbours;
  if (entry.waiting.empty() && asked.mcast_solicit == 0 && asked.app_solicit == 0) {
    entry.state = link::NudState::failed;
    return Stop::drop(Stage::neigh_event_send, DropReason::NEIGH_FAILED,
                      Cause::sysctl(Sysctl::mcast_solicit, out));
  }
  if (entry.waiting.empty()) {
    entry.asked_ms = stack.state.now_ms;
    entry.requests = 0;
    stack.state.neighbours.asked.push_back({out, wanted});
    ask_neighbour(wanted, packet, entry, stack);
    meet_unmodelled(host::Unmodelled::Family::arp, Hook::output, packet.number, out, stack, trace);
  }
  entry.state = link::NudState::incomplete;
  entry.waiting.push_back(packet);
  if constexpr (T::tells) {
    trace.step({.stage = Stage::neigh_resolve_output,
                .did = Did::asked_neighbour,
                .device = out,
                .address = wanted,
                .packet = packet.number});
  }
  return Stop::end(Fate::held, Stage::neigh_resolve_output, Cause::neighbour(out));
}

#define WAYOUT_INSTANTIATE(T)                      \
  template Stop output(Packet&, Stack&, T&);       \
  template Stop leave(Packet&, Stack&, T&);        \
  template Stop neighbour(Packet&, Stack&, T&);
WAYOUT_INSTANTIATE(NoTrace)
WAYOUT_INSTANTIATE(StepTrace)
#undef WAYOUT_INSTANTIATE

}  // namespace wayout::path
