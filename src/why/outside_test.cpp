#include "why/outside.hpp"

#include <gmock/gmock.h>

#include "host/test_machine.hpp"
#include "wire/craft.hpp"

namespace wayout::why {
namespace {

using host::two_containers;

/// Does the outside answer what left through the host's eth0 with this source?
OutsideAnswer answered(const host::TestMachine& text, const char* source, bool translated) {
  const host::Machine machine = text.read();
  const Packet left =
      Packet::from_ip(wire::make_udp({.source = *wire::IpAddress::parse(source),
                                      .destination = wire::IpAddress::v4(203, 0, 113, 9)},
                                     40000, 53));
  return answer_from_outside(machine, host::device(machine, "host", "eth0"), left, translated);
}

TEST(AnswerFromOutside, FollowsTheRuleOfTheSurface) {
  const struct {
    const char* source;
    bool translated;
    bool comes_back;
    const char* why;
  } rows[] = {
      {"198.51.100.10", true, true, "the uplink's own"},
      {"198.51.100.10", false, true, "the uplink's own, of a process of the host"},
      {"10.1.0.1", false, true, "an address of the host, on another device"},
      {"10.1.0.2", false, false, "private, and not the uplink's"},
      {"192.168.7.7", false, false, "private, and not the uplink's"},
      {"169.254.7.7", false, false, "link-local, which no router passes on"},
      {"100.64.7.7", false, false, "shared address space"},
      {"172.16.0.1", true, true, "private, but a rule chose it on purpose"},
      {"198.51.100.77", true, false, "on-link, and owned by nobody"},
      {"198.51.100.77", false, false, "on-link, and owned by nobody"},
      {"203.0.113.77", true, true, "a rule chose it on purpose"},
      {"203.0.113.77", false, true, "public: somebody routes it here"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(fmt::format("{} {}", row.source, row.why));
    EXPECT_EQ(answered(two_containers(), row.source, row.translated).comes_back, row.comes_back);
  }
}

TEST(AnswerFromOutside, NamesWhatIsMissing) {
  const OutsideAnswer never = answered(two_containers(), "10.1.0.2", false);
  EXPECT_EQ(never.stop.stage, Stage::outside);
  EXPECT_EQ(never.stop.cause.kind(), CauseKind::nat);
  const OutsideAnswer nobody = answered(two_containers(), "198.51.100.77", true);
  EXPECT_EQ(nobody.stop.cause.kind(), CauseKind::address);
  EXPECT_EQ(answered(two_containers(), "203.0.113.77", true).assumed,
            "the network beyond eth0 routes 203.0.113.77 to host");
  EXPECT_EQ(answered(two_containers(), "198.51.100.10", true).assumed, "");
}

TEST(AnswerFromOutside, ProxyArpAnswersForAnAddressOfTheSubnet) {
  const auto proxy = two_containers()
                         .append("host/sysctl.txt", "net.ipv4.conf.eth0.proxy_arp = 1\n")
                         .append("host/ip-route.txt", "198.51.100.77 via 10.1.0.2 dev br0\n");
  EXPECT_TRUE(answered(proxy, "198.51.100.77", true).comes_back);
}

TEST(IsUplink, WhereADefaultRouteLeads) {
  const host::Machine machine = two_containers().read();
  const host::Host& host = machine.hosts[0];
  EXPECT_TRUE(is_uplink(host, host.devices.find("eth0")));
  EXPECT_FALSE(is_uplink(host, host.devices.find("br0")));
}

TEST(IsUplink, WithoutOneAnythingButABridge) {
  const host::Machine machine =
      two_containers().edit("host/ip-route.txt", "default via 198.51.100.1 dev eth0\n", "").read();
  const host::Host& host = machine.hosts[0];
  EXPECT_TRUE(is_uplink(host, host.devices.find("eth0")));
  EXPECT_FALSE(is_uplink(host, host.devices.find("br0")));
}

}  // namespace
}  // namespace wayout::why
