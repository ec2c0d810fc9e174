#include "why/outside.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ip/arp.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::why {
namespace {

bool on_link(const route::Interface& interface, const wire::IpAddress& address) {
  return std::any_of(interface.addresses.begin(), interface.addresses.end(), [&](const auto& a) {
    return a.prefix_length < 32 && a.subnet().contains(address);
  });
}

/// Would this host answer the neighbour that asks on `uplink` who has `address`? Own addresses and
/// proxy ARP both count: the real stage is asked.
bool answers_for(const host::Host& host, DeviceId uplink, const wire::IpAddress& address,
                 const wire::IpAddress& asker) {
  const wire::MacAddress mac{{0x02, 0, 0, 0x0f, 0xff, 0xfe}};
  Packet request = Packet::from_frame(wire::make_arp(wire::ArpHeader::request, mac,
                                                     wire::MacAddress::broadcast(), mac, asker,
                                                     {}, address));
  request.device = uplink;
  request.type = PacketType::broadcast;
  link::NeighbourState neighbours;
  Chance chance{std::vector<std::uint32_t>{}};
  NoTrace trace;
  const ip::ArpResult result =
      ip::arp_process(request, host.fib, host.interfaces, host.devices, host.neighbours, neighbours,
                      /*now_ms=*/0, chance, trace);
  return result.answer.has_value();
}

/// Some address of the uplink's subnet that is not the host's own: who would ask.
wire::IpAddress somebody_on(const route::Interface& interface, const wire::IpAddress& address) {
  for (const route::InterfaceAddress& a : interface.addresses) {
    if (!a.subnet().contains(address)) continue;
    for (std::uint32_t v = a.subnet().address.v4() + 1;; ++v) {
      const auto candidate = wire::IpAddress::v4(v);
      if (candidate != a.local && candidate != address) return candidate;
    }
  }
  return wire::IpAddress::any(wire::Family::ipv4);
}

}  // namespace

bool is_uplink(const host::Host& host, DeviceId device) {
  bool any_default = false;
  for (const route::FibTable& table : host.fib.tables) {
    for (const route::Route& route : table.routes) {
      if (route.destination.length != 0 || route.type != RouteType::unicast) continue;
      for (const route::Nexthop& hop : route.nexthops) {
        any_default = true;
        if (hop.device == device) return true;
      }
    }
  }
  return !any_default && host.devices[device].kind != link::DeviceKind::bridge;
}

OutsideAnswer answer_from_outside(const host::Machine& machine, host::DeviceRef router,
                                  const Packet& left, bool translated) {
  const host::Host& host = machine.hosts[router.host];
  const route::Interface& interface = host.interfaces[router.device];
  const wire::IpAddress source =
      wire::header_at<wire::Ipv4Header>(left.network())->source_address();
  const auto lost = [](Cause cause) {
    return OutsideAnswer{.stop = Stop::drop(Stage::outside, DropReason::NOT_SPECIFIED, cause)};
  };
  const auto comes_back = [](std::string assumed) {
    return OutsideAnswer{.comes_back = true, .assumed = std::move(assumed)};
  };

  const auto routed_back = [&] {
    return comes_back(fmt::format("the network beyond {} routes {} to {}",
                                  host.devices[router.device].name, source.text(), host.name));
  };
  if (const DeviceId owner = host.interfaces.owner_of(source); owner != no_device) {
    const bool is_known = owner == router.device || !source.is_private() || on_link(interface, source);
    return is_known ? comes_back("") : routed_back();
  }
  if (on_link(interface, source)) {
    if (answers_for(host, router.device, source, somebody_on(interface, source)))
      return comes_back("");
    return lost(translated ? Cause::address(AddressCause::not_owned, router.device)
                           : Cause::nat(NatCause::not_translated, router.device));
  }
  // No router passes on what comes from a link-local address.
  if (!translated && (source.is_private() || source.is_link_local()))
    return lost(Cause::nat(NatCause::not_translated, router.device));
  return routed_back();
}

}  // namespace wayout::why
