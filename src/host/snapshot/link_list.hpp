// The devices of a listing, from their lines to finished entries of Host::devices.
//
// JSON and plain text both give Entries; here the names of masters and lower devices are resolved,
// and what a listing without `-details` does not say is concluded, with a note of every conclusion.
#pragma once

#include <string>
#include <vector>

#include "host/device_book.hpp"
#include "host/host.hpp"

namespace wayout::host::snapshot {

class LinkList {
 public:
  /// One device as listed; `device.master`, `device.lower` are not filled in.
  struct Entry {
    link::Device device;
    std::string master;          ///< name; "": none
    std::string lower;           ///< name of what stands behind the `@`, in the same namespace
    std::string peer_namespace;  ///< `link-netns NAME`, where the listing has no number
    bool flag_master = false;    ///< IFF_MASTER: bond, team or VRF
    bool detailed = false;       ///< the listing says the kind of every device (`-details`)
  };

  LinkList(Host& host, DeviceBook& book) : host_(host), book_(book) {}

  /// The book must not have a device of this name yet.
  void add(Entry entry);
  /// After the last one.
  void finish();

 private:
  void guess_kind(const Entry& entry, link::Device& device);
  [[nodiscard]] bool guess_by_lower(const Entry& entry, link::Device& device) const;
  [[nodiscard]] bool has_ports(const std::string& name) const;
  void resolve(Entry& entry, link::Device& device);

  Host& host_;
  DeviceBook& book_;
  std::vector<Entry> entries_;  ///< entry i became device first_ + i
  DeviceId first_ = no_device;
};

}  // namespace wayout::host::snapshot
