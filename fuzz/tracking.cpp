// Any packets, in any order and from both sides, go through tracking, mapping, translation and
// confirmation; the table stays whole.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "conntrack/table.hpp"
#include "nat/map.hpp"
#include "nat/translate.hpp"
#include "wire/craft.hpp"

namespace {

using namespace wayout;

const wire::IpAddress router = wire::IpAddress::v4(10, 0, 2, 1);

/// Every entry is found under both of its tuples, unless another has the same.
void check(const conntrack::Table& table) {
  table.for_each([&](ConnectionId, const conntrack::Connection& connection) {
    for (const conntrack::Tuple& tuple : connection.tuples) {
      if (!table.find(tuple, connection.zones, 0)) std::abort();
    }
  });
}

/// A packet between few hosts, so that packets meet each other's connections: one byte chooses the
/// ends, one the protocol, the rest is what stands behind the IP header.
Packet take_packet(std::span<const std::uint8_t>& input) {
  constexpr std::uint8_t protocols[] = {6, 6, 17, 1, 132, 47, 136, 50};
  const wire::IpAddress hosts[] = {wire::IpAddress::v4(10, 0, 1, 2),
                                   wire::IpAddress::v4(10, 0, 1, 3),
                                   wire::IpAddress::v4(8, 8, 8, 8), router};
  const std::size_t length = std::min<std::size_t>(input[2] % 64, input.size() - 3);
  const wire::Ipv4Fields ip{.source = hosts[input[0] % 4],
                            .destination = hosts[input[0] / 4 % 4],
                            .protocol = protocols[input[1] % 8]};
  const auto bytes = wire::make_ipv4(ip, input.subspan(3, length));
  input = input.subspan(3 + length);
  return Packet::from_ip(bytes);
}

}  // namespace

/// Packets stand one behind the other, each after a byte of options.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::span<const std::uint8_t> input(data, size);
  conntrack::Table table;
  const conntrack::Config config{.enabled = true, .checksum = false, .accounting = true};
  Chance chance;
  NoTrace trace;
  const nat::Range masquerade = nat::Range{}.with_address(router);
  while (input.size() > 4) {
    const std::uint8_t options = input[0];
    input = input.subspan(1);
    Packet packet = take_packet(input);
    packet.has_template_zone = (options & 2) != 0;
    packet.zone_original = options >> 4;

    (void)table.track(packet, Hook::prerouting, config, 0, chance, trace);
    if (packet.ctinfo == CtInfo::new_connection &&
        !nat::is_mapped(table[packet.connection], nat::Manip::source)) {
      nat::null_binding(table, packet.connection, nat::Manip::destination, chance, 0);
      if ((options & 1) != 0)
        nat::setup(table, packet.connection, masquerade, nat::Manip::source, RuleRef{}, chance, 0);
      nat::null_binding(table, packet.connection, nat::Manip::source, chance, 0);
    }
    if (!nat::translate(packet, Hook::prerouting, no_device, table, trace) &&
        !nat::translate(packet, Hook::postrouting, no_device, table, trace) && (options & 4) == 0)
      (void)table.confirm(packet, 0);
    table.collect();
  }
  check(table);
  return 0;
}
