// A raw socket on one device: sends whole frames and sees what the device receives.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace wayout::kernel {

/// Opened in the namespace the process is in then, and stays there.
class PacketSocket {
 public:
  explicit PacketSocket(const std::string& device);
  ~PacketSocket();
  PacketSocket(PacketSocket&& other) noexcept;
  PacketSocket(const PacketSocket&) = delete;

  [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }
  [[nodiscard]] int descriptor() const { return descriptor_; }
  /// False when the kernel does not take the frame.
  bool send(std::span<const std::uint8_t> frame) const;
  /// The next frame that the device received (not one it sent); empty when none waits. A VLAN tag
  /// is not in the bytes.
  [[nodiscard]] std::vector<std::uint8_t> receive() const;

 private:
  int descriptor_ = -1;
};

}  // namespace wayout::kernel
