#include "host/listeners.hpp"

#include <gmock/gmock.h>

#include "host/queues.hpp"

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

// As ss 6.1 prints it with --inet-sockopt.
TEST(Listeners, WhichAreTransparent) {
  Host host;
  DeviceBook book(host);
  ASSERT_TRUE(read_listeners(
      File{"ss-options.txt",
           "udp UNCONN 0      0      0.0.0.0:3130 0.0.0.0:*\n"
           "\tinet-sockopt: ( mc_loop mc_all)\n"
           "tcp LISTEN 0      5      0.0.0.0:3129 0.0.0.0:*\n"
           "\tinet-sockopt: ( is_icsk mc_loop transparent mc_all)\n"
           "tcp LISTEN 0      5         [::1]:25         [::]:*\n"
           "\tinet-sockopt: ( is_icsk mc_loop transparent mc_all)\n"
           "tcp LISTEN 0      5      0.0.0.0:22 0.0.0.0:*\n"},
      host, book));
  ASSERT_THAT(host.listeners, SizeIs(3));
  EXPECT_EQ(host.listeners[0].transparent, false);
  EXPECT_EQ(host.listeners[1].transparent, true);
  EXPECT_EQ(host.listeners[2].transparent, std::nullopt);
}

TEST(Listeners, OptionsAreReadBesideTheListing) {
  Host host;
  DeviceBook book(host);
  ASSERT_TRUE(read_listeners(File{"ss.txt", "tcp LISTEN 0 5 0.0.0.0:3129 0.0.0.0:*\n"
                                            "tcp LISTEN 0 5 0.0.0.0:3130 0.0.0.0:*\n"
                                            "tcp LISTEN 0 5 127.0.0.1:3129 0.0.0.0:*\n"},
                             host, book));
  ASSERT_TRUE(read_socket_options(
      File{"ss-options.txt", "tcp LISTEN 0 5 0.0.0.0:3129 0.0.0.0:*\n"
                             "\tinet-sockopt: ( is_icsk transparent mc_all)\n"
                             "tcp LISTEN 0 5 0.0.0.0:3130 0.0.0.0:*\n"
                             "\tinet-sockopt: ( is_icsk mc_all)\n"
                             "tcp LISTEN 0 5 0.0.0.0:99 0.0.0.0:*\n"},
      host, book));
  ASSERT_THAT(host.listeners, SizeIs(3));
  EXPECT_EQ(host.listeners[0].transparent, true);
  EXPECT_EQ(host.listeners[1].transparent, false);
  EXPECT_EQ(host.listeners[2].transparent, std::nullopt);
  EXPECT_EQ(read_socket_options(File{"ss-options.txt", "tcp LISTEN 0\n"}, host, book).error().text(),
            "ss-options.txt:1:13: the line ends after the receive queue");
}

TEST(Queues, WhoReadsThem) {
  Host host;
  ASSERT_TRUE(read_queues(File{"nfqueue.txt", ""}, host));
  ASSERT_TRUE(host.netfilter.queues_read);
  EXPECT_THAT(*host.netfilter.queues_read, SizeIs(0));
  ASSERT_TRUE(read_queues(File{"nfqueue.txt",
                               "    7 3000831     0 2 65531     0     0        0  1\n"
                               "65535 3000832     0 2 65531     0     0        0  1\n"},
                          host));
  EXPECT_EQ(*host.netfilter.queues_read, (std::vector<std::uint16_t>{7, 65535}));
  EXPECT_EQ(read_queues(File{"nfqueue.txt", "cat: no such file\n"}, host).error().text(),
            "nfqueue.txt:1:1: expected the number of a queue");
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
