// Targets that ask for a translation: SNAT, DNAT, MASQUERADE, REDIRECT, NETMAP.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "netfilter/text/parts.hpp"
#include "netfilter/text/registry.hpp"

namespace wayout::netfilter::text {
namespace {

using Kind = NatTarget::Kind;

enum : std::uint8_t { to, random_ports, random_fully, persistent };
constexpr OptionSpec snat_options[] = {
    {.name = "to-source", .id = to, .required = true},
    {.name = "random", .id = random_ports, .form = Form::none},
    {.name = "random-fully", .id = random_fully, .form = Form::none},
    {.name = "persistent", .id = persistent, .form = Form::none},
};
constexpr OptionSpec dnat_options[] = {
    {.name = "to-destination", .id = to, .required = true},
    {.name = "random", .id = random_ports, .form = Form::none},
    {.name = "persistent", .id = persistent, .form = Form::none},
};
constexpr OptionSpec masquerade_options[] = {
    {.name = "to-ports", .id = to},
    {.name = "random", .id = random_ports, .form = Form::none},
    {.name = "random-fully", .id = random_fully, .form = Form::none},
};
constexpr OptionSpec redirect_options[] = {
    {.name = "to-ports", .id = to},
    {.name = "random", .id = random_ports, .form = Form::none},
};
constexpr OptionSpec netmap_options[] = {{.name = "to", .id = to, .required = true}};

void read_flags(const Arguments& given, nat::Range& range) {
  range.random = given.has(random_ports);
  range.random_fully = given.has(random_fully);
  range.persistent = given.has(persistent);
}

/// `80`, `80-90`, and where an offset may be counted from, `80-90/70`.
void read_ports(const Arguments& given, const Argument& argument, std::string_view text,
                bool with_offset, nat::Range& range) {
  constexpr std::uint8_t carriers[] = {1, 6, 17, 33, 58, 132};
  if (std::find(std::begin(carriers), std::end(carriers), given.rule().protocol) ==
      std::end(carriers)) {
    given.report("ports need -p tcp, udp, sctp, dccp or icmp");
  }
  const bool has_offset = with_offset && text.find('/') != std::string_view::npos;
  std::string_view ports = has_offset ? cut(text, '/') : text;
  const bool is_range = ports.find('-') != std::string_view::npos;
  const auto low = parse_port(cut(ports, '-'));
  const auto high = is_range ? parse_port(ports) : low;
  const auto base = has_offset ? parse_port(text) : 0;
  if (!low || !high || !base || *low > *high || (has_offset && !is_range)) {
    return given.bad(argument);
  }
  range.ports_specified = true;
  range.min_port = *low;
  range.max_port = *high;
  range.port_offset = has_offset;
  range.base_port = *base;
}

void read_addresses(const Arguments& given, const Argument& argument, std::string_view text,
                    nat::Range& range) {
  const bool is_range = text.find('-') != std::string_view::npos;
  const auto parse = [&](std::string_view address) {
    return given.family() == wire::Family::ipv4 &&
                   std::count(address.begin(), address.end(), '.') != 3
               ? std::nullopt  // no short forms here
               : parse_address(address, given.family());
  };
  const auto low = parse(cut(text, '-'));
  const auto high = is_range ? parse(text) : low;
  if (!low || !high) return given.bad(argument);
  range.map_addresses = true;
  range.min_address = *low;
  range.max_address = *high;
}

/// `addresses:ports`; IPv6 addresses before ports stand in brackets.
template <Kind kind>
Target read_translation(const Arguments& given) {
  NatTarget target{kind, {}};
  read_flags(given, target.range);
  const Argument& argument = *given.find(to);
  std::string_view addresses = argument.value, ports;
  bool has_ports = false;
  if (given.family() == wire::Family::ipv6 && addresses.starts_with('[')) {
    const std::size_t bracket = addresses.find(']');
    ports = bracket == std::string_view::npos ? "]" : addresses.substr(bracket + 1);
    addresses = addresses.substr(1, bracket - 1);
    has_ports = !ports.empty();
    if (has_ports && ports.front() != ':') given.bad(argument);
    if (has_ports) ports.remove_prefix(1);
  } else if (given.family() == wire::Family::ipv4 || addresses.starts_with(':')) {
    has_ports = addresses.find(':') != std::string_view::npos;
    ports = addresses;
    addresses = cut(ports, ':');
  }
  if (has_ports) read_ports(given, argument, ports, kind == Kind::dnat, target.range);
  if (!addresses.empty() || !has_ports) {
    read_addresses(given, argument, addresses, target.range);
  }
  return target;
}

template <Kind kind>
Target read_own_address(const Arguments& given) {
  NatTarget target{kind, {}};
  read_flags(given, target.range);
  if (const Argument* a = given.find(to)) read_ports(given, *a, a->value, false, target.range);
  return target;
}

Target read_netmap(const Arguments& given) {
  NatTarget target{Kind::netmap, {}};
  const wire::Prefix prefix = given.prefix(*given.find(to)).masked();
  target.range.map_addresses = target.range.netmap = true;
  target.range.min_address = prefix.address;
  auto last = prefix.address.bytes();
  for (unsigned bit = prefix.length; bit < wire::address_bits(given.family()); ++bit) {
    last[bit / 8] |= static_cast<std::uint8_t>(0x80 >> bit % 8);
  }
  target.range.max_address = given.family() == wire::Family::ipv4
                                 ? wire::IpAddress::v4(last[0], last[1], last[2], last[3])
                                 : wire::IpAddress::v6(last);
  return target;
}

constexpr Restriction in_nat(std::uint8_t hooks) {
  return {.tables = table_bit(TableKind::nat), .hooks = hooks};
}
constexpr std::uint8_t at_sources = hook_bit(Hook::postrouting) | hook_bit(Hook::input);
constexpr std::uint8_t at_destinations = hook_bit(Hook::prerouting) | hook_bit(Hook::output);

constexpr TargetExtension extensions[] = {
    {"SNAT", snat_options, read_translation<Kind::snat>, in_nat(at_sources)},
    {"DNAT", dnat_options, read_translation<Kind::dnat>, in_nat(at_destinations)},
    {"MASQUERADE", masquerade_options, read_own_address<Kind::masquerade>,
     in_nat(hook_bit(Hook::postrouting))},
    {"REDIRECT", redirect_options, read_own_address<Kind::redirect>, in_nat(at_destinations)},
    {"NETMAP", netmap_options, read_netmap, in_nat(at_sources | at_destinations)},
};

std::string ports_text(const nat::Range& range) {
  std::string text = std::to_string(range.min_port);
  if (range.max_port != range.min_port) text += fmt::format("-{}", range.max_port);
  if (range.port_offset) text += fmt::format("/{}", range.base_port);
  return text;
}

/// Length of the prefix whose first and last address these are.
unsigned netmap_length(const nat::Range& range) {
  const unsigned bits = wire::address_bits(range.min_address.family());
  const auto& first = range.min_address.bytes();
  const auto& last = range.max_address.bytes();
  unsigned length = 0;
  while (length < bits && ((first[length / 8] ^ last[length / 8]) >> (7 - length % 8) & 1) == 0) {
    ++length;
  }
  return length;
}

}  // namespace

std::span<const TargetExtension> nat_targets() {
  return extensions;
}

std::string nat_range_text(const nat::Range& range) {
  std::string text;
  if (range.map_addresses) {
    text = range.min_address.text();
    if (range.max_address != range.min_address) text += '-' + range.max_address.text();
    if (range.ports_specified && !range.min_address.is_v4()) text = '[' + text + ']';
  }
  if (range.ports_specified) text += ':' + ports_text(range);
  return text;
}

void append(std::string& out, const NatTarget& target) {
  const nat::Range& range = target.range;
  const auto end = std::back_inserter(out);
  switch (target.kind) {
    case Kind::snat:
      fmt::format_to(end, " -j SNAT --to-source {}", nat_range_text(range));
      break;
    case Kind::dnat:
      fmt::format_to(end, " -j DNAT --to-destination {}", nat_range_text(range));
      break;
    case Kind::masquerade:
    case Kind::redirect:
      out += target.kind == Kind::redirect ? " -j REDIRECT" : " -j MASQUERADE";
      if (range.ports_specified) fmt::format_to(end, " --to-ports {}", ports_text(range));
      break;
    case Kind::netmap:
      fmt::format_to(end, " -j NETMAP --to {}/{}", range.min_address.text(), netmap_length(range));
      break;
  }
  if (range.random) out += " --random";
  if (range.random_fully) out += " --random-fully";
  if (range.persistent) out += " --persistent";
}

}  // namespace wayout::netfilter::text
