// The match `time`: kept, in the form iptables-save gives it.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>

#include "netfilter/text/registry.hpp"

namespace wayout::netfilter::text {
namespace {

enum : std::uint8_t {
  timestart,
  timestop,
  monthdays,
  weekdays,
  datestart,
  datestop,
  kerneltz,
  contiguous,
  utc
};
constexpr OptionSpec options[] = {
    {.name = "timestart", .id = timestart},
    {.name = "timestop", .id = timestop},
    {.name = "monthdays", .id = monthdays, .invertible = true},
    {.name = "weekdays", .id = weekdays, .invertible = true},
    {.name = "datestart", .id = datestart},
    {.name = "datestop", .id = datestop},
    {.name = "kerneltz", .id = kerneltz, .form = Form::none},
    {.name = "localtz", .id = kerneltz, .form = Form::none},
    {.name = "contiguous", .id = contiguous, .form = Form::none},
    {.name = "utc", .id = utc, .form = Form::none},
};
constexpr std::string_view day_names[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

/// Decimal, leading zeros allowed.
std::optional<unsigned> plain_number(std::string_view text, unsigned highest) {
  unsigned value = 0;
  if (text.empty() || text.size() > 4) return std::nullopt;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value > highest) return std::nullopt;
  return value;
}

/// `hh:mm` or `hh:mm:ss` as seconds of the day.
std::optional<unsigned> parse_time(std::string_view text) {
  const auto hour = plain_number(cut(text, ':'), 23);
  const auto minute = plain_number(cut(text, ':'), 59);
  const auto second = text.empty() ? 0 : plain_number(text, 59);
  if (!hour || !minute || !second) return std::nullopt;
  return *hour * 3600 + *minute * 60 + *second;
}

std::string time_text(unsigned seconds) {
  return fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

/// `YYYY[-MM[-DD[Thh[:mm[:ss]]]]]` as seconds since 1970, within 31 bits.
std::optional<std::int64_t> parse_date(std::string_view text) {
  using namespace std::chrono;
  std::string_view clock = text;
  std::string_view date = cut(clock, 'T');
  const auto part = [](std::string_view& rest, char separator, unsigned highest, unsigned missing) {
    return rest.empty() ? std::optional(missing) : plain_number(cut(rest, separator), highest);
  };
  const auto year_number = part(date, '-', 2038, 0);
  const auto month_number = part(date, '-', 12, 1);
  const auto day_number = part(date, '-', 31, 1);
  const auto hour = part(clock, ':', 23, 0);
  const auto minute = part(clock, ':', 59, 0);
  const auto second = part(clock, ':', 59, 0);
  if (!year_number || !month_number || !day_number || !hour || !minute || !second ||
      *month_number == 0 || *day_number == 0) {
    return std::nullopt;
  }
  const sys_days first{year{static_cast<int>(*year_number)} / month{*month_number} / day{1}};
  const std::int64_t days_since = (first + days{*day_number - 1}).time_since_epoch().count();
  const std::int64_t seconds = days_since * 86400 + *hour * 3600 + *minute * 60 + *second;
  if (seconds < 0 || seconds > 0x7fffffff) return std::nullopt;
  return seconds;
}

std::string date_text(std::int64_t seconds_since) {
  using namespace std::chrono;
  const year_month_day date{sys_days{days{seconds_since / 86400}}};
  return fmt::format("{:04}-{:02}-{:02}T{}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time_text(static_cast<unsigned>(seconds_since % 86400)));
}

/// The days named in a list, from 1; a negation is the other days. Weekdays may have names, of
/// which the first two letters count.
std::array<bool, 32> parse_days(const Arguments& given, const Argument& argument,
                                unsigned highest) {
  std::array<bool, 32> days{};
  std::string_view rest = argument.value;
  while (!rest.empty()) {
    const std::string_view item = cut(rest, ',');
    auto day = plain_number(item, highest);
    for (unsigned i = 0; highest == 7 && !day && i < std::size(day_names); ++i) {
      if (item.starts_with(day_names[i].substr(0, 2))) day = i + 1;
    }
    if (!day || *day == 0) {
      given.bad(argument);
      return days;
    }
    days[*day] = true;
  }
  if (argument.inverted) std::transform(days.begin(), days.end(), days.begin(), std::logical_not{});
  return days;
}

void append_days(const Arguments& given, std::uint8_t id, unsigned highest,
                 std::vector<std::string>& words) {
  const Argument* argument = given.find(id);
  if (argument == nullptr) return;
  const auto days = parse_days(given, *argument, highest);
  const auto asked = [&days](unsigned day) { return days[day]; };
  std::string text;
  unsigned count = 0;
  for (unsigned day = 1; day <= highest; ++day) {
    if (!asked(day)) continue;
    if (count++ != 0) text += ',';
    text += highest == 7 ? std::string(day_names[day - 1]) : std::to_string(day);
  }
  if (count == highest) return;
  words.insert(words.end(), {fmt::format("--{}", argument->spec->name), text});
}

Match read_time(const Arguments& given) {
  constexpr unsigned last_second = 86399;
  constexpr std::int64_t last_date = 0x7fffffff;
  KeptMatch match{"time", {}};
  const auto time_of = [&](std::uint8_t id, unsigned missing) {
    const Argument* a = given.find(id);
    if (a == nullptr) return missing;
    const auto seconds = parse_time(a->value);
    if (!seconds) given.bad(*a);
    return seconds.value_or(missing);
  };
  const auto date_of = [&](std::uint8_t id, std::int64_t missing) {
    const Argument* a = given.find(id);
    if (a == nullptr) return missing;
    const auto seconds = parse_date(a->value);
    if (!seconds) given.bad(*a);
    return seconds.value_or(missing);
  };
  std::vector<std::string>& words = match.tokens;
  const unsigned start = time_of(timestart, 0), stop = time_of(timestop, last_second);
  if (start != 0 || stop != last_second) {
    words.insert(words.end(), {"--timestart", time_text(start), "--timestop", time_text(stop)});
  }
  append_days(given, monthdays, 31, words);
  append_days(given, weekdays, 7, words);
  const std::int64_t first = date_of(datestart, 0);
  if (first != 0) words.insert(words.end(), {"--datestart", date_text(first)});
  words.insert(words.end(), {"--datestop", date_text(date_of(datestop, last_date))});
  if (given.has(kerneltz)) words.emplace_back("--kerneltz");
  if (given.has(contiguous)) words.emplace_back("--contiguous");
  return match;
}

constexpr MatchExtension extensions[] = {{"time", options, read_time}};

}  // namespace

std::span<const MatchExtension> kept_time_matches() {
  return extensions;
}

}  // namespace wayout::netfilter::text
