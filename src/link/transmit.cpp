#include "link/transmit.hpp"

#include "wire/headers.hpp"

namespace wayout::link {
namespace {

constexpr std::size_t vlan_tag_bytes = 4;

}  // namespace

template <Trace T>
Stop transmit(const Packet& packet, const Devices& devices, T& trace) {
  const Device& device = devices[packet.device];
  if (!device.running()) {
    const auto cause = device.up ? DeviceCause::no_carrier : DeviceCause::down;
    return Stop::drop(Stage::dev_queue_xmit, DropReason::QDISC_DROP,
                      Cause::on_device(cause, packet.device));
  }
  if constexpr (T::tells) {
    trace.step({.stage = Stage::dev_queue_xmit,
                .did = Did::sent,
                .device = packet.device,
                .packet = packet.number});
  }
  return Stop::go_on();
}

template Stop transmit(const Packet&, const Devices&, NoTrace&);
template Stop transmit(const Packet&, const Devices&, StepTrace&);

bool fits_mtu(const Packet& packet, std::uint32_t mtu_bytes) {
  return packet.segment_bytes != 0 ||
         packet.size() <= mtu_bytes + sizeof(wire::EthernetHeader) + vlan_tag_bytes;
}

}  // namespace wayout::link
