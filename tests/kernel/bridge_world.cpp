#include "bridge_world.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "wire/craft.hpp"

namespace wayout::kernel {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint16_t test_ethertype = 0x9000;

struct Flag {
  const char* name;  ///< as in `ip link set … type bridge_slave`
  bool link::BridgePort::*field;
};
constexpr Flag flags[] = {
    {"hairpin", &link::BridgePort::hairpin},
    {"learning", &link::BridgePort::learning},
    {"flood", &link::BridgePort::flood},
    {"mcast_flood", &link::BridgePort::multicast_flood},
    {"bcast_flood", &link::BridgePort::broadcast_flood},
    {"isolated", &link::BridgePort::isolated},
    {"locked", &link::BridgePort::locked},
};

bool one_in(std::mt19937& random, unsigned n) {
  return random() % n == 0;
}

void add_bridge(BridgeWorld& world, std::mt19937& random) {
  link::Device bridge{
      .name = "br0", .ifindex = 1, .kind = link::DeviceKind::bridge, .up = true, .mac = bridge_mac};
  bridge.bridge.ageing_s = one_in(random, 8) ? 0 : 300;
  bridge.bridge.group_fwd_mask =
      one_in(random, 3) ? static_cast<std::uint16_t>(random() & 0xfff8) : std::uint16_t{0};
  bridge.promiscuous = one_in(random, 6);
  world.link_commands = {
      "sysctl net/ipv6/conf/all/disable_ipv6=1",
      "sysctl net/ipv6/conf/default/disable_ipv6=1",
      fmt::format("link add br0 address {} type bridge forward_delay 0 mcast_snooping 0 "
                  "ageing_time {} group_fwd_mask {}",
                  bridge_mac.text(), bridge.bridge.ageing_s * 100, bridge.bridge.group_fwd_mask),
      fmt::format("link set br0 up promisc {}", bridge.promiscuous ? "on" : "off"),
  };
  world.devices.list.push_back(std::move(bridge));
}

void add_port(BridgeWorld& world, std::mt19937& random) {
  const DeviceId id = world.devices.size();
  link::Device port{.name = fmt::format("b{}", id),
                    .ifindex = id,
                    .kind = link::DeviceKind::veth,
                    .up = true,
                    .mtu_bytes = one_in(random, 4) ? 1000U : 1500U,
                    .mac = port_mac(id),
                    .master = the_bridge,
                    .port = link::BridgePort{}};
  auto& commands = world.link_commands;
  commands.push_back(fmt::format("link add b{0} address {1} mtu {2} type veth peer name p{0}", id,
                                 port.mac.text(), port.mtu_bytes));
  commands.push_back(fmt::format("link set p{} up arp off", id));
  commands.push_back(fmt::format("link set b{} master br0 up", id));
  for (const Flag& flag : flags) {
    if (!one_in(random, 5)) continue;
    bool& value = *port.port.*flag.field;
    value = !value;
    commands.push_back(
        fmt::format("link set b{} type bridge_slave {} {}", id, flag.name, value ? "on" : "off"));
  }
  if (one_in(random, 6)) {
    const auto state = static_cast<link::PortState>(random() % 3);  // disabled, listening, learning
    port.port->state = state;
    // Not by `ip link set`, nor before the carrier is noticed: either tells the bridge that the
    // port has changed, and a disabled port with a carrier is then enabled again.
    world.bridge_commands.push_back(
        fmt::format("link set dev b{} state {}", id, static_cast<int>(state)));
  }
  world.devices.list.push_back(std::move(port));
}

DeviceId random_port(std::mt19937& random, const BridgeWorld& world) {
  return the_bridge + 1 + static_cast<DeviceId>(random() % (world.devices.size() - 2));
}

void add_entry(BridgeWorld& world, std::mt19937& random, const wire::MacAddress& mac) {
  bridge::FdbEntry entry{.mac = mac, .bridge = the_bridge, .port = random_port(random, world)};
  const char* kind = "static";
  switch (random() % 3) {
    case 0:
      entry.local = true, kind = "local";
      break;
    case 1:
      entry.sticky = true, kind = "static sticky";
      [[fallthrough]];
    default:
      entry.is_static = true;
  }
  world.bridge_commands.push_back(
      fmt::format("fdb add {} dev b{} master {}", mac.text(), entry.port, kind));
  world.config.fdb.push_back(entry);
}

wire::MacAddress random_destination(std::mt19937& random, const BridgeWorld& world) {
  const auto last = static_cast<std::uint8_t>(random());
  switch (random() % 10) {
    case 0:
      return wire::MacAddress::broadcast();
    case 1:
      return {{0x01, 0x00, 0x5e, 1, 2, last}};
    case 2:
      return {{0x01, 0x80, 0xc2, 0, 0, static_cast<std::uint8_t>(last % 0x12)}};
    case 3:
      return bridge_mac;
    case 4:
      return port_mac(random_port(random, world));
    default:
      return station_macs()[random() % station_macs().size()];
  }
}

wire::MacAddress random_source(std::mt19937& random, const BridgeWorld& world) {
  switch (random() % 20) {
    case 0:
      return {};
    case 1:
      return {{0x01, 0, 0, 0, 0, 1}};
    case 2:
      return bridge_mac;
    case 3:
      return port_mac(random_port(random, world));
    default:
      return station_macs()[random() % station_macs().size()];
  }
}

}  // namespace

const std::vector<wire::MacAddress>& station_macs() {
  static const std::vector<wire::MacAddress> macs = [] {
    std::vector<wire::MacAddress> list;
    for (std::uint8_t i = 0; i < 6; ++i)
      list.push_back({{2, 0, 0, 0, 0, static_cast<std::uint8_t>(0x10 + i)}});
    return list;
  }();
  return macs;
}

wire::MacAddress port_mac(DeviceId port) {
  return {{2, 0, 0, 0, 1, static_cast<std::uint8_t>(port)}};
}

BridgeWorld random_bridge(std::mt19937& random) {
  BridgeWorld world;
  add_bridge(world, random);
  for (unsigned ports = 2 + random() % 3; ports > 0; --ports)
    add_port(world, random);
  for (const wire::MacAddress& mac : station_macs()) {
    if (one_in(random, 4)) add_entry(world, random, mac);
  }
  return world;
}

BridgeFrame random_frame(std::mt19937& random, const BridgeWorld& world, std::uint32_t number) {
  BridgeFrame frame;
  if (!one_in(random, 5)) frame.ingress_port = random_port(random, world);
  constexpr std::size_t sizes[] = {46, 46, 46, 46, 1000, 1003, 1004, 1005};
  Bytes payload(sizes[random() % std::size(sizes)]);
  *wire::header_at<wire::be32>(payload) = number;
  frame.bytes = wire::make_frame(random_source(random, world), random_destination(random, world),
                                 test_ethertype, payload);
  return frame;
}

Receivers engine_receivers(const BridgeWorld& world, bridge::State& state,
                           const BridgeFrame& frame) {
  NoTrace trace;
  Packet packet = Packet::from_frame(frame.bytes);
  packet.device = frame.ingress_port != no_device ? frame.ingress_port : the_bridge;
  bool link_local_up = false;
  if (frame.ingress_port != no_device &&
      (bridge::ingress(packet, world.devices, world.config, state, 0, link_local_up, trace) ||
       link_local_up)) {
    return {};
  }
  bridge::Decision decision;
  if (bridge::decide(packet, the_bridge, frame.ingress_port, world.devices, world.config, state, 0,
                     decision, trace)) {
    return {};
  }
  Receivers receivers;
  if (decision.up) receivers.push_back(the_bridge);
  for (const DeviceId port : decision.ports) {
    if (!bridge::egress(packet, port, world.devices)) receivers.push_back(port);
  }
  std::sort(receivers.begin(), receivers.end());
  return receivers;
}

std::vector<std::string> engine_fdb(const BridgeWorld& world, const bridge::State& state) {
  std::vector<std::string> lines;
  for (const auto& [key, entry] : state.fdb) {
    if (entry.local) continue;
    lines.push_back(fmt::format("{} {}", key.mac.text(), world.devices[entry.port].name));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace wayout::kernel
