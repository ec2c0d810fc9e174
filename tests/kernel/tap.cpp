#include "tap.hpp"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>

#include "wire/headers.hpp"

namespace wayout::kernel {

Tap::Tap(const std::string& name)
    : name_(name), fd_(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)) {
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (fd_ >= 0 && ioctl(fd_, TUNSETIFF, &request) != 0) {
    close(fd_);
    fd_ = -1;
  }
}

Tap::~Tap() {
  if (fd_ >= 0) close(fd_);
}

Tap::Tap(Tap&& other) noexcept
    : name_(std::move(other.name_)), fd_(std::exchange(other.fd_, -1)) {}

bool Tap::write_frame(std::span<const std::uint8_t> frame) const {
  return write(fd_, frame.data(), frame.size()) == static_cast<ssize_t>(frame.size());
}

std::optional<std::vector<std::uint8_t>> Tap::read_frame() const {
  std::array<std::uint8_t, 70'000> frame;
  const ssize_t size = read(fd_, frame.data(), frame.size());
  if (size <= 0) return std::nullopt;
  return std::vector<std::uint8_t>(frame.begin(), frame.begin() + size);
}

std::optional<std::vector<std::uint8_t>> Tap::read_packet() const {
  while (auto frame = read_frame()) {
    const auto* header = wire::header_at<wire::EthernetHeader>(std::span<const std::uint8_t>(*frame));
    if (header == nullptr || header->type != wire::ethertype::ipv4) continue;
    frame->erase(frame->begin(), frame->begin() + sizeof(wire::EthernetHeader));
    return frame;
  }
  return std::nullopt;
}

}  // namespace wayout::kernel
