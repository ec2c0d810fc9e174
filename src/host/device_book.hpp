// Filling the device list of a namespace, and finding devices in it by name or number quickly.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "host/host.hpp"

namespace wayout::host {

/// Keeps Host::devices and Host::interfaces parallel while a namespace is being read.
class DeviceBook {
 public:
  /// Knows the devices that the host has already.
  explicit DeviceBook(Host& host);

  /// Append a device; its name must not be in the book yet.
  DeviceId add(link::Device device);

  /// no_device when there is none.
  [[nodiscard]] DeviceId find(std::string_view name) const;
  [[nodiscard]] DeviceId find_ifindex(std::uint32_t ifindex) const;

  /// A device that only some line names, in an input that shows no list of devices: it is taken to
  /// exist and to be up, and that is recorded. With a list of devices: no_device.
  DeviceId find_or_assume(std::string_view name);

  [[nodiscard]] bool empty() const { return host_.devices.size() <= 1; }
  /// From here on the list is complete: nothing is assumed any more.
  void complete() { complete_ = true; }

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  Host& host_;
  bool complete_ = false;
  std::unordered_map<std::string, DeviceId, Hash, std::equal_to<>> by_name_;
  std::unordered_map<std::uint32_t, DeviceId> by_ifindex_;
};

/// The kind a device of this IFLA_INFO_KIND is; `loopback`: the link type says so.
[[nodiscard]] link::DeviceKind device_kind(std::string_view kind_name, bool loopback);

/// A rule or route may name a table; the names' numbers are not in the input, only who shares one.
class TableBook {
 public:
  explicit TableBook(Host& host) : host_(host) {}

  /// `local`, `main`, `default`, a number, or any other name, which gets a number of its own.
  std::uint32_t number(std::string_view name);

 private:
  Host& host_;
  std::unordered_map<std::string, std::uint32_t> by_name_;
  std::uint32_t next_ = 0xf0000000;  ///< numbers that nobody gives by hand
};

}  // namespace wayout::host
