#include "host/snapshot/read.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "host/file.hpp"
#include "host/finish.hpp"
#include "host/rules.hpp"
#include "host/snapshot/folder.hpp"
#include "host/snapshot/manifest.hpp"
#include "host/snapshot/not_read.hpp"

namespace wayout::host::snapshot {

namespace {

Result<Machine> read_one_folder(const std::filesystem::path& directory) {
  Result<Host> host = read_folder(directory);
  if (!host) return host.error();
  Machine machine;
  note_empty_saves(*host);
  host->name = "host";
  machine.hosts.push_back(std::move(*host));
  return machine;
}

/// A namespace that went away while the others were collected: nothing is in its folder.
bool is_gone(const std::filesystem::path& folder) {
  std::error_code error;
  return std::filesystem::is_directory(folder, error) && std::filesystem::is_empty(folder, error) &&
         !error;
}

/// What lies beside the manifest and is read.
std::set<std::string> read_of(const Manifest& manifest) {
  std::set<std::string> names = {"manifest.json", "boot"};
  for (const Manifest::Namespace& entry : manifest.namespaces)
    names.insert(std::filesystem::path(entry.folder).lexically_normal().begin()->string());
  return names;
}

Result<Machine> read_by_manifest(const std::filesystem::path& directory, const File& file) {
  const Result<Manifest> manifest = read_manifest(file);
  if (!manifest) return manifest.error();
  Machine machine;
  machine.kernel_release = manifest.value().kernel;
  machine.read_at_ms = manifest.value().time_ms;
  const bool by_hand = machine.kernel_release.empty();
  std::vector<std::string> notes;
  for (const Manifest::Namespace& entry : manifest.value().namespaces) {
    if (is_gone(directory / entry.folder) && manifest.value().namespaces.size() > 1) {
      notes.push_back(fmt::format("{} is left out: its folder is empty, so it was gone when it was "
                                  "to be collected", entry.name));
      continue;
    }
    Result<Host> host = read_folder(directory / entry.folder);
    if (!host) return host.error();
    if (by_hand) note_empty_saves(*host);
    host->name = entry.name;
    host->folder = entry.folder;
    host->runtime = entry.runtime;
    host->container_id = entry.container_id;
    host->pid = entry.pid;
    host->aliases = entry.aliases;
    for (const std::string& alias : {entry.container_name, entry.container_id})
      if (!alias.empty() && alias != entry.name) host->aliases.push_back(alias);
    machine.hosts.push_back(std::move(*host));
  }
  // Machine::hosts[0] is where the snapshot was taken.
  const auto own = std::ranges::find(machine.hosts, "host", &Host::name);
  if (own != machine.hosts.end()) std::rotate(machine.hosts.begin(), own, own + 1);
  if (machine.hosts.empty()) return file.error_at(0, "names only namespaces without any file");
  for (std::string& line : tell_not_read(directory, read_of(manifest.value())))
    notes.push_back(std::move(line));
  auto& assumed = machine.hosts.front().assumed;
  assumed.insert(assumed.end(), notes.begin(), notes.end());
  const std::filesystem::path boot = directory / "boot";
  if (std::error_code error; std::filesystem::is_directory(boot, error))
    machine.hosts.front().boot_root = boot.string();
  return machine;
}

}  // namespace

Result<Machine> read(const std::filesystem::path& directory) {
  std::error_code error;
  if (!std::filesystem::is_directory(directory, error))
    return Error{directory.string(), 0, 0,
                 error ? error.message() : std::string("is not a directory")};
  Result<std::optional<File>> manifest = read_file(directory / "manifest.json");
  if (!manifest) return manifest.error();
  Result<Machine> machine =
      manifest->has_value() ? read_by_manifest(directory, **manifest) : read_one_folder(directory);
  if (!machine) return machine;
  if (const Result<void> finished = finish(*machine); !finished) return finished.error();
  return machine;
}

}  // namespace wayout::host::snapshot
