#include "bridge/bridge.hpp"

#include <algorithm>

#include "bridge/fdb.hpp"
#include "bridge/vlan_filter.hpp"
#include "link/transmit.hpp"
#include "link/vlan.hpp"
#include "wire/headers.hpp"

namespace wayout::bridge {
namespace {

using link::PortState;

const wire::EthernetHeader& ethernet_of(const Packet& frame) {
  return *wire::header_at<wire::EthernetHeader>(frame.frame());
}

/// The STP state is the kernel's only while both port and bridge run; otherwise it is disabled.
PortState state_of(const link::Device& port, const link::Device& bridge) {
  return port.running() && bridge.up ? port.port->state : PortState::disabled;
}

bool learns_in(PortState state) {
  return state == PortState::learning || state == PortState::forwarding;
}

/// What keeps a port from the state it should be in: a device that is down, or the state itself.
Cause blame_state(DeviceId port, const link::Devices& devices) {
  const DeviceId bridge = devices[port].master;
  if (!devices[bridge].up) return Cause::on_device(DeviceCause::down, bridge);
  if (!devices[port].up) return Cause::on_device(DeviceCause::down, port);
  if (!devices[port].carrier) return Cause::on_device(DeviceCause::no_carrier, port);
  return Cause::bridge(BridgeCause::port_state, port);
}

/// One frame at one bridge: what should_deliver() asks for each port.
struct Passage {
  const Packet& frame;
  DeviceId bridge = no_device;
  DeviceId ingress_port = no_device;  ///< no_device: the host sends
  std::uint16_t vlan = 0;
  const link::Devices& devices;
  const Config& config;

  [[nodiscard]] bool from_host() const { return ingress_port == no_device; }
  [[nodiscard]] Stage stage() const {
    return from_host() ? Stage::br_dev_xmit : Stage::br_handle_frame_finish;
  }
  [[nodiscard]] Stop drop(DropReason reason, Cause cause) const {
    return Stop::drop(stage(), reason, cause);
  }
  [[nodiscard]] bool filters() const { return devices[bridge].bridge.vlan_filtering; }
};

/// Why `port` does not take the frame; kind none: it does.
/// Linux: br_forward.c should_deliver.
Cause refusal(const Passage& passage, DeviceId port) {
  const link::BridgePort& options = *passage.devices[port].port;
  if (port == passage.ingress_port && !options.hairpin) {
    return Cause::bridge(BridgeCause::same_port, port);
  }
  if (state_of(passage.devices[port], passage.devices[passage.bridge]) != PortState::forwarding) {
    return blame_state(port, passage.devices);
  }
  if (passage.filters() && !is_member(passage.config, port, passage.vlan)) {
    return Cause::bridge(BridgeCause::vlan, port);
  }
  if (!passage.from_host() && options.isolated &&
      passage.devices[passage.ingress_port].port->isolated) {
    return Cause::bridge(BridgeCause::isolated, port);
  }
  return {};
}

/// The flags by which a port keeps out of floods. The host's own broadcasts and multicasts go out
/// whatever the flags say.
bool takes_floods(const Passage& passage, const link::BridgePort& port) {
  const wire::MacAddress& destination = ethernet_of(passage.frame).destination;
  if (port.proxy_arp || (port.neigh_suppress && passage.frame.arp_answered)) return false;
  if (!destination.is_multicast()) return port.flood;
  if (passage.from_host()) return true;
  return destination.is_broadcast() ? port.broadcast_flood : port.multicast_flood;
}

/// The kernel puts a new port at the head of its list; of the order in which ports joined, the
/// numbers of the devices are what is left to see.
std::vector<DeviceId> ports_newest_first(const Passage& passage) {
  std::vector<DeviceId> ports;
  for (DeviceId id = 1; id < passage.devices.size(); ++id) {
    const link::Device& device = passage.devices[id];
    if (device.port && device.master == passage.bridge) ports.push_back(id);
  }
  std::sort(ports.begin(), ports.end(), [&](DeviceId a, DeviceId b) {
    return passage.devices[a].ifindex > passage.devices[b].ifindex;
  });
  return ports;
}

/// Linux: br_forward.c br_flood. The answer: whom to blame when no port took it.
template <Trace T>
Cause flood(const Passage& passage, Decision& decision, T& trace) {
  Cause blame = Cause::bridge(BridgeCause::no_port, passage.bridge);
  for (const DeviceId port : ports_newest_first(passage)) {
    const Cause cause = takes_floods(passage, *passage.devices[port].port)
                            ? refusal(passage, port)
                            : Cause::bridge(BridgeCause::no_flood, port);
    if (cause.kind() == CauseKind::none) {
      decision.ports.push_back(port);
    } else if (port != passage.ingress_port) {
      if (blame.value() == static_cast<std::uint32_t>(BridgeCause::no_port)) blame = cause;
      if constexpr (T::tells) {
        trace.step({.stage = passage.stage(),
                    .did = Did::passed_over,
                    .device = passage.from_host() ? passage.bridge : passage.ingress_port,
                    .other = port,
                    .by = cause,
                    .packet = passage.frame.number});
      }
    }
  }
  decision.flooded = true;
  return blame;
}

/// A locked port takes frames only from MACs that are known to live behind it.
Stop check_lock(const Passage& passage, const State& state, std::int64_t now_ms) {
  if (!passage.devices[passage.ingress_port].port->locked) return Stop::go_on();
  const FdbKey source{passage.bridge, passage.vlan, ethernet_of(passage.frame).source};
  const State::Entry* entry = find(state, source, passage.devices, passage.config, now_ms);
  if (entry != nullptr && entry->port == passage.ingress_port && !entry->local) {
    return Stop::go_on();
  }
  return passage.drop(DropReason::NOT_SPECIFIED,
                      Cause::bridge(BridgeCause::locked, passage.ingress_port));
}

template <Trace T>
void learn_source(const Packet& frame, DeviceId port, std::uint16_t vlan,
                  const link::Devices& devices, State& state, std::int64_t now_ms, T& trace) {
  if (!devices[port].port->learning) return;
  const FdbKey source{devices[port].master, vlan, ethernet_of(frame).source};
  const bool is_news = learn(state, source, port, devices, now_ms);
  if constexpr (T::tells) {
    if (is_news) {
      trace.step({.stage = Stage::br_handle_frame_finish,
                  .did = Did::learned,
                  .device = port,
                  .packet = frame.number});
    }
  }
}

/// The sender's side of a frame that came in by a port. Linux: br_input.c br_handle_frame_finish.
template <Trace T>
Stop admit_source(const Passage& passage, State& state, std::int64_t now_ms, T& trace) {
  const DeviceId port = passage.ingress_port;
  if (Stop stop = check_lock(passage, state, now_ms)) return stop;
  learn_source(passage.frame, port, passage.vlan, passage.devices, state, now_ms, trace);
  if (passage.devices[port].port->state == PortState::learning) {
    return passage.drop(DropReason::BRIDGE_INGRESS_STP_STATE, blame_state(port, passage.devices));
  }
  return Stop::go_on();
}

/// A tag tells the later stages of a filtering bridge in which VLAN the frame is.
void note_vlan(Packet& frame, std::uint16_t vlan) {
  const std::uint16_t tci = frame.vlan_tci.value_or(0);
  if (vlan != 0 && link::vlan_id(tci) == 0) frame.vlan_tci = tci | vlan;
}

/// The stack's copy, where the bridge device is in the VLAN or listens to everything.
Stop decide_up(const Passage& passage, Decision& decision) {
  const bool allowed = !passage.filters() || passage.devices[passage.bridge].promiscuous ||
                       is_member(passage.config, passage.bridge, passage.vlan);
  decision.up = decision.up && allowed;
  if (decision.up || !decision.ports.empty() || allowed) return Stop::go_on();
  return Stop::drop(Stage::br_pass_frame_up, DropReason::NOT_SPECIFIED,
                    Cause::bridge(BridgeCause::vlan, passage.bridge));
}

/// By destination: up, to the port that is known, or to all.
template <Trace T>
Stop choose(const Passage& passage, const State& state, std::int64_t now_ms, Decision& decision,
            T& trace) {
  const wire::MacAddress& destination = ethernet_of(passage.frame).destination;
  const State::Entry* entry = nullptr;
  decision.up = !passage.from_host() &&
                (destination.is_multicast() || passage.devices[passage.bridge].promiscuous);
  if (!destination.is_multicast()) {
    entry = find(state, {passage.bridge, passage.vlan, destination}, passage.devices,
                 passage.config, now_ms);
  }
  if (entry == nullptr) {
    const Cause blame = flood(passage, decision, trace);
    if (!decision.ports.empty() || decision.up) return Stop::go_on();
    return passage.drop(DropReason::NO_TX_TARGET, blame);
  }
  if (entry->local && !passage.from_host()) {
    decision.up = true;
    return Stop::go_on();
  }
  const Cause cause = entry->port == no_device
                          ? Cause::bridge(BridgeCause::static_fdb, passage.bridge)
                          : refusal(passage, entry->port);
  if (cause.kind() == CauseKind::none) decision.ports.push_back(entry->port);
  if (cause.kind() == CauseKind::none || decision.up) return Stop::go_on();
  return passage.drop(DropReason::NOT_SPECIFIED, cause);
}

template <Trace T>
void tell(const Passage& passage, const Decision& decision, T& trace) {
  if constexpr (T::tells) {
    if (decision.ports.empty()) return;
    trace.step({.stage = passage.stage(),
                .did = decision.flooded ? Did::flooded : Did::bridged,
                .device = passage.from_host() ? passage.bridge : passage.ingress_port,
                .other = decision.flooded ? no_device : decision.ports.front(),
                .value = static_cast<std::uint32_t>(decision.ports.size()),
                .packet = passage.frame.number});
  }
}

/// 01:80:c2:00:00:0X, groups that a bridge keeps to the segment (IEEE 802.1D, table 7-10).
bool is_link_local_group(const wire::MacAddress& mac) {
  constexpr std::uint8_t prefix[] = {0x01, 0x80, 0xc2, 0x00, 0x00};
  return std::equal(std::begin(prefix), std::end(prefix), mac.bytes.begin()) && mac.bytes[5] < 0x10;
}

/// True when the bridge treats this link-local group like any other.
bool forwards_group(const wire::MacAddress& group, const link::BridgeOptions& bridge) {
  constexpr std::uint8_t stp = 0;
  const unsigned number = group.bytes[5];
  if (number == stp) return !bridge.stp;  // a bridge that does not speak STP must not swallow it
  return (bridge.group_fwd_mask >> number & 1) != 0;
}

}  // namespace

template <Trace T>
Stop ingress(const Packet& frame, const link::Devices& devices, const Config& config, State& state,
             std::int64_t now_ms, bool& link_local_up, T& trace) {
  const DeviceId port = frame.device;
  const DeviceId bridge = devices[port].master;
  const wire::EthernetHeader& ethernet = ethernet_of(frame);
  const PortState port_state = state_of(devices[port], devices[bridge]);
  link_local_up = false;
  if (ethernet.source.is_multicast() || ethernet.source.is_zero()) {
    return Stop::drop(Stage::br_handle_frame, DropReason::MAC_INVALID_SOURCE,
                      Cause::packet(PacketCause::header));
  }
  if (is_link_local_group(ethernet.destination)) {
    constexpr std::uint8_t pause = 1;
    if (ethernet.destination.bytes[5] == pause) {
      return Stop::drop(Stage::br_handle_frame, DropReason::MAC_IEEE_MAC_CONTROL,
                        Cause::bridge(BridgeCause::group_filtered, port));
    }
    if (!forwards_group(ethernet.destination, devices[bridge].bridge)) {
      const auto vlan = vlan_of(frame, bridge, port, devices, config);
      if (vlan && learns_in(port_state)) {
        learn_source(frame, port, *vlan, devices, state, now_ms, trace);
      }
      link_local_up = true;
      return Stop::go_on();
    }
  }
  if (!learns_in(port_state)) {
    return Stop::drop(Stage::br_handle_frame, DropReason::BRIDGE_INGRESS_STP_STATE,
                      blame_state(port, devices));
  }
  return Stop::go_on();
}

template <Trace T>
Stop decide(Packet& frame, DeviceId bridge, DeviceId ingress_port, const link::Devices& devices,
            const Config& config, State& state, std::int64_t now_ms, Decision& decision, T& trace) {
  decision = {.bridge = bridge};
  Passage passage{.frame = frame,
                  .bridge = bridge,
                  .ingress_port = ingress_port,
                  .devices = devices,
                  .config = config};
  const DeviceId from = passage.from_host() ? bridge : ingress_port;
  const auto vlan = vlan_of(frame, bridge, from, devices, config);
  if (!vlan) {
    return passage.drop(DropReason::NOT_SPECIFIED, Cause::bridge(BridgeCause::vlan, from));
  }
  passage.vlan = *vlan;
  note_vlan(frame, *vlan);
  if (!passage.from_host()) {
    if (Stop stop = admit_source(passage, state, now_ms, trace)) return stop;
  }
  if (Stop stop = choose(passage, state, now_ms, decision, trace)) return stop;
  if (Stop stop = decide_up(passage, decision)) return stop;
  tell(passage, decision, trace);
  return Stop::go_on();
}

Stop egress(const Packet& copy, DeviceId port, const link::Devices& devices) {
  const std::uint32_t mtu_bytes = devices[port].mtu_bytes;
  if (link::fits_mtu(copy, mtu_bytes)) return Stop::go_on();
  return Stop::drop(Stage::br_dev_queue_push_xmit, DropReason::NOT_SPECIFIED,
                    Cause::mtu(port, mtu_bytes));
}

#define WAYOUT_INSTANTIATE(T)                                                                     \
  template Stop ingress(const Packet&, const link::Devices&, const Config&, State&, std::int64_t, \
                        bool&, T&);                                                               \
  template Stop decide(Packet&, DeviceId, DeviceId, const link::Devices&, const Config&, State&,  \
                       std::int64_t, Decision&, T&);
WAYOUT_INSTANTIATE(NoTrace)
WAYOUT_INSTANTIATE(StepTrace)
#undef WAYOUT_INSTANTIATE

}  // namespace wayout::bridge
