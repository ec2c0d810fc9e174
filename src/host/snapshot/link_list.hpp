// The devices of a listing, from their lines to finished entries of Host::devices.
//
// JSON and plain text both give Entries; here the names of masters and lower devices are resolved,
// and what a listing without `-details` does not say is concluded, with a note of every conclusion.
#pragma once

#include <map>
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
    bool brief = false;          ///< the listing does not say masters either (`-brief`)
  };

  LinkList(Host& host, DeviceBook& book) : host_(host), book_(book) {}

  /// The book must not have a device of this name yet.
  void add(Entry entry);
  /// After the last one.
  void finish();

 private:
  void note_guess(const std::string& kind, const std::vector<std::string>& names);
  void add_unknown_ports(DeviceId bridge);
  void guess_kind(const Entry& entry, link::Device& device);
  [[nodiscard]] bool guess_by_lower(const Entry& entry, link::Device& device) const;
  [[nodiscard]] bool has_ports(const std::string& name) const;
  void resolve(Entry& entry, link::Device& device);

  Host& host_;
  DeviceBook& book_;
  std::vector<Entry> entries_;  ///< entry i became device first_ + i
  DeviceId first_ = no_device;
  std::map<std::string, std::vector<std::string>> guessed_;  ///< names of devices by their kind
};

}  // namespace wayout::host::snapshot
