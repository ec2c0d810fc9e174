#include "host/sysctls.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/escape.hpp"
#include "host/words.hpp"

namespace wayout::host {

using route::Ipv4Conf;

namespace {

constexpr std::string_view conf_prefix = "net.ipv4.conf.";
constexpr std::string_view neigh_prefix = "net.ipv4.neigh.";

constexpr std::pair<std::string_view, bool Ipv4Conf::*> conf_flags[] = {
    {"forwarding", &Ipv4Conf::forwarding},
    {"accept_local", &Ipv4Conf::accept_local},
    {"route_localnet", &Ipv4Conf::route_localnet},
    {"src_valid_mark", &Ipv4Conf::src_valid_mark},
    {"accept_source_route", &Ipv4Conf::accept_source_route},
    {"bc_forwarding", &Ipv4Conf::bc_forwarding},
    {"mc_forwarding", &Ipv4Conf::mc_forwarding},
    {"send_redirects", &Ipv4Conf::send_redirects},
    {"shared_media", &Ipv4Conf::shared_media},
    {"proxy_arp", &Ipv4Conf::proxy_arp},
    {"proxy_arp_pvlan", &Ipv4Conf::proxy_arp_pvlan},
    {"arp_filter", &Ipv4Conf::arp_filter},
    {"drop_gratuitous_arp", &Ipv4Conf::drop_gratuitous_arp},
    {"ignore_routes_with_linkdown", &Ipv4Conf::ignore_routes_with_linkdown},
    {"drop_unicast_in_l2_multicast", &Ipv4Conf::drop_unicast_in_l2_multicast},
    {"disable_policy", &Ipv4Conf::disable_policy},
    {"log_martians", &Ipv4Conf::log_martians},
    {"promote_secondaries", &Ipv4Conf::promote_secondaries},
};
constexpr std::pair<std::string_view, int Ipv4Conf::*> conf_numbers[] = {
    {"rp_filter", &Ipv4Conf::rp_filter},
    {"arp_ignore", &Ipv4Conf::arp_ignore},
    {"arp_announce", &Ipv4Conf::arp_announce},
    {"arp_accept", &Ipv4Conf::arp_accept},
};

/// Reads values by name; remembers the first that is no number.
class Values {
 public:
  Values(const Host& host, const File& source) : host_(host), source_(source) {}

  [[nodiscard]] std::optional<std::int64_t> number(const std::string& key) {
    const auto found = host_.sysctls.find(key);
    if (found == host_.sysctls.end()) return std::nullopt;
    const std::string& text = found->second;
    std::int64_t value = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (status == std::errc{} && end == text.data() + text.size()) return value;
    if (!error_) {
      const std::size_t at = source_.text.find(key);
      error_ = source_.error_at(at == std::string::npos ? 0 : at,
                                fmt::format("{} is no number: \"{}\"", key, escaped(text)));
    }
    return std::nullopt;
  }
  template <class T>
  bool read(const std::string& key, T& field) {
    const auto value = number(key);
    if (value) field = static_cast<T>(*value);
    return value.has_value();
  }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  const Host& host_;
  const File& source_;
  std::optional<Error> error_;
};

/// The lines of one device, `all` or `default`; false when there is not one.
bool read_conf(Values& values, std::string_view device, Ipv4Conf& conf) {
  bool any = false;
  for (const auto& [name, field] : conf_flags)
    any |= values.read(conf_key(device, name), conf.*field);
  for (const auto& [name, field] : conf_numbers)
    any |= values.read(conf_key(device, name), conf.*field);
  return any;
}

void read_neighbour_parms(Values& values, Host& host) {
  const auto read = [&](std::string_view device, link::NeighbourParms& parms) {
    values.read(neigh_key(device, "mcast_solicit"), parms.mcast_solicit);
    values.read(neigh_key(device, "app_solicit"), parms.app_solicit);
  };
  link::NeighbourParms defaults;
  read("default", defaults);
  for (DeviceId id = 1; id < host.devices.size(); ++id) {
    host.devices[id].neighbours = defaults;
    read(host.devices[id].name, host.devices[id].neighbours);
  }
}

void read_interfaces(Values& values, Host& host) {
  route::Interfaces& interfaces = host.interfaces;
  read_conf(values, "default", interfaces.defaults);
  read_conf(values, "all", interfaces.all);
  // ip_forward is conf.all.forwarding, and writing it sets every device's.
  std::optional<std::int64_t> forward = values.number("net.ipv4.ip_forward");
  if (!forward) forward = values.number(conf_key("all", "forwarding"));
  if (forward) interfaces.all.forwarding = *forward != 0;

  std::vector<std::string> without;
  for (DeviceId id = 1; id < host.devices.size(); ++id) {
    Ipv4Conf& conf = interfaces[id].conf;
    conf = interfaces.defaults;
    if (forward) conf.forwarding = *forward != 0;
    if (!read_conf(values, host.devices[id].name, conf)) without.push_back(host.devices[id].name);
  }
  if (!without.empty())
    host.assumed.push_back(
        fmt::format("sysctls of {}: as net.ipv4.conf.default", shortened(without)));
}

void read_ip(Values& values, Host& host) {
  values.read("net.ipv4.ip_default_ttl", host.ip.default_ttl);
  values.read("net.ipv4.icmp_echo_ignore_all", host.ip.icmp_echo_ignore_all);
  values.read("net.ipv4.icmp_echo_ignore_broadcasts", host.ip.icmp_echo_ignore_broadcasts);
  values.read("net.ipv4.icmp_errors_use_inbound_ifaddr", host.ip.icmp_errors_use_inbound_ifaddr);
  values.read("net.ipv4.fwmark_reflect", host.ip.fwmark_reflect);
  values.read("net.ipv4.tcp_fwmark_accept", host.ip.tcp_fwmark_accept);
  values.read("net.ipv4.icmp_ratelimit", host.ip.icmp_limits.interval_ms);
  values.read("net.ipv4.icmp_ratemask", host.ip.icmp_limits.type_mask);
  values.read("net.ipv4.icmp_msgs_per_sec", host.ip.icmp_limits.global_per_second);
  values.read("net.ipv4.icmp_msgs_burst", host.ip.icmp_limits.global_burst);
  values.read("net.ipv4.ipfrag_high_thresh", host.ip.fragments.high_thresh_bytes);
  if (const auto seconds = values.number("net.ipv4.ipfrag_time"))
    host.ip.fragments.time_ms = *seconds * 1000;
  values.read("net.bridge.bridge-nf-call-iptables", host.bridging.nf_call_iptables);
  values.read("net.bridge.bridge-nf-filter-vlan-tagged", host.bridging.nf_filter_vlan_tagged);
}

void read_conntrack(Values& values, conntrack::Config& config) {
  const auto key = [](std::string_view name) {
    return "net.netfilter.nf_conntrack_" + std::string(name);
  };
  const bool max_read = values.read(key("max"), config.max);
  config.max_known = values.read(key("count"), config.count) && max_read;
  values.read(key("checksum"), config.checksum);
  values.read(key("tcp_loose"), config.tcp_loose);
  values.read(key("tcp_be_liberal"), config.tcp_be_liberal);
  values.read(key("tcp_ignore_invalid_rst"), config.tcp_ignore_invalid_rst);
  values.read(key("acct"), config.accounting);
  values.read(key("tcp_max_retrans"), config.tcp_max_retrans);
  values.read(key("tcp_timeout_max_retrans"), config.tcp_timeout_max_retrans_s);
  values.read(key("tcp_timeout_unacknowledged"), config.tcp_timeout_unacknowledged_s);
  values.read(key("udp_timeout"), config.udp_timeout_s);
  values.read(key("udp_timeout_stream"), config.udp_timeout_stream_s);
  values.read(key("icmp_timeout"), config.icmp_timeout_s);
  values.read(key("generic_timeout"), config.generic_timeout_s);
  values.read(key("gre_timeout"), config.gre_timeout_s);
  values.read(key("gre_timeout_stream"), config.gre_timeout_stream_s);
  // By TcpState and SctpState; the first has no timeout.
  constexpr std::string_view tcp[] = {"",         "syn_sent",   "syn_recv", "established",
                                      "fin_wait", "close_wait", "last_ack", "time_wait",
                                      "close"};
  for (std::size_t i = 1; i < std::size(tcp); ++i)
    values.read(key(fmt::format("tcp_timeout_{}", tcp[i])), config.tcp_timeout_s[i]);
  constexpr std::string_view sctp[] = {"",
                                       "closed",
                                       "cookie_wait",
                                       "cookie_echoed",
                                       "established",
                                       "shutdown_sent",
                                       "shutdown_recd",
                                       "shutdown_ack_sent",
                                       "heartbeat_sent"};
  for (std::size_t i = 1; i < std::size(sctp); ++i)
    values.read(key(fmt::format("sctp_timeout_{}", sctp[i])), config.sctp_timeout_s[i]);
}

/// A device's dots are slashes in the name of its sysctls.
std::string device_key(std::string_view prefix, std::string_view device, std::string_view field) {
  std::string name(device);
  std::replace(name.begin(), name.end(), '.', '/');
  return fmt::format("{}{}.{}", prefix, name, field);
}

/// People also write `net.ipv4.conf.eth0.10.rp_filter`, with the device's own dots.
std::string as_printed(std::string_view key) {
  const std::size_t field = key.rfind('.');
  for (const std::string_view prefix : {conf_prefix, neigh_prefix}) {
    if (!key.starts_with(prefix) || field < prefix.size()) continue;
    return device_key(prefix, key.substr(prefix.size(), field - prefix.size()),
                      key.substr(field + 1));
  }
  return std::string(key);
}

}  // namespace

Result<void> read_sysctls(const File& file, Host& host) {
  std::optional<Error> error;
  if (file.text.find_first_not_of(" \t\r\n") == std::string::npos)
    return file.error_at(0, "is empty, which no listing of sysctls is: the command has failed");
  for_each_line(file.text, [&](std::string_view line, std::size_t number) {
    line = trimmed(line);
    if (line.empty() || line.starts_with('#') || line.starts_with("sysctl: ")) return true;
    const std::size_t sign = line.find('=');
    const std::string_view key = trimmed(line.substr(0, sign));
    const bool is_key = key.find_first_of("./") != std::string_view::npos &&
                        key.find_first_of(" \t") == std::string_view::npos;
    if (is_prompt(line)) return true;
    if (sign == std::string_view::npos || !is_key) {
      error = Error{file.name, number, 1, "expected \"name = value\""};
      return false;
    }
    host.sysctls.insert_or_assign(as_printed(key),
                                  std::string(trimmed(line.substr(sign + 1))));
    return true;
  });
  if (error) return *error;
  return {};
}

Result<void> apply_sysctls(Host& host, const File& source) {
  Values values(host, source);
  if (host.sysctls.empty()) {
    host.assumed.push_back("sysctls: the kernel's defaults (net.ipv4.ip_forward = 0)");
    return {};
  }
  read_interfaces(values, host);
  read_neighbour_parms(values, host);
  read_ip(values, host);
  read_conntrack(values, host.conntrack_config);
  if (values.error()) return *values.error();
  return {};
}

std::string conf_key(std::string_view device, std::string_view field) {
  return device_key(conf_prefix, device, field);
}

std::string neigh_key(std::string_view device, std::string_view field) {
  return device_key(neigh_prefix, device, field);
}

}  // namespace wayout::host
