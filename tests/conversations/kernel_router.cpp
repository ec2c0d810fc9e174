#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "conntrack/listing.hpp"
#include "conversation.hpp"
#include "namespace.hpp"
#include "tap.hpp"
#include "wire/craft.hpp"
#include "wire/headers.hpp"

namespace wayout::conversation {
namespace {

constexpr wire::MacAddress router_mac{{2, 0, 0, 0, 0, 1}}, outside_mac{{2, 0, 0, 0, 0, 0x11}};

/// conntrack -S of this namespace, summed over processors.
std::map<std::string, std::uint64_t> statistics() {
  std::ifstream file("/proc/thread-self/net/stat/nf_conntrack");
  std::string line, word;
  std::vector<std::string> names;
  std::getline(file, line);
  std::istringstream head(line);
  while (head >> word)
    names.push_back(word);
  std::map<std::string, std::uint64_t> sums;
  while (std::getline(file, line)) {
    std::istringstream values(line);
    for (const std::string& name : names) {
      if (values >> word) sums[name] += std::strtoull(word.c_str(), nullptr, 16);
    }
  }
  return sums;
}

std::vector<std::string> listing() {
  std::ifstream file("/proc/thread-self/net/nf_conntrack");
  std::ostringstream text;
  text << file.rdbuf();
  const auto read = conntrack::read_listing(text.str(), "nf_conntrack");
  if (!read) return {read.error().text()};
  std::vector<std::string> lines;
  for (conntrack::Connection connection : *read) {
    connection.listed = nullptr;  // the reader itself uses the entry, too
    lines.push_back(print_connection(connection, conntrack::ListingFormat::plain, 0));
  }
  sort_entries(lines);
  return lines;
}

/// The rules that write the state into the packet's DSCP, so that it tells it itself.
constexpr std::array<const char*, 5> states{"INVALID", "NEW", "ESTABLISHED", "RELATED",
                                            "UNTRACKED"};

class KernelRouter : public Router {
 public:
  explicit KernelRouter(int listing_delay_ms)
      : listing_delay_ms_(listing_delay_ms), client_("in0"), server_("out0") {}

  std::string build() {
    if (!client_.ok() || !server_.ok()) return "no TAP device";
    std::vector<std::string> lines{"sysctl net/ipv6/conf/all/disable_ipv6=1",
                                   "link set in0 address 02:00:00:00:00:01",
                                   "link set out0 address 02:00:00:00:00:01",
                                   "addr add 10.0.1.1/24 dev in0",
                                   "addr add 10.0.2.1/24 dev out0",
                                   "link set in0 up",
                                   "link set out0 up",
                                   "route add default via 10.0.2.254",
                                   "sysctl net/ipv4/ip_forward=1",
                                   "sysctl net/ipv4/conf/all/rp_filter=0",
                                   "sysctl net/ipv4/conf/in0/rp_filter=0",
                                   "sysctl net/ipv4/conf/out0/rp_filter=0",
                                   "sysctl net/ipv4/conf/all/send_redirects=0",
                                   "sysctl net/ipv4/conf/in0/send_redirects=0",
                                   "sysctl net/ipv4/conf/out0/send_redirects=0"};
    const auto neighbour = [&](const char* net, int host, const char* device) {
      lines.push_back("neigh add " + std::string(net) + std::to_string(host) +
                      " lladdr 02:00:00:00:00:11 nud permanent dev " + device);
    };
    for (int host = 2; host < 10; ++host) {
      neighbour("10.0.1.", host, "in0");
      neighbour("10.0.2.", host, "out0");
    }
    neighbour("10.0.2.", 254, "out0");
    kernel::run_all(lines);
    if (!iptables("-t mangle -A INPUT -j DROP")) return "no iptables";
    for (std::size_t i = 0; i < states.size(); ++i) {
      if (!iptables("-t mangle -A FORWARD -m conntrack --ctstate " + std::string(states[i]) +
                    " -j DSCP --set-dscp " + std::to_string(i + 1)))
        return "no conntrack match or DSCP target";
    }
    return access("/proc/thread-self/net/nf_conntrack", R_OK) == 0 ? ""
                                                                   : "no nf_conntrack in procfs";
  }

  void set(std::string_view assignment) override {
    kernel::run_all({"sysctl net/netfilter/" + std::string(assignment)});
  }
  void rule(std::string_view arguments) override {
    if (!iptables(std::string(arguments))) std::fprintf(stderr, "iptables refuses a rule\n");
  }
  void wait_ms(int milliseconds) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  }
  void age_s(int seconds) override {
    // Fails when there is no entry.
    (void)kernel::output_of("conntrack -U -f ipv4 -t " + std::to_string(seconds) + " 2>/dev/null");
  }

  Answer packet(bool from_client, const std::vector<std::uint8_t>& ip) override {
    const kernel::Tap& from = from_client ? client_ : server_;
    const auto before = statistics();
    while (client_.read_packet() || server_.read_packet()) {
    }
    if (!from.write_frame(wire::make_frame(outside_mac, router_mac, wire::ethertype::ipv4, ip)))
      std::perror("tap");
    Answer answer;
    auto left = server_.read_packet();
    if (!left) left = client_.read_packet();
    if (left) {
      answer.packet = *left;
      const unsigned dscp =
          wire::header_at<wire::Ipv4Header>(std::span<const std::uint8_t>(*left))->tos >> 2;
      answer.state = dscp >= 1 && dscp <= states.size() ? states[dscp - 1] : "no state";
    }
    if (listing_delay_ms_ > 0) wait_ms(listing_delay_ms_);
    answer.entries = listing();
    auto after = statistics();
    const auto rise = [&](const char* name, const char* column) {
      if (after[column] != before.at(column))
        answer.counted[name] = after[column] - before.at(column);
    };
    rise("found", "found");
    rise("invalid", "invalid");
    rise("insert_failed", "insert_failed");
    rise("drop", "drop");
    rise("error", "icmp_error");
    rise("clash_resolve", "clashres");
    return answer;
  }

 private:
  static bool iptables(const std::string& arguments) {
    static const std::string program =
        std::system("iptables-legacy -t mangle -L >/dev/null 2>&1") == 0 ? "iptables-legacy"
                                                                         : "iptables";
    return std::system((program + " -w 5 " + arguments + " 2>/dev/null").c_str()) == 0;
  }

  int listing_delay_ms_;
  kernel::Tap client_, server_;
};

}  // namespace

std::unique_ptr<Router> kernel_router(std::string& reason, int listing_delay_ms) {
  reason = kernel::enter_new_namespace();
  if (!reason.empty()) return nullptr;
  auto router = std::make_unique<KernelRouter>(listing_delay_ms);
  reason = router->build();
  if (!reason.empty()) return nullptr;
  return router;
}

}  // namespace wayout::conversation
