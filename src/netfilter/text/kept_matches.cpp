// Matches that are read and printed but not evaluated, for both families and for IPv4.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "netfilter/text/kept.hpp"
#include "netfilter/text/names.hpp"
#include "netfilter/text/parts.hpp"
#include "netfilter/text/registry.hpp"

namespace wayout::netfilter::text {
namespace {

constexpr std::uint64_t any_u64 = ~std::uint64_t{0};

constexpr OptionSpec ah_options[] = {{.name = "ahspi", .form = Form::range, .invertible = true}};
constexpr OptionSpec esp_options[] = {{.name = "espspi", .form = Form::range, .invertible = true}};
constexpr OptionSpec ipcomp_options[] = {
    {.name = "ipcompspi", .form = Form::range, .invertible = true},
    {.name = "compres", .id = 1, .form = Form::none},
};
constexpr OptionSpec bpf_options[] = {
    {.name = "object-pinned", .id = 0, .form = Form::quoted},
    {.name = "bytecode", .id = 1, .form = Form::quoted},
};
constexpr OptionSpec cgroup_options[] = {
    {.name = "path", .id = 0, .invertible = true},
    {.name = "cgroup", .id = 1, .form = Form::number, .invertible = true},
};

std::string node_mask(const Arguments& given, const Argument& argument) {
  const bool is_number = argument.spec->name == "cluster-local-node";
  const auto value =
      static_cast<std::uint32_t>(given.number(argument, is_number ? 32 : 0xffffffff));
  return fmt::format("0x{:08x}", is_number && value != 0 ? 1U << (value - 1) : value);
}
std::string eight_hex_digits(const Arguments& given, const Argument& argument) {
  return fmt::format("0x{:08x}", given.number(argument, 0xffffffff));
}
constexpr OptionSpec cluster_options[] = {
    {.name = "cluster-local-nodemask", .id = 0, .invertible = true, .spell = node_mask},
    {.name = "cluster-local-node", .id = 0, .invertible = true, .spell = node_mask},
    {.name = "cluster-total-nodes", .id = 1, .form = Form::number, .required = true},
    {.name = "cluster-hash-seed", .id = 2, .required = true, .spell = eight_hex_digits},
};

/// `100:` is printed as `100`.
std::string connbytes_range(const Arguments& given, const Argument& argument) {
  const NumberRange range = given.range(argument, any_u64);
  const bool open = argument.value.find(':') == std::string_view::npos || range.high == any_u64;
  return open ? std::to_string(range.low) : fmt::format("{}:{}", range.low, range.high);
}
constexpr OptionSpec connbytes_options[] = {
    {.name = "connbytes", .id = 0, .invertible = true, .required = true, .spell = connbytes_range},
    {.name = "connbytes-mode", .id = 1, .required = true},
    {.name = "connbytes-dir", .id = 2, .required = true},
};
constexpr OptionSpec connlabel_options[] = {
    {.name = "label", .id = 0, .form = Form::quoted, .invertible = true, .required = true},
    {.name = "set", .id = 1, .form = Form::none},
};

enum : std::uint8_t { limit_upto, limit_above, limit_mask, limit_source, limit_destination };
constexpr OptionSpec connlimit_options[] = {
    {.name = "connlimit-upto", .id = limit_upto, .invertible = true},
    {.name = "connlimit-above", .id = limit_above, .invertible = true},
    {.name = "connlimit-mask", .id = limit_mask},
    {.name = "connlimit-saddr", .id = limit_source, .form = Form::none},
    {.name = "connlimit-daddr", .id = limit_destination, .form = Form::none},
};
/// Mask and side are always printed, and a negation as the opposite option.
Match read_connlimit(const Arguments& given) {
  constexpr std::uint8_t bounds[] = {limit_upto, limit_above};
  given.need_one_of(bounds);
  given.allow_one_of(bounds);
  std::uint64_t most = 0;
  bool above = false;
  std::uint8_t length = wire::address_bits(given.family());
  for (const Argument& argument : given.list()) {
    if (argument.spec->id == limit_mask) {
      const std::string any = wire::IpAddress::any(given.family()).text();
      const std::string prefix = fmt::format("{}/{}", any, argument.value);
      const auto mask = parse_prefix(prefix, given.family());
      if (!mask) given.bad(argument);
      length = mask.value_or(wire::Prefix{}).length;
    } else if (argument.spec->id == limit_upto || argument.spec->id == limit_above) {
      most = given.number(argument, 0xffffffff);
      above = (argument.spec->id == limit_above) != argument.inverted;
    }
  }
  return KeptMatch{
      "connlimit",
      {above ? "--connlimit-above" : "--connlimit-upto", std::to_string(most), "--connlimit-mask",
       std::to_string(length),
       given.has(limit_destination) ? "--connlimit-daddr" : "--connlimit-saddr"}};
}

constexpr OptionSpec cpu_options[] = {
    {.name = "cpu", .form = Form::number, .invertible = true, .required = true}};
constexpr OptionSpec dccp_options[] = {
    {.name = "sport", .id = 0, .form = Form::range, .invertible = true, .highest = 65535},
    {.name = "source-port", .id = 0, .form = Form::range, .invertible = true, .highest = 65535},
    {.name = "dport", .id = 1, .form = Form::range, .invertible = true, .highest = 65535},
    {.name = "destination-port",
     .id = 1,
     .form = Form::range,
     .invertible = true,
     .highest = 65535},
    {.name = "dccp-types", .id = 2, .invertible = true},
    {.name = "dccp-option", .id = 3, .form = Form::number, .invertible = true, .highest = 255},
};
/// `0x5`, `0x5/0xff`, or a name of the host the rules come from, whose files say what it means; `zero`
/// is what 0 is called in the files that iproute2 brings.
std::string number_or_name(const Arguments& given, const Argument& argument, std::string_view zero) {
  if (!argument.value.empty() && std::isalpha(static_cast<unsigned char>(argument.value.front())) != 0)
    return std::string(argument.value);
  const MarkAndMask asked = given.mark(argument);
  if (asked.mask != 0xffffffff) return fmt::format("0x{:x}/0x{:x}", asked.value, asked.mask);
  return asked.value == 0 ? std::string(zero) : fmt::format("0x{:x}", asked.value);
}
std::string spell_group(const Arguments& given, const Argument& argument) {
  return number_or_name(given, argument, "default");
}
std::string spell_realm(const Arguments& given, const Argument& argument) {
  return number_or_name(given, argument, "cosmos");
}

constexpr OptionSpec devgroup_options[] = {
    {.name = "src-group", .id = 0, .invertible = true, .spell = spell_group},
    {.name = "dst-group", .id = 1, .invertible = true, .spell = spell_group},
};
constexpr OptionSpec dscp_options[] = {
    {.name = "dscp", .invertible = true, .spell = dscp_value},
    {.name = "dscp-class", .invertible = true, .spell = dscp_value},
};
constexpr OptionSpec ecn_options[] = {
    {.name = "ecn-tcp-ece", .id = 0, .form = Form::none, .invertible = true},
    {.name = "ecn-tcp-cwr", .id = 1, .form = Form::none, .invertible = true},
    {.name = "ecn-ip-ect", .id = 2, .form = Form::number, .invertible = true, .highest = 3},
};
constexpr OptionSpec helper_options[] = {
    {.name = "helper", .form = Form::text, .invertible = true, .required = true}};
constexpr OptionSpec ipvs_options[] = {
    {.name = "ipvs", .id = 0, .form = Form::none, .invertible = true},
    {.name = "vproto", .id = 1, .invertible = true},
    {.name = "vaddr", .id = 2, .invertible = true},
    {.name = "vport", .id = 3, .invertible = true},
    {.name = "vdir", .id = 4},
    {.name = "vmethod", .id = 5, .invertible = true},
    {.name = "vportctl", .id = 6, .invertible = true},
};
constexpr OptionSpec length_options[] = {{.name = "length",
                                          .form = Form::range,
                                          .invertible = true,
                                          .required = true,
                                          .highest = 65535}};
constexpr OptionSpec nfacct_options[] = {{.name = "nfacct-name", .required = true}};
constexpr OptionSpec osf_options[] = {
    {.name = "genre", .id = 0, .invertible = true, .required = true},
    {.name = "ttl", .id = 1, .form = Form::number},
    {.name = "log", .id = 2, .form = Form::number},
};

std::string packet_type(const Arguments& given, const Argument& argument) {
  constexpr std::pair<std::string_view, std::string_view> names[] = {
      {"unicast", "unicast"},     {"host", "unicast"},        {"broadcast", "broadcast"},
      {"bcast", "broadcast"},     {"multicast", "multicast"}, {"mcast", "multicast"},
      {"otherhost", "otherhost"}, {"otherhost", "otherhost"}};
  for (const auto& [name, printed] : names) {
    if (begins_ignoring_case(name, argument.value)) return std::string(printed);
  }
  given.bad(argument);
  return {};
}
constexpr OptionSpec pkttype_options[] = {
    {.name = "pkt-type", .invertible = true, .required = true, .spell = packet_type}};
constexpr OptionSpec quota_options[] = {{.name = "quota",
                                         .form = Form::number,
                                         .invertible = true,
                                         .required = true,
                                         .highest = any_u64}};
constexpr OptionSpec rateest_options[] = {
    {.name = "rateest1", .id = 0},
    {.name = "rateest", .id = 0},
    {.name = "rateest-delta", .id = 1, .form = Form::none},
    {.name = "rateest-bps1", .id = 2},
    {.name = "rateest-pps1", .id = 3},
    {.name = "rateest-lt", .id = 4, .form = Form::none, .invertible = true},
    {.name = "rateest-gt", .id = 5, .form = Form::none, .invertible = true},
    {.name = "rateest-eq", .id = 6, .form = Form::none, .invertible = true},
    {.name = "rateest2", .id = 7},
    {.name = "rateest-bps2", .id = 8},
    {.name = "rateest-pps2", .id = 9},
    {.name = "rateest-bps", .id = 10},
    {.name = "rateest-pps", .id = 11},
};
constexpr OptionSpec realm_options[] = {
    {.name = "realm", .invertible = true, .required = true, .spell = spell_realm}};
constexpr OptionSpec rpfilter_options[] = {
    {.name = "loose", .id = 0, .form = Form::none},
    {.name = "validmark", .id = 1, .form = Form::none},
    {.name = "accept-local", .id = 2, .form = Form::none},
    {.name = "invert", .id = 3, .form = Form::none},
};

/// `all INIT,DATA:Be`: the chunk types in the order of their numbers.
std::string chunk_types(const Arguments& given, const Argument& argument) {
  constexpr std::string_view names[] = {
      "DATA",     "INIT",     "INIT_ACK",          "SACK",   "HEARTBEAT",   "HEARTBEAT_ACK",
      "ABORT",    "SHUTDOWN", "SHUTDOWN_ACK",      "ERROR",  "COOKIE_ECHO", "COOKIE_ACK",
      "ECN_ECNE", "ECN_CWR",  "SHUTDOWN_COMPLETE", "ASCONF", "ASCONF_ACK",  "FORWARD_TSN"};
  if (argument.second == "ALL" || argument.second == "NONE") {
    return fmt::format("{} {}", argument.value, argument.second);
  }
  std::vector<std::pair<std::ptrdiff_t, std::string_view>> chunks;
  std::string_view rest = argument.second;
  while (!rest.empty()) {
    const std::string_view chunk = cut(rest, ',');
    const std::string_view name = chunk.substr(0, chunk.find(':'));
    const auto* at = std::find_if(std::begin(names), std::end(names), [name](std::string_view n) {
      return same_ignoring_case(n, name);
    });
    if (at == std::end(names)) given.bad(argument);
    chunks.emplace_back(at - names, chunk);
  }
  std::stable_sort(chunks.begin(), chunks.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string text(argument.value);
  for (const auto& [number, chunk] : chunks) {
    text += number == chunks.front().first ? ' ' : ',';
    text += chunk;
  }
  return text;
}
constexpr OptionSpec sctp_options[] = {
    {.name = "sport", .id = 0, .invertible = true, .spell = port_range},
    {.name = "source-port", .id = 0, .invertible = true, .spell = port_range},
    {.name = "dport", .id = 1, .invertible = true, .spell = port_range},
    {.name = "destination-port", .id = 1, .invertible = true, .spell = port_range},
    {.name = "chunk-types",
     .id = 2,
     .form = Form::two_words,
     .invertible = true,
     .spell = chunk_types},
};
constexpr OptionSpec socket_options[] = {
    {.name = "transparent", .id = 0, .form = Form::none},
    {.name = "nowildcard", .id = 1, .form = Form::none},
    {.name = "restore-skmark", .id = 2, .form = Form::none},
};
constexpr OptionSpec tcpmss_options[] = {
    {.name = "mss", .form = Form::range, .invertible = true, .required = true, .highest = 65535}};
constexpr OptionSpec tos_options[] = {
    {.name = "tos", .invertible = true, .required = true, .spell = tos_value}};
constexpr OptionSpec ttl_options[] = {
    {.name = "ttl-eq", .id = 0, .form = Form::number, .invertible = true, .highest = 255},
    {.name = "ttl", .id = 0, .form = Form::number, .invertible = true, .highest = 255},
    {.name = "ttl-lt", .id = 1, .form = Form::number, .highest = 255},
    {.name = "ttl-gt", .id = 2, .form = Form::number, .highest = 255},
};

constexpr Restriction at_prerouting = {
    .tables = table_bit(TableKind::raw) | table_bit(TableKind::mangle),
    .hooks = hook_bit(Hook::prerouting)};
constexpr Restriction at_sockets = {.tables = table_bit(TableKind::mangle),
                                    .hooks = hook_bit(Hook::prerouting) | hook_bit(Hook::input)};

constexpr MatchExtension extensions[] = {
    {"ah", ah_options, nullptr, {.families = v4_only}},
    {"bpf", bpf_options},
    {"cgroup", cgroup_options},
    {"cluster", cluster_options},
    {"connbytes", connbytes_options},
    {"connlabel", connlabel_options},
    {"connlimit", connlimit_options, read_connlimit},
    {"cpu", cpu_options},
    {"dccp", dccp_options, nullptr, {.protocol = 33}},
    {"devgroup", devgroup_options},
    {"dscp", dscp_options},
    {"ecn", ecn_options},
    {"esp", esp_options, nullptr, {.protocol = 50}},
    {"helper", helper_options},
    {"ipcomp", ipcomp_options, nullptr, {.protocol = 108}},
    {"ipvs", ipvs_options},
    {"length", length_options},
    {"nfacct", nfacct_options},
    {"osf", osf_options},
    {"pkttype", pkttype_options},
    {"quota", quota_options},
    {"rateest", rateest_options},
    {"realm", realm_options, nullptr, {.families = v4_only}},
    {"rpfilter", rpfilter_options, nullptr, at_prerouting},
    {"sctp", sctp_options, nullptr, {.protocol = 132}},
    {"socket", socket_options, nullptr, at_sockets},
    {"tcpmss", tcpmss_options, nullptr, {.protocol = 6}},
    {"tos", tos_options},
    {"ttl", ttl_options, nullptr, {.families = v4_only}},
};

}  // namespace

std::span<const MatchExtension> kept_matches() {
  return extensions;
}

std::string port_range(const Arguments& given, const Argument& argument) {
  return port_range_text(given.ports(argument));
}

std::string dscp_value(const Arguments& given, const Argument& argument) {
  constexpr std::pair<std::string_view, unsigned> classes[] = {
      {"CS0", 0},   {"CS1", 8},   {"CS2", 16},  {"CS3", 24},  {"CS4", 32},  {"CS5", 40},
      {"CS6", 48},  {"CS7", 56},  {"BE", 0},    {"AF11", 10}, {"AF12", 12}, {"AF13", 14},
      {"AF21", 18}, {"AF22", 20}, {"AF23", 22}, {"AF31", 26}, {"AF32", 28}, {"AF33", 30},
      {"AF41", 34}, {"AF42", 36}, {"AF43", 38}, {"EF", 46}};
  if (!argument.spec->name.ends_with("class")) {
    return fmt::format("0x{:02x}", given.number(argument, 63));
  }
  const auto* at = std::find_if(std::begin(classes), std::end(classes), [&](const auto& row) {
    return same_ignoring_case(row.first, argument.value);
  });
  if (at == std::end(classes)) {
    given.bad(argument);
    return {};
  }
  return fmt::format("0x{:02x}", at->second);
}

std::string tos_value(const Arguments& given, const Argument& argument) {
  constexpr std::pair<std::string_view, unsigned> symbols[] = {{"Minimize-Delay", 0x10},
                                                               {"Maximize-Throughput", 0x08},
                                                               {"Maximize-Reliability", 0x04},
                                                               {"Minimize-Cost", 0x02},
                                                               {"Normal-Service", 0x00}};
  for (const auto& [name, value] : symbols) {
    if (same_ignoring_case(name, argument.value)) return fmt::format("0x{:02x}/0x3f", value);
  }
  std::string_view rest = argument.value;
  const bool has_mask = rest.find('/') != std::string_view::npos;
  const auto value = parse_number(cut(rest, '/'), 255);
  const auto mask = has_mask ? parse_number(rest, 255) : 255;
  if (!value || !mask) {
    given.bad(argument);
    return {};
  }
  return fmt::format("0x{:02x}/0x{:02x}", *value, *mask);
}

void append(std::string& out, const KeptMatch& match) {
  out += " -m " + match.name;
  for (const std::string& word : match.tokens)
    out += ' ' + word;
}

}  // namespace wayout::netfilter::text
