#include "packet_socket.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

namespace wayout::kernel {

PacketSocket::PacketSocket(const std::string& device)
    : descriptor_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL))) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(if_nametoindex(device.c_str()));
  if (descriptor_ < 0 || address.sll_ifindex == 0 ||
      bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (descriptor_ >= 0) close(descriptor_);
    descriptor_ = -1;
  }
}

PacketSocket::~PacketSocket() {
  if (descriptor_ >= 0) close(descriptor_);
}

PacketSocket::PacketSocket(PacketSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

bool PacketSocket::send(std::span<const std::uint8_t> frame) const {
  return ::send(descriptor_, frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size());
}

std::vector<std::uint8_t> PacketSocket::receive() const {
  std::vector<std::uint8_t> frame(65536);
  for (;;) {
    sockaddr_ll from{};
    socklen_t from_bytes = sizeof from;
    const ssize_t length = recvfrom(descriptor_, frame.data(), frame.size(), 0,
                                    reinterpret_cast<sockaddr*>(&from), &from_bytes);
    if (length < 0) return {};
    if (from.sll_pkttype == PACKET_OUTGOING) continue;
    frame.resize(static_cast<std::size_t>(length));
    return frame;
  }
}

}  // namespace wayout::kernel
