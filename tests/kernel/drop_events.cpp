#include "drop_events.hpp"

#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

namespace wayout::kernel {
namespace {

constexpr std::size_t page_bytes = 4096, data_bytes = 64 * page_bytes;
constexpr std::uint16_t ipv4 = 0x0800, arp = 0x0806;

/// The tracepoint's description, from a tracefs that is mounted for a moment.
std::string read_description() {
  char directory[] = "/tmp/tracefs.XXXXXX";
  if (mkdtemp(directory) == nullptr) return "";
  std::string text;
  if (mount("tracefs", directory, "tracefs", 0, nullptr) == 0) {
    std::ifstream file(std::string(directory) + "/events/skb/kfree_skb/format");
    text.assign(std::istreambuf_iterator<char>(file), {});
    file.close();
    umount2(directory, MNT_DETACH);
  }
  rmdir(directory);
  return text;
}

/// `field:void * location;	offset:16;`; 0: there is no such field.
std::size_t offset_of(const std::string& description, const std::string& field) {
  const std::size_t at = description.find(field + ";\toffset:");
  if (at == std::string::npos) return 0;
  return std::strtoul(description.c_str() + at + field.size() + 9, nullptr, 10);
}

/// A C compiler's copy of a function is that function: `ip_rcv_core.isra.0`.
std::string plain_name(std::string name) { return name.substr(0, name.find('.')); }

}  // namespace

bool DropEvents::read_format() {
  const std::string text = read_description();
  const std::size_t id = text.find("ID: ");
  if (id == std::string::npos) return false;
  event_ = std::strtoul(text.c_str() + id + 4, nullptr, 10);
  location_at_ = offset_of(text, "location");
  protocol_at_ = offset_of(text, "protocol");
  reason_at_ = offset_of(text, "reason");
  // `{ 2, "NOT_SPECIFIED" }, …`
  for (std::size_t at = text.find("{ "); at != std::string::npos; at = text.find("{ ", at + 1)) {
    const std::size_t begin = text.find('"', at), end = text.find('"', begin + 1);
    if (end == std::string::npos) break;
    const auto number = static_cast<std::uint32_t>(std::strtoul(text.c_str() + at + 2, nullptr, 0));
    reasons_[number] = text.substr(begin + 1, end - begin - 1);
  }
  return location_at_ != 0 && protocol_at_ != 0 && reason_at_ != 0;
}

void DropEvents::read_symbols() {
  std::ifstream file("/proc/kallsyms");
  std::string line, kind, name;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::uint64_t address = 0;
    words >> std::hex >> address >> kind >> name;
    if (kind.size() == 1 && std::strchr("tTwW", kind[0]) != nullptr)
      symbols_.emplace(address, plain_name(name));
  }
}

DropEvents::DropEvents() {
  if (!read_format()) {
    problem_ = "the tracepoint skb:kfree_skb cannot be read";
    return;
  }
  read_symbols();
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_TRACEPOINT;
  attributes.config = event_;
  attributes.sample_type = PERF_SAMPLE_RAW;
  attributes.sample_period = 1;
  constexpr pid_t this_thread = 0;
  constexpr int any_processor = -1, no_group = -1;
  fd_ = static_cast<int>(syscall(SYS_perf_event_open, &attributes, this_thread, any_processor, no_group,
                                 PERF_FLAG_FD_CLOEXEC));
  if (fd_ < 0) {
    problem_ = std::string("perf_event_open: ") + std::strerror(errno);
    return;
  }
  ring_ = mmap(nullptr, page_bytes + data_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (ring_ != MAP_FAILED) return;
  ring_ = nullptr;
  problem_ = std::string("perf ring: ") + std::strerror(errno);
}

DropEvents::~DropEvents() {
  if (ring_ != nullptr) munmap(ring_, page_bytes + data_bytes);
  if (fd_ >= 0) close(fd_);
}

const std::string& DropEvents::function_at(std::uint64_t address) const {
  static const std::string unknown = "?";
  // A return address may be the first byte behind the call.
  auto behind = symbols_.upper_bound(address - 1);
  return behind == symbols_.begin() ? unknown : std::prev(behind)->second;
}

std::vector<DropEvent> DropEvents::take() {
  std::vector<DropEvent> events;
  if (ring_ == nullptr) return events;
  auto* control = static_cast<perf_event_mmap_page*>(ring_);
  const char* data = static_cast<const char*>(ring_) + page_bytes;
  const std::uint64_t head = std::atomic_ref(control->data_head).load(std::memory_order_acquire);
  std::uint64_t tail = control->data_tail;
  const auto copy = [&](std::uint64_t from, void* to, std::size_t length) {
    for (std::size_t i = 0; i < length; ++i)
      static_cast<char*>(to)[i] = data[(from + i) % data_bytes];
  };
  while (tail < head) {
    perf_event_header header{};
    copy(tail, &header, sizeof header);
    constexpr std::size_t raw_at = sizeof header + sizeof(std::uint32_t);  // behind its length
    if (header.type == PERF_RECORD_SAMPLE) {
      std::uint64_t location = 0;
      std::uint16_t protocol = 0;
      std::uint32_t reason = 0;
      copy(tail + raw_at + location_at_, &location, sizeof location);
      copy(tail + raw_at + protocol_at_, &protocol, sizeof protocol);
      copy(tail + raw_at + reason_at_, &reason, sizeof reason);
      if (protocol == ipv4 || protocol == arp) {
        const auto name = reasons_.find(reason);
        events.push_back({function_at(location),
                          name == reasons_.end() ? std::to_string(reason) : name->second});
      }
    } else if (header.type == PERF_RECORD_LOST) {
      events.push_back({"?", "LOST_EVENTS"});
    }
    tail += header.size;
  }
  std::atomic_ref(control->data_tail).store(tail, std::memory_order_release);
  return events;
}

}  // namespace wayout::kernel
