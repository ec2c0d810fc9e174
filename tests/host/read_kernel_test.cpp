// Reading this machine: what comes over netlink and procfs is what the standard tools print, and a
// snapshot of the machine is the machine.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "describe.hpp"
#include "host/collect.hpp"
#include "host/device_book.hpp"
#include "host/find.hpp"
#include "host/listeners.hpp"
#include "host/live/read.hpp"
#include "host/snapshot/read.hpp"
#include "machine_lab.hpp"
#include "namespace.hpp"

namespace wayout::host {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

/// Joined end to end: own — router — a, b; `alone` has no link to anybody.
void build(MachineLab& lab) {
  for (const char* name : {"router", "a", "b", "alone"})
    lab.add(name);
  for (const char* line : {
           "ip link set lo up",
           "ip link add up0 type veth peer name wan netns @router",
           "ip addr add 192.0.2.1/24 brd + dev up0",
           "ip link set up0 up",
           "ip -n @a link add eth0 type veth peer name va netns @router",
           "ip -n @b link add eth0 type veth peer name vb netns @router",
           "ip -n @router link add br0 type bridge",
           "ip -n @router link set va master br0",
           "ip -n @router link set vb master br0",
           "ip -n @router link set vb type bridge_slave isolated on hairpin on",
           "ip -n @router link set br0 up",
           "ip -n @router link set va up",
           "ip -n @router link set vb up",
           "ip -n @router link set wan up",
           "ip -n @a link set eth0 up",
           "ip -n @b link set eth0 up",
           "ip -n @router addr add 10.9.0.1/24 brd + dev br0",
           "ip -n @router addr add 10.9.0.9/24 dev br0",
           "ip -n @router addr add 192.0.2.9 peer 192.0.2.2 dev wan",
           "ip -n @router addr add 198.51.100.1/24 dev wan noprefixroute scope link",
           "ip -n @a addr add 10.9.0.2/24 dev eth0",
           "ip -n @b addr add 10.9.0.3/24 dev eth0",
           "ip -n @a route add default via 10.9.0.1",
           "ip -n @router link add p0 type veth peer name p1",
           "ip -n @router link add vx0 type vxlan id 42 dstport 4789 remote 192.0.2.2 local "
           "192.0.2.9 dev wan nolearning",
           "ip -n @router link add mv0 link wan type macvlan mode private",
           "ip -n @router link set mv0 netns @b",
           "ip -n @router tuntap add tap0 mode tap",
       })
    lab.run(line);
}

void add_routes(MachineLab& lab) {
  for (const char* line : {
           "ip -n @router route add blackhole 203.0.113.0/24 metric 7",
           "ip -n @router route add 203.0.113.128/25 nexthop via 10.9.0.2 dev br0 weight 3 nexthop "
           "via 10.9.0.3 dev br0",
           "ip -n @router route add default via 10.9.0.2 dev br0 table 100 metric 50 src 10.9.0.1 "
           "mtu 1400",
           "ip -n @router route add 8.8.0.0/16 via 1.2.3.4 dev wan onlink tos 0x10",
           "ip -n @router nexthop add id 7 via 10.9.0.3 dev br0",
           "ip -n @router nexthop add id 8 via 10.9.0.2 dev br0",
           "ip -n @router nexthop add id 3 group 7,3/8",
           "ip -n @router route add 9.9.9.0/24 nhid 3",
           "ip -n @router route add 9.9.8.0/24 nhid 7",
           "ip -n @router route add 7.7.7.0/24 via inet6 fe80::1 dev br0",
           "ip -n @router rule add pref 10 not from 10.9.0.0/24 to 1.0.0.0/8 fwmark 0x10/0xff iif "
           "br0 oif wan tos 0x10 ipproto tcp sport 80 dport 100-200 uidrange 5-10 lookup 100",
           "ip -n @router rule add pref 20 lookup main suppress_prefixlength 0",
           "ip -n @router rule add pref 21 iif nodev goto 40",
           "ip -n @router rule add pref 40 blackhole from 5.5.5.5",
           "ip -n @router rule add pref 41 prohibit from 5.5.5.6",
           "ip -n @router rule add pref 42 unreachable from 5.5.5.7",
           "ip -n @router rule add pref 43 l3mdev",
           "ip -n @router rule add pref 45 suppress_ifgroup 1 table main",
           "ip -n @router neigh add 10.9.0.77 lladdr 02:00:00:00:00:77 dev br0",
           "ip -n @router neigh add proxy 10.9.0.78 dev br0",
           "bridge -n @router fdb add 02:00:00:00:00:55 dev va master static",
           "bridge -n @router fdb add 02:00:00:00:00:56 dev va master static sticky",
           "bridge -n @router fdb add 02:00:00:00:00:57 dev vx0 dst 192.0.2.9 self",
           "bridge -n @router fdb add 02:00:00:00:00:58 dev vx0 dst 192.0.2.9 port 4790 vni 77 via "
           "wan self",
       })
    lab.run(line);
}

void add_filters(MachineLab& lab) {
  for (
      const char* line : {
          "ip netns exec @router iptables-nft -t nat -A POSTROUTING -o wan -j MASQUERADE",
          "ip netns exec @router iptables-legacy -A FORWARD -i br0 -m conntrack --ctstate "
          "ESTABLISHED -j ACCEPT",
          "ip netns exec @router ipset create blocked hash:ip",
          "ip netns exec @router ipset add blocked 192.0.2.66",
          "ip netns exec @router iptables-legacy -A FORWARD -m set --match-set blocked src -j DROP",
          "ip netns exec @router nft 'table inet fw { chain f { type filter hook forward priority "
          "5; policy drop; }; chain quiet { type filter hook input priority 5; counter accept; }; "
          "}'",
          "ip netns exec @router nft 'table netdev nd { chain in { type filter hook ingress device "
          "va priority 0; policy accept; ip saddr 1.2.3.4 drop; }; }'",
          "ip netns exec @router nft 'table bridge br { chain f { type filter hook forward "
          "priority "
          "0; ether saddr 02:00:00:00:00:01 drop; }; }'",
          "ip netns exec @router tc qdisc add dev va clsact",
          "ip netns exec @router ip xfrm policy add src 1.2.3.0/24 dst 4.5.6.0/24 dir out tmpl src "
          "0.0.0.0 dst 0.0.0.0 proto esp mode tunnel",
          "ip netns exec @router conntrack -I -p udp -t 600 -s 10.9.0.2 -d 8.8.8.8 --sport 1000 "
          "--dport 53",
          "ip netns exec @router sysctl -w net.ipv4.ip_forward=1 net.ipv4.conf.br0.rp_filter=2 "
          "net.ipv4.conf.wan.arp_ignore=1",
          "ip netns exec @a sysctl -w net.ipv4.conf.all.rp_filter=1",
      })
    lab.run(line);
}

std::vector<std::string> lab_names() {
  std::vector<std::string> names;
  for (const char* name : {"router", "a", "b", "alone"})
    names.push_back(MachineLab::full_name(name));
  return names;
}

/// The machine without namespaces that others made meanwhile.
std::vector<std::string> described(const Machine& machine) {
  std::vector<std::string> lines;
  const std::vector<std::string> names = lab_names();
  for (const Host& host : machine.hosts) {
    if (host.name != "host" && std::ranges::find(names, host.name) == names.end()) continue;
    for (const std::string& line : describe(host))
      lines.push_back(host.name + ": " + line);
  }
  for (const std::string& line : describe_joins(machine))
    if (line.find(MachineLab::full_name("")) != std::string::npos) lines.push_back(line);
  return lines;
}

/// Lines of one and not of the other.
std::string difference(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::string text;
  for (const std::string& line : a)
    if (std::ranges::find(b, line) == b.end()) text += "- " + line + "\n";
  for (const std::string& line : b)
    if (std::ranges::find(a, line) == a.end()) text += "+ " + line + "\n";
  return text;
}

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "wayout-test-XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

const Host& host_named(const Machine& machine, const std::string& name) {
  for (const Host& host : machine.hosts)
    if (host.name == MachineLab::full_name(name)) return host;
  throw std::out_of_range("no host " + name);
}

std::vector<std::string> unmodelled_of(const Host& host) {
  std::vector<std::string> texts;
  for (const Unmodelled& found : host.unmodelled)
    texts.push_back(found.text);
  return texts;
}

TEST(LiveKernel, ASnapshotOfTheMachineIsTheMachine) {
  WAYOUT_NEEDS_NAMESPACE();
  MachineLab lab;
  build(lab);
  add_routes(lab);
  add_filters(lab);
  const Result<Machine> live = live::read({.about = lab_names()});
  ASSERT_TRUE(live) << live.error().text();

  const TemporaryDirectory written, collected;
  const Result<void> wrote = write_snapshot(written.path());
  ASSERT_TRUE(wrote) << wrote.error().text();
  const Result<Machine> from_program = snapshot::read(written.path());
  ASSERT_TRUE(from_program) << from_program.error().text();
  EXPECT_EQ(difference(described(live.value()), described(from_program.value())), "");

  const std::filesystem::path script = collected.path() / "collect.sh";
  std::ofstream(script) << snapshot_script();
  const std::filesystem::path directory = collected.path() / "snapshot";
  lab.run(fmt::format("sh {} {}", script.string(), directory.string()));
  const Result<Machine> from_script = snapshot::read(directory);
  ASSERT_TRUE(from_script) << from_script.error().text();
  EXPECT_EQ(difference(described(live.value()), described(from_script.value())), "");
}

TEST(LiveKernel, WhatElseCanTakeAPacketIsNamed) {
  WAYOUT_NEEDS_NAMESPACE();
  MachineLab lab;
  build(lab);
  add_filters(lab);
  const Result<Machine> live = live::read({.about = {lab.full_name("router")}});
  ASSERT_TRUE(live) << live.error().text();
  const Host& router = host_named(live.value(), "router");
  EXPECT_THAT(unmodelled_of(router),
              testing::UnorderedElementsAre(
                  "nft chain inet fw f (hook forward, priority 5, policy drop)",
                  "nft chain netdev nd in (hook ingress, device va, priority 0)",
                  "nft chain bridge br f (hook forward, priority 0)",
                  "nft chain inet fw quiet (hook input, priority 5)",
                  "the order in which iptables-legacy and iptables-nft were loaded",
                  "IPsec policy 1.2.3.0/24 → 4.5.6.0/24 dir out"));
  EXPECT_EQ(router.netfilter.rulesets.size(), 2U);
  ASSERT_TRUE(router.netfilter.sets.known);
  EXPECT_NE(router.netfilter.sets.find("blocked"), nullptr);
  EXPECT_TRUE(router.conntrack_config.enabled);
  EXPECT_THAT(describe(router), Contains("connection 17 10.9.0.2:1000 -> 8.8.8.8:53"));
}

TEST(LiveKernel, SysctlsAreThoseOfTheirNamespace) {
  WAYOUT_NEEDS_NAMESPACE();
  MachineLab lab;
  build(lab);
  add_filters(lab);
  const Result<Machine> live = live::read({.about = lab_names()});
  ASSERT_TRUE(live) << live.error().text();
  const Host &router = host_named(live.value(), "router"), &a = host_named(live.value(), "a");
  EXPECT_TRUE(router.interfaces.all.forwarding);
  EXPECT_FALSE(a.interfaces.all.forwarding);
  EXPECT_EQ(a.interfaces.all.rp_filter, 1);
  EXPECT_EQ(router.interfaces[router.devices.find("br0")].conf.rp_filter, 2);
  EXPECT_EQ(router.interfaces[router.devices.find("wan")].conf.arp_ignore, 1);
}

TEST(LiveKernel, EndsAreJoinedAcrossNamespaces) {
  WAYOUT_NEEDS_NAMESPACE();
  MachineLab lab;
  build(lab);
  const Result<Machine> live = live::read({.about = {lab.full_name("a")}});
  ASSERT_TRUE(live) << live.error().text();
  std::vector<std::string> joins = describe_joins(live.value());
  for (std::string& line : joins)
    for (std::size_t at; (at = line.find(lab.full_name(""))) != std::string::npos;)
      line.erase(at, lab.full_name("").size());
  std::ranges::sort(joins);
  EXPECT_THAT(joins, testing::ElementsAre("lower b/mv0 router/wan", "peer a/eth0 router/va",
                                          "peer b/eth0 router/vb", "peer host/up0 router/wan",
                                          "peer router/p0 router/p1", "peer router/p1 router/p0",
                                          "peer router/va a/eth0", "peer router/vb b/eth0",
                                          "peer router/wan host/up0", "upper router/wan b/mv0"));
}

TEST(LiveKernel, OnlyWhatIsReachedIsRead) {
  WAYOUT_NEEDS_NAMESPACE();
  MachineLab lab;
  build(lab);
  const Result<Machine> live = live::read({.about = {lab.full_name("a")}});
  ASSERT_TRUE(live) << live.error().text();
  std::vector<std::string> names;
  for (const Host& host : live.value().hosts)
    names.push_back(host.name);
  EXPECT_EQ(names.front(), "host");
  EXPECT_THAT(names, testing::UnorderedElementsAre("host", lab.full_name("router"),
                                                   lab.full_name("a"), lab.full_name("b")));
}

TEST(LiveKernel, ReadingLoadsNoTable) {
  WAYOUT_NEEDS_NAMESPACE();
  MachineLab lab;
  build(lab);
  ASSERT_TRUE(live::read({.about = {lab.full_name("a")}}));
  const TemporaryDirectory directory;
  ASSERT_TRUE(write_snapshot(directory.path()));
  for (const char* name : {"a", "router"})
    EXPECT_EQ(kernel::output_of("ip netns exec " + lab.full_name(name) +
                                " cat /proc/net/ip_tables_names /proc/net/ip6_tables_names"),
              "");
}

TEST(LiveKernel, ANamespaceIsFoundByAnyOfItsNames) {
  WAYOUT_NEEDS_NAMESPACE();
  MachineLab lab;
  build(lab);
  const std::string pid = std::to_string(lab.sleep_in("a"));
  const std::string child = std::to_string(lab.sleep_in("a"));
  for (const std::string& who : {lab.full_name("a"), pid, "pid:" + pid, child}) {
    const Result<Machine> live = live::read({.about = {who}});
    ASSERT_TRUE(live) << live.error().text();
    const Result<std::uint32_t> found = find_namespace(live.value(), who);
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_EQ(live.value().hosts[found.value()].name, lab.full_name("a"));
  }
}

TEST(LiveKernel, WhoIsNotThereIsSaid) {
  WAYOUT_NEEDS_NAMESPACE();
  const Result<Machine> live = live::read({.about = {"nobody-of-this-name"}});
  ASSERT_FALSE(live);
  EXPECT_THAT(live.error().text(),
              HasSubstr("there is no namespace, container or process \"nobody-of-this-name\""));
}

/// A socket bound to a port; listening when it is TCP.
int bound(int family, int type, std::uint16_t port, const char* device, bool only_v6) {
  const int fd = socket(family, type | SOCK_CLOEXEC, 0);
  const int yes = only_v6 ? 1 : 0;
  sockaddr_storage address{};
  address.ss_family = static_cast<sa_family_t>(family);
  if (family == AF_INET6) {
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    reinterpret_cast<sockaddr_in6&>(address).sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in&>(address).sin_port = htons(port);
  }
  if (device != nullptr) setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, IFNAMSIZ);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  if (type == SOCK_STREAM) {
    EXPECT_EQ(listen(fd, 5), 0);
  }
  return fd;
}

TEST(LiveKernel, ListenersAreSeenAsSsSeesThem) {
  WAYOUT_NEEDS_NAMESPACE();
  MachineLab lab;
  lab.run("ip link set lo up");
  const std::vector<int> sockets = {bound(AF_INET, SOCK_STREAM, 8080, nullptr, false),
                                    bound(AF_INET6, SOCK_STREAM, 8081, nullptr, false),
                                    bound(AF_INET6, SOCK_STREAM, 8082, nullptr, true),
                                    bound(AF_INET, SOCK_DGRAM, 5353, "lo", false)};
  const Result<Machine> live = live::read();
  const std::string listed = kernel::output_of("ss -Hlntu");
  for (const int fd : sockets)
    close(fd);
  ASSERT_TRUE(live) << live.error().text();
  const Host& host = live.value().hosts[0];
  ASSERT_TRUE(host.listeners_known);
  ASSERT_EQ(host.listeners.size(), 3U);
  EXPECT_EQ(host.listeners[0].port, 5353);
  EXPECT_EQ(host.listeners[0].device, host.devices.find("lo"));

  Host from_ss;
  DeviceBook book(from_ss);
  link::Device lo;
  lo.name = "lo";
  book.add(lo);
  ASSERT_TRUE(read_listeners(File{"ss", listed}, from_ss, book));
  ASSERT_EQ(from_ss.listeners.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(from_ss.listeners[i].port, host.listeners[i].port);
    EXPECT_EQ(from_ss.listeners[i].dual_stack, host.listeners[i].dual_stack);
    EXPECT_EQ(from_ss.listeners[i].address, host.listeners[i].address);
    EXPECT_EQ(from_ss.listeners[i].device != no_device, host.listeners[i].device != no_device);
  }
}

// ---------------------------------------------------------------- tcx

/// `return 0` as a classifier; its file descriptor, or -1.
int load_program() {
  const bpf_insn instructions[] = {{.code = 0xb7, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
                                   {.code = 0x95, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_SCHED_CLS;
  attributes.insns = reinterpret_cast<std::uint64_t>(instructions);
  attributes.insn_cnt = 2;
  attributes.license = reinterpret_cast<std::uint64_t>("GPL");
  return static_cast<int>(syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes));
}

TEST(LiveKernel, ATcxProgramIsNamed) {
  WAYOUT_NEEDS_NAMESPACE();
  constexpr std::uint32_t tcx_ingress = 46;
  MachineLab lab;
  lab.run("ip link add p0 type veth peer name p1");
  const int program = load_program();
  if (program < 0) GTEST_SKIP() << "no BPF";
  bpf_attr attributes{};
  attributes.link_create.prog_fd = static_cast<std::uint32_t>(program);
  attributes.link_create.target_ifindex = if_nametoindex("p0");
  attributes.link_create.attach_type = static_cast<bpf_attach_type>(tcx_ingress);
  const int link =
      static_cast<int>(syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, sizeof attributes));
  if (link < 0) GTEST_SKIP() << "no tcx";
  const Result<Machine> live = live::read();
  close(link);
  close(program);
  ASSERT_TRUE(live) << live.error().text();
  EXPECT_THAT(unmodelled_of(live.value().hosts[0]),
              testing::ElementsAre("BPF program (tcx) on p0 ingress"));
}

}  // namespace
}  // namespace wayout::host
