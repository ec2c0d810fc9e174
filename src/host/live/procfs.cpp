#include "host/live/procfs.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "host/live/descriptor.hpp"
#include "host/sysctls.hpp"

namespace wayout::host::live {

namespace {

/// Calls visit(name, is_directory) for every entry.
template <class Visit>
void for_each_entry(const std::string& directory, Visit visit) {
  DIR* opened = opendir(directory.c_str());
  if (opened == nullptr) return;
  while (const dirent* entry = readdir(opened))
    if (entry->d_name[0] != '.') visit(std::string(entry->d_name), entry->d_type == DT_DIR);
  closedir(opened);
}

/// Values of several lines or columns are kept as `sysctl` prints them, in one line.
std::string value_of(const std::string& path) {
  std::string value = read_proc(path);
  while (value.ends_with('\n'))
    value.pop_back();
  return value;
}

void read_directory(const std::string& directory, const std::string& prefix, Host& host) {
  for_each_entry(directory, [&](const std::string& name, bool is_directory) {
    if (!is_directory) host.sysctls[prefix + name] = value_of(directory + "/" + name);
  });
}

}  // namespace

std::string read_proc(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  if (!file) return text;
  std::array<char, 4096> buffer;
  for (ssize_t length; (length = read(file.get(), buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(length));
  return text;
}

void read_sysctl_files(Host& host) {
  const std::string net = "/proc/sys/net/";
  read_directory(net + "ipv4", "net.ipv4.", host);
  read_directory(net + "bridge", "net.bridge.", host);
  read_directory(net + "netfilter", "net.netfilter.", host);
  const std::string conf = net + "ipv4/conf/", neigh = net + "ipv4/neigh/";
  for_each_entry(conf, [&](const std::string& device, bool) {
    read_directory(conf + device, conf_key(device, ""), host);
  });
  for_each_entry(neigh, [&](const std::string& device, bool) {
    for (const char* field : {"mcast_solicit", "app_solicit"})  // of many, what the way reads
      host.sysctls[neigh_key(device, field)] = value_of(neigh + device + "/" + field);
  });
}

}  // namespace wayout::host::live
