#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "host/collect.hpp"
#include "host/collect/commands.hpp"
#include "host/device_book.hpp"
#include "host/live/command.hpp"
#include "host/live/containers.hpp"
#include "host/live/namespace_reader.hpp"
#include "host/live/namespaces.hpp"
#include "host/live/procfs.hpp"
#include "host/provenance.hpp"
#include "host/snapshot/manifest.hpp"
#include "host/tc.hpp"

namespace wayout::host {

namespace {

using collect::Condition;
using live::Namespace;
using snapshot::Manifest;

Result<void> write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream stream(path, std::ios::binary);
  stream << text;
  stream.close();
  if (stream) return {};
  return Error{path.string(), 0, 0, "cannot be written"};
}

/// What the command prints; nothing when it is not there or fails.
std::optional<std::string> output_of(const std::vector<std::string>& argv) {
  if (!live::find_program(argv.front())) return std::nullopt;
  Result<live::Output> output = live::run(argv);
  if (!output || output->exit_status != 0) return std::nullopt;
  return std::move(output->out);
}

bool may_run(Condition condition) {
  const auto has = [](const char* path) { return !live::read_proc(path).empty(); };
  switch (condition) {
    case Condition::always:
      return true;
    case Condition::legacy_v4:
      return has("/proc/thread-self/net/ip_tables_names");
    case Condition::legacy_v6:
      return has("/proc/thread-self/net/ip6_tables_names");
    case Condition::other_nft:
      return output_of({"iptables-save", "--version"}).value_or("").find("nf_tables") ==
             std::string::npos;
    case Condition::ebtables:
      break;
  }
  return live::read_proc("/proc/modules").find("ebtable_") != std::string::npos;
}

/// `tc filter show` for every place where filters may hang, each under its command as a heading.
std::string tc_filters(const std::string& qdiscs_json) {
  Host host;
  std::string text;
  if (!live::read_devices(host)) return text;
  const DeviceBook book(host);
  Result<std::vector<Qdisc>> qdiscs = read_qdiscs_json(File{"tc-qdisc.json", qdiscs_json}, book);
  if (!qdiscs) return text;
  for (const FilterPlace& place : filter_places(*qdiscs)) {
    const std::string& device = host.devices[place.device].name;
    std::vector<std::string> argv = {"tc", "filter", "show", "dev", device};
    if (place.direction != FilterPlace::Direction::root)
      argv.emplace_back(direction_name(place.direction));
    if (const auto filters = output_of(argv))
      text += fmt::format("# tc filter show dev {} {}\n{}", device, direction_name(place.direction),
                          *filters);
  }
  return text;
}

/// The command's file, or that of its plain form. Nothing: neither works here.
std::optional<File> file_of(const collect::Command& command) {
  if (auto output = output_of(command.argv)) return File{command.file, std::move(*output)};
  const auto plain = collect::plain_form(command);
  if (!plain) return std::nullopt;
  auto output = output_of(plain->argv);
  return output ? std::optional(File{plain->file, std::move(*output)}) : std::nullopt;
}

Result<void> write_listing(const std::filesystem::path& folder, const collect::Command& command) {
  if (!may_run(command.condition)) return {};
  const auto file = file_of(command);
  if (!file) return {};
  Result<void> written = write_file(folder / file->name, file->text);
  const std::string filters = file->name == "tc-qdisc.json" ? tc_filters(file->text) : "";
  if (written && !filters.empty()) written = write_file(folder / "tc-filter.txt", filters);
  return written;
}

/// Everything of the calling thread's namespace. Several commands at a time: with 100,000 rules
/// iptables-save and both of nft are long in the kernel, each by itself. The threads inherit the
/// namespace.
Result<void> fill_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directory(folder, error);
  if (error) return Error{folder.string(), 0, 0, error.message()};
  const auto commands = collect::commands();
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  Result<void> result;
  const auto run = [&] {
    for (std::size_t i = next++; i < commands.size(); i = next++) {
      const Result<void> written = write_listing(folder, commands[i]);
      const std::lock_guard lock(mutex);
      if (!written && result) result = written;
    }
  };
  constexpr int at_a_time = 4;
  std::vector<std::thread> threads;
  for (int i = 1; i < at_a_time; ++i) threads.emplace_back(run);
  run();
  for (std::thread& thread : threads) thread.join();
  return result;
}

/// Processes shut into a namespace with nothing but loopback reach nobody.
bool is_worth_a_folder(const Namespace& entry) {
  if (entry.own || entry.name != fmt::format("pid {}", entry.pid)) return true;
  std::size_t devices = 0;
  const Result<void> read = live::run_inside(entry, [&]() -> Result<void> {
    Host host;
    Result<void> result = live::read_devices(host);
    devices = host.devices.list.size() - 1;
    return result;
  });
  return read && devices > 1;
}

/// A name that is one path component anywhere, and not taken.
std::string folder_name(const std::string& name, std::set<std::string>& taken) {
  std::string base;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || (c == '.' && !base.empty());
    base += plain ? c : '_';
  }
  std::string folder = base;
  for (int i = 2; !taken.insert(folder).second; ++i)
    folder = fmt::format("{}-{}", base, i);
  return folder;
}

Manifest::Namespace manifest_entry(const Namespace& space, std::string folder) {
  Manifest::Namespace entry;
  entry.name = space.name;
  entry.folder = std::move(folder);
  entry.runtime = space.runtime;
  entry.container_id = space.container_id;
  entry.container_name = space.runtime.empty() ? "" : space.name;
  entry.pid = space.pid;
  std::ranges::copy_if(space.aliases, std::back_inserter(entry.aliases), [&](const auto& alias) {
    return alias != space.name && alias != space.container_id;
  });
  return entry;
}

Result<void> make_empty_directory(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return Error{directory.string(), 0, 0, error.message()};
  // Connections and keys in sysctls are not everybody's business.
  std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
  const bool empty = std::filesystem::is_empty(directory, error);
  if (error) return Error{directory.string(), 0, 0, error.message()};
  if (!empty) return Error{directory.string(), 0, 0, "is not empty"};
  return {};
}

}  // namespace

Result<void> write_snapshot(const std::filesystem::path& directory) {
  if (geteuid() != 0) return Error{"", 0, 0, "collecting a snapshot needs root"};
  if (Result<void> made = make_empty_directory(directory); !made) return made;
  Result<live::Discovery> discovery = live::discover(live::find_containers().list, {});
  if (!discovery) return discovery.error();

  Manifest manifest;
  utsname kernel{};
  if (uname(&kernel) == 0) manifest.kernel = kernel.release;
  manifest.time_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
  std::set<std::string> folders = {"boot"};
  if (discovery->namespaces.front().pid == 1) copy_boot_files(directory / "boot");
  for (const Namespace& entry : discovery->namespaces) {
    if (!is_worth_a_folder(entry)) continue;
    const std::string folder = folder_name(entry.name, folders);
    Result<void> filled = live::run_inside(entry, [&] { return fill_folder(directory / folder); });
    if (!filled) return filled;
    manifest.namespaces.push_back(manifest_entry(entry, folder));
  }
  return write_file(directory / "manifest.json", snapshot::print_manifest(manifest));
}

}  // namespace wayout::host
