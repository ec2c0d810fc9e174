#include "wire/address.hpp"

#include <gtest/gtest.h>

namespace wayout::wire {
namespace {

TEST(IpAddress, ReadsWhatItPrints) {
  // The IPv6 rows are the examples of RFC 5952, sections 4 and 5.
  const std::pair<const char*, const char*> rows[] = {
      {"0.0.0.0", "0.0.0.0"},
      {"10.0.0.1", "10.0.0.1"},
      {"255.255.255.255", "255.255.255.255"},
      {"::", "::"},
      {"0:0:0:0:0:0:0:1", "::1"},
      {"2001:0db8::0001", "2001:db8::1"},
      {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"2001:DB8::AAAA", "2001:db8::aaaa"},
      {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
  };
  for (const auto& [written, printed] : rows) {
    const auto address = IpAddress::parse(written);
    ASSERT_TRUE(address) << written;
    EXPECT_EQ(address->text(), printed);
    EXPECT_EQ(IpAddress::parse(printed), address);
  }
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
  const std::string_view rows[] = {
      "",
      " ",
      "10",
      "10.0.0",
      "10.0.0.1.2",
      "10.0.0.256",
      "10.0.0.-1",
      "10.0.0.01",
      "10.0.0.1 ",
      " 10.0.0.1",
      "10.0.0.0x1",
      "0x0a000001",
      "10.0.0.1/8",
      "10.0.0.1:80",
      "localhost",
      ":",
      ":::",
      "1::2::3",
      "12345::",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "fe80::1%eth0",
      "[::1]",
      "g::",
      std::string_view("10.0.0.1\0", 9),
      "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"};
  for (const std::string_view row : rows)
    EXPECT_FALSE(IpAddress::parse(row)) << row;
}

TEST(IpAddress, HoldsBothOrders) {
  const auto address = IpAddress::v4(10, 1, 2, 3);
  EXPECT_EQ(address.v4(), 0x0a010203U);
  EXPECT_EQ(address, IpAddress::v4(0x0a010203U));
  EXPECT_EQ(address.bytes()[3], 3);
  EXPECT_EQ(address.text(), "10.1.2.3");
  EXPECT_EQ(IpAddress{}.text(), "");
  EXPECT_LT(IpAddress{}, IpAddress::any(Family::ipv4));
  EXPECT_NE(IpAddress::any(Family::ipv4), IpAddress::any(Family::ipv6));
}

TEST(IpAddress, KnowsItsClass) {
  struct Row {
    const char* address;
    bool unspecified = false, loopback = false, multicast = false, link_local = false,
         private_ = false, limited_broadcast = false;
  };
  const Row rows[] = {
      {.address = "0.0.0.0", .unspecified = true},
      {.address = "0.0.0.1"},
      {.address = "127.255.0.1", .loopback = true},
      {.address = "128.0.0.1"},
      {.address = "223.255.255.255"},
      {.address = "224.0.0.1", .multicast = true},
      {.address = "239.255.255.255", .multicast = true},
      {.address = "240.0.0.1"},
      {.address = "255.255.255.255", .limited_broadcast = true},
      {.address = "169.254.1.1", .link_local = true},
      {.address = "169.253.1.1"},
      {.address = "10.255.255.255", .private_ = true},
      {.address = "172.15.255.255"},
      {.address = "172.16.0.0", .private_ = true},
      {.address = "172.31.255.255", .private_ = true},
      {.address = "172.32.0.0"},
      {.address = "192.168.0.1", .private_ = true},
      {.address = "192.169.0.1"},
      {.address = "100.64.0.1", .private_ = true},
      {.address = "100.127.255.255", .private_ = true},
      {.address = "100.128.0.0"},
      {.address = "::", .unspecified = true},
      {.address = "::1", .loopback = true},
      {.address = "::2"},
      {.address = "ff02::1", .multicast = true},
      {.address = "fe80::1", .link_local = true},
      {.address = "febf::1", .link_local = true},
      {.address = "fec0::1"},
      {.address = "fc00::1", .private_ = true},
      {.address = "fdff::1", .private_ = true},
      {.address = "2001:db8::1"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.address);
    const auto address = IpAddress::parse(row.address).value();
    EXPECT_EQ(address.is_unspecified(), row.unspecified);
    EXPECT_EQ(address.is_loopback(), row.loopback);
    EXPECT_EQ(address.is_multicast(), row.multicast);
    EXPECT_EQ(address.is_link_local(), row.link_local);
    EXPECT_EQ(address.is_private(), row.private_);
    EXPECT_EQ(address.is_limited_broadcast(), row.limited_broadcast);
  }
}

TEST(Prefix, ReadsLengthAndNetmask) {
  struct Row {
    const char *written, *printed, *printed_short, *masked;
  };
  const Row rows[] = {
      {"10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/8"},
      {"10.1.2.3/8", "10.1.2.3/8", "10.1.2.3/8", "10.0.0.0/8"},
      {"10.1.2.3", "10.1.2.3/32", "10.1.2.3", "10.1.2.3/32"},
      {"10.1.2.3/32", "10.1.2.3/32", "10.1.2.3", "10.1.2.3/32"},
      {"10.1.2.3/0", "10.1.2.3/0", "10.1.2.3/0", "0.0.0.0/0"},
      {"192.168.1.200/255.255.255.128", "192.168.1.200/25", "192.168.1.200/25", "192.168.1.128/25"},
      {"0.0.0.0/0.0.0.0", "0.0.0.0/0", "0.0.0.0/0", "0.0.0.0/0"},
      {"fd00::1/64", "fd00::1/64", "fd00::1/64", "fd00::/64"},
      {"fd00::ffff/125", "fd00::ffff/125", "fd00::ffff/125", "fd00::fff8/125"},
      {"fd00::/ffff:ffff::", "fd00::/32", "fd00::/32", "fd00::/32"},
      {"::1", "::1/128", "::1", "::1/128"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.written);
    const auto prefix = Prefix::parse(row.written);
    ASSERT_TRUE(prefix);
    EXPECT_EQ(prefix->text(), row.printed);
    EXPECT_EQ(prefix->text(true), row.printed_short);
    EXPECT_EQ(prefix->masked().text(), row.masked);
  }
}

TEST(Prefix, RefusesWhatIsNoPrefix) {
  for (const char* row : {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8",
                          "10.0.0.0/8 ", "10.0.0.0/8/8", "10/8", "fd00::/129", "10.0.0.0/999999999",
                          "10.0.0.0/255.0.255.0", "10.0.0.0/0.0.0.255", "10.0.0.0/ffff::"}) {
    EXPECT_FALSE(Prefix::parse(row)) << row;
  }
}

TEST(Prefix, Contains) {
  struct Row {
    const char *prefix, *address;
    bool contains;
  };
  const Row rows[] = {
      {"10.0.0.0/8", "10.255.0.1", true},
      {"10.0.0.0/8", "11.0.0.0", false},
      {"10.9.9.9/8", "10.0.0.1", true},
      {"192.168.1.128/25", "192.168.1.127", false},
      {"192.168.1.128/25", "192.168.1.255", true},
      {"0.0.0.0/0", "1.2.3.4", true},
      {"0.0.0.0/0", "::1", false},
      {"10.0.0.1/32", "10.0.0.1", true},
      {"10.0.0.1/32", "10.0.0.0", false},
      {"fd00::/9", "fd7f::1", true},
      {"fd00::/9", "fd80::1", false},
      {"fd00::1/128", "fd00::1", true},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(Prefix::parse(row.prefix)->contains(*IpAddress::parse(row.address)), row.contains)
        << row.prefix << " " << row.address;
  }
  EXPECT_FALSE(Prefix::parse("10.0.0.0/8")->contains(IpAddress{}));
}

TEST(MacAddress, ReadsAndPrints) {
  const auto mac = MacAddress::parse("02:Ab:00:00:0f:FF");
  ASSERT_TRUE(mac);
  EXPECT_EQ(mac->text(), "02:ab:00:00:0f:ff");
  EXPECT_FALSE(mac->is_multicast());
  EXPECT_TRUE(MacAddress::parse("ff:ff:ff:ff:ff:ff")->is_broadcast());
  EXPECT_TRUE(MacAddress::parse("01:00:5e:00:00:01")->is_multicast());
  EXPECT_TRUE(MacAddress::parse("00:00:00:00:00:00")->is_zero());
  for (const char* row : {"", "02:00:00:00:00", "02:00:00:00:00:01:", "02-00-00-00-00-01",
                          "2:00:00:00:00:001", "02:00:00:00:00:0g", "02:00:00:00:00:+1"}) {
    EXPECT_FALSE(MacAddress::parse(row)) << row;
  }
}

}  // namespace
}  // namespace wayout::wire
