// Matches on IPv6 headers, which are read and printed but not evaluated.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "netfilter/text/names.hpp"
#include "netfilter/text/registry.hpp"

namespace wayout::netfilter::text {
namespace {

constexpr OptionSpec ah_options[] = {
    {.name = "ahspi", .id = 0, .form = Form::range, .invertible = true},
    {.name = "ahlen", .id = 1, .form = Form::number, .invertible = true},
    {.name = "ahres", .id = 2, .form = Form::none},
};
constexpr OptionSpec dst_options[] = {
    {.name = "dst-len", .id = 0, .form = Form::number, .invertible = true},
    {.name = "dst-opts", .id = 1},
};
constexpr OptionSpec hbh_options[] = {
    {.name = "hbh-len", .id = 0, .form = Form::number, .invertible = true},
    {.name = "hbh-opts", .id = 1},
};
constexpr OptionSpec frag_options[] = {
    {.name = "fragid", .id = 0, .form = Form::range, .invertible = true},
    {.name = "fraglen", .id = 1, .form = Form::number, .invertible = true},
    {.name = "fragres", .id = 2, .form = Form::none},
    {.name = "fragfirst", .id = 3, .form = Form::none},
    {.name = "fragmore", .id = 4, .form = Form::none},
    {.name = "fraglast", .id = 5, .form = Form::none},
};
constexpr OptionSpec hl_options[] = {
    {.name = "hl-eq", .id = 0, .form = Form::number, .invertible = true, .highest = 255},
    {.name = "hl-lt", .id = 1, .form = Form::number, .highest = 255},
    {.name = "hl-gt", .id = 2, .form = Form::number, .highest = 255},
};

struct HeaderName {
  std::string_view shortened, printed, number;
};
/// In the order of printing.
constexpr HeaderName header_names[] = {
    {"prot", "protocol", "255"},   {"hop", "hop-by-hop", "0"},   {"dst", "ipv6-opts", "60"},
    {"route", "ipv6-route", "43"}, {"frag", "ipv6-frag", "44"},  {"auth", "ah", "51"},
    {"esp", "esp", "50"},          {"none", "ipv6-nonxt", "59"},
};
std::string header_list(const Arguments& given, const Argument& argument) {
  unsigned asked = 0;
  std::string_view rest = argument.value;
  do {
    const std::string_view name = cut(rest, ',');
    const auto* at =
        std::find_if(std::begin(header_names), std::end(header_names), [name](const HeaderName& h) {
          return h.shortened == name || h.printed == name || h.number == name;
        });
    if (at == std::end(header_names)) {
      given.bad(argument);
      return {};
    }
    asked |= 1U << (at - std::begin(header_names));
  } while (!rest.empty());
  std::string text;
  for (std::size_t i = 0; i < std::size(header_names); ++i) {
    if ((asked >> i & 1) == 0) continue;
    if (!text.empty()) text += ',';
    text += header_names[i].printed;
  }
  return text;
}
constexpr OptionSpec ipv6header_options[] = {
    {.name = "header", .id = 0, .invertible = true, .required = true, .spell = header_list},
    {.name = "soft", .id = 1, .form = Form::none},
};

std::string mobility_types(const Arguments& given, const Argument& argument) {
  constexpr std::pair<std::string_view, std::string_view> names[] = {
      {"binding-refresh-request", "brr"},
      {"home-test-init", "hoti"},
      {"careof-test-init", "coti"},
      {"home-test", "hot"},
      {"careof-test", "cot"},
      {"binding-update", "bu"},
      {"binding-acknowledgement", "ba"},
      {"binding-error", "be"}};
  const auto number = [&](std::string_view name) -> std::uint64_t {
    for (std::size_t i = 0; i < std::size(names); ++i) {
      if (same_ignoring_case(names[i].first, name) || same_ignoring_case(names[i].second, name)) {
        return i;
      }
    }
    const auto value = parse_number(name, 255);
    if (!value) given.bad(argument);
    return value.value_or(0);
  };
  std::string_view high = argument.value;
  const std::string_view low = cut(high, ':');
  return high.empty() ? std::to_string(number(low))
                      : fmt::format("{}:{}", number(low), number(high));
}
constexpr OptionSpec mh_options[] = {
    {.name = "mh-type", .invertible = true, .spell = mobility_types}};

constexpr OptionSpec rt_options[] = {
    {.name = "rt-type", .id = 0, .form = Form::number, .invertible = true},
    {.name = "rt-segsleft", .id = 1, .form = Form::range, .invertible = true},
    {.name = "rt-len", .id = 2, .form = Form::number, .invertible = true},
    {.name = "rt-0-res", .id = 3, .form = Form::none},
    {.name = "rt-0-addrs", .id = 4},
    {.name = "rt-0-not-strict", .id = 5, .form = Form::none},
};
constexpr OptionSpec srh_options[] = {
    {.name = "srh-next-hdr", .id = 0, .form = Form::number, .invertible = true},
    {.name = "srh-hdr-len-eq", .id = 1, .form = Form::number, .invertible = true},
    {.name = "srh-hdr-len-gt", .id = 2, .form = Form::number, .invertible = true},
    {.name = "srh-hdr-len-lt", .id = 3, .form = Form::number, .invertible = true},
    {.name = "srh-segs-left-eq", .id = 4, .form = Form::number, .invertible = true},
    {.name = "srh-segs-left-gt", .id = 5, .form = Form::number, .invertible = true},
    {.name = "srh-segs-left-lt", .id = 6, .form = Form::number, .invertible = true},
    {.name = "srh-last-entry-eq", .id = 7, .form = Form::number, .invertible = true},
    {.name = "srh-last-entry-gt", .id = 8, .form = Form::number, .invertible = true},
    {.name = "srh-last-entry-lt", .id = 9, .form = Form::number, .invertible = true},
    {.name = "srh-tag", .id = 10, .form = Form::number, .invertible = true},
    {.name = "srh-psid", .id = 11, .form = Form::prefix, .invertible = true},
    {.name = "srh-nsid", .id = 12, .form = Form::prefix, .invertible = true},
    {.name = "srh-lsid", .id = 13, .form = Form::prefix, .invertible = true},
};

constexpr Restriction v6_with(std::uint16_t protocol) {
  return {.families = v6_only, .protocol = protocol};
}
constexpr MatchExtension extensions[] = {
    {"ah", ah_options, nullptr, v6_with(0)},
    {"dst", dst_options, nullptr, v6_with(0)},
    {"eui64", {}, nullptr, v6_with(0)},
    {"frag", frag_options, nullptr, v6_with(0)},
    {"hbh", hbh_options, nullptr, v6_with(0)},
    {"hl", hl_options, nullptr, v6_with(0)},
    {"ipv6header", ipv6header_options, nullptr, v6_with(0)},
    {"mh", mh_options, nullptr, v6_with(135)},
    {"rt", rt_options, nullptr, v6_with(0)},
    {"srh", srh_options, nullptr, v6_with(0)},
};

}  // namespace

std::span<const MatchExtension> kept_v6_matches() {
  return extensions;
}

}  // namespace wayout::netfilter::text
