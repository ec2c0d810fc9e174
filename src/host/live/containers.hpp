// Containers of docker and podman: names, ids and their processes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace wayout::host::live {

struct Container {
  std::string runtime;  ///< docker, podman
  std::string id;       ///< 64 hexadecimal digits
  std::string name;
  std::uint32_t pid = 0;  ///< 0: not running
  bool joined = false;    ///< it lives in the network namespace of another container
};

struct Containers {
  std::vector<Container> list;        ///< joined ones last
  std::vector<std::string> problems;  ///< runtimes that are there and could not be asked
};

/// Ask the runtimes by their sockets: those that DOCKER_HOST and CONTAINER_HOST name, the system's,
/// and the users' own; a runtime that has no socket, but has run since boot, by its command line
/// tool. A machine without any is no problem.
[[nodiscard]] Containers find_containers();

}  // namespace wayout::host::live
