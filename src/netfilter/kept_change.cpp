#include "netfilter/kept_change.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "netfilter/kept_words.hpp"

namespace wayout::netfilter {
namespace {

constexpr std::uint32_t dscp_mask = 0xfc, dscp_shift = 2;

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

/// The number behind an option; none: it is not given, or is no number up to `highest`.
std::optional<std::uint32_t> number_of(const KeptWords& words, std::string_view name,
                                       std::uint32_t highest) {
  const auto given = option(words, name);
  const auto value = given ? number(given->value) : std::nullopt;
  return value && *value <= highest ? value : std::nullopt;
}

KeptChange change_ecn(const KeptWords& words) {
  constexpr std::uint8_t ece = 0x40, cwr = 0x80, ecn_bits = 3;
  EcnChange change;
  if (option(words, "--ecn-tcp-remove")) change.tcp_mask = ece | cwr;
  const auto flag = [&](std::string_view name, std::uint8_t bit) {
    const auto value = number_of(words, name, 1);
    if (!value) return;
    change.tcp_mask |= bit;
    if (*value != 0) change.tcp_value |= bit;
  };
  flag("--ecn-tcp-ece", ece);
  flag("--ecn-tcp-cwr", cwr);
  if (const auto ect = number_of(words, "--ecn-ip-ect", ecn_bits)) {
    change.ip_mask = ecn_bits;
    change.ip_value = static_cast<std::uint8_t>(*ect);
  }
  if (change.tcp_mask == 0 && change.ip_mask == 0) return {};
  return change;
}

/// `--queue-num 3`, `--queue-balance 0:3`.
KeptChange change_queue(const KeptWords& words) {
  constexpr std::uint32_t highest = 0xffff;
  QueueChange queue;
  if (const auto balance = option(words, "--queue-balance")) {
    std::string_view text = balance->value;
    const auto first = cut_number(text);
    if (!first || *first > highest || !text.starts_with(':')) return {};
    text.remove_prefix(1);
    const auto last = number(text);
    if (!last || *last > highest) return {};
    queue.first = static_cast<std::uint16_t>(*first);
    queue.last = static_cast<std::uint16_t>(*last);
  } else if (option(words, "--queue-num")) {
    const auto only = number_of(words, "--queue-num", highest);
    if (!only) return {};
    queue.first = queue.last = static_cast<std::uint16_t>(*only);
  }
  queue.bypass = option(words, "--queue-bypass").has_value();
  return queue;
}

KeptChange change_tee(const KeptWords& words) {
  const auto gateway = option(words, "--gateway");
  const auto address = gateway ? wire::IpAddress::parse(gateway->value) : std::nullopt;
  if (!address || !address->is_v4()) return {};
  TeeChange copy{.gateway = *address, .device = {}};
  if (const auto device = option(words, "--oif")) copy.device = device->value;
  return copy;
}

/// Behind `--add-set`: `name src,dst`, one word with a space in it.
std::optional<SetUse> set_use(const KeptWords& words, std::string_view name) {
  const auto given = option(words, name);
  const std::size_t space = given ? given->value.rfind(' ') : std::string_view::npos;
  if (space == std::string_view::npos) return std::nullopt;
  SetUse use{.set = std::string(given->value.substr(0, space)), .source = {}};
  std::string_view sides = given->value.substr(space + 1);
  while (!sides.empty()) {
    use.source.push_back(sides.starts_with("src"));
    sides.remove_prefix(std::min(sides.find(','), sides.size() - 1) + 1);
  }
  return use;
}

KeptChange change_set(const KeptWords& words) {
  SetChange change{.add = set_use(words, "--add-set"),
                   .remove = set_use(words, "--del-set"),
                   .map = set_use(words, "--map-set"),
                   .again = option(words, "--exist").has_value(),
                   .timeout_s = number_of(words, "--timeout", std::numeric_limits<std::uint32_t>::max()),
                   .map_mark = option(words, "--map-mark").has_value()};
  if (!change.add && !change.remove && !change.map) return {};
  return change;
}

/// `0x1/0x1`; without a mask all bits change.
std::optional<std::pair<std::uint32_t, std::uint32_t>> mark_and_mask(std::string_view text) {
  const auto value = cut_number(text);
  if (!value) return std::nullopt;
  if (text.empty()) return std::pair(*value, std::numeric_limits<std::uint32_t>::max());
  if (!text.starts_with('/')) return std::nullopt;
  text.remove_prefix(1);
  const auto mask = number(text);
  return mask ? std::optional(std::pair(*value, *mask)) : std::nullopt;
}

KeptChange change_tproxy(const KeptWords& words) {
  const auto port = number_of(words, "--on-port", 0xffff);
  const auto on = option(words, "--on-ip");
  const auto address = on ? wire::IpAddress::parse(on->value)
                          : std::optional(wire::IpAddress::any(wire::Family::ipv4));
  if (!port || !address || !address->is_v4()) return {};
  TproxyChange change{.port = static_cast<std::uint16_t>(*port), .address = *address};
  if (const auto mark = option(words, "--tproxy-mark")) {
    const auto read = mark_and_mask(mark->value);
    if (!read) return {};
    change.value = read->first;
    change.mask = read->second;
  }
  return change;
}

KeptChange change_synproxy(const KeptWords& words) {
  SynproxyChange change{.sack = option(words, "--sack-perm").has_value(),
                        .timestamp = option(words, "--timestamp").has_value(),
                        .ecn = option(words, "--ecn").has_value(),
                        .window_scale = {}};
  if (const auto scale = number_of(words, "--wscale", 14))
    change.window_scale = static_cast<std::uint8_t>(*scale);
  change.mss = static_cast<std::uint16_t>(number_of(words, "--mss", 0xffff).value_or(0));
  return change;
}

/// `24`, or a mask of any form.
std::optional<std::uint32_t> address_mask(std::string_view text) {
  constexpr std::uint32_t bits = 32;
  if (const auto mask = wire::IpAddress::parse(text); mask && mask->is_v4()) return mask->v4();
  const auto length = number(text);
  if (!length || *length > bits) return std::nullopt;
  return *length == 0 ? 0 : ~std::uint32_t{0} << (bits - *length);
}

/// Parts of which the words say something that is not known here make the whole not known.
KeptChange change_hmark(const KeptWords& words) {
  HmarkChange change;
  bool known = true;
  const auto read = [&](std::string_view name, auto& field, std::uint32_t highest) {
    const auto given = option(words, name);
    if (!given) return false;
    const auto value = number(given->value);
    known = known && value && *value <= highest;
    field = static_cast<std::remove_reference_t<decltype(field)>>(value.value_or(0));
    return true;
  };
  const auto read_mask = [&](std::string_view name, std::uint32_t& field) {
    const auto given = option(words, name);
    if (!given) return;
    const auto mask = address_mask(given->value);
    known = known && mask;
    field = mask.value_or(0);
  };
  constexpr std::uint32_t any = std::numeric_limits<std::uint32_t>::max(), port = 0xffff;
  read_mask("--hmark-src-prefix", change.source_mask);
  read_mask("--hmark-dst-prefix", change.destination_mask);
  for (const bool has : {read("--hmark-sport-mask", change.source_port_mask, port),
                         read("--hmark-dport-mask", change.destination_port_mask, port),
                         read("--hmark-sport", change.source_port_set, port),
                         read("--hmark-dport", change.destination_port_set, port)})
    change.ports = change.ports || has;
  read("--hmark-proto-mask", change.protocol_mask, 0xffff);  // of a protocol only eight bits count
  read("--hmark-rnd", change.seed, any);
  read("--hmark-offset", change.offset, any);
  const bool has_modulus = read("--hmark-mod", change.modulus, any);
  const auto tuple = option(words, "--hmark-tuple");
  change.of_connection = tuple && tuple->value == "ct";
  const bool other = option(words, "--hmark-spi") || option(words, "--hmark-spi-mask") ||
                     (tuple && !change.of_connection);
  if (!known || other || !has_modulus) return {};
  return change;
}

}  // namespace

KeptChange kept_change(std::string_view name, const std::vector<std::string>& words) {
  using ReadAll = KeptChange (*)(const KeptWords&);
  constexpr std::pair<std::string_view, ReadAll> of_many_words[] = {
      {"ECN", change_ecn},       {"NFQUEUE", change_queue}, {"QUEUE", change_queue},
      {"TEE", change_tee},       {"SET", change_set},       {"TPROXY", change_tproxy},
      {"SYNPROXY", change_synproxy}, {"HMARK", change_hmark},
  };
  for (const auto& [target, read] : of_many_words)
    if (target == name) return read(words);
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
