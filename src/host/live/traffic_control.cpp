#include "host/live/traffic_control.hpp"

#include <linux/bpf.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "host/bpf.hpp"
#include "host/live/command.hpp"
#include "host/live/descriptor.hpp"
#include "host/tc.hpp"

namespace wayout::host::live {

namespace {

/// A bucket's depth in bytes: the kernel keeps it as the time that its rate takes for it, in steps of
/// 64 ns.
std::uint32_t burst_of(const tc_tbf_qopt& options) {
  return static_cast<std::uint32_t>(std::uint64_t{options.rate.rate} * options.buffer * 64 /
                                    1'000'000'000);
}

std::optional<std::uint64_t> longest_frame_of(std::string_view kind, const Attributes& attributes) {
  if (const auto fifo = attributes.number<tc_fifo_qopt>(TCA_OPTIONS))
    return longest_frame(kind, fifo->limit, std::nullopt);
  const auto options = kind == "tbf" ? attributes.nested(TCA_OPTIONS) : std::nullopt;
  const auto bucket = options ? options->number<tc_tbf_qopt>(TCA_TBF_PARMS) : std::nullopt;
  if (!bucket) return std::nullopt;
  return longest_frame(kind, bucket->limit, burst_of(*bucket));
}

Result<std::vector<Qdisc>> read_qdiscs(Netlink& netlink, const DeviceBook& book) {
  std::vector<Qdisc> qdiscs;
  const Result<void> read = netlink.dump(RTM_GETQDISC, tcmsg{}, [&](const nlmsghdr& message) {
    const auto* header = header_of<tcmsg>(message);
    if (header == nullptr) return;
    const DeviceId device = book.find_ifindex(static_cast<std::uint32_t>(header->tcm_ifindex));
    const Attributes attributes(message, sizeof *header);
    const std::string kind(attributes.text(TCA_KIND));
    if (device != no_device) qdiscs.push_back({device, kind, longest_frame_of(kind, attributes)});
  });
  if (!read) return read.error();
  return qdiscs;
}

/// The kernel's structs for bpf(2) grow with its versions, and <linux/bpf.h> may be older than the
/// kernel. These are their parts of Linux 6.6. The kernel writes into all of them.
struct QueryAttributes {
  std::uint32_t ifindex = 0;
  std::uint32_t attach_type = 0;
  std::uint32_t query_flags = 0;
  std::uint32_t attach_flags = 0;
  std::uint64_t program_ids = 0;
  std::uint32_t count = 0;
  std::uint32_t padding = 0;
  std::uint64_t program_attach_flags = 0;
  std::uint64_t link_ids = 0;
  std::uint64_t link_attach_flags = 0;
  std::uint64_t revision = 0;
};
static_assert(sizeof(QueryAttributes) == 64);
constexpr std::uint32_t attach_tcx_ingress = 46, attach_tcx_egress = 47;

struct LinkInfo {
  std::uint32_t type = 0, id = 0, program_id = 0, unused = 0;
  std::uint32_t family = 0, hook = 0;
  std::int32_t priority = 0;
  std::uint32_t flags = 0;
};
constexpr std::uint32_t link_type_netfilter = 10;
constexpr std::uint32_t nfproto_ipv4 = 2;

template <class Arguments>
long bpf(bpf_cmd command, Arguments& arguments) {
  return syscall(SYS_bpf, command, &arguments, sizeof arguments);
}

bool has_tcx_program(std::uint32_t ifindex, std::uint32_t attach_type) {
  QueryAttributes query;
  query.ifindex = ifindex;
  query.attach_type = attach_type;
  return bpf(BPF_PROG_QUERY, query) == 0 && query.count > 0;
}

void read_link(std::uint32_t id, Host& host) {
  struct {
    std::uint32_t id = 0, next = 0, flags = 0;
  } by_id;
  by_id.id = id;
  const Descriptor link(static_cast<int>(bpf(BPF_LINK_GET_FD_BY_ID, by_id)));
  if (!link) return;
  LinkInfo info;
  struct {
    std::uint32_t fd = 0, length = 0;
    std::uint64_t info = 0;
  } question;
  question.fd = static_cast<std::uint32_t>(link.get());
  question.length = sizeof info;
  question.info = reinterpret_cast<std::uint64_t>(&info);
  if (bpf(BPF_OBJ_GET_INFO_BY_FD, question) != 0) return;
  if (info.type == link_type_netfilter && info.family == nfproto_ipv4 &&
      info.hook <= static_cast<std::uint32_t>(Hook::postrouting))
    add_netfilter_program(static_cast<Hook>(info.hook), info.priority, host);
}

}  // namespace

Result<void> read_traffic_control(Netlink& netlink, Host& host, const DeviceBook& book) {
  Result<std::vector<Qdisc>> qdiscs = read_qdiscs(netlink, book);
  if (!qdiscs) return qdiscs.error();
  add_unmodelled_qdiscs(*qdiscs, host);
  for (const FilterPlace& place : filter_places(*qdiscs)) {
    const std::string& device = host.devices[place.device].name;
    std::vector<std::string> command = {"tc", "filter", "show", "dev", device};
    if (place.direction != FilterPlace::Direction::root)
      command.emplace_back(direction_name(place.direction));
    const Result<std::optional<File>> filters = listing(command);
    if (filters && filters.value()) {
      add_tc_filters(place, filters.value()->text, host);
    } else {
      add_unknown_tc_filters(place, host);
    }
  }
  return {};
}

void read_tcx_programs(Host& host) {
  for (DeviceId id = 1; id < host.devices.size(); ++id) {
    const std::uint32_t ifindex = host.devices[id].ifindex;
    if (has_tcx_program(ifindex, attach_tcx_ingress)) add_tcx_program(id, true, host);
    if (has_tcx_program(ifindex, attach_tcx_egress)) add_tcx_program(id, false, host);
  }
}

void read_netfilter_programs(Host& host) {
  struct {
    std::uint32_t start = 0, next = 0, flags = 0;
  } walk;
  constexpr int most = 100'000;
  for (int i = 0; i < most && bpf(BPF_LINK_GET_NEXT_ID, walk) == 0; ++i) {
    read_link(walk.next, host);
    walk.start = walk.next;
  }
}

}  // namespace wayout::host::live
