// Packets through a machine, for tests: sent one by one, and how each of them ended.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/test_machine.hpp"
#include "packet/chance.hpp"
#include "path/journey.hpp"
#include "wire/craft.hpp"
#include "wire/text.hpp"

namespace wayout::path {

class TestJourney {
 public:
  explicit TestJourney(const host::TestMachine& machine) : machine(machine.read()) {}

  /// A process of this namespace sends an IP packet; everything that follows from it is walked.
  /// Returns the packet's number.
  std::uint32_t send(std::string_view from, std::span<const std::uint8_t> ip) {
    Packet packet = Packet::from_ip(ip);
    packet.number = journey.new_number();
    const std::uint32_t number = packet.number;
    journey.send(host::position(machine, from), std::move(packet));
    at_rest = journey.run();
    return number;
  }
  /// A frame arrives at a device from outside this machine.
  std::uint32_t receive(host::DeviceRef at, std::span<const std::uint8_t> frame) {
    Packet packet = Packet::from_frame(frame);
    packet.number = journey.new_number();
    const std::uint32_t number = packet.number;
    journey.receive(at, std::move(packet));
    at_rest = journey.run();
    return number;
  }

  /// Where the packet (and each copy of it) ended, and why: `host ip_error IP_INADDRERRORS`, or
  /// `o delivered`. What passed through a namespace is not told.
  [[nodiscard]] std::vector<std::string> ends(std::uint32_t number) const {
    std::vector<std::string> told;
    for (const JourneyEnd& end : journey.ends()) {
      if (end.packet.number != number) continue;
      const std::string& name = machine.hosts[end.host].name;
      if (end.stop.fate == Fate::delivered) told.push_back(name + " delivered");
      if (end.stop.fate == Fate::dropped)
        told.push_back(fmt::format("{} {} {}", name, stage_name(end.stop.stage),
                                   reason_name(end.stop.reason)));
      if (end.stop.fate == Fate::undecided)
        told.push_back(fmt::format("{} {} undecided", name, stage_name(end.stop.stage)));
    }
    for (const Departure& left : journey.departures())
      if (left.frame.number == number)
        told.push_back(fmt::format("left through {} {}", machine.hosts[left.from.host].name,
                                   machine.hosts[left.from.host].devices[left.from.device].name));
    return told;
  }
  /// What is to blame for the packet's last end.
  [[nodiscard]] Cause cause(std::uint32_t number) const {
    const JourneyEnd* last = last_end(number);
    return last == nullptr ? Cause{} : last->stop.cause;
  }
  /// The packet as it was at its last end: `IP 10.1.0.2.40000 > …`.
  [[nodiscard]] std::string seen(std::uint32_t number) const {
    const JourneyEnd* last = last_end(number);
    return last == nullptr ? "" : wire::describe_ip(last->packet.network());
  }
  /// What stacks said about the packet (errors, resets, echo replies), and where that ended.
  [[nodiscard]] std::vector<std::string> answers(std::uint32_t number) const {
    std::vector<std::string> told;
    for (const JourneyEnd& end : journey.ends()) {
      const bool passed = end.stop.fate == Fate::forwarded || end.stop.fate == Fate::bridged ||
                          end.stop.fate == Fate::held;
      if (end.packet.answers != number || passed || end.packet.ethertype != wire::ethertype::ipv4)
        continue;
      told.push_back(fmt::format("{}: {}", machine.hosts[end.host].name,
                                 wire::describe_ip(end.packet.network())));
    }
    return told;
  }
  /// The steps of one kind that were told of the packet.
  [[nodiscard]] std::vector<Step> steps(std::uint32_t number, Did did) const {
    std::vector<Step> found;
    for (const Step& step : trace.steps())
      if (step.packet == number && step.did == did) found.push_back(step);
    return found;
  }
  [[nodiscard]] DeviceId device(std::string_view space, std::string_view name) const {
    return host::device(machine, space, name).device;
  }

  host::Machine machine;
  Chance chance{std::vector<std::uint32_t>{}};
  StepTrace trace;
  Journey journey{machine, chance, trace};
  bool at_rest = true;  ///< of the last packet: false when frames went in circles

 private:
  [[nodiscard]] const JourneyEnd* last_end(std::uint32_t number) const {
    const JourneyEnd* last = nullptr;
    for (const JourneyEnd& end : journey.ends()) {
      const bool passed = end.stop.fate == Fate::forwarded || end.stop.fate == Fate::bridged ||
                          end.stop.fate == Fate::held;
      if (end.packet.number == number && !passed) last = &end;
    }
    return last;
  }
};

inline constexpr wire::IpAddress c1 = wire::IpAddress::v4(10, 1, 0, 2);
inline constexpr wire::IpAddress c2 = wire::IpAddress::v4(10, 1, 0, 3);
inline constexpr wire::IpAddress outsider = wire::IpAddress::v4(198, 51, 100, 1);

/// The first packet of a connection, of an exchange, a ping: as a process of the sender makes it.
inline std::vector<std::uint8_t> syn(const wire::IpAddress& to, std::uint16_t port,
                                     const wire::IpAddress& from = c1) {
  return wire::make_tcp({.source = from, .destination = to},
                        {.source_port = 40000, .destination_port = port});
}
inline std::vector<std::uint8_t> datagram(const wire::IpAddress& to, std::uint16_t port,
                                          std::size_t payload_bytes = 0, bool dont_fragment = false,
                                          const wire::IpAddress& from = c1) {
  return wire::make_udp({.source = from, .destination = to, .dont_fragment = dont_fragment}, 40000,
                        port, std::vector<std::uint8_t>(payload_bytes));
}
inline std::vector<std::uint8_t> ping(const wire::IpAddress& to, const wire::IpAddress& from = c1) {
  return wire::make_icmp_echo({.source = from, .destination = to}, false, 7, 1,
                              std::vector<std::uint8_t>(56));
}

}  // namespace wayout::path
