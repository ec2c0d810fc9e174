// Targets that are kept in iptables-save's words and change what later rules look at: TOS, DSCP,
// TTL, TCPOPTSTRIP.
#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "netfilter/target.hpp"
#include "wire/checksum.hpp"

namespace wayout::netfilter {
namespace {

/// `10` or `0x0a` at the beginning of `text`, which is cut behind it.
std::optional<int> cut_number(std::string_view& text) {
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  int value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

/// The first option's name and the word behind it; the name is empty when there are not two words.
std::pair<std::string_view, std::string_view> option_of(const UnmodelledTarget& target) {
  if (target.tokens.size() != 2) return {};
  return {target.tokens[0], target.tokens[1]};
}

wire::Ipv4Header& header_of(const Situation& at) {
  return *wire::header_at<wire::Ipv4Header>(at.packet.network());
}

Verdict set_tos(const Situation& at, std::uint8_t tos) {
  wire::Ipv4Header& ip = header_of(at);
  ip.checksum = wire::checksum_update16(ip.checksum, ip.tos, tos);
  ip.tos = tos;
  return {};
}

/// Linux: net/netfilter/xt_DSCP.c tos_tg, dscp_tg.
Verdict tos(const UnmodelledTarget& target, const Situation& at) {
  auto [name, text] = option_of(target);
  const auto value = cut_number(text);
  if (name != "--set-tos" || !value || !text.starts_with('/')) return {.assumed = true};
  text.remove_prefix(1);
  const auto mask = cut_number(text);
  if (!mask) return {.assumed = true};
  return set_tos(at, static_cast<std::uint8_t>((at.ip().tos & ~*mask) ^ *value));
}
Verdict dscp(const UnmodelledTarget& target, const Situation& at) {
  auto [name, text] = option_of(target);
  const auto value = cut_number(text);
  constexpr int ecn_mask = 3;
  if (name != "--set-dscp" || !value) return {.assumed = true};
  return set_tos(at, static_cast<std::uint8_t>((at.ip().tos & ecn_mask) | *value << 2));
}

/// Linux: net/netfilter/xt_HL.c ttl_tg.
Verdict ttl(const UnmodelledTarget& target, const Situation& at) {
  auto [name, text] = option_of(target);
  const auto value = cut_number(text);
  if (!value) return {.assumed = true};
  wire::Ipv4Header& ip = header_of(at);
  int after = *value;
  if (name == "--ttl-dec") after = std::max(ip.ttl - *value, 0);
  else if (name == "--ttl-inc") after = std::min(ip.ttl + *value, 255);
  else if (name != "--ttl-set") return {.assumed = true};
  const auto word = [&](int ttl) { return static_cast<std::uint16_t>(ttl << 8 | ip.protocol); };
  ip.checksum = wire::checksum_update16(ip.checksum, word(ip.ttl), word(after));
  ip.ttl = static_cast<std::uint8_t>(after);
  return {};
}

/// The options named become no-operations. Linux: net/netfilter/xt_TCPOPTSTRIP.c
/// tcpoptstrip_mangle_packet.
Verdict strip_options(const UnmodelledTarget& target, const Situation& at) {
  auto [name, text] = option_of(target);
  bool strip[256] = {};
  while (!text.empty()) {
    const auto kind = cut_number(text);
    if (!kind || *kind > 255 || (!text.empty() && text.front() != ',')) return {.assumed = true};
    strip[*kind] = true;
    if (!text.empty()) text.remove_prefix(1);
  }
  if (name != "--strip-options") return {.assumed = true};
  if (at.is_later_fragment()) return {};
  const auto* known = wire::header_at<wire::TcpHeader>(at.transport());
  if (known == nullptr || known->header_bytes() < sizeof *known ||
      known->header_bytes() > at.transport().size())
    return Verdict::end(at.drop(Cause::rule(at.rule)));

  constexpr std::uint8_t no_operation = 1, last_without_length = 1;
  const auto segment = at.packet.network().subspan(at.ip().header_bytes());
  auto* tcp = wire::header_at<wire::TcpHeader>(segment);
  const std::size_t end = tcp->header_bytes();
  const auto replace = [&](std::size_t i) {  // in the 16-bit word that it is part of
    const std::size_t word = i & ~std::size_t{1};
    const auto value = [&] {
      return static_cast<std::uint16_t>(segment[word] << 8 | segment[word + 1]);
    };
    const std::uint16_t before = value();
    segment[i] = no_operation;
    tcp->checksum = wire::checksum_update16(tcp->checksum, before, value());
  };
  for (std::size_t i = sizeof *tcp; i + 1 < end;) {
    const std::size_t length =
        segment[i] > last_without_length ? std::max<std::size_t>(segment[i + 1], 1) : 1;
    if (i + length > end) break;
    if (strip[segment[i]])
      for (std::size_t k = i; k < i + length; ++k) replace(k);
    i += length;
  }
  return {};
}

}  // namespace

Verdict act(const UnmodelledTarget& target, const Situation& at) {
  if (target.name == "TOS") return tos(target, at);
  if (target.name == "DSCP") return dscp(target, at);
  if (target.name == "TTL") return ttl(target, at);
  if (target.name == "TCPOPTSTRIP") return strip_options(target, at);
  return {.assumed = !target.passes};
}

}  // namespace wayout::netfilter
