// Where a sysctl gets its value when this machine boots.
//
// Read from the files of the running machine (or below another root): sysctl.d in the order of
// systemd-sysctl, /etc/sysctl.conf, ufw's own file, systemd-networkd, docker's daemon.json. Which
// of these is in use is not tested; what they say is told. A snapshot has them in its folder boot/.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wayout::host {

/// One place that sets a sysctl.
struct SysctlSource {
  enum class Who : std::uint8_t { sysctl_d, ufw, networkd, docker };
  Who who = Who::sysctl_d;
  std::string key;       ///< as this place names it, in the dotted form; may be a pattern
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

/// In words: what to change so that `key` has this value after the next boot, too. `root`: where
/// the files are (Host::boot_root); empty: they are not known, or the namespace is not made at
/// boot.
[[nodiscard]] std::string how_to_keep_sysctl(const std::string& key, const std::string& value,
                                             const std::filesystem::path& root);

/// Copy the files that sysctl_sources() reads from this machine to below `directory`. Files that
/// cannot be read are left out.
void copy_boot_files(const std::filesystem::path& directory);

/// Their names as patterns of a shell, and programs of which only the presence counts.
[[nodiscard]] std::span<const char* const> boot_file_patterns();
[[nodiscard]] std::span<const char* const> boot_programs();

}  // namespace wayout::host
