#include "host/live/read.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "host/escape.hpp"
#include "host/find.hpp"
#include "host/finish.hpp"
#include "host/live/containers.hpp"
#include "host/live/namespace_reader.hpp"
#include "host/live/namespaces.hpp"
#include "host/live/table_names.hpp"

namespace wayout::host::live {

namespace {

using Ids = std::vector<std::pair<std::int32_t, std::size_t>>;  ///< id here, position there

/// Do `work(i)` for all i below `count`, as many at a time as there are processors. Returns the
/// error of the smallest i that failed.
Result<void> for_all(std::size_t count, const std::function<Result<void>(std::size_t)>& work) {
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::optional<std::pair<std::size_t, Error>> first;
  const auto run = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      const Result<void> result = work(i);
      if (result) continue;
      const std::lock_guard lock(mutex);
      if (!first || i < first->first) first = {i, result.error()};
    }
  };
  const std::size_t processors = std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < std::min(processors, count); ++i)
    threads.emplace_back(run);
  run();
  for (std::thread& thread : threads)
    thread.join();
  if (first) return first->second;
  return {};
}

/// Numbers in the question may be processes.
std::vector<std::uint32_t> pids_in(const std::vector<std::string>& about) {
  std::vector<std::uint32_t> pids;
  for (std::string_view who : about) {
    if (who.starts_with("pid:")) who.remove_prefix(4);
    std::uint32_t pid = 0;
    const auto [end, status] = std::from_chars(who.data(), who.data() + who.size(), pid);
    if (status == std::errc{} && end == who.data() + who.size() && pid != 0) pids.push_back(pid);
  }
  return pids;
}

/// There is such a process, and it is somebody else's.
bool is_forbidden(std::uint32_t pid) {
  const std::string path = fmt::format("/proc/{}/ns/net", pid);
  char target[64];
  return readlink(path.c_str(), target, sizeof target) < 0 && errno == EACCES;
}

Host named(const Namespace& entry) {
  Host host;
  host.name = entry.name;
  host.aliases = entry.aliases;
  host.runtime = entry.runtime;
  host.container_id = entry.container_id;
  host.pid = entry.pid;
  host.namespace_inode = entry.inode;
  if (entry.pid == 1) host.boot_root = "/";
  return host;
}

class MachineReader {
 public:
  MachineReader(Discovery discovery, const ReadOptions& options)
      : discovery_(std::move(discovery)),
        options_(options),
        hosts_(spaces().size()),
        ids_(spaces().size()),
        listed_(spaces().size()) {}

  Result<Machine> read() {
    Result<std::set<std::size_t>> start = asked_about();
    if (!start) return start.error();
    Result<std::set<std::size_t>> reached = follow(*start);
    if (!reached) return reached.error();
    Result<Machine> machine = read_in_full(*reached);
    if (!machine) return machine;
    if (const Result<void> finished = finish(*machine); !finished) return finished.error();
    return machine;
  }

 private:
  [[nodiscard]] const std::vector<Namespace>& spaces() const { return discovery_.namespaces; }

  /// Positions of the caller's own namespace and of those in the question.
  Result<std::set<std::size_t>> asked_about() {
    Machine names;
    for (const Namespace& entry : spaces())
      names.hosts.push_back(named(entry));
    std::set<std::size_t> result = {0};
    for (const std::string& who : options_.about) {
      const Result<std::uint32_t> found = find_namespace(names, who);
      if (!found) return explained(found.error(), who);
      result.insert(found.value());
    }
    return result;
  }

  /// Why a container may not have been found.
  [[nodiscard]] Error explained(Error error, const std::string& who) const {
    if (std::ranges::find(discovery_.not_running, who) != discovery_.not_running.end())
      error.message = fmt::format("the container {} is not running", escaped(who));
    else if (const auto pids = pids_in({who}); !pids.empty() && is_forbidden(pids.front()))
      error.message = fmt::format("looking into process {} needs root", pids.front());
    else if (!discovery_.problems.empty())
      error.message += fmt::format(" ({})", fmt::join(discovery_.problems, "; "));
    return error;
  }

  /// The devices of one namespace, and which namespaces they lead to.
  Result<void> list(std::size_t i) {
    if (listed_[i]) return {};
    listed_[i] = true;
    return run_inside(spaces()[i], [&]() -> Result<void> {
      Result<void> read = read_devices(hosts_[i]);
      if (!read) return read;
      std::set<std::int32_t> wanted;
      for (const link::Device& device : hosts_[i].devices.list)
        if (device.peer_netnsid.value_or(-1) >= 0) wanted.insert(*device.peer_netnsid);
      Result<Ids> ids = namespace_ids(spaces(), {wanted.begin(), wanted.end()});
      if (!ids) return ids.error();
      ids_[i] = std::move(*ids);
      return {};
    });
  }

  /// All namespaces that `start` is joined with over any number of others. A macvlan's parent does
  /// not say where its children are, so every namespace is looked at. One that may not be entered
  /// leads nowhere by itself; if another leads to it, reading it in full will say what is wrong.
  Result<std::set<std::size_t>> follow(const std::set<std::size_t>& start) {
    for (const std::size_t i : start)
      if (Result<void> result = list(i); !result) return result.error();
    static_cast<void>(for_all(spaces().size(), [&](std::size_t i) {
      static_cast<void>(list(i));
      return Result<void>();
    }));
    std::set<std::size_t> reached = start;
    for (bool more = true; more;) {
      more = false;
      for (std::size_t i = 0; i < spaces().size(); ++i)
        for (const auto& [id, other] : ids_[i]) {
          if (reached.contains(i) == reached.contains(other)) continue;
          reached.insert(i);
          reached.insert(other);
          more = true;
        }
    }
    return reached;
  }

  Result<Machine> read_in_full(const std::set<std::size_t>& reached) {
    const std::vector<std::size_t> positions(reached.begin(), reached.end());
    Machine machine;
    machine.read_at_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                             std::chrono::system_clock::now().time_since_epoch())
                             .count();
    const auto table_names = read_table_names();
    utsname kernel{};
    if (uname(&kernel) == 0) machine.kernel_release = kernel.release;
    for (const std::size_t i : positions) {
      machine.hosts.push_back(named(spaces()[i]));
      machine.hosts.back().table_names = table_names;
      for (const auto& [id, other] : ids_[i])
        machine.hosts.back().namespace_ids[id] = spaces()[other].name;
    }
    const Result<void> read = for_all(positions.size(), [&](std::size_t i) {
      return run_inside(spaces()[positions[i]], [&] { return read_namespace(machine.hosts[i]); });
    });
    if (!read) return read.error();
    return machine;
  }

  Discovery discovery_;
  const ReadOptions& options_;
  std::vector<Host> hosts_;  ///< with their devices alone, by position in spaces()
  std::vector<Ids> ids_;
  std::vector<char> listed_;
};

}  // namespace

Result<Machine> read(const ReadOptions& options) {
  Containers containers = find_containers();
  Result<Discovery> discovery = discover(containers.list, pids_in(options.about));
  if (!discovery) return discovery.error();
  discovery->problems = std::move(containers.problems);
  return MachineReader(std::move(*discovery), options).read();
}

}  // namespace wayout::host::live
