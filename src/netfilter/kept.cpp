#include "netfilter/kept.hpp"

#include <optional>
#include <utility>

#include "netfilter/kept_words.hpp"

namespace wayout::netfilter {
namespace {

using Words = KeptWords;

/// `10`, or `10:20`. An inverted range of which the first is larger holds everything.
KeptQuestion range(RangeQuestion::Of of, const std::optional<KeptOption>& asked) {
  if (!asked) return {};
  const std::size_t colon = asked->value.find(':');
  const auto low = number(asked->value.substr(0, colon));
  const auto high = colon == std::string_view::npos ? low : number(asked->value.substr(colon + 1));
  if (!low || !high) return {};
  return RangeQuestion{of, *low, *high, asked->invert};
}

KeptQuestion length(const Words& words) {
  return range(RangeQuestion::Of::length, option(words, "--length"));
}
KeptQuestion tcpmss(const Words& words) {
  return range(RangeQuestion::Of::mss, option(words, "--mss"));
}

KeptQuestion ttl(const Words& words) {
  constexpr std::uint32_t largest = 255;
  constexpr auto of = RangeQuestion::Of::ttl;
  if (const auto below = option(words, "--ttl-lt")) {
    const auto limit = number(below->value);
    if (!limit) return {};
    return *limit == 0 ? RangeQuestion{of, 1, 0} : RangeQuestion{of, 0, *limit - 1};
  }
  if (const auto above = option(words, "--ttl-gt")) {
    const auto limit = number(above->value);
    if (!limit) return {};
    return *limit >= largest ? RangeQuestion{of, 1, 0} : RangeQuestion{of, *limit + 1, largest};
  }
  return range(of, option(words, "--ttl-eq"));
}

/// `0x10/0x3f`; without a mask all bits count.
KeptQuestion tos(const Words& words) {
  const auto asked = option(words, "--tos");
  if (!asked) return {};
  const std::size_t slash = asked->value.find('/');
  const auto value = number(asked->value.substr(0, slash));
  const auto mask = slash == std::string_view::npos ? std::optional(0xffU)
                                                    : number(asked->value.substr(slash + 1));
  if (!value || !mask) return {};
  return TosQuestion{*value, *mask, asked->invert};
}

constexpr std::uint32_t dscp_mask = 0xfc, dscp_shift = 2;

KeptQuestion dscp(const Words& words) {
  const auto asked = option(words, "--dscp");
  const auto value = asked ? number(asked->value) : std::nullopt;
  if (!value) return {};
  return TosQuestion{*value << dscp_shift, dscp_mask, asked->invert};
}

KeptQuestion pkttype(const Words& words) {
  using Type = PacketTypeQuestion::Type;
  const auto asked = option(words, "--pkt-type");
  if (!asked) return {};
  Type type = Type::none;
  if (asked->value == "unicast") type = Type::unicast;
  if (asked->value == "broadcast") type = Type::broadcast;
  if (asked->value == "multicast") type = Type::multicast;
  return PacketTypeQuestion{type, asked->invert};
}

KeptQuestion rpfilter(const Words& words) {
  return RpfilterQuestion{.loose = option(words, "--loose").has_value(),
                          .valid_mark = option(words, "--validmark").has_value(),
                          .accept_local = option(words, "--accept-local").has_value(),
                          .invert = option(words, "--invert").has_value()};
}

}  // namespace

KeptQuestion kept_question(std::string_view name, const std::vector<std::string>& words) {
  using Read = KeptQuestion (*)(const Words&);
  constexpr std::pair<std::string_view, Read> known[] = {
      {"rpfilter", rpfilter}, {"length", length},   {"ttl", ttl},       {"tos", tos},
      {"dscp", dscp},         {"pkttype", pkttype}, {"tcpmss", tcpmss},
  };
  for (const auto& [match, read] : known)
    if (match == name) return read(words);
  return {};
}

}  // namespace wayout::netfilter
