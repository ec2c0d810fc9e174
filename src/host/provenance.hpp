// Where a sysctl gets its value when this machine boots.
//
// Read from the files of the running machine (or below another root): sysctl.d in the order of
// systemd-sysctl, /etc/sysctl.conf, ufw's own file, systemd-networkd, docker's daemon.json. Which
// of these is in use is not tested; what they say is told.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace wayout::host {

/// One place that sets a sysctl.
struct SysctlSource {
  enum class Who : std::uint8_t { sysctl_d, ufw, networkd, docker };
  Who who = Who::sysctl_d;
  std::string file;      ///< as it is on the machine, without the root
  std::size_t line = 0;  ///< 0: the file as a whole
  std::string text;      ///< the line, or what the program does without one
  std::string value;     ///< what the sysctl becomes by it
};

/// All places that set `key` (net.ipv4.ip_forward, net.ipv4.conf.eth0.rp_filter) at boot, in the
/// order in which they act: among those of Who::sysctl_d the last one decides, and what programs do
/// later comes after them. Writing net.ipv4.ip_forward or conf.all.forwarding sets the forwarding
/// of every device, and counts for it. Files that cannot be read are passed over.
[[nodiscard]] std::vector<SysctlSource> sysctl_sources(std::string_view key,
                                                       const std::filesystem::path& root = "/");

}  // namespace wayout::host
