#include "rules_world.hpp"

#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "conntrack/listing.hpp"
#include "host/finish.hpp"
#include "iptables.hpp"
#include "namespace.hpp"
#include "netfilter/print.hpp"
#include "netfilter/read.hpp"
#include "netfilter/read_ipset.hpp"
#include "own_ids.hpp"
#include "wire/craft.hpp"
#include "wire/text.hpp"

namespace wayout::kernel {
namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::uint8_t>;

/// How long the kernel may take for what is expected of it.
constexpr auto patience = 400ms;

constexpr auto next_hop = wire::IpAddress::v4(10, 0, 2, 254);
constexpr DeviceId in0 = 2, out0 = 3;

/// Hosts on the two networks, whose neighbour entries are permanent.
std::vector<wire::IpAddress> stations(std::uint8_t network) {
  std::vector<wire::IpAddress> list;
  for (const std::uint8_t last : {2, 3, 5, 254})
    list.push_back(wire::IpAddress::v4(10, 0, network, last));
  return list;
}

std::vector<std::string> commands() {
  std::vector<std::string> lines = {
      "sysctl net/ipv6/conf/all/disable_ipv6=1",
      "sysctl net/ipv6/conf/default/disable_ipv6=1",
      "sysctl net/ipv4/icmp_ratelimit=0",
      "sysctl net/ipv4/icmp_msgs_per_sec=1000000",
      "sysctl net/ipv4/icmp_msgs_burst=100000",
      "sysctl net/ipv4/ip_forward=1",
      "sysctl net/ipv4/conf/all/send_redirects=0",  // their rate is another matter
      "sysctl net/ipv4/conf/default/send_redirects=0",
      "link set lo up",
      fmt::format("link add in0 address {} type veth peer name c0", in_mac.text()),
      fmt::format("link add out0 address {} type veth peer name s0", out_mac.text()),
      "link set c0 arp off up",
      "link set s0 arp off up",
      "addr add 10.0.1.1/24 dev in0",
      "addr add 10.0.2.1/24 dev out0",
      "link set in0 up",
      "link set out0 up",
      fmt::format("route add default via {} dev out0", next_hop.text()),
  };
  for (const wire::IpAddress& station : stations(1))
    lines.push_back(fmt::format("neigh add {} lladdr {} dev in0", station.text(), client_mac.text()));
  for (const wire::IpAddress& station : stations(2))
    lines.push_back(fmt::format("neigh add {} lladdr {} dev out0", station.text(), server_mac.text()));
  return lines;
}

/// Else checksums of what the stack makes are left to a device that never fills them in.
void stop_checksum_offload(int socket, const char* device) {
  ethtool_value off{.cmd = ETHTOOL_STXCSUM, .data = 0};
  ifreq request{};
  std::snprintf(request.ifr_name, sizeof request.ifr_name, "%s", device);
  request.ifr_data = reinterpret_cast<char*>(&off);
  if (ioctl(socket, SIOCETHTOOL, &request) != 0)
    throw std::runtime_error(fmt::format("{} keeps its checksum offload", device));
}

void forget_ports(std::uint8_t protocol, std::span<std::uint8_t> transport);

/// Of an error, those of the packet that it quotes, which may end behind its ports.
void forget_icmp_id(wire::IcmpHeader& icmp, std::span<std::uint8_t> quoted) {
  icmp.checksum = 0;
  if (!icmp.is_error()) {
    icmp.id = 0;
    return;
  }
  const auto* ip = wire::header_at<wire::Ipv4Header>(quoted);
  if (ip != nullptr && ip->header_bytes() <= quoted.size())
    forget_ports(ip->protocol, quoted.subspan(ip->header_bytes()));
}

void forget_ports(std::uint8_t protocol, std::span<std::uint8_t> transport) {
  namespace p = wire::protocol;
  if (protocol == p::icmp) {
    auto* icmp = wire::header_at<wire::IcmpHeader>(transport);
    if (icmp != nullptr) forget_icmp_id(*icmp, transport.subspan(sizeof(wire::IcmpHeader)));
    return;
  }
  auto* ports = wire::header_at<wire::UdpHeader>(transport);
  if (ports == nullptr || (protocol != p::tcp && protocol != p::udp)) return;
  ports->source_port = ports->destination_port = 0;
  auto* tcp = wire::header_at<wire::TcpHeader>(transport);
  if (protocol == p::udp) {
    ports->checksum = 0;
  } else if (tcp != nullptr) {
    tcp->checksum = 0;
  }
}

void add_device(host::Host& host, std::string name, link::DeviceKind kind,
                const wire::MacAddress& mac, const wire::IpAddress& address,
                std::uint8_t prefix_length) {
  link::Device device;
  device.name = std::move(name);
  device.ifindex = host.devices.size();
  device.kind = kind;
  device.up = true;
  device.mac = mac;
  device.mtu_bytes = kind == link::DeviceKind::loopback ? 65536 : 1500;
  host.devices.list.push_back(device);
  route::InterfaceAddress own;
  own.local = own.peer = address;
  own.prefix_length = prefix_length;
  own.scope = kind == link::DeviceKind::loopback ? route::Scope::host : route::Scope::universe;
  route::Interface interface;
  interface.addresses = {own};
  interface.conf.forwarding = true;
  interface.conf.send_redirects = false;
  host.interfaces.list.push_back(interface);
}

host::Host make_host() {
  host::Host host;
  host.name = "host";
  add_device(host, "lo", link::DeviceKind::loopback, {}, wire::IpAddress::v4(127, 0, 0, 1), 8);
  add_device(host, "in0", link::DeviceKind::nic, in_mac, wire::IpAddress::v4(10, 0, 1, 1), 24);
  add_device(host, "out0", link::DeviceKind::nic, out_mac, wire::IpAddress::v4(10, 0, 2, 1), 24);
  host.ip.icmp_limits = {.interval_ms = 0, .global_per_second = 1'000'000, .global_burst = 100'000};
  host.interfaces.all.forwarding = true;
  host.interfaces.all.send_redirects = false;
  host.fib.rules = route::Fib::default_rules();
  host::complete(host);
  route::Route way_out;
  way_out.destination = {wire::IpAddress::any(wire::Family::ipv4), 0};
  way_out.nexthops = {{.gateway = next_hop, .device = out0}};
  host.fib.tables[host.fib.table_position(route::table_main)].routes.push_back(way_out);
  for (const wire::IpAddress& station : stations(1))
    host.neighbours.push_back({station, in0, client_mac, link::NudState::permanent});
  for (const wire::IpAddress& station : stations(2))
    host.neighbours.push_back({station, out0, server_mac, link::NudState::permanent});
  host.listeners_known = true;
  host.netfilter.queues_read.emplace();
  return host;
}

/// `udp      17 29 src=…` → `udp 17 src=…`, `… use=1` → `…`.
std::string without_time(const std::string& line) {
  std::istringstream words(line.substr(0, line.find(" use=")));
  std::string kept, word;
  for (int i = 0; words >> word; ++i) {
    constexpr int seconds_left = 2;
    if (i != seconds_left) kept += (kept.empty() ? "" : " ") + word;
  }
  return kept;
}

}  // namespace

std::vector<Seen> comparable(std::vector<Seen> frames) {
  for (Seen& seen : frames) forget_own_ids(seen.frame);
  std::sort(frames.begin(), frames.end());
  return frames;
}

std::vector<Seen> without_ports(std::vector<Seen> frames) {
  for (Seen& seen : frames) {
    const std::span<std::uint8_t> bytes = std::span(seen.frame).subspan(sizeof(wire::EthernetHeader));
    auto* ip = wire::header_at<wire::Ipv4Header>(bytes);
    if (ip == nullptr || ip->header_bytes() > bytes.size()) continue;
    forget_ports(ip->protocol, bytes.subspan(ip->header_bytes()));
  }
  std::sort(frames.begin(), frames.end());
  return frames;
}

KernelRouter::KernelRouter() {
  run_all(commands());
  client_ = std::make_unique<PacketSocket>("c0");
  server_ = std::make_unique<PacketSocket>("s0");
  raw_ = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
  for (const char* device : {"in0", "out0"}) stop_checksum_offload(raw_, device);
  std::this_thread::sleep_for(50ms);  // carriers
}

std::string KernelRouter::load(const RulesText& rules) {
  const std::string file = fmt::format("/tmp/wayout-rules-{}", getpid());
  std::ofstream(file) << rules.text;
  const std::string said =
      output_of(fmt::format("{}-restore -c {} 2>&1", iptables_name(rules.backend), file));
  std::remove(file.c_str());
  return said;
}

std::string KernelRouter::load_sets(const std::string& text) {
  const std::string file = fmt::format("/tmp/wayout-sets-{}", getpid());
  std::ofstream(file) << text;
  const std::string said = output_of(fmt::format("ipset restore -file {} 2>&1", file));
  std::remove(file.c_str());
  return said;
}

std::string KernelRouter::saved(netfilter::Backend backend, const std::string& expected) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    std::string text = saved_rules(backend);
    if (text == expected || expected.empty() || std::chrono::steady_clock::now() > deadline)
      return text;
    std::this_thread::sleep_for(5ms);
  }
}

std::vector<std::string> KernelRouter::connections() {
  std::istringstream listing(output_of("conntrack -L 2>/dev/null"));
  std::vector<std::string> lines;
  for (std::string line; std::getline(listing, line);) lines.push_back(without_time(line));
  std::sort(lines.begin(), lines.end());
  return lines;
}

void KernelRouter::send(Origin from, const Bytes& packet) const {
  if (from == Origin::router) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(wire::header_at<wire::Ipv4Header>(packet)->destination);
    (void)sendto(raw_, packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
    return;
  }
  const bool client = from == Origin::client;
  (client ? client_ : server_)
      ->send(wire::make_frame(client ? client_mac : server_mac, client ? in_mac : out_mac,
                              wire::ethertype::ipv4, packet));
}

std::vector<Seen> KernelRouter::seen(const std::vector<Seen>& expected) const {
  std::vector<Seen> frames;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (collect(frames);
       comparable(frames) != expected && std::chrono::steady_clock::now() < deadline;
       collect(frames))
    std::this_thread::sleep_for(200us);
  std::this_thread::sleep_for(1ms);
  collect(frames);
  return comparable(std::move(frames));
}

void KernelRouter::collect(std::vector<Seen>& frames) const {
  for (Bytes frame = client_->receive(); !frame.empty(); frame = client_->receive())
    frames.push_back({Origin::client, std::move(frame)});
  for (Bytes frame = server_->receive(); !frame.empty(); frame = server_->receive())
    frames.push_back({Origin::server, std::move(frame)});
}

EngineRouter::EngineRouter(const std::vector<RulesText>& saved, std::uint32_t out_mtu_bytes,
                           const std::string& sets) {
  host::Host host = make_host();
  Result<netfilter::IpSets> read_sets = netfilter::read_ipset(sets, "sets");
  if (!read_sets) throw std::runtime_error(read_sets.error().text());
  host.netfilter.sets = std::move(*read_sets);
  host.devices[out0].mtu_bytes = host.interfaces[out0].mtu_bytes = out_mtu_bytes;
  for (const RulesText& rules : saved) {
    Result<netfilter::Ruleset> read =
        netfilter::read_save(rules.text, "saved", {.backend = rules.backend});
    if (!read) throw std::runtime_error(read.error().text());
    host.netfilter.rulesets.push_back(std::move(*read));
  }
  machine_.hosts.push_back(std::move(host));
  if (Result<void> finished = host::finish(machine_); !finished)
    throw std::runtime_error(finished.error().text());
  journey_ = std::make_unique<path::Journey>(machine_, chance_, trace_);
}

std::int64_t EngineRouter::elapsed_ms() const {
  const auto passed = std::chrono::steady_clock::now() - made_;
  return std::chrono::duration_cast<std::chrono::milliseconds>(passed).count();
}

void EngineRouter::send(Origin from, const Bytes& packet) {
  const std::uint64_t searches = chance_.port_searches();
  journey_->state(0).now_ms = elapsed_ms();
  if (from == Origin::router) {
    Packet local = Packet::from_ip(packet);
    local.number = journey_->new_number();
    local.sender.uid = local.sender.gid = 0;
    journey_->send(0, std::move(local));
  } else {
    const bool client = from == Origin::client;
    Packet frame = Packet::from_frame(
        wire::make_frame(client ? client_mac : server_mac, client ? in_mac : out_mac,
                         wire::ethertype::ipv4, packet));
    frame.number = journey_->new_number();
    journey_->receive({0, client ? in0 : out0}, std::move(frame));
  }
  journey_->run();
  drew_port_ = chance_.port_searches() != searches;
}

std::vector<Seen> EngineRouter::seen() {
  std::vector<Seen> frames;
  for (; departed_ < journey_->departures().size(); ++departed_) {
    const path::Departure& departure = journey_->departures()[departed_];
    frames.push_back({departure.from.device == in0 ? Origin::client : Origin::server,
                      departure.frame.on_wire()});
  }
  return comparable(std::move(frames));
}

std::string EngineRouter::saved(std::size_t ruleset) const {
  const auto counted =
      netfilter::counted(machine_.hosts[0].netfilter, journey_->state(0).rules);
  return netfilter::print_save(counted[ruleset], true);
}

std::vector<std::string> EngineRouter::connections() {
  host::State& state = journey_->state(0);
  state.connections.expire(elapsed_ms());
  std::vector<std::string> lines;
  state.connections.for_each([&](ConnectionId, const conntrack::Connection& connection) {
    lines.push_back(without_time(conntrack::print_connection(
        connection, conntrack::ListingFormat::plain, state.now_ms)));
  });
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::string EngineRouter::told_ends() {
  std::string text;
  for (; ended_ < journey_->ends().size(); ++ended_) {
    const path::JourneyEnd& end = journey_->ends()[ended_];
    text += fmt::format("  {}: ended in {} {}\n", wire::describe_ip(end.packet.network()),
                        stage_name(end.stop.stage), reason_name(end.stop.reason));
  }
  return text;
}

}  // namespace wayout::kernel
