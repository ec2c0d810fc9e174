#include "host/live/namespaces.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "host/escape.hpp"
#include "host/live/netlink.hpp"

namespace wayout::host::live {

namespace {

/// The inode of a namespace file; nothing when it is none, or may not be seen.
std::optional<std::uint64_t> inode_of(const std::string& path) {
  struct stat status {};
  struct statfs system {};
  if (stat(path.c_str(), &status) != 0 || statfs(path.c_str(), &system) != 0) return std::nullopt;
  if (system.f_type != NSFS_MAGIC) return std::nullopt;
  return status.st_ino;
}

std::vector<std::string> names_in(const char* directory) {
  std::vector<std::string> names;
  DIR* opened = opendir(directory);
  if (opened == nullptr) return names;
  while (const dirent* entry = readdir(opened))
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  closedir(opened);
  std::sort(names.begin(), names.end());
  return names;
}

std::string process_file(std::uint32_t pid) {
  return fmt::format("/proc/{}/ns/net", pid);
}

class Collector {
 public:
  Result<Discovery> collect(const std::vector<Container>& containers,
                            const std::vector<std::uint32_t>& pids) {
    const std::string own_file = "/proc/thread-self/ns/net";
    const auto own = inode_of(own_file);
    if (!own) return Error{own_file, 0, 0, "is not a network namespace; is /proc mounted?"};
    Namespace& caller = found(*own, own_file);
    caller.own = true;
    caller.name = "host";

    add_containers(containers);
    add_mounted("/run/netns", "netns");
    add_mounted("/run/docker/netns", "docker");
    add_processes();
    for (const std::uint32_t pid : pids)
      add_pid(pid);
    return finish(*own);
  }

 private:
  /// The namespace of this inode, which `file` opens.
  Namespace& found(std::uint64_t inode, const std::string& file) {
    Namespace& entry = by_inode_[inode];
    entry.inode = inode;
    if (!entry.file) entry.file = Descriptor(open(file.c_str(), O_RDONLY | O_CLOEXEC));
    return entry;
  }

  void add_containers(const std::vector<Container>& containers) {
    for (const Container& container : containers) {
      if (container.pid == 0) {
        result_.not_running.push_back(container.name);
        continue;
      }
      const auto inode = inode_of(process_file(container.pid));
      if (!inode) continue;
      Namespace& entry = found(*inode, process_file(container.pid));
      if (entry.container_id.empty() && !entry.own) {
        entry.runtime = container.runtime;
        entry.container_id = container.id;
      }
      give_name(entry, container.name, container.runtime);
      entry.aliases.push_back(container.id);
    }
  }

  void add_mounted(const std::string& directory, const char* kind) {
    for (const std::string& name : names_in(directory.c_str()))
      if (const auto inode = inode_of(directory + "/" + name))
        give_name(found(*inode, directory + "/" + name), name, kind);
  }

  void add_processes() {
    for (const std::string& name : names_in("/proc")) {
      std::uint32_t pid = 0;
      const auto [end, status] = std::from_chars(name.data(), name.data() + name.size(), pid);
      if (status != std::errc{} || end != name.data() + name.size()) continue;
      const auto inode = inode_of(process_file(pid));
      if (!inode) continue;
      Namespace& entry = found(*inode, process_file(pid));
      if (entry.pid == 0 || pid < entry.pid) entry.pid = pid;
    }
  }

  void add_pid(std::uint32_t pid) {
    const auto inode = inode_of(process_file(pid));
    if (inode) found(*inode, process_file(pid)).aliases.push_back(std::to_string(pid));
  }

  /// The first name it is found under, with its kind in front where the name is taken.
  void give_name(Namespace& entry, const std::string& name, const std::string& kind) {
    const bool taken = std::ranges::any_of(
        by_inode_, [&](const auto& other) { return other.second.name == name; });
    if (!entry.name.empty() || entry.own) {
      entry.aliases.push_back(name);
    } else {
      entry.name = taken ? kind + ":" + name : name;
      if (taken) entry.aliases.push_back(name);
    }
  }

  Result<Discovery> finish(std::uint64_t own) {
    result_.namespaces.push_back(std::move(by_inode_.at(own)));
    by_inode_.erase(own);
    for (auto& [inode, entry] : by_inode_) {
      if (!entry.file) continue;  // its last process ended while we looked
      if (entry.name.empty()) entry.name = fmt::format("pid {}", entry.pid);
      result_.namespaces.push_back(std::move(entry));
    }
    return std::move(result_);
  }

  std::map<std::uint64_t, Namespace> by_inode_;
  Discovery result_;
};

/// RTM_GETNSID: what the namespace of the socket calls the one that `file` opens.
std::optional<std::int32_t> id_of(Netlink& netlink, const Descriptor& file) {
  struct {
    rtgenmsg header{};
    std::uint8_t padding[3] = {};
    nlattr attribute{sizeof(nlattr) + sizeof(std::uint32_t), NETNSA_FD};
    std::uint32_t fd = 0;
  } request;
  static_assert(sizeof request == 12);
  request.fd = static_cast<std::uint32_t>(file.get());
  std::optional<std::int32_t> id;
  const Result<void> asked = netlink.get(RTM_GETNSID, request, [&](const nlmsghdr& message) {
    id = Attributes(message, sizeof(rtgenmsg)).number<std::int32_t>(NETNSA_NSID);
  });
  return asked ? id : std::nullopt;
}

}  // namespace

Result<Discovery> discover(const std::vector<Container>& containers,
                           const std::vector<std::uint32_t>& pids) {
  return Collector().collect(containers, pids);
}

Result<void> run_inside(const Namespace& name_space, const std::function<Result<void>()>& work) {
  if (name_space.own) return work();
  Result<void> result;
  // A thread that has changed its namespace must not do anything else afterwards.
  std::thread([&] {
    if (setns(name_space.file.get(), CLONE_NEWNET) == 0) {
      result = work();
    } else if (errno == EPERM) {
      result = Error{"", 0, 0,
                     fmt::format("entering the network namespace {} needs root (CAP_SYS_ADMIN)",
                                 escaped(name_space.name))};
    } else {
      result = Error{"", 0, 0,
                     fmt::format("the network namespace {} cannot be entered: {}",
                                 escaped(name_space.name), std::strerror(errno))};
    }
  }).join();
  return result;
}

Result<std::vector<std::pair<std::int32_t, std::size_t>>> namespace_ids(
    const std::vector<Namespace>& others, const std::vector<std::int32_t>& wanted) {
  std::vector<std::pair<std::int32_t, std::size_t>> ids;
  if (wanted.empty()) return ids;
  Result<Netlink> netlink = Netlink::open(NETLINK_ROUTE);
  if (!netlink) return netlink.error();
  for (std::size_t i = 0; i < others.size() && ids.size() < wanted.size(); ++i) {
    const auto id = id_of(*netlink, others[i].file);
    if (id && *id >= 0 && std::ranges::find(wanted, *id) != wanted.end()) ids.emplace_back(*id, i);
  }
  return ids;
}

}  // namespace wayout::host::live
