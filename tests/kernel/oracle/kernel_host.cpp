#include "kernel_host.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>

#include "conntrack/listing.hpp"
#include "host/finish.hpp"
#include "host/live/namespace_reader.hpp"
#include "iptables.hpp"
#include "listed.hpp"
#include "namespace.hpp"
#include "wire/headers.hpp"

namespace wayout::oracle {
namespace {

constexpr std::string_view sysctl_word = "sysctl ", ip_word = "ip ";

/// What `input` makes the command say against it.
std::string complaint(const std::string& command, const std::string& input) {
  char path[] = "/tmp/oracle.XXXXXX";
  const int file = mkstemp(path);
  if (file < 0) return "no temporary file";
  std::FILE* stream = fdopen(file, "w");
  std::fwrite(input.data(), 1, input.size(), stream);
  std::fclose(stream);
  std::string said = kernel::output_of(fmt::format("{} <{} 2>&1 >/dev/null", command, path));
  std::remove(path);
  return said;
}

/// A device that has just got an address tells the groups that it is in, when it likes; so does IPv6.
bool is_membership_report(const std::vector<std::uint8_t>& frame) {
  const auto* ethernet = wire::header_at<wire::EthernetHeader>(std::span<const std::uint8_t>(frame));
  if (ethernet != nullptr && ethernet->type == wire::ethertype::ipv6) return true;
  const auto* ip = wire::header_at<wire::Ipv4Header>(std::span<const std::uint8_t>(frame),
                                                     sizeof(wire::EthernetHeader));
  return ip != nullptr && ip->protocol == wire::protocol::igmp &&
         ip->destination_address() == wire::IpAddress::v4(224, 0, 0, 22);
}

/// The fragments that a dropped packet was made of are freed with it.
bool is_part_of_another(const kernel::DropEvent& event) {
  return event.function == "skb_release_data";
}

}  // namespace

KernelHost::KernelHost(const Scenario& scenario, kernel::DropEvents& drops) : drops_(drops) {
  problem_ = kernel::enter_new_namespace();
  if (!problem_.empty()) return;
  for (const std::string& name : scenario.taps) {
    taps_.emplace_back(name);
    if (!taps_.back().ok()) {
      problem_ = "no TAP device " + name;
      return;
    }
  }
  set_up(scenario);
  for (const RulesText& rules : scenario.rules) load(rules);
  machine_.hosts.emplace_back().name = "host";
  Result<void> read = host::live::read_namespace(machine_.hosts[0]);
  if (read) read = host::finish(machine_);
  if (!read) problem_ = read.error().text();
  static_cast<void>(drops_.take());  // of the set-up
  for (const kernel::Tap& tap : taps_)
    while (tap.read_frame()) {
    }
  read_at_ = std::chrono::steady_clock::now();
}

void KernelHost::set_up(const Scenario& scenario) {
  std::string batch;
  for (const std::string& line : scenario.setup)
    if (line.starts_with(ip_word)) batch += line.substr(ip_word.size()) + "\n";
  std::istringstream said(complaint("ip -force -batch -", batch));
  for (std::string line; std::getline(said, line);)
    if (!line.starts_with("Command failed")) refused_.push_back(line);
  for (const std::string& line : scenario.setup) {
    if (!line.starts_with(sysctl_word)) continue;
    const std::size_t equals = line.find('=');
    std::ofstream file("/proc/sys/" + line.substr(sysctl_word.size(), equals - sysctl_word.size()));
    file << line.substr(equals + 1) << std::flush;
    if (!file) refused_.push_back(line);
  }
}

void KernelHost::load(const RulesText& rules) {
  const std::string said = complaint(fmt::format("{}-restore -c", kernel::iptables_name(rules.backend)), rules.text);
  if (!said.empty()) problem_ = said;
}

std::int64_t KernelHost::elapsed_ms() const {
  const auto passed = std::chrono::steady_clock::now() - read_at_;
  return std::chrono::duration_cast<std::chrono::milliseconds>(passed).count();
}

void KernelHost::collect(FrameResult& result) {
  for (const kernel::Tap& tap : taps_)
    while (auto frame = tap.read_frame())
      if (!is_membership_report(*frame)) result.left.push_back({tap.name(), std::move(*frame)});
  for (kernel::DropEvent& event : drops_.take())
    if (!is_part_of_another(event)) result.dropped.push_back(std::move(event));
}

void KernelHost::send(const InputFrame& frame) {
  if (frame.pause_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(frame.pause_ms));
  if (!observed_.frames.empty()) collect(observed_.frames.back());
  FrameResult result;
  result.at_ms = elapsed_ms();
  for (const kernel::Tap& tap : taps_)
    if (tap.name() == frame.device) tap.write_frame(frame.bytes);
  collect(result);
  observed_.frames.push_back(std::move(result));
}

Observed KernelHost::finish() {
  if (!observed_.frames.empty()) collect(observed_.frames.back());
  for (const netfilter::Ruleset& ruleset : machine_.hosts[0].netfilter.rulesets) {
    observed_.rules[kernel::iptables_name(ruleset.backend)] = kernel::saved_rules(ruleset.backend);
  }
  std::ifstream file("/proc/thread-self/net/nf_conntrack");
  std::ostringstream text;
  text << file.rdbuf();
  if (auto read = conntrack::read_listing(text.str(), "nf_conntrack")) {
    for (conntrack::Connection& connection : *read) {
      connection.listed = nullptr;  // the reader itself uses the entry, too
      observed_.connections.push_back(listed(connection, 0));
    }
  }
  std::sort(observed_.connections.begin(), observed_.connections.end());
  return std::move(observed_);
}

}  // namespace wayout::oracle
