#include "netfilter/kept.hpp"

#include <charconv>
#include <optional>
#include <utility>

namespace wayout::netfilter {
namespace {

using Words = std::vector<std::string>;

/// `10` or `0x0a` at the beginning of `text`, which is cut behind it.
std::optional<std::uint32_t> cut_number(std::string_view& text) {
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  std::uint32_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

/// The whole text is a number.
std::optional<std::uint32_t> number(std::string_view text) {
  const auto value = cut_number(text);
  return text.empty() ? value : std::nullopt;
}

// ---------------------------------------------------------------- matches

/// One option of a kept match, with the word behind it.
struct KeptOption {
  bool invert = false;
  std::string_view value = {};  ///< empty: none
};

/// None: the match has not this option.
std::optional<KeptOption> option(const Words& words, std::string_view name) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] != name) continue;
    KeptOption found{.invert = i > 0 && words[i - 1] == "!"};
    if (i + 1 < words.size() && words[i + 1] != "!" && !words[i + 1].starts_with("--"))
      found.value = words[i + 1];
    return found;
  }
  return std::nullopt;
}

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

// ---------------------------------------------------------------- targets

/// `0x10/0x3f`: the bits of the mask are cleared, and the value's turned.
KeptChange change_tos(std::string_view name, std::string_view text) {
  const auto value = cut_number(text);
  if (name != "--set-tos" || !value || !text.starts_with('/')) return {};
  text.remove_prefix(1);
  const auto mask = cut_number(text);
  if (!mask) return {};
  return TosChange{static_cast<std::uint8_t>(*value), static_cast<std::uint8_t>(*mask)};
}

KeptChange change_dscp(std::string_view name, std::string_view text) {
  const auto value = cut_number(text);
  if (name != "--set-dscp" || !value) return {};
  return TosChange{static_cast<std::uint8_t>(*value << dscp_shift),
                   static_cast<std::uint8_t>(dscp_mask)};
}

KeptChange change_ttl(std::string_view name, std::string_view text) {
  using How = TtlChange::How;
  const auto value = cut_number(text);
  if (!value) return {};
  const int by = static_cast<int>(*value);
  if (name == "--ttl-set") return TtlChange{How::set, by};
  if (name == "--ttl-dec") return TtlChange{How::decrease, by};
  if (name == "--ttl-inc") return TtlChange{How::increase, by};
  return {};
}

/// `2,4,5`
KeptChange strip_options(std::string_view name, std::string_view text) {
  if (name != "--strip-options") return {};
  StripChange strip;
  while (!text.empty()) {
    const auto kind = cut_number(text);
    if (!kind || *kind >= strip.kinds.size() || (!text.empty() && text.front() != ',')) return {};
    strip.kinds.set(*kind);
    if (!text.empty()) text.remove_prefix(1);
  }
  return strip;
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

KeptChange kept_change(std::string_view name, const std::vector<std::string>& words) {
  if (name == "NFQUEUE" || name == "QUEUE") return QueueChange{};
  using Read = KeptChange (*)(std::string_view, std::string_view);
  constexpr std::pair<std::string_view, Read> known[] = {
      {"TOS", change_tos}, {"DSCP", change_dscp}, {"TTL", change_ttl},
      {"TCPOPTSTRIP", strip_options},
  };
  if (words.size() != 2) return {};
  for (const auto& [target, read] : known)
    if (target == name) return read(words[0], words[1]);
  return {};
}

}  // namespace wayout::netfilter
