// Matches on where the packet comes from or goes to: addrtype, iprange, mac, physdev, set.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "netfilter/text/names.hpp"
#include "netfilter/text/parts.hpp"
#include "netfilter/text/registry.hpp"

namespace wayout::netfilter::text {
namespace {

// ------------------------------------------------------------ addrtype

enum : std::uint8_t { source_type, destination_type, limit_in, limit_out };
constexpr OptionSpec addrtype_options[] = {
    {.name = "src-type", .id = source_type, .invertible = true},
    {.name = "dst-type", .id = destination_type, .invertible = true},
    {.name = "limit-iface-in", .id = limit_in, .form = Form::none},
    {.name = "limit-iface-out", .id = limit_out, .form = Form::none},
};

std::uint16_t read_types(const Arguments& given, const Argument& argument) {
  std::uint16_t types = 0;
  std::string_view rest = argument.value;
  while (true) {
    const bool last = rest.find(',') == std::string_view::npos;
    const std::string_view name = cut(rest, ',');
    const auto* at =
        std::find_if(std::begin(route_type_names), std::end(route_type_names),
                     [name](std::string_view type) { return same_ignoring_case(type, name); });
    if (at == std::end(route_type_names)) {
      given.bad(argument);
      return types;
    }
    types |= static_cast<std::uint16_t>(1U << (at - std::begin(route_type_names)));
    if (last) return types;
  }
}

Match read_addrtype(const Arguments& given) {
  constexpr std::uint8_t types[] = {source_type, destination_type};
  constexpr std::uint8_t limits[] = {limit_in, limit_out};
  given.need_one_of(types);
  given.allow_one_of(limits);
  AddrtypeMatch match;
  if (const Argument* a = given.find(source_type)) {
    match.source_types = read_types(given, *a);
    match.invert_source = a->inverted;
  }
  if (const Argument* a = given.find(destination_type)) {
    match.destination_types = read_types(given, *a);
    match.invert_destination = a->inverted;
  }
  match.limit_in = given.has(limit_in);
  match.limit_out = given.has(limit_out);
  return match;
}

// ------------------------------------------------------------ iprange, mac

enum : std::uint8_t { source_range, destination_range };
constexpr OptionSpec iprange_options[] = {
    {.name = "src-range", .id = source_range, .invertible = true},
    {.name = "dst-range", .id = destination_range, .invertible = true},
};

std::pair<wire::IpAddress, wire::IpAddress> read_address_range(const Arguments& given,
                                                               const Argument& argument) {
  std::string_view rest = argument.value;
  const bool is_range = rest.find('-') != std::string_view::npos;
  const auto low = parse_address(cut(rest, '-'), given.family());
  const auto high = is_range ? parse_address(rest, given.family()) : low;
  if (!low || !high) {
    given.bad(argument);
    return {};
  }
  return {*low, *high};
}

Match read_iprange(const Arguments& given) {
  constexpr std::uint8_t ranges[] = {source_range, destination_range};
  given.need_one_of(ranges);
  IprangeMatch match;
  if (const Argument* a = given.find(source_range)) {
    match.source = read_address_range(given, *a);
    match.invert_source = a->inverted;
  }
  if (const Argument* a = given.find(destination_range)) {
    match.destination = read_address_range(given, *a);
    match.invert_destination = a->inverted;
  }
  return match;
}

constexpr OptionSpec mac_options[] = {{.name = "mac-source", .invertible = true, .required = true}};

Match read_mac(const Arguments& given) {
  const Argument& argument = given.list().front();
  const auto mac = parse_mac(argument.value);
  if (!mac) given.bad(argument);
  return MacMatch{mac.value_or(wire::MacAddress{}), argument.inverted};
}

// ------------------------------------------------------------ physdev

enum : std::uint8_t { device_in, is_in, device_out, is_out, is_bridged };
constexpr OptionSpec physdev_options[] = {
    {.name = "physdev-in", .id = device_in, .invertible = true},
    {.name = "physdev-is-in", .id = is_in, .form = Form::none, .invertible = true},
    {.name = "physdev-out", .id = device_out, .invertible = true},
    {.name = "physdev-is-out", .id = is_out, .form = Form::none, .invertible = true},
    {.name = "physdev-is-bridged", .id = is_bridged, .form = Form::none, .invertible = true},
};

Match read_physdev(const Arguments& given) {
  constexpr std::size_t longest_name = 15;
  if (given.list().empty()) given.report("physdev needs one of its options");
  PhysdevMatch match;
  const auto device = [&](std::uint8_t id, std::string& name, bool& invert) {
    const Argument* a = given.find(id);
    if (a == nullptr) return;
    if (a->value.size() > longest_name) given.bad(*a);
    name = a->value;
    invert = a->inverted;
  };
  const auto flag = [&](std::uint8_t id, bool& asked, bool& invert) {
    const Argument* a = given.find(id);
    asked = a != nullptr;
    invert = asked && a->inverted;
  };
  device(device_in, match.in, match.invert_in);
  device(device_out, match.out, match.invert_out);
  flag(is_in, match.is_in, match.invert_is_in);
  flag(is_out, match.is_out, match.invert_is_out);
  flag(is_bridged, match.is_bridged, match.invert_is_bridged);
  return match;
}

// ------------------------------------------------------------ set

enum : std::uint8_t {
  match_set,
  return_nomatch,
  update_counters,
  update_subcounters,
  packets_eq,
  packets_lt,
  packets_gt,
  bytes_eq,
  bytes_lt,
  bytes_gt
};
constexpr std::uint64_t any_count = ~std::uint64_t{0};
constexpr OptionSpec set_options[] = {
    {.name = "match-set",
     .id = match_set,
     .form = Form::two_words,
     .invertible = true,
     .required = true},
    {.name = "set", .id = match_set, .form = Form::two_words, .invertible = true, .required = true},
    {.name = "return-nomatch", .id = return_nomatch, .form = Form::none},
    {.name = "update-counters", .id = update_counters, .form = Form::none, .invertible = true},
    {.name = "update-subcounters",
     .id = update_subcounters,
     .form = Form::none,
     .invertible = true},
    {.name = "packets-eq",
     .id = packets_eq,
     .form = Form::number,
     .invertible = true,
     .highest = any_count},
    {.name = "packets-lt", .id = packets_lt, .form = Form::number, .highest = any_count},
    {.name = "packets-gt", .id = packets_gt, .form = Form::number, .highest = any_count},
    {.name = "bytes-eq",
     .id = bytes_eq,
     .form = Form::number,
     .invertible = true,
     .highest = any_count},
    {.name = "bytes-lt", .id = bytes_lt, .form = Form::number, .highest = any_count},
    {.name = "bytes-gt", .id = bytes_gt, .form = Form::number, .highest = any_count},
};

Match read_set(const Arguments& given) {
  constexpr std::size_t longest_name = 31, most_dimensions = 6;
  const Argument& argument = *given.find(match_set);
  SetMatch match;
  match.set = argument.value;
  match.invert = argument.inverted;
  if (match.set.size() > longest_name) given.bad(argument);
  std::string_view rest = argument.second;
  while (true) {
    const bool last = rest.find(',') == std::string_view::npos;
    const std::string_view side = cut(rest, ',');
    if ((side != "src" && side != "dst") || match.source.size() == most_dimensions) {
      given.report("a set is matched with up to 6 of src and dst, separated by commas");
      break;
    }
    match.source.push_back(side == "src");
    if (last) break;
  }
  match.extra = kept_words(std::span(set_options).subspan(2), given);
  return match;
}

constexpr MatchExtension extensions[] = {
    {"addrtype", addrtype_options, read_addrtype},
    {"iprange", iprange_options, read_iprange},
    {"mac",
     mac_options,
     read_mac,
     {.hooks = hook_bit(Hook::prerouting) | hook_bit(Hook::input) | hook_bit(Hook::forward)}},
    {"physdev", physdev_options, read_physdev},
    {"set", set_options, read_set},
};

std::string type_list(std::uint16_t types) {
  std::string text;
  for (std::size_t i = 0; i < std::size(route_type_names); ++i) {
    if ((types >> i & 1) == 0) continue;
    if (!text.empty()) text += ',';
    text += route_type_names[i];
  }
  return text;
}

}  // namespace

std::span<const MatchExtension> place_matches() {
  return extensions;
}

void append(std::string& out, const AddrtypeMatch& match) {
  out += " -m addrtype";
  const auto types = [&](std::string_view option, std::uint16_t bits, bool inverted) {
    if (bits == 0) return;
    fmt::format_to(std::back_inserter(out), "{} --{} {}", inverted ? " !" : "", option,
                   type_list(bits));
  };
  types("src-type", match.source_types, match.invert_source);
  types("dst-type", match.destination_types, match.invert_destination);
  if (match.limit_in) out += " --limit-iface-in";
  if (match.limit_out) out += " --limit-iface-out";
}

void append(std::string& out, const IprangeMatch& match) {
  out += " -m iprange";
  const auto range = [&](std::string_view option, const auto& addresses, bool inverted) {
    if (!addresses) return;
    fmt::format_to(std::back_inserter(out), "{} --{} {}-{}", inverted ? " !" : "", option,
                   addresses->first.text(), addresses->second.text());
  };
  range("src-range", match.source, match.invert_source);
  range("dst-range", match.destination, match.invert_destination);
}

void append(std::string& out, const MacMatch& match) {
  fmt::format_to(std::back_inserter(out), " -m mac{} --mac-source {}", match.invert ? " !" : "",
                 match.source.text());
}

void append(std::string& out, const PhysdevMatch& match) {
  out += " -m physdev";
  const auto device = [&](std::string_view option, const std::string& name, bool inverted) {
    if (name.empty()) return;
    fmt::format_to(std::back_inserter(out), "{} --{} {}", inverted ? " !" : "", option, name);
  };
  const auto flag = [&](std::string_view option, bool asked, bool inverted) {
    if (!asked) return;
    fmt::format_to(std::back_inserter(out), "{} --{}", inverted ? " !" : "", option);
  };
  flag("physdev-is-in", match.is_in, match.invert_is_in);
  device("physdev-in", match.in, match.invert_in);
  flag("physdev-is-out", match.is_out, match.invert_is_out);
  device("physdev-out", match.out, match.invert_out);
  flag("physdev-is-bridged", match.is_bridged, match.invert_is_bridged);
}

void append(std::string& out, const SetMatch& match) {
  fmt::format_to(std::back_inserter(out), " -m set{} --match-set {} ", match.invert ? " !" : "",
                 match.set);
  for (std::size_t i = 0; i < match.source.size(); ++i) {
    if (i != 0) out += ',';
    out += match.source[i] ? "src" : "dst";
  }
  for (const std::string& word : match.extra)
    out += ' ' + word;
}

}  // namespace wayout::netfilter::text
