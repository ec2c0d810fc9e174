#include "host/sysctls.hpp"

#include <gmock/gmock.h>

#include "host/device_book.hpp"

namespace wayout::host {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Host host_with_devices() {
  Host host;
  DeviceBook book(host);
  for (const char* name : {"lo", "eth0", "eth0.10"}) {
    link::Device device;
    device.name = name;
    book.add(device);
  }
  return host;
}

Result<void> apply(const std::string& text, Host& host) {
  const File file{"sysctl.txt", text};
  Result<void> read = read_sysctls(file, host);
  return read ? apply_sysctls(host, file) : read;
}

TEST(Sysctls, OwnLinesBeatDefaults) {
  Host host = host_with_devices();
  ASSERT_TRUE(
      apply("net.ipv4.ip_forward = 0\n"
            "net.ipv4.conf.all.rp_filter = 1\n"
            "net.ipv4.conf.default.rp_filter = 2\n"
            "net.ipv4.conf.eth0.rp_filter = 0\n"
            "net.ipv4.conf.eth0.forwarding = 1\n"
            "net.ipv4.conf.lo.rp_filter=0\n"
            "net.ipv4.conf.eth0/10.arp_ignore = 8\n",
            host));
  EXPECT_EQ(host.interfaces.all.rp_filter, 1);
  EXPECT_FALSE(host.interfaces.all.forwarding);
  EXPECT_TRUE(host.interfaces[2].conf.forwarding);
  EXPECT_EQ(host.interfaces[2].conf.rp_filter, 0);
  EXPECT_EQ(host.interfaces[3].conf.rp_filter, 2);
  EXPECT_EQ(host.interfaces[3].conf.arp_ignore, 8);
  EXPECT_THAT(host.assumed, IsEmpty());
}

TEST(Sysctls, HowManyErrorsAreSent) {
  Host host = host_with_devices();
  ASSERT_TRUE(
      apply("net.ipv4.icmp_ratelimit = 500\nnet.ipv4.icmp_ratemask = 8\n"
            "net.ipv4.icmp_msgs_per_sec = 7\nnet.ipv4.icmp_msgs_burst = 3\n"
            "net.ipv4.ipfrag_time = 5\nnet.ipv4.ipfrag_high_thresh = 0\n",
            host));
  EXPECT_EQ(host.ip.icmp_limits.interval_ms, 500);
  EXPECT_EQ(host.ip.icmp_limits.type_mask, 8U);
  EXPECT_EQ(host.ip.icmp_limits.global_per_second, 7U);
  EXPECT_EQ(host.ip.icmp_limits.global_burst, 3U);
  EXPECT_EQ(host.ip.fragments.time_ms, 5000);
  EXPECT_EQ(host.ip.fragments.high_thresh_bytes, 0);
}

TEST(Sysctls, WhoIsAskedForAMac) {
  Host host = host_with_devices();
  ASSERT_TRUE(
      apply("net.ipv4.neigh.default.app_solicit = 2\n"
            "net.ipv4.neigh.eth0.mcast_solicit = 0\n"
            "net.ipv4.neigh.eth0.app_solicit = 0\n"
            "net.ipv4.neigh.eth0.10.mcast_solicit = 1\n",
            host));
  EXPECT_EQ(host.devices[2].neighbours.mcast_solicit, 0);
  EXPECT_EQ(host.devices[2].neighbours.app_solicit, 0);
  EXPECT_EQ(host.devices[3].neighbours.mcast_solicit, 1);
  EXPECT_EQ(host.devices[3].neighbours.app_solicit, 2);
  EXPECT_EQ(host.devices[1].neighbours.mcast_solicit, 3);
}

TEST(Sysctls, ADeviceWithoutLinesIsAsDefaultAndForwardsAsIpForwardSays) {
  Host host = host_with_devices();
  ASSERT_TRUE(
      apply("net.ipv4.ip_forward = 1\nnet.ipv4.conf.default.rp_filter = 2\n"
            "net.ipv4.conf.lo.forwarding = 0\n",
            host));
  EXPECT_TRUE(host.interfaces.all.forwarding);
  EXPECT_TRUE(host.interfaces[2].conf.forwarding);
  EXPECT_FALSE(host.interfaces[1].conf.forwarding);
  EXPECT_EQ(host.interfaces[2].conf.rp_filter, 2);
  EXPECT_THAT(host.assumed, ElementsAre("sysctls of eth0, eth0.10: as net.ipv4.conf.default"));
}

TEST(Sysctls, NothingReadIsTheKernelsDefaultAndSaidSo) {
  Host host = host_with_devices();
  ASSERT_TRUE(apply_sysctls(host));
  EXPECT_FALSE(host.interfaces[2].conf.forwarding);
  EXPECT_EQ(host.conntrack_config.tcp_timeout_s[3], 432000u);
  EXPECT_EQ(host.assumed.size(), 1u);
}

TEST(Sysctls, ADeviceNameMayBeWrittenWithItsOwnDots) {
  Host host = host_with_devices();
  ASSERT_TRUE(apply("net.ipv4.conf.eth0.10.rp_filter = 1\n", host));
  EXPECT_EQ(host.interfaces[3].conf.rp_filter, 1);
  EXPECT_TRUE(host.sysctls.contains("net.ipv4.conf.eth0/10.rp_filter"));
}

TEST(Sysctls, ConntrackAndBridge) {
  Host host = host_with_devices();
  ASSERT_TRUE(
      apply("net.netfilter.nf_conntrack_max = 1000\n"
            "net.netfilter.nf_conntrack_count = 7\n"
            "net.netfilter.nf_conntrack_tcp_timeout_time_wait = 9\n"
            "net.netfilter.nf_conntrack_sctp_timeout_heartbeat_sent = 11\n"
            "net.netfilter.nf_conntrack_tcp_loose = 0\n"
            "net.bridge.bridge-nf-call-iptables = 1\n"
            "net.ipv4.ip_default_ttl = 32\n",
            host));
  EXPECT_TRUE(host.conntrack_config.max_known);
  EXPECT_EQ(host.conntrack_config.max, 1000u);
  EXPECT_EQ(host.conntrack_config.count, 7u);
  EXPECT_EQ(host.conntrack_config.tcp_timeout_s[7], 9u);
  EXPECT_EQ(host.conntrack_config.sctp_timeout_s[8], 11u);
  EXPECT_FALSE(host.conntrack_config.tcp_loose);
  EXPECT_TRUE(host.bridging.nf_call_iptables);
  EXPECT_EQ(host.ip.default_ttl, 32);
}

TEST(Sysctls, ComplaintsOfTheToolArePassedOver) {
  Host host;
  EXPECT_TRUE(apply("sysctl: permission denied on key 'fs.protected'\n# note\n\na.b = 1\n", host));
  EXPECT_EQ(host.sysctls.size(), 1u);
}

TEST(Sysctls, ErrorsHaveTheirPlace) {
  Host host = host_with_devices();
  EXPECT_EQ(apply("a.b = 1\nnonsense\n", host).error().text(),
            "sysctl.txt:2:1: expected \"name = value\"");
  EXPECT_EQ(apply("a.b = 1\nnet.ipv4.ip_forward = yes\n", host).error().text(),
            "sysctl.txt:2:1: net.ipv4.ip_forward is no number: \"yes\"");
  EXPECT_THAT(apply("\n", host).error().text(), testing::HasSubstr("sysctl.txt:1:1: is empty"));
}

}  // namespace
}  // namespace wayout::host
