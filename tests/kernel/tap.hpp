// The user's end of a TAP device: what is written arrives at the device, what the device sends is read.
//
// A written frame has gone its whole way when write_frame() returns: the kernel handles it within the
// call, and what it made of it can be read at once.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace wayout::kernel {

class Tap {
 public:
  /// Makes the device in the namespace that the thread is in. ok() tells whether it could.
  explicit Tap(const std::string& name);
  ~Tap();
  Tap(Tap&& other) noexcept;
  Tap& operator=(Tap&&) = delete;

  [[nodiscard]] bool ok() const { return fd_ >= 0; }
  [[nodiscard]] const std::string& name() const { return name_; }
  /// False when the kernel does not take it: the device is down, the frame has no whole header.
  bool write_frame(std::span<const std::uint8_t> frame) const;
  /// The next frame that the device has sent.
  [[nodiscard]] std::optional<std::vector<std::uint8_t>> read_frame() const;
  /// The next IPv4 packet that it has sent; what is no IPv4 is passed over.
  [[nodiscard]] std::optional<std::vector<std::uint8_t>> read_packet() const;

 private:
  std::string name_;
  int fd_ = -1;
};

}  // namespace wayout::kernel
