#include "host/live/sockets.hpp"

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "host/live/netlink.hpp"

namespace wayout::host::live {

namespace {

constexpr std::uint32_t bit(int state) {
  return 1U << state;
}

wire::IpAddress v4_of(const std::uint32_t (&words)[4], std::size_t word) {
  return wire::IpAddress::v4(ntohl(words[word]));
}

bool is_zero(const std::uint32_t (&words)[4]) {
  return (words[0] | words[1] | words[2] | words[3]) == 0;
}

/// ::ffff:10.0.0.1
bool is_mapped(const std::uint32_t (&words)[4]) {
  return (words[0] | words[1]) == 0 && words[2] == htonl(0xffff);
}

void add_listener(const nlmsghdr& message, std::uint8_t protocol, Host& host,
                  const DeviceBook& book) {
  const auto* socket = header_of<inet_diag_msg>(message);
  if (socket == nullptr) return;
  Listener listener;
  listener.protocol = protocol;
  listener.port = ntohs(socket->id.idiag_sport);
  listener.device = book.find_ifindex(socket->id.idiag_if);
  const Attributes attributes(message, sizeof *socket);
  if (const auto options = attributes.number<inet_diag_sockopt>(INET_DIAG_SOCKOPT))
    listener.transparent = options->transparent != 0;
  if (socket->idiag_family == AF_INET) {
    listener.address = v4_of(socket->id.idiag_src, 0);
  } else {
    const bool only_v6 = attributes.number<std::uint8_t>(INET_DIAG_SKV6ONLY).value_or(0) != 0;
    if (only_v6) return;
    if (is_mapped(socket->id.idiag_src)) {
      listener.address = v4_of(socket->id.idiag_src, 3);
    } else if (is_zero(socket->id.idiag_src)) {
      listener.address = wire::IpAddress::any(wire::Family::ipv4);
    } else {
      return;
    }
    listener.dual_stack = true;
  }
  host.listeners.push_back(listener);
}

}  // namespace

void read_listeners(Host& host, const DeviceBook& book) {
  Result<Netlink> netlink = Netlink::open(NETLINK_SOCK_DIAG);
  if (!netlink) return;
  struct Kind {
    std::uint8_t protocol;
    std::uint32_t states;
  };
  // The kernel keeps an unconnected UDP socket in TCP_CLOSE. The order is that of ss.
  constexpr Kind kinds[] = {{IPPROTO_UDP, bit(TCP_CLOSE)}, {IPPROTO_TCP, bit(TCP_LISTEN)}};
  for (const auto& [protocol, states] : kinds) {
    for (const int family : {AF_INET, AF_INET6}) {
      inet_diag_req_v2 request{};
      request.sdiag_family = static_cast<std::uint8_t>(family);
      request.sdiag_protocol = protocol;
      request.idiag_states = states;
      const Result<void> read = netlink->dump(
          SOCK_DIAG_BY_FAMILY, request,
          [&, protocol = protocol](const nlmsghdr& message) {
            add_listener(message, protocol, host, book);
          });
      // IPv6 may be off.
      if (!read && family == AF_INET) return;
    }
  }
  host.listeners_known = true;
}

}  // namespace wayout::host::live
