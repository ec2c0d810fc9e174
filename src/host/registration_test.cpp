#include "host/registration.hpp"

#include <gmock/gmock.h>

namespace wayout::host {
namespace {

using testing::ElementsAre;

/// lo 1, br0 2, a container's veth 5, eth0 7.
Host four_devices() {
  Host host;
  DeviceBook book(host);
  for (const auto& [name, ifindex] : {std::pair{"lo", 1U}, {"br0", 2U}, {"veth", 5U}, {"eth0", 7U}}) {
    link::Device device;
    device.name = name;
    device.ifindex = ifindex;
    book.add(std::move(device));
  }
  return host;
}

std::vector<std::string> order(const Host& host) {
  std::vector<std::string> names;
  for (const DeviceId id : registration_order(host))
    names.push_back(host.devices[id].name);
  return names;
}

TEST(Registration, ByNumberWhereNothingElseIsKnown) {
  EXPECT_THAT(order(four_devices()), ElementsAre("lo", "br0", "veth", "eth0"));
}

// Recorded on 6.18: eth0 was made elsewhere, and moved in before br0 was made.
TEST(Registration, AsListed) {
  Host host = four_devices();
  const DeviceBook book(host);
  const File igmp{"igmp.txt",
                  "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n"
                  "1\tlo        :     1      V3\n"
                  "\t\t\t\t010000E0     1 0:00000000\t\t0\n"
                  "7\teth0      :     1      V3\n"
                  "\t\t\t\t010000E0     1 0:00000000\t\t0\n"
                  "2\tbr0       :     2      V3\n"
                  "\t\t\t\t010000E0     1 0:00000000\t\t0\n"
                  "9\tgone      :     2      V3\n"};
  ASSERT_TRUE(read_registration(igmp, host, book));
  EXPECT_THAT(order(host), ElementsAre("lo", "eth0", "br0", "veth")) << "veth is down";
}

TEST(Registration, AListingThatIsNone) {
  Host host = four_devices();
  const DeviceBook book(host);
  EXPECT_FALSE(read_registration(File{"igmp.txt", "cat: no such file\n"}, host, book));
}

}  // namespace
}  // namespace wayout::host
