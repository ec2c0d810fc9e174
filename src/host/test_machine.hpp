// Machines for tests, from the text that people paste.
//
//   -- host/sysctl.txt --
//   net.ipv4.ip_forward = 1
//
// begins the file sysctl.txt of the namespace `host`, under the name that a snapshot has for it; it
// goes on to the next such line. Files go through the readers of snapshots, so that a test says
// what an administrator would see, and nothing else.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/host.hpp"
#include "host/snapshot/folder_test.hpp"
#include "host/snapshot/manifest.hpp"
#include "host/snapshot/read.hpp"

namespace wayout::host {

class TestMachine {
 public:
  explicit TestMachine(std::string_view text) { add(text); }

  /// More files; one that is there already is replaced.
  TestMachine& add(std::string_view text) {
    std::string* file = nullptr;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
      const std::string_view line = text.substr(0, end);
      text.remove_prefix(end);
      if (line.starts_with("-- ") && line.ends_with(" --\n")) {
        file = &named(line.substr(3, line.size() - 7));
        file->clear();
      } else if (file != nullptr) {
        *file += line;
      }
    }
    return *this;
  }
  /// A file, whole.
  TestMachine& set(std::string_view name, std::string_view text) {
    named(name) = text;
    return *this;
  }
  /// A namespace that was not read.
  TestMachine& without(std::string_view space) {
    std::erase_if(files_, [&](const auto& file) {
      return file.first.starts_with(fmt::format("{}/", space));
    });
    return *this;
  }
  /// The first `from` in a file becomes `to`; aborts where there is none. With `behind`, the first
  /// one behind that text: `edit("host/ip-addr.txt", "mtu 1500", "mtu 1400", "eth0@")`.
  TestMachine& edit(std::string_view name, std::string_view from, std::string_view to,
                    std::string_view behind = "") {
    std::string& text = named(name);
    const std::size_t begin = text.find(behind);
    const std::size_t at = begin == std::string::npos ? begin : text.find(from, begin);
    if (at == std::string::npos) stop(fmt::format("{} does not hold \"{}\"", name, from));
    text.replace(at, from.size(), to);
    return *this;
  }
  /// Lines at a file's end.
  TestMachine& append(std::string_view name, std::string_view lines) {
    named(name) += lines;
    return *this;
  }
  /// Lines at the end of a table in a file of rules; both are made when they are not there.
  /// `rules("filter", ":FORWARD DROP [0:0]\n-A FORWARD -o eth0 -j ACCEPT\n")`
  TestMachine& rules(std::string_view table, std::string_view lines,
                     std::string_view name = "host/iptables-save.txt") {
    std::string& text = named(name);
    const std::size_t begin = text.find(fmt::format("*{}\n", table));
    if (begin == std::string::npos) {
      text += fmt::format("*{}\n{}COMMIT\n", table, lines);
    } else {
      text.insert(text.find("COMMIT\n", begin), lines);
    }
    return *this;
  }

  /// The machine, read. Aborts with the reader's message where a file cannot be read.
  [[nodiscard]] Machine read() const {
    Result<Machine> machine = try_read();
    if (!machine) stop(machine.error().text());
    return std::move(*machine);
  }
  /// Fails with the reader's message.
  [[nodiscard]] Result<Machine> try_read() const {
    snapshot::TestFolder folder;
    snapshot::Manifest manifest;
    for (const auto& [name, text] : files_) {
      folder.write(name, text);
      const std::string space = name.substr(0, name.find('/'));
      const auto known = [&](const auto& n) { return n.name == space; };
      if (std::ranges::none_of(manifest.namespaces, known))
        manifest.namespaces.push_back({.name = space, .folder = space});
    }
    folder.write("manifest.json", snapshot::print_manifest(manifest));
    return snapshot::read(folder.path());
  }

 private:
  std::string& named(std::string_view name) {
    const auto found = std::ranges::find(files_, name, &std::pair<std::string, std::string>::first);
    if (found != files_.end()) return found->second;
    return files_.emplace_back(name, "").second;
  }
  [[noreturn]] static void stop(const std::string& message) {
    std::fprintf(stderr, "test machine: %s\n", message.c_str());
    std::abort();
  }

  std::vector<std::pair<std::string, std::string>> files_;  ///< in the order given
};

/// Position of a namespace in the machine; aborts when there is none of that name.
inline std::uint32_t position(const Machine& machine, std::string_view name) {
  const auto found = std::ranges::find(machine.hosts, name, &Host::name);
  if (found == machine.hosts.end()) std::abort();
  return static_cast<std::uint32_t>(found - machine.hosts.begin());
}

/// `device(machine, "host", "br0")`; aborts when there is none of that name.
inline DeviceRef device(const Machine& machine, std::string_view space, std::string_view name) {
  const std::uint32_t host = position(machine, space);
  const DeviceId id = machine.hosts[host].devices.find(name);
  if (id == no_device) std::abort();
  return {host, id};
}

/// Two containers on a bridge, a host that masquerades, and an outside that knows nothing of them.
///
///   c1 10.1.0.2 ── vethc1 ┐
///                        br0 10.1.0.1/24 [host] eth0 198.51.100.10/24 ── 198.51.100.1/24 eth0 [o]
///   c2 10.1.0.3 ── vethc2 ┘
///
/// As `ip -details addr` and its kind printed it, without the words that nobody asks for.
inline TestMachine two_containers() {
  return TestMachine(R"(
-- host/ip-addr.txt --
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 state UNKNOWN
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00 promiscuity 0
    inet 127.0.0.1/8 scope host lo
2: br0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UP
    link/ether 02:77:00:00:00:67 brd ff:ff:ff:ff:ff:ff promiscuity 0
    bridge ageing_time 30000 stp_state 0 vlan_filtering 0 nf_call_iptables 0
    inet 10.1.0.1/24 scope global br0
100: eth0@if101: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UP
    link/ether 02:77:00:00:00:64 brd ff:ff:ff:ff:ff:ff link-netns o promiscuity 0
    veth
    inet 198.51.100.10/24 scope global eth0
103: vethc1@if102: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br0 state UP
    link/ether 02:77:00:00:00:67 brd ff:ff:ff:ff:ff:ff link-netns c1 promiscuity 1
    veth
    bridge_slave state forwarding hairpin off learning on flood on isolated off locked off
105: vethc2@if104: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br0 state UP
    link/ether 02:77:00:00:00:69 brd ff:ff:ff:ff:ff:ff link-netns c2 promiscuity 1
    veth
    bridge_slave state forwarding hairpin off learning on flood on isolated off locked off
-- host/ip-route.txt --
default via 198.51.100.1 dev eth0
10.1.0.0/24 dev br0 proto kernel scope link src 10.1.0.1
198.51.100.0/24 dev eth0 proto kernel scope link src 198.51.100.10
-- host/sysctl.txt --
net.bridge.bridge-nf-call-iptables = 1
net.ipv4.ip_forward = 1
-- host/iptables-save.txt --
*nat
-A POSTROUTING -s 10.1.0.0/24 ! -o br0 -j MASQUERADE
COMMIT
-- host/ss.txt --
tcp LISTEN 0 8 0.0.0.0:22 0.0.0.0:*
-- o/ip-addr.txt --
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 state UNKNOWN
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00 promiscuity 0
    inet 127.0.0.1/8 scope host lo
101: eth0@if100: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UP
    link/ether 02:77:00:00:00:65 brd ff:ff:ff:ff:ff:ff link-netns host promiscuity 0
    veth
    inet 198.51.100.1/24 scope global eth0
-- o/ip-route.txt --
198.51.100.0/24 dev eth0 proto kernel scope link src 198.51.100.1
-- o/sysctl.txt --
net.ipv4.ip_forward = 0
-- o/ss.txt --
tcp LISTEN 0 8 0.0.0.0:80 0.0.0.0:*
udp UNCONN 0 0 0.0.0.0:53 0.0.0.0:*
-- c1/ip-addr.txt --
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 state UNKNOWN
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00 promiscuity 0
    inet 127.0.0.1/8 scope host lo
102: eth0@if103: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UP
    link/ether 02:77:00:00:00:66 brd ff:ff:ff:ff:ff:ff link-netns host promiscuity 0
    veth
    inet 10.1.0.2/24 scope global eth0
-- c1/ip-route.txt --
default via 10.1.0.1 dev eth0
10.1.0.0/24 dev eth0 proto kernel scope link src 10.1.0.2
-- c1/sysctl.txt --
net.ipv4.ip_forward = 0
-- c1/ss.txt --
tcp LISTEN 0 8 0.0.0.0:80 0.0.0.0:*
-- c2/ip-addr.txt --
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 state UNKNOWN
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00 promiscuity 0
    inet 127.0.0.1/8 scope host lo
104: eth0@if105: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UP
    link/ether 02:77:00:00:00:68 brd ff:ff:ff:ff:ff:ff link-netns host promiscuity 0
    veth
    inet 10.1.0.3/24 scope global eth0
-- c2/ip-route.txt --
default via 10.1.0.1 dev eth0
10.1.0.0/24 dev eth0 proto kernel scope link src 10.1.0.3
-- c2/sysctl.txt --
net.ipv4.ip_forward = 0
-- c2/ss.txt --
tcp LISTEN 0 8 0.0.0.0:80 0.0.0.0:*
)");
}

}  // namespace wayout::host
