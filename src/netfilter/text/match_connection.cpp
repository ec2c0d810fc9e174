// Matches on what is known of the packet beside its bytes: state, conntrack, mark, connmark.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "netfilter/text/names.hpp"
#include "netfilter/text/parts.hpp"
#include "netfilter/text/registry.hpp"

namespace wayout::netfilter::text {
namespace {

constexpr OptionSpec state_options[] = {{.name = "state", .invertible = true, .required = true}};

enum : std::uint8_t {
  states,
  protocol,
  original_source,
  original_destination,
  reply_source,
  reply_destination,
  original_source_port,
  original_destination_port,
  reply_source_port,
  reply_destination_port,
  status,
  expire,
  direction
};
constexpr OptionSpec conntrack_options[] = {
    {.name = "ctstate", .id = states, .invertible = true},
    {.name = "ctproto", .id = protocol, .invertible = true},
    {.name = "ctorigsrc", .id = original_source, .invertible = true},
    {.name = "ctorigdst", .id = original_destination, .invertible = true},
    {.name = "ctreplsrc", .id = reply_source, .invertible = true},
    {.name = "ctrepldst", .id = reply_destination, .invertible = true},
    {.name = "ctorigsrcport", .id = original_source_port, .invertible = true},
    {.name = "ctorigdstport", .id = original_destination_port, .invertible = true},
    {.name = "ctreplsrcport", .id = reply_source_port, .invertible = true},
    {.name = "ctrepldstport", .id = reply_destination_port, .invertible = true},
    {.name = "ctstatus", .id = status, .invertible = true},
    {.name = "ctexpire", .id = expire, .invertible = true},
    {.name = "ctdir", .id = direction},
};

/// The bits of a list of names, any case.
std::uint16_t read_names(std::span<const std::pair<std::string_view, std::uint16_t>> table,
                         const Arguments& given, const Argument& argument) {
  std::uint16_t bits = 0;
  std::string_view rest = argument.value;
  while (true) {
    const bool last = rest.find(',') == std::string_view::npos;
    const std::string_view name = cut(rest, ',');
    const auto at = std::find_if(table.begin(), table.end(), [name](const auto& row) {
      return same_ignoring_case(row.first, name);
    });
    if (at == table.end()) {
      given.bad(argument);
      return bits;
    }
    bits |= at->second;
    if (last) return bits;
  }
}

Match read_state(const Arguments& given) {
  constexpr std::size_t of_match_state = 5;
  const Argument& argument = given.list().front();
  ConntrackMatch match;
  match.is_state_match = true;
  match.states = read_names(std::span(state_names).first<of_match_state>(), given, argument);
  match.invert_states = argument.inverted;
  return match;
}

void read_tuple(const Arguments& given, ConntrackMatch& match) {
  const auto address = [&](std::uint8_t id, std::optional<ConntrackMatch::AddressField>& field) {
    if (const Argument* a = given.find(id)) field = {given.prefix(*a), a->inverted};
  };
  const auto port = [&](std::uint8_t id, std::optional<ConntrackMatch::PortField>& field) {
    if (const Argument* a = given.find(id)) field = {given.ports(*a), a->inverted};
  };
  address(original_source, match.original_source);
  address(original_destination, match.original_destination);
  address(reply_source, match.reply_source);
  address(reply_destination, match.reply_destination);
  port(original_source_port, match.original_source_port);
  port(original_destination_port, match.original_destination_port);
  port(reply_source_port, match.reply_source_port);
  port(reply_destination_port, match.reply_destination_port);
}

Match read_conntrack(const Arguments& given) {
  ConntrackMatch match;
  if (given.list().empty()) given.report("conntrack needs one of its options");
  if (const Argument* a = given.find(states)) {
    match.states = read_names(state_names, given, *a);
    match.invert_states = a->inverted;
  }
  if (const Argument* a = given.find(protocol)) {
    match.protocol = parse_protocol(a->value);
    match.invert_protocol = a->inverted;
    if (!match.protocol) given.bad(*a);
  }
  read_tuple(given, match);
  if (const Argument* a = given.find(status)) {
    match.status = read_names(status_names, given, *a);
    match.invert_status = a->inverted;
  }
  if (const Argument* a = given.find(expire)) {
    const NumberRange range = given.range(*a, 0xffffffff);
    match.expire_s.emplace(static_cast<std::uint32_t>(range.low),
                           static_cast<std::uint32_t>(range.high));
    match.invert_expire = a->inverted;
  }
  if (const Argument* a = given.find(direction)) {
    match.direction_reply = same_ignoring_case(a->value, "REPLY");
    if (!*match.direction_reply && !same_ignoring_case(a->value, "ORIGINAL")) given.bad(*a);
  }
  return match;
}

constexpr OptionSpec mark_options[] = {{.name = "mark", .invertible = true, .required = true}};

template <class SomeMark>
Match read_mark(const Arguments& given) {
  const Argument& argument = given.list().front();
  const MarkAndMask mark = given.mark(argument);
  return SomeMark{mark.value, mark.mask, argument.inverted};
}

constexpr MatchExtension extensions[] = {
    {"state", state_options, read_state},
    {"conntrack", conntrack_options, read_conntrack},
    {"mark", mark_options, read_mark<MarkMatch>},
    {"connmark", mark_options, read_mark<ConnmarkMatch>},
};

void append_mark(std::string& out, std::string_view name, std::uint32_t value, std::uint32_t mask,
                 bool inverted) {
  const auto end = std::back_inserter(out);
  fmt::format_to(end, " -m {}{} --mark 0x{:x}", name, inverted ? " !" : "", value);
  if (mask != 0xffffffff) fmt::format_to(end, "/0x{:x}", mask);
}

void append_tuple(std::string& out, const ConntrackMatch& match) {
  const auto end = std::back_inserter(out);
  const auto address = [&](std::string_view name,
                           const std::optional<ConntrackMatch::AddressField>& field) {
    if (!field) return;
    fmt::format_to(end, "{} --{} {}", field->invert ? " !" : "", name, field->prefix.text(true));
  };
  const auto port = [&](std::string_view name,
                        const std::optional<ConntrackMatch::PortField>& field) {
    if (!field) return;
    fmt::format_to(end, "{} --{} {}", field->invert ? " !" : "", name,
                   port_range_text(field->ports));
  };
  address("ctorigsrc", match.original_source);
  address("ctorigdst", match.original_destination);
  address("ctreplsrc", match.reply_source);
  address("ctrepldst", match.reply_destination);
  port("ctorigsrcport", match.original_source_port);
  port("ctorigdstport", match.original_destination_port);
  port("ctreplsrcport", match.reply_source_port);
  port("ctrepldstport", match.reply_destination_port);
}

}  // namespace

std::span<const MatchExtension> connection_matches() {
  return extensions;
}

void append(std::string& out, const ConntrackMatch& match) {
  const auto end = std::back_inserter(out);
  const auto option = [&](bool inverted, std::string_view name, std::string_view value) {
    fmt::format_to(end, "{} --{} {}", inverted ? " !" : "", name, value);
  };
  if (match.is_state_match) {
    out += " -m state";
    option(match.invert_states, "state", names_of(state_names, match.states.value_or(0)));
    return;
  }
  out += " -m conntrack";
  if (match.states) option(match.invert_states, "ctstate", names_of(state_names, *match.states));
  if (match.protocol) {
    option(match.invert_protocol, "ctproto", std::to_string(*match.protocol));
  }
  append_tuple(out, match);
  if (match.status) {
    option(match.invert_status, "ctstatus",
           *match.status == 0 ? "NONE" : names_of(status_names, *match.status));
  }
  if (match.expire_s) {
    const auto [low, high] = *match.expire_s;
    option(match.invert_expire, "ctexpire",
           low == high ? std::to_string(low) : fmt::format("{}:{}", low, high));
  }
  if (match.direction_reply) option(false, "ctdir", *match.direction_reply ? "REPLY" : "ORIGINAL");
}

void append(std::string& out, const MarkMatch& match) {
  append_mark(out, "mark", match.value, match.mask, match.invert);
}

void append(std::string& out, const ConnmarkMatch& match) {
  append_mark(out, "connmark", match.value, match.mask, match.invert);
}

}  // namespace wayout::netfilter::text
