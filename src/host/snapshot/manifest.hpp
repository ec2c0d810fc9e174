// manifest.json: what a snapshot directory holds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/file.hpp"

namespace wayout::host::snapshot {

/// { "format": 1, "kernel": "6.1.0-18-amd64", "time": "2026-01-31T12:00:00Z",
///   "namespaces": [ { "name": "host", "folder": "host" },
///                   { "name": "web", "folder": "web", "pid": 4711,
///                     "container": { "runtime": "docker", "id": "3f…", "name": "web" } } ] }
struct Manifest {
  static constexpr int format = 1;

  struct Namespace {
    std::string name;
    std::string folder;  ///< below the manifest's directory
    std::string runtime, container_id, container_name;
    std::uint32_t pid = 0;
    std::vector<std::string> aliases;
  };
  std::string kernel;
  std::int64_t time_ms = 0;  ///< Unix time; 0: not known
  std::vector<Namespace> namespaces;
};

/// Fails on a newer format, on a folder that is not below the directory, and without namespaces.
/// Members of "container" may also stand beside "name".
[[nodiscard]] Result<Manifest> read_manifest(const File& file);

/// As read_manifest() takes it.
[[nodiscard]] std::string print_manifest(const Manifest& manifest);

}  // namespace wayout::host::snapshot
