// Matches on the packet's own headers: tcp, udp, icmp, icmp6, multiport.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "netfilter/text/names.hpp"
#include "netfilter/text/parts.hpp"
#include "netfilter/text/registry.hpp"

namespace wayout::netfilter::text {
namespace {

constexpr std::uint8_t protocol_icmp = 1, protocol_tcp = 6, protocol_udp = 17, protocol_icmp6 = 58;

enum : std::uint8_t { source_port, destination_port, tcp_option, tcp_flags, syn };

constexpr OptionSpec tcp_options[] = {
    {.name = "source-port", .id = source_port, .invertible = true},
    {.name = "sport", .id = source_port, .invertible = true},
    {.name = "destination-port", .id = destination_port, .invertible = true},
    {.name = "dport", .id = destination_port, .invertible = true},
    {.name = "tcp-option", .id = tcp_option, .invertible = true},
    {.name = "tcp-flags", .id = tcp_flags, .form = Form::two_words, .invertible = true},
    {.name = "syn", .id = syn, .form = Form::none, .invertible = true},
};
constexpr OptionSpec udp_options[] = {
    {.name = "source-port", .id = source_port, .invertible = true},
    {.name = "sport", .id = source_port, .invertible = true},
    {.name = "destination-port", .id = destination_port, .invertible = true},
    {.name = "dport", .id = destination_port, .invertible = true},
};

std::uint8_t read_tcp_flags(std::string_view list, const Arguments& given, const Argument& from) {
  std::uint8_t flags = 0;
  while (!list.empty()) {
    const std::string_view name = cut(list, ',');
    if (name.empty() || same_ignoring_case(name, "NONE")) continue;
    if (same_ignoring_case(name, "ALL")) {
      flags |= 0x3f;
      continue;
    }
    const auto* flag =
        std::find_if(std::begin(tcp_flag_names), std::end(tcp_flag_names),
                     [name](const auto& row) { return same_ignoring_case(row.first, name); });
    if (flag == std::end(tcp_flag_names)) {
      given.bad(from);
      break;
    }
    flags |= flag->second;
  }
  return flags;
}

template <class PortsMatch>
void read_ports(PortsMatch& match, const Arguments& given) {
  if (const Argument* a = given.find(source_port)) {
    match.source = given.ports(*a);
    match.invert_source = a->inverted;
  }
  if (const Argument* a = given.find(destination_port)) {
    match.destination = given.ports(*a);
    match.invert_destination = a->inverted;
  }
}

Match read_tcp(const Arguments& given) {
  TcpMatch match;
  read_ports(match, given);
  // Of the two readers of ports that iptables has, only tcp's refuses a range that is upside down.
  if (match.source.low > match.source.high) given.bad(*given.find(source_port));
  if (match.destination.low > match.destination.high) given.bad(*given.find(destination_port));
  if (const Argument* a = given.find(tcp_option)) {
    match.option = static_cast<std::uint8_t>(given.number(*a, 255));
    match.invert_option = a->inverted;
    if (match.option == 0) given.bad(*a);
  }
  constexpr std::uint8_t one_of_flags[] = {tcp_flags, syn};
  given.allow_one_of(one_of_flags);
  if (const Argument* a = given.find(tcp_flags)) {
    match.flags_mask = read_tcp_flags(a->value, given, *a);
    match.flags_set = read_tcp_flags(a->second, given, *a);
    match.invert_flags = a->inverted;
  } else if (const Argument* b = given.find(syn)) {
    match.flags_mask = 0x17;
    match.flags_set = 0x02;
    match.invert_flags = b->inverted;
  }
  match.flags_given = match.flags_mask != 0 || match.invert_flags;
  return match;
}

Match read_udp(const Arguments& given) {
  UdpMatch match;
  read_ports(match, given);
  return match;
}

constexpr OptionSpec icmp_options[] = {{.name = "icmp-type", .invertible = true, .required = true}};
constexpr OptionSpec icmp6_options[] = {
    {.name = "icmpv6-type", .invertible = true, .required = true}};

/// A name (or the beginning of only one), a type, or type/code.
void read_icmp_type(const Arguments& given, std::span<const IcmpName> names, IcmpMatch& match) {
  const Argument& argument = given.list().front();
  match.invert = argument.inverted;

  const auto is_name = [&](const IcmpName& n) {
    return same_ignoring_case(n.name, argument.value);
  };
  const auto begins = [&](const IcmpName& n) {
    return begins_ignoring_case(n.name, argument.value);
  };
  auto at = std::find_if(names.begin(), names.end(), is_name);
  if (at == names.end() && std::count_if(names.begin(), names.end(), begins) == 1) {
    at = std::find_if(names.begin(), names.end(), begins);
  }
  if (at != names.end()) {
    match.type = at->type;
    match.code_low = at->code_low;
    match.code_high = at->code_high;
    return;
  }
  std::string_view rest = argument.value;
  const bool has_code = rest.find('/') != std::string_view::npos;
  const auto type = parse_number(cut(rest, '/'), 255);
  const auto code = has_code ? parse_number(rest, 255) : 0;
  if (!type || !code) return given.bad(argument);
  match.type = static_cast<std::uint8_t>(*type);
  if (has_code) match.code_low = match.code_high = static_cast<std::uint8_t>(*code);
}

Match read_icmp(const Arguments& given) {
  IcmpMatch match;
  read_icmp_type(given, icmp_names(), match);
  return match;
}

Match read_icmp6(const Arguments& given) {
  IcmpMatch match;
  read_icmp_type(given, icmp6_names(), match);
  return match;
}

enum : std::uint8_t { multi_sources, multi_destinations, multi_either };
constexpr OptionSpec multiport_options[] = {
    {.name = "source-ports", .id = multi_sources, .invertible = true},
    {.name = "sports", .id = multi_sources, .invertible = true},
    {.name = "destination-ports", .id = multi_destinations, .invertible = true},
    {.name = "dports", .id = multi_destinations, .invertible = true},
    {.name = "ports", .id = multi_either, .invertible = true},
};

Match read_multiport(const Arguments& given) {
  constexpr std::uint8_t carriers[] = {6, 17, 33, 132, 136};
  constexpr std::size_t most_ports = 15;
  const RuleContext& rule = given.rule();
  if (rule.protocol_inverted ||
      std::find(std::begin(carriers), std::end(carriers), rule.protocol) == std::end(carriers)) {
    given.report("multiport needs -p tcp, udp, udplite, sctp or dccp");
  }
  MultiportMatch match;
  if (given.list().size() != 1) {
    given.report("multiport needs one of --sports, --dports and --ports");
    return match;
  }
  const Argument& argument = given.list().front();
  match.side = static_cast<MultiportMatch::Side>(argument.spec->id);
  match.invert = argument.inverted;
  std::string_view rest = argument.value;
  std::size_t places = 0;
  while (true) {
    const bool last = rest.find(',') == std::string_view::npos;
    std::string_view range = cut(rest, ',');
    const bool is_range = range.find(':') != std::string_view::npos;
    const auto low = parse_port(cut(range, ':'));
    const auto high = is_range ? parse_port(range) : low;
    places += is_range ? 2 : 1;
    if (!low || !high || (is_range && *low >= *high) || places > most_ports) {
      given.bad(argument);
      break;
    }
    match.ports.push_back({*low, *high});
    if (last) break;
  }
  return match;
}

constexpr MatchExtension extensions[] = {
    {"tcp", tcp_options, read_tcp, {.protocol = protocol_tcp}},
    {"udp", udp_options, read_udp, {.protocol = protocol_udp}},
    {"icmp", icmp_options, read_icmp, {.families = v4_only, .protocol = protocol_icmp}},
    {"icmp6", icmp6_options, read_icmp6, {.families = v6_only, .protocol = protocol_icmp6}},
    {"multiport", multiport_options, read_multiport},
};

void append_ports(std::string& out, std::string_view option, PortRange ports, bool inverted) {
  if (ports == PortRange{}) return;
  fmt::format_to(std::back_inserter(out), "{} --{} {}", inverted ? " !" : "", option,
                 port_range_text(ports));
}

}  // namespace

std::span<const MatchExtension> packet_matches() {
  return extensions;
}

std::string port_range_text(PortRange ports) {
  return ports.low == ports.high ? std::to_string(ports.low)
                                 : fmt::format("{}:{}", ports.low, ports.high);
}

void append(std::string& out, const TcpMatch& match) {
  out += " -m tcp";
  append_ports(out, "sport", match.source, match.invert_source);
  append_ports(out, "dport", match.destination, match.invert_destination);
  const auto end = std::back_inserter(out);
  if (match.option != 0) {
    fmt::format_to(end, "{} --tcp-option {}", match.invert_option ? " !" : "", match.option);
  }
  if (match.flags_given) {
    const auto flags = [](std::uint8_t bits) {
      return bits == 0 ? std::string("NONE") : names_of(tcp_flag_names, bits);
    };
    fmt::format_to(end, "{} --tcp-flags {} {}", match.invert_flags ? " !" : "",
                   flags(match.flags_mask), flags(match.flags_set));
  }
}

void append(std::string& out, const UdpMatch& match) {
  out += " -m udp";
  append_ports(out, "sport", match.source, match.invert_source);
  append_ports(out, "dport", match.destination, match.invert_destination);
}

void append(std::string& out, const IcmpMatch& match, wire::Family family) {
  const auto end = std::back_inserter(out);
  const char* inverted = match.invert ? " !" : "";
  if (family == wire::Family::ipv6) {
    fmt::format_to(end, " -m icmp6{} --icmpv6-type {}", inverted, match.type);
  } else if (match.type == 255) {
    fmt::format_to(end, " -m icmp{} --icmp-type any", inverted);
    return;
  } else {
    fmt::format_to(end, " -m icmp{} --icmp-type {}", inverted, match.type);
  }
  if (match.code_low != 0 || match.code_high != 255) fmt::format_to(end, "/{}", match.code_low);
}

void append(std::string& out, const MultiportMatch& match) {
  constexpr const char* sides[] = {"sports", "dports", "ports"};
  fmt::format_to(std::back_inserter(out), " -m multiport{} --{} ", match.invert ? " !" : "",
                 sides[static_cast<std::size_t>(match.side)]);
  for (const PortRange& range : match.ports) {
    if (&range != &match.ports.front()) out += ',';
    out += port_range_text(range);
  }
}

}  // namespace wayout::netfilter::text
