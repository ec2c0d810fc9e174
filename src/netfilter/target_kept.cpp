// Targets that are kept in iptables-save's words and change what later rules look at, by what
// compile() made of these: TOS, DSCP, TTL, TCPOPTSTRIP, ECN. The others: target_ways.cpp,
// target_set.cpp, synproxy.cpp, hmark.cpp.
#include <algorithm>
#include <type_traits>
#include <variant>

#include "netfilter/target.hpp"
#include "wire/checksum.hpp"

namespace wayout::netfilter {
namespace {

wire::Ipv4Header& header_of(const Situation& at) {
  return *wire::header_at<wire::Ipv4Header>(at.packet.network());
}

/// Linux: net/netfilter/xt_DSCP.c tos_tg, dscp_tg.
Verdict change(const TosChange& to, const Situation& at) {
  wire::Ipv4Header& ip = header_of(at);
  const auto tos = static_cast<std::uint8_t>((ip.tos & ~to.mask) ^ to.value);
  ip.checksum = wire::checksum_update16(ip.checksum, ip.tos, tos);
  ip.tos = tos;
  return {};
}

/// Linux: net/netfilter/xt_HL.c ttl_tg.
Verdict change(const TtlChange& to, const Situation& at) {
  using How = TtlChange::How;
  wire::Ipv4Header& ip = header_of(at);
  int after = to.by;
  if (to.how == How::decrease) after = std::max(ip.ttl - to.by, 0);
  if (to.how == How::increase) after = std::min(ip.ttl + to.by, 255);
  const auto word = [&](int ttl) { return static_cast<std::uint16_t>(ttl << 8 | ip.protocol); };
  ip.checksum = wire::checksum_update16(ip.checksum, word(ip.ttl), word(after));
  ip.ttl = static_cast<std::uint8_t>(after);
  return {};
}

/// Linux: net/netfilter/xt_TCPOPTSTRIP.c tcpoptstrip_mangle_packet.
Verdict change(const StripChange& strip, const Situation& at) {
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
    if (strip.kinds.test(segment[i]))
      for (std::size_t k = i; k < i + length; ++k) replace(k);
    i += length;
  }
  return {};
}

/// Whatever stands there is taken for a TCP header, in a later fragment the payload.
/// Linux: net/ipv4/netfilter/ipt_ECN.c set_ect_tcp.
Verdict change_tcp_flags(const EcnChange& to, const Situation& at) {
  constexpr std::size_t flags_word = 12;
  if (wire::header_at<wire::TcpHeader>(at.transport()) == nullptr)
    return Verdict::end(at.drop(Cause::rule(at.rule)));
  const auto segment = at.packet.network().subspan(at.ip().header_bytes());
  auto* tcp = wire::header_at<wire::TcpHeader>(segment);
  auto* word = wire::header_at<wire::be16>(segment, flags_word);
  const std::uint16_t before = *word;
  tcp->flags = static_cast<std::uint8_t>((tcp->flags & ~to.tcp_mask) | to.tcp_value);
  if (*word != before) tcp->checksum = wire::checksum_update16(tcp->checksum, before, *word);
  return {};
}

/// Linux: ipt_ECN.c ecn_tg.
Verdict change(const EcnChange& to, const Situation& at) {
  if (to.ip_mask != 0) change(TosChange{to.ip_value, to.ip_mask}, at);
  if (to.tcp_mask == 0 || at.ip().protocol != wire::protocol::tcp) return {};
  return change_tcp_flags(to, at);
}

}  // namespace

Verdict act(const KeptTarget& target, const Situation& at) {
  return std::visit(
      [&](const auto& does) -> Verdict {
        if constexpr (std::is_same_v<std::decay_t<decltype(does)>, std::monostate>) {
          return {.assumed = !target.passes};
        } else {
          return change(does, at);
        }
      },
      target.does);
}

}  // namespace wayout::netfilter
