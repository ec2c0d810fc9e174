// Matches whose answer depends on the past or on who sends: limit, recent, owner; and comment.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "netfilter/text/names.hpp"
#include "netfilter/text/parts.hpp"
#include "netfilter/text/rate.hpp"
#include "netfilter/text/registry.hpp"

namespace wayout::netfilter::text {
namespace {

constexpr OptionSpec comment_options[] = {{.name = "comment", .required = true}};

Match read_comment(const Arguments& given) {
  constexpr std::size_t longest = 255;
  return CommentMatch{std::string(given.list().front().value.substr(0, longest))};
}

// ------------------------------------------------------------ limit

enum : std::uint8_t { limit, limit_burst };
constexpr OptionSpec limit_options[] = {
    {.name = "limit", .id = limit},
    {.name = "limit-burst", .id = limit_burst},
};
constexpr std::uint32_t limit_scale = 10000;  // XT_LIMIT_SCALE: a packet a second costs this

Match read_limit(const Arguments& given) {
  constexpr std::uint32_t three_an_hour = limit_scale * 3600 / 3;
  LimitMatch match;
  match.average = three_an_hour;
  if (const Argument* a = given.find(limit)) {
    const auto rate = parse_rate(a->value, limit_scale);
    if (!rate) given.bad(*a);
    if (rate) match.average = static_cast<std::uint32_t>(rate->average);
  }
  if (const Argument* a = given.find(limit_burst)) {
    match.burst = static_cast<std::uint32_t>(given.number(*a, 10000));
  }
  return match;
}

// ------------------------------------------------------------ recent

enum : std::uint8_t {
  recent_set,
  rcheck,
  update,
  remove_,
  seconds,
  reap,
  hitcount,
  rttl,
  list_name,
  mask,
  rsource,
  rdest
};
constexpr OptionSpec recent_options[] = {
    {.name = "set", .id = recent_set, .form = Form::none, .invertible = true},
    {.name = "rcheck", .id = rcheck, .form = Form::none, .invertible = true},
    {.name = "update", .id = update, .form = Form::none, .invertible = true},
    {.name = "remove", .id = remove_, .form = Form::none, .invertible = true},
    {.name = "seconds", .id = seconds},
    {.name = "reap", .id = reap, .form = Form::none},
    {.name = "hitcount", .id = hitcount},
    {.name = "rttl", .id = rttl, .form = Form::none},
    {.name = "name", .id = list_name},
    {.name = "mask", .id = mask},
    {.name = "rsource", .id = rsource, .form = Form::none},
    {.name = "rdest", .id = rdest, .form = Form::none},
};

Match read_recent(const Arguments& given) {
  constexpr std::size_t longest_name = 199;
  constexpr std::uint8_t modes[] = {recent_set, rcheck, update, remove_};
  given.need_one_of(modes);
  given.allow_one_of(modes);
  RecentMatch match;
  match.mask = mask_of(wire::address_bits(given.family()), given.family());
  for (const Argument& argument : given.list()) {
    switch (argument.spec->id) {
      case recent_set:
      case rcheck:
      case update:
      case remove_:
        match.mode = static_cast<RecentMatch::Mode>(argument.spec->id);
        match.invert = argument.inverted;
        break;
      case seconds:
        match.seconds = static_cast<std::uint32_t>(given.number(argument, 0xffffffff));
        if (match.seconds == 0) given.bad(argument);
        break;
      case hitcount:
        match.hitcount = static_cast<std::uint32_t>(given.number(argument, 0xffffffff));
        break;
      case reap:
        match.reap = true;
        break;
      case rttl:
        match.rttl = true;
        break;
      case list_name:
        match.name = argument.value;
        if (match.name.size() > longest_name || match.name.find('/') != std::string::npos) {
          given.bad(argument);
        }
        break;
      case mask: {
        const auto whole = wire::IpAddress::parse(argument.value);  // no short forms here
        if (!whole || whole->family() != given.family()) given.bad(argument);
        match.mask = whole.value_or(match.mask);
        break;
      }
      default:
        match.by_destination = argument.spec->id == rdest;
        break;
    }
  }
  if (match.reap && match.seconds == 0) given.report("recent --reap needs --seconds");
  const bool asks =
      match.mode == RecentMatch::Mode::rcheck || match.mode == RecentMatch::Mode::update;
  if (!asks && (match.seconds != 0 || match.hitcount != 0 || match.rttl)) {
    given.report("recent --seconds, --hitcount and --rttl need --rcheck or --update");
  }
  return match;
}

// ------------------------------------------------------------ owner

enum : std::uint8_t { uid_owner, gid_owner, socket_exists, suppl_groups };
constexpr OptionSpec owner_options[] = {
    {.name = "uid-owner", .id = uid_owner, .invertible = true},
    {.name = "gid-owner", .id = gid_owner, .invertible = true},
    {.name = "socket-exists", .id = socket_exists, .form = Form::none, .invertible = true},
    {.name = "suppl-groups", .id = suppl_groups, .form = Form::none},
};

/// A number or a range. Of names only root is known: the others belong to another machine.
std::pair<std::uint32_t, std::uint32_t> read_ids(const Arguments& given, const Argument& argument) {
  constexpr std::uint64_t highest = 0xfffffffe;
  if (argument.value == "root") return {0, 0};
  std::string_view rest = argument.value;
  const bool is_range = rest.find('-') != std::string_view::npos;
  const auto low = parse_number(cut(rest, '-'), highest);
  const auto high = is_range ? parse_number(rest, highest) : low;
  if (!low || !high || *low > *high) {
    given.bad(argument);
    return {};
  }
  return {static_cast<std::uint32_t>(*low), static_cast<std::uint32_t>(*high)};
}

Match read_owner(const Arguments& given) {
  constexpr std::uint8_t asked[] = {uid_owner, gid_owner, socket_exists};
  given.need_one_of(asked);
  OwnerMatch match;
  if (const Argument* a = given.find(uid_owner)) {
    match.uid = read_ids(given, *a);
    match.invert_uid = a->inverted;
  }
  if (const Argument* a = given.find(gid_owner)) {
    match.gid = read_ids(given, *a);
    match.invert_gid = a->inverted;
  }
  if (const Argument* a = given.find(socket_exists)) {
    match.socket_exists = true;
    match.invert_socket = a->inverted;
  }
  match.supplementary_groups = given.has(suppl_groups);
  if (match.supplementary_groups && !match.gid) given.report("--suppl-groups needs --gid-owner");
  return match;
}

constexpr MatchExtension extensions[] = {
    {"comment", comment_options, read_comment},
    {"limit", limit_options, read_limit},
    {"recent", recent_options, read_recent},
    {"owner",
     owner_options,
     read_owner,
     {.hooks = hook_bit(Hook::output) | hook_bit(Hook::postrouting)}},
};

}  // namespace

std::span<const MatchExtension> history_matches() {
  return extensions;
}

void append(std::string& out, const CommentMatch& match) {
  out += " -m comment --comment " + quoted_if_needed(match.text);
}

void append(std::string& out, const LimitMatch& match) {
  constexpr std::uint32_t default_burst = 5;
  out += " -m limit --limit " + rate_text(match.average, limit_scale);
  if (match.burst != default_burst) out += " --limit-burst " + std::to_string(match.burst);
}

void append(std::string& out, const RecentMatch& match) {
  constexpr const char* modes[] = {"set", "rcheck", "update", "remove"};
  const auto end = std::back_inserter(out);
  fmt::format_to(end, " -m recent{} --{}", match.invert ? " !" : "",
                 modes[static_cast<std::size_t>(match.mode)]);
  if (match.seconds != 0) fmt::format_to(end, " --seconds {}", match.seconds);
  if (match.reap) out += " --reap";
  if (match.hitcount != 0) fmt::format_to(end, " --hitcount {}", match.hitcount);
  if (match.rttl) out += " --rttl";
  fmt::format_to(end, " --name {} --mask {} --{}", match.name, match.mask.text(),
                 match.by_destination ? "rdest" : "rsource");
}

void append(std::string& out, const OwnerMatch& match) {
  out += " -m owner";
  const auto ids = [&](std::string_view option, const auto& range, bool inverted) {
    if (!range) return;
    const auto [low, high] = *range;
    const auto end = std::back_inserter(out);
    fmt::format_to(end, "{} --{} {}", inverted ? " !" : "", option, low);
    if (low != high) fmt::format_to(end, "-{}", high);
  };
  if (match.socket_exists) out += match.invert_socket ? " ! --socket-exists" : " --socket-exists";
  ids("uid-owner", match.uid, match.invert_uid);
  ids("gid-owner", match.gid, match.invert_gid);
  if (match.supplementary_groups) out += " --suppl-groups";
}

}  // namespace wayout::netfilter::text
