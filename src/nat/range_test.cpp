#include "nat/range.hpp"

#include <gtest/gtest.h>

namespace wayout::nat {
namespace {

using route::Scope;
using wire::IpAddress;

struct Address {
  const char* local;
  std::uint8_t prefix_length;
  Scope scope = Scope::universe;
  bool secondary = false;
  const char* peer = nullptr;
};

constexpr DeviceId out0 = 3;

/// lo, in0 with 10.0.1.1/24, and out0 with the addresses given, all in list order.
route::Interfaces interfaces(std::initializer_list<Address> on_out, Scope of_in = Scope::universe) {
  route::Interfaces all;
  const auto add = [&](std::initializer_list<Address> addresses) {
    route::Interface interface;
    interface.up = true;
    interface.order = all.size();
    for (const Address& a : addresses) {
      const IpAddress local = *IpAddress::parse(a.local);
      interface.addresses.push_back({.local = local,
                                     .peer = a.peer != nullptr ? *IpAddress::parse(a.peer) : local,
                                     .prefix_length = a.prefix_length,
                                     .scope = a.scope,
                                     .secondary = a.secondary});
    }
    all.list.push_back(interface);
  };
  add({{"127.0.0.1", 8, Scope::host}});
  add({{"10.0.1.1", 24, of_in}});
  add(on_out);
  return all;
}

std::string masqueraded(const route::Interfaces& all, const char* next_hop) {
  return masquerade_range({}, all, out0, *IpAddress::parse(next_hop)).min_address.text();
}

// The results were recorded from Linux 6.18: one packet through each set of addresses.
TEST(Masquerade, TakesTheAddressThatTheKernelTakes) {
  const char* gateway = "10.0.2.254";
  EXPECT_EQ(masqueraded(interfaces({{"10.0.2.1", 24}}), gateway), "10.0.2.1");
  EXPECT_EQ(masqueraded(interfaces({{"203.0.113.5", 24}, {"10.0.2.1", 24}}), gateway), "10.0.2.1");
  EXPECT_EQ(masqueraded(interfaces({{"203.0.113.5", 24}, {"10.0.2.1", 24}}), "172.16.0.1"),
            "203.0.113.5");
  EXPECT_EQ(
      masqueraded(interfaces({{"10.0.2.1", 24}, {"10.0.2.7", 24, Scope::universe, true}}), gateway),
      "10.0.2.1");
  EXPECT_EQ(masqueraded(interfaces({{"10.0.2.1", 25}, {"10.0.2.7", 24}}), gateway), "10.0.2.7");
  EXPECT_EQ(masqueraded(interfaces({{"10.0.9.1", 16}, {"10.0.2.1", 24}}), gateway), "10.0.9.1");
  EXPECT_EQ(masqueraded(interfaces({{"10.0.2.1", 24}, {"10.0.9.1", 16}}), gateway), "10.0.2.1");
  EXPECT_EQ(masqueraded(interfaces({{"10.0.2.1", 24, Scope::link}, {"203.0.113.5", 24}}), gateway),
            "203.0.113.5");
  EXPECT_EQ(masqueraded(interfaces({{"203.0.113.5", 24},
                                    {"10.5.5.1", 32, Scope::universe, false, "10.5.5.2"}}),
                        "10.5.5.2"),
            "10.5.5.1");
  EXPECT_EQ(masqueraded(interfaces({{"10.0.2.1", 24}, {"198.51.100.1", 24}}), "198.51.100.7"),
            "198.51.100.1");
  EXPECT_EQ(masqueraded(interfaces({{"10.0.2.1", 24, Scope::link}}), gateway), "10.0.1.1");
}

TEST(Masquerade, HasNothingToTakeWithoutAGlobalAddress) {
  const auto all = interfaces({{"10.0.2.1", 24, Scope::link}}, Scope::link);
  const Range range = masquerade_range({.ports_specified = true, .min_port = 7}, all, out0,
                                       IpAddress::v4(10, 0, 2, 254));
  EXPECT_FALSE(range.min_address.is_set());
  EXPECT_FALSE(range.map_addresses);
}

TEST(Masquerade, KeepsTheRulesPortOptions) {
  const Range range = masquerade_range(
      {.ports_specified = true, .random_fully = true, .min_port = 7, .max_port = 9},
      interfaces({{"10.0.2.1", 24}}), out0, IpAddress::v4(10, 0, 2, 254));
  EXPECT_TRUE(range.map_addresses && range.ports_specified && range.is_random());
  EXPECT_EQ(range.max_port, 9);
}

TEST(Redirect, TakesTheFirstListedAddressWhateverItsScope) {
  const auto all = interfaces({{"10.7.0.1", 24, Scope::host}, {"10.0.2.1", 24}});
  EXPECT_EQ(redirect_range({}, Hook::prerouting, all, out0).min_address.text(), "10.7.0.1");
  EXPECT_EQ(redirect_range({}, Hook::output, all, no_device).min_address.text(), "127.0.0.1");
  EXPECT_FALSE(redirect_range({}, Hook::prerouting, interfaces({}), out0).min_address.is_set());
}

TEST(Netmap, ReplacesTheNetworkAndKeepsTheHost) {
  const Range network{.min_address = IpAddress::v4(198, 51, 100, 0),
                      .max_address = IpAddress::v4(198, 51, 100, 255)};
  EXPECT_EQ(netmap_range(network, IpAddress::v4(10, 0, 1, 77)).min_address.text(), "198.51.100.77");
  const Range wide{.min_address = IpAddress::v4(172, 16, 0, 0),
                   .max_address = IpAddress::v4(172, 31, 255, 255)};
  EXPECT_EQ(netmap_range(wide, IpAddress::v4(10, 255, 1, 77)).min_address.text(), "172.31.1.77");
}

}  // namespace
}  // namespace wayout::nat
