#include "host/provenance.hpp"

#include <fmt/format.h>
#include <fnmatch.h>
#include <glob.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>

#include "host/file.hpp"
#include "host/words.hpp"

namespace wayout::host {

namespace {

namespace fs = std::filesystem;
using Who = SysctlSource::Who;

/// The dotted form: whichever of `.` and `/` comes first separates, and the other one is a part of
/// a name (`net/ipv4/conf/eth0.10/rp_filter`).
std::string dotted(std::string_view key) {
  std::string result(key);
  const std::size_t first = result.find_first_of("./");
  if (first == std::string::npos || result[first] == '.') return result;
  for (char& c : result)
    c = c == '/' ? '.' : c == '.' ? '/' : c;
  return result;
}

/// Every key whose writing changes `key`, `key` first.
std::vector<std::string> keys_that_set(std::string_view key) {
  std::vector<std::string> keys = {std::string(key)};
  const bool forwarding = key == "net.ipv4.ip_forward" ||
                          (key.starts_with("net.ipv4.conf.") && key.ends_with(".forwarding"));
  if (forwarding)
    for (const char* other : {"net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding"})
      if (key != other) keys.emplace_back(other);
  // What a device begins with when it appears.
  if (key.starts_with("net.ipv4.conf.") && !key.starts_with("net.ipv4.conf.all."))
    keys.push_back("net.ipv4.conf.default" + std::string(key.substr(key.rfind('.'))));
  return keys;
}

bool names_one_of(const std::string& pattern, const std::vector<std::string>& keys) {
  return std::ranges::any_of(
      keys, [&](const std::string& key) { return fnmatch(pattern.c_str(), key.c_str(), 0) == 0; });
}

class Finder {
 public:
  Finder(std::string_view key, fs::path root) : keys_(keys_that_set(key)), root_(std::move(root)) {}

  std::vector<SysctlSource> find() {
    for (const auto& [name, path] : sysctl_d_files())
      read_sysctl_file(path, Who::sysctl_d);
    // procps reads it last; systemd-sysctl only through a link in sysctl.d, which was read then.
    if (!has_been_read("/etc/sysctl.conf")) read_sysctl_file("/etc/sysctl.conf", Who::sysctl_d);
    read_sysctl_file("/etc/ufw/sysctl.conf", Who::ufw);
    if (is_forwarding()) {
      read_networkd();
      read_docker();
    }
    return std::move(found_);
  }

 private:
  [[nodiscard]] bool is_forwarding() const {
    return std::ranges::find(keys_, "net.ipv4.ip_forward") != keys_.end();
  }

  [[nodiscard]] fs::path real(const std::string& path) const {
    return root_ / fs::path(path).relative_path();
  }

  /// The files of a drop-in directory by name; a file hides its namesakes in later directories.
  [[nodiscard]] std::map<std::string, std::string> drop_ins(
      std::initializer_list<const char*> directories, std::string_view suffix) const {
    std::map<std::string, std::string> files;
    for (const char* directory : directories) {
      std::error_code error;
      for (const auto& entry : fs::directory_iterator(real(directory), error)) {
        const std::string name = entry.path().filename().string();
        if (name.ends_with(suffix)) files.emplace(name, std::string(directory) + "/" + name);
      }
    }
    return files;
  }

  [[nodiscard]] std::map<std::string, std::string> sysctl_d_files() const {
    return drop_ins({"/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d",
                     "/usr/lib/sysctl.d", "/lib/sysctl.d"},
                    ".conf");
  }

  /// Links inside another root point to files of that root.
  [[nodiscard]] std::string target_of(const std::string& path) const {
    std::error_code error;
    if (!fs::is_symlink(real(path), error)) return path;
    const fs::path target = fs::read_symlink(real(path), error);
    if (error) return path;
    return (target.is_absolute() ? target : fs::path(path).parent_path() / target)
        .lexically_normal()
        .string();
  }

  [[nodiscard]] bool has_been_read(const std::string& path) const {
    return std::ranges::find(read_, path) != read_.end();
  }

  std::optional<File> open(const std::string& path) {
    const std::string target = target_of(path);
    read_.push_back(target);
    if (target == "/dev/null") return std::nullopt;
    Result<std::optional<File>> file = read_file(real(target));
    return file ? std::move(*file) : std::nullopt;
  }

  void add(Who who, std::string key, const std::string& file, std::size_t line,
           std::string_view text, std::string_view value) {
    found_.push_back({who, std::move(key), file, line, std::string(text), std::string(value)});
  }

  void read_sysctl_file(const std::string& path, Who who) {
    const auto file = open(path);
    if (!file) return;
    for_each_line(file->text, [&](std::string_view line, std::size_t number) {
      std::string_view text = trimmed(line);
      if (text.empty() || text.starts_with('#') || text.starts_with(';')) return true;
      if (text.starts_with('-')) text.remove_prefix(1);  // failure does not matter
      const std::size_t sign = text.find('=');
      if (sign == std::string_view::npos) return true;
      std::string name = dotted(trimmed(text.substr(0, sign)));
      if (names_one_of(name, keys_))
        add(who, std::move(name), path, number, trimmed(line), trimmed(text.substr(sign + 1)));
      return true;
    });
  }

  // ------------------------------------------------------------ systemd-networkd

  static constexpr const char* forwarding = "net.ipv4.ip_forward";

  /// `[Network] IPForward=yes` of a .network file, `IPv4Forwarding=` since systemd 256; also in
  /// networkd.conf. Either turns forwarding on for the whole namespace.
  void read_networkd() {
    for (const auto& [name, path] :
         drop_ins({"/etc/systemd/network", "/run/systemd/network", "/usr/local/lib/systemd/network",
                   "/usr/lib/systemd/network"},
                  ".network"))
      read_networkd_file(path);
    read_networkd_file("/etc/systemd/networkd.conf");
    for (const auto& [name, path] :
         drop_ins({"/etc/systemd/networkd.conf.d", "/run/systemd/networkd.conf.d",
                   "/usr/lib/systemd/networkd.conf.d"},
                  ".conf"))
      read_networkd_file(path);
  }

  void read_networkd_file(const std::string& path) {
    const auto file = open(path);
    if (!file) return;
    std::string section;
    for_each_line(file->text, [&](std::string_view line, std::size_t number) {
      const std::string_view text = trimmed(line);
      if (text.starts_with('[')) section = text;
      const std::size_t sign = text.find('=');
      if (section != "[Network]" || sign == std::string_view::npos) return true;
      const std::string_view key = trimmed(text.substr(0, sign));
      const std::string_view value = trimmed(text.substr(sign + 1));
      if (key != "IPForward" && key != "IPv4Forwarding") return true;
      const bool on = value == "yes" || value == "true" || value == "on" || value == "1" ||
                      (key == "IPForward" && value == "ipv4");
      const bool off = value == "no" || value == "false" || value == "off" || value == "0" ||
                       (key == "IPForward" && value == "ipv6");
      if (on || off) add(Who::networkd, forwarding, path, number, text, on ? "1" : "0");
      return true;
    });
  }

  // ------------------------------------------------------------ docker

  /// dockerd turns forwarding on when it starts, unless it is told not to. It never turns it off.
  void read_docker() {
    const std::string path = "/etc/docker/daemon.json";
    const auto file = open(path);
    const nlohmann::json config =
        file ? nlohmann::json::parse(file->text, nullptr, false) : nlohmann::json();
    if (config.is_object() && config.contains("ip-forward") && config["ip-forward"].is_boolean()) {
      if (config["ip-forward"].get<bool>())
        add(Who::docker, forwarding, path, 0, "\"ip-forward\": true", "1");
      return;
    }
    std::error_code error;
    for (const char* daemon : boot_programs())
      if (fs::exists(real(daemon), error))
        return add(Who::docker, forwarding, daemon, 0, "turns forwarding on when it starts", "1");
  }

  std::vector<std::string> keys_;
  fs::path root_;
  std::vector<std::string> read_;  ///< files, links followed
  std::vector<SysctlSource> found_;
};

/// In double quotes, or in single ones where a shell would expand what is between those: people
/// paste it behind `echo`.
std::string quoted(const std::string& line) {
  if (line.find_first_of("\"$`\\!") == std::string::npos) return fmt::format("\"{}\"", line);
  std::string result = "'";
  for (const char c : line) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

std::string place_of(const SysctlSource& source) {
  return source.line == 0 ? source.file : fmt::format("{}:{}", source.file, source.line);
}

/// A link stays one where the reader must see it: to nothing, and to the file that is read anyway.
void copy_boot_file(const fs::path& file, const fs::path& directory) {
  std::error_code error;
  const fs::path copy = directory / file.relative_path();
  fs::create_directories(copy.parent_path(), error);
  const fs::path target = fs::read_symlink(file, error);
  if (!error && (target == "/dev/null" || target.filename() == "sysctl.conf"))
    return fs::copy_symlink(file, copy, error);
  if (fs::is_regular_file(file, error)) fs::copy_file(file, copy, error);
}

constexpr std::array patterns = {"/etc/sysctl.conf",
                                 "/etc/sysctl.d/*.conf",
                                 "/run/sysctl.d/*.conf",
                                 "/usr/local/lib/sysctl.d/*.conf",
                                 "/usr/lib/sysctl.d/*.conf",
                                 "/lib/sysctl.d/*.conf",
                                 "/etc/ufw/sysctl.conf",
                                 "/etc/systemd/network/*.network",
                                 "/run/systemd/network/*.network",
                                 "/usr/local/lib/systemd/network/*.network",
                                 "/usr/lib/systemd/network/*.network",
                                 "/etc/systemd/networkd.conf",
                                 "/etc/systemd/networkd.conf.d/*.conf",
                                 "/run/systemd/networkd.conf.d/*.conf",
                                 "/usr/lib/systemd/networkd.conf.d/*.conf",
                                 "/etc/docker/daemon.json"};
constexpr std::array programs = {"/usr/bin/dockerd", "/usr/sbin/dockerd", "/usr/local/bin/dockerd"};

}  // namespace

std::vector<SysctlSource> sysctl_sources(std::string_view key, const std::filesystem::path& root) {
  return Finder(key, root).find();
}

std::string how_to_keep_sysctl(const std::string& key, const std::string& value,
                               const std::filesystem::path& root) {
  const std::string write = fmt::format("write {} to a file in /etc/sysctl.d",
                                        quoted(fmt::format("{} = {}", key, value)));
  auto sources = root.empty() ? std::vector<SysctlSource>() : sysctl_sources(key, root);
  std::string later;  // docker comes when the boot is over, and may not come at all
  // It turns on what forwards for all devices, and only if that is off.
  const bool of_one_device = key.starts_with("net.ipv4.conf.") &&
                             !key.starts_with("net.ipv4.conf.all.") &&
                             !key.starts_with("net.ipv4.conf.default.");
  while (!sources.empty() && sources.back().who == Who::docker) {
    if (!of_one_device)
      later = fmt::format("; {} sets it to {} when docker starts", place_of(sources.back()),
                          sources.back().value);
    sources.pop_back();
  }
  if (sources.empty()) return write + later;
  const SysctlSource& last = sources.back();
  if (last.value == value)
    return fmt::format("it is so after a boot ({}: {}){}; something has changed it since",
                       place_of(last), last.text, later);
  if (last.key == key || last.who != Who::sysctl_d)
    return fmt::format("change {} ({}), which sets it at boot{}", place_of(last), last.text, later);
  return fmt::format("{} whose name comes after that of {} ({}){}", write, place_of(last),
                     last.text, later);
}

std::span<const char* const> boot_file_patterns() {
  return patterns;
}
std::span<const char* const> boot_programs() {
  return programs;
}

void copy_boot_files(const std::filesystem::path& directory) {
  for (const char* pattern : patterns) {
    glob_t found{};
    if (glob(pattern, 0, nullptr, &found) == 0)
      for (std::size_t i = 0; i < found.gl_pathc; ++i)
        copy_boot_file(found.gl_pathv[i], directory);
    globfree(&found);
  }
  std::error_code error;
  for (const char* program : programs) {
    if (!fs::exists(program, error)) continue;
    const fs::path copy = directory / fs::path(program).relative_path();
    fs::create_directories(copy.parent_path(), error);
    std::ofstream(copy).flush();
  }
}

}  // namespace wayout::host
