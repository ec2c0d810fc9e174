// Any frames, at any times, into a host that bridges, forwards, filters and masquerades: each of them
// ends once and by name, the connection table stays whole, and the same frames do the same again.
//
// Input: frames one behind the other, each after four bytes: which device, milliseconds since the last
// one (in steps of 16), whether its checksums are made right, its length.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "host/test_machine.hpp"
#include "replay/replay.hpp"
#include "wire/checksum.hpp"
#include "wire/headers.hpp"

namespace {

using namespace wayout;

const host::Machine& router() {
  static const host::Machine machine = host::TestMachine(R"(
-- host/ip-addr.txt --
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
2: br0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500
    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff
    bridge ageing_time 30000 stp_state 0 vlan_filtering 0 nf_call_iptables 1
    inet 10.0.1.1/24 brd 10.0.1.255 scope global br0
3: p0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br0
    link/ether 02:00:00:00:00:03 brd ff:ff:ff:ff:ff:ff
    bridge_slave state forwarding hairpin off learning on flood on
4: p1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br0
    link/ether 02:00:00:00:00:04 brd ff:ff:ff:ff:ff:ff
    bridge_slave state forwarding hairpin on learning on flood on
5: out0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 600
    link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff
    inet 10.0.2.1/24 brd 10.0.2.255 scope global out0
    inet 10.0.2.9/24 brd 10.0.2.255 scope global secondary out0
-- host/ip-route.txt --
default via 10.0.2.254 dev out0
10.0.1.0/24 dev br0 proto kernel scope link src 10.0.1.1
10.0.2.0/24 dev out0 proto kernel scope link src 10.0.2.1
-- host/ip-neigh.txt --
10.0.1.2 dev br0 lladdr 02:00:00:00:00:11 PERMANENT
10.0.2.254 dev out0 lladdr 02:00:00:00:00:22 PERMANENT
-- host/sysctl.txt --
net.ipv4.ip_forward = 1
net.bridge.bridge-nf-call-iptables = 1
-- host/iptables-save.txt --
*mangle
-A PREROUTING -p udp -j CONNMARK --set-xmark 0x7/0xff
-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
COMMIT
*nat
-A PREROUTING -i out0 -p tcp -m tcp --dport 8000:9000 -j DNAT --to-destination 10.0.1.2:80
-A PREROUTING -i out0 -p udp -m multiport --dports 53,123 -j DNAT --to-destination 10.0.1.2-10.0.1.5 --persistent
-A PREROUTING -d 10.0.2.9/32 -p icmp -j NETMAP --to 10.0.1.0/24
-A POSTROUTING -o out0 -p tcp -j MASQUERADE --to-ports 40000-40003
-A POSTROUTING -o out0 -j MASQUERADE
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
-A INPUT -p icmp -m limit --limit 5/second -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -j REJECT --reject-with tcp-reset
-A FORWARD -m conntrack --ctstate INVALID -j DROP
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -m recent --name seen --update --seconds 5 --hitcount 3 -j REJECT
-A FORWARD -m recent --name seen --set
-A FORWARD -m physdev --physdev-is-bridged -j ACCEPT
-A FORWARD -i br0 -m addrtype ! --dst-type BROADCAST -j ACCEPT
-A FORWARD -o br0 -m connmark --mark 0x7/0xf -j ACCEPT
-A FORWARD -p tcp -j REJECT --reject-with icmp-host-prohibited
COMMIT
)").read();
  return machine;
}

/// IPv4's checksum and that of what it carries, where both headers are there.
void make_checksums_right(std::span<std::uint8_t> frame) {
  if (frame.size() < 34 || frame[12] != 8 || frame[13] != 0) return;
  const std::span<std::uint8_t> ip = frame.subspan(14);
  const std::size_t header = (ip[0] & 15U) * 4U;
  if (header < 20 || header > ip.size()) return;
  const auto put = [](std::span<std::uint8_t> at, std::uint16_t value) {
    at[0] = static_cast<std::uint8_t>(value >> 8);
    at[1] = static_cast<std::uint8_t>(value);
  };
  put(ip.subspan(10), wire::ipv4_header_checksum(ip.first(header)));
  const std::size_t length = std::min<std::size_t>(ip.size(), ip[2] * 256U + ip[3]);
  if (length < header) return;
  const std::span<std::uint8_t> segment = ip.subspan(header, length - header);
  const std::size_t at = ip[9] == wire::protocol::tcp ? 16 : ip[9] == wire::protocol::udp ? 6 : 2;
  if (segment.size() < at + 2) return;
  if (ip[9] == wire::protocol::icmp) {
    put(segment.subspan(at), 0);
    put(segment.subspan(at), wire::checksum_finish(wire::checksum_add(segment)));
  } else if (ip[9] == wire::protocol::tcp || ip[9] == wire::protocol::udp) {
    const auto address = [&](std::size_t i) { return wire::IpAddress::v4(ip[i], ip[i + 1], ip[i + 2], ip[i + 3]); };
    put(segment.subspan(at), wire::transport_checksum(address(12), address(16), ip[9], segment, at));
  }
}

/// What came of the frames.
class Results : public replay::Sink {
 public:
  void left(DeviceId device, std::int64_t time_ns, const Packet& frame) override {
    const std::vector<std::uint8_t> bytes = frame.on_wire();
    frames.push_back({device, time_ns, bytes});
  }
  void decided(const replay::Verdict& verdict) override {
    ends.push_back({verdict.index, verdict.stop.stage, verdict.stop.reason});
  }
  void ended(std::span<const path::JourneyEnd>) override {}

  struct Frame {
    DeviceId device;
    std::int64_t time_ns;
    std::vector<std::uint8_t> bytes;
    bool operator==(const Frame&) const = default;
  };
  struct End {
    std::uint64_t index;
    Stage stage;
    Reason reason;
    bool operator==(const End&) const = default;
  };
  std::vector<Frame> frames;
  std::vector<End> ends;
};

/// Every entry is found under both of its tuples.
void check(const conntrack::Table& table) {
  table.for_each([&](ConnectionId, const conntrack::Connection& connection) {
    for (const conntrack::Tuple& tuple : connection.tuples)
      if (!table.find(tuple, connection.zones, 0)) std::abort();
  });
}

void play(std::span<const std::uint8_t> input, Results& results) {
  constexpr std::int64_t start_ns = 1'700'000'000'000'000'000;
  constexpr DeviceId devices[] = {3, 4, 5, 5};
  replay::Replay replay(router(), 1, start_ns, results);
  std::int64_t now_ns = start_ns;
  std::uint64_t given = 0;
  bool circled = false;
  while (input.size() > 4 && !circled) {
    const DeviceId device = devices[input[0] % 4];
    now_ns += input[1] * 16'000'000LL;
    const bool right = (input[2] & 1) == 0;
    const std::size_t length = std::min<std::size_t>(input[3] * 8U, input.size() - 4);
    std::vector<std::uint8_t> frame(input.begin() + 4, input.begin() + 4 + static_cast<std::ptrdiff_t>(length));
    input = input.subspan(4 + length);
    if (right) make_checksums_right(frame);
    circled = !replay.receive(device, now_ns, Packet::from_frame(frame));
    ++given;
  }
  circled |= !replay.finish();
  check(replay.state().connections);
  std::vector<std::uint64_t> told;
  for (const Results::End& end : results.ends) told.push_back(end.index);
  std::ranges::sort(told);
  if (told.size() != given) std::abort();
  for (std::uint64_t i = 0; i < given; ++i)
    if (told[i] != i) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Results first, second;
  play({data, size}, first);
  play({data, size}, second);
  if (first.frames != second.frames || first.ends != second.ends) std::abort();
  return 0;
}
