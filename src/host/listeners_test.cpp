#include "host/listeners.hpp"

#include <gmock/gmock.h>

namespace wayout::host {
namespace {

using testing::SizeIs;

TEST(Listeners, EveryFormOfAnAddress) {
  Host host;
  DeviceBook book(host);
  link::Device lo;
  lo.name = "lo";
  book.add(lo);
  ASSERT_TRUE(read_listeners(
      File{"ss.txt",
           "Netid State  Recv-Q Send-Q  Local Address:Port Peer Address:Port Process\n"
           "udp   UNCONN 0      0       127.0.0.53%lo:53        0.0.0.0:*\n"
           "tcp   LISTEN 0      128           0.0.0.0:22        0.0.0.0:*\n"
           "tcp   LISTEN 0      511                 *:80              *:*\n"
           "tcp   LISTEN 0      128              [::]:23           [::]:*\n"
           "tcp   LISTEN 0      128             [::1]:24           [::]:*\n"
           "tcp   LISTEN 0      50 [::ffff:127.0.0.1]:25              *:*\n"
           "u_str LISTEN 0      5      /run/socket 123 * 0\n"},
      host, book));
  EXPECT_TRUE(host.listeners_known);
  ASSERT_THAT(host.listeners, SizeIs(4));
  EXPECT_EQ(host.listeners[0].protocol, 17);
  EXPECT_EQ(host.listeners[0].device, 1u);
  EXPECT_EQ(host.listeners[0].address.text(), "127.0.0.53");
  EXPECT_EQ(host.listeners[1].port, 22);
  EXPECT_FALSE(host.listeners[1].dual_stack);
  EXPECT_TRUE(host.listeners[2].dual_stack);
  EXPECT_TRUE(host.listeners[2].address.is_unspecified());
  EXPECT_EQ(host.listeners[3].address.text(), "127.0.0.1");
}

TEST(Listeners, BadInputIsRefused) {
  Host host;
  DeviceBook book(host);
  EXPECT_EQ(
      read_listeners(File{"ss.txt", "tcp LISTEN 0 128 hello *:*\n"}, host, book).error().text(),
      "ss.txt:1:18: expected ADDRESS:PORT");
  EXPECT_EQ(read_listeners(File{"ss.txt", "tcp LISTEN 0\n"}, host, book).error().text(),
            "ss.txt:1:13: the line ends after the receive queue");
}

}  // namespace
}  // namespace wayout::host
