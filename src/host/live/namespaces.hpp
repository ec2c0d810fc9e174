// The network namespaces of this machine, and working inside one of them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "host/live/containers.hpp"
#include "host/live/descriptor.hpp"
#include "wayout/result.hpp"

namespace wayout::host::live {

/// One namespace, held open: it cannot vanish while it is being read.
struct Namespace {
  std::string name;  ///< see Host::name; unique among those discovered
  std::vector<std::string> aliases;
  std::string runtime, container_id;
  std::uint32_t pid = 0;  ///< the smallest of its processes; 0: none
  std::uint64_t inode = 0;
  bool own = false;  ///< the caller's
  Descriptor file;
};

/// What was found, and what could not be asked and may have hidden something.
struct Discovery {
  std::vector<Namespace> namespaces;     ///< [0] is the caller's own, `host`
  std::vector<std::string> not_running;  ///< containers without a namespace
  std::vector<std::string> problems;     ///< `/run/docker.sock: Permission denied`
};

/// All namespaces that a process, `ip netns` or a container runtime holds. Without rights over
/// other users' processes theirs are not seen; that is no failure.
/// `pids`: processes that may be asked for by number, any thread of the machine.
[[nodiscard]] Result<Discovery> discover(const std::vector<Container>& containers,
                                         const std::vector<std::uint32_t>& pids);

/// Do `work` on a thread that has entered the namespace (the caller's own needs no rights). Fails
/// when it may not be entered, else returns what `work` does.
[[nodiscard]] Result<void> run_inside(const Namespace& name_space,
                                      const std::function<Result<void>()>& work);

/// The ids by which the namespace of the calling thread knows `others`: id, position in others.
/// Only ids in `wanted` are looked for.
[[nodiscard]] Result<std::vector<std::pair<std::int32_t, std::size_t>>> namespace_ids(
    const std::vector<Namespace>& others, const std::vector<std::int32_t>& wanted);

}  // namespace wayout::host::live
