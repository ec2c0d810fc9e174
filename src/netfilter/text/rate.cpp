#include "netfilter/text/rate.hpp"

#include <fmt/format.h>

#include <iterator>

#include "netfilter/text/names.hpp"
#include "netfilter/text/values.hpp"

namespace wayout::netfilter::text {
namespace {

struct Unit {
  std::string_view name, printed;
  std::uint32_t seconds;
};
constexpr Unit units[] = {
    {"day", "day", 86400}, {"hour", "hour", 3600}, {"minute", "min", 60}, {"second", "sec", 1}};

/// The unit that iptables-save chooses: from days downwards, as long as in the next smaller unit
/// the rate is at least one, and its rounding error smaller than the rate itself.
const Unit& printed_unit(std::uint64_t average, std::uint64_t scale) {
  std::size_t chosen = 0;
  for (std::size_t i = 1; i < std::size(units); ++i) {
    const std::uint64_t whole = scale * units[i].seconds;
    if (average > whole || whole / average < whole % average) break;
    chosen = i;
  }
  return units[chosen];
}

/// Digits in front, as atoi() takes them: `1.5` is 1.
std::optional<std::uint64_t> leading_number(std::string_view text) {
  std::uint64_t value = 0;
  if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
  for (const char c : text) {
    if (c < '0' || c > '9') break;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
    if (value > 0xffffffff) return std::nullopt;
  }
  return value;
}

}  // namespace

std::optional<Rate> parse_rate(std::string_view text, std::uint64_t scale) {
  const bool has_unit = text.find('/') != std::string_view::npos;
  const auto number = leading_number(cut(text, '/'));
  if (!number || *number == 0 || (has_unit && text.empty())) return std::nullopt;
  for (const Unit& unit : units) {
    if (has_unit ? !begins_ignoring_case(unit.name, text) : unit.seconds != 1) continue;
    if (*number / unit.seconds > scale) return std::nullopt;
    const std::uint64_t average = scale * unit.seconds / *number;
    if (average == 0) return std::nullopt;
    return Rate{average, unit.seconds};
  }
  return std::nullopt;
}

std::uint32_t printed_unit_s(std::uint64_t average, std::uint64_t scale) {
  return average == 0 ? 1 : printed_unit(average, scale).seconds;
}

std::string rate_text(std::uint64_t average, std::uint64_t scale) {
  if (average == 0) return "inf";
  const Unit& unit = printed_unit(average, scale);
  return fmt::format("{}/{}", scale * unit.seconds / average, unit.printed);
}

}  // namespace wayout::netfilter::text
