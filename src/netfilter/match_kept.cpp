// Matches that are kept in iptables-save's words, and whose words are few enough to be read when
// they are asked.
#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "netfilter/match.hpp"

namespace wayout::netfilter {
namespace {

/// One option of a kept match, with the words behind it.
struct KeptOption {
  bool invert = false;
  std::string_view value = {};  ///< empty: none
};

/// None: the match has not this option.
std::optional<KeptOption> option(const UnmodelledMatch& match, std::string_view name) {
  const auto& words = match.tokens;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] != name) continue;
    KeptOption found{.invert = i > 0 && words[i - 1] == "!"};
    if (i + 1 < words.size() && words[i + 1] != "!" && !words[i + 1].starts_with("--"))
      found.value = words[i + 1];
    return found;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> number(std::string_view text) {
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  std::uint32_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// `10`, or `10:20`, is what the packet has. An inverted range of which the first is larger holds
/// everything.
Outcome in_range(const std::optional<KeptOption>& asked, std::uint32_t value) {
  if (!asked) return Outcome::unknown;
  const std::size_t colon = asked->value.find(':');
  const auto low = number(asked->value.substr(0, colon));
  const auto high = colon == std::string_view::npos ? low : number(asked->value.substr(colon + 1));
  if (!low || !high) return Outcome::unknown;
  return outcome((*low <= value && value <= *high) != asked->invert);
}

/// `0x10/0x3f`; without a mask all bits count.
Outcome has_bits(const std::optional<KeptOption>& asked, std::uint32_t value) {
  if (!asked) return Outcome::unknown;
  const std::size_t slash = asked->value.find('/');
  const auto wanted = number(asked->value.substr(0, slash));
  const auto mask = slash == std::string_view::npos ? std::optional(~0U)
                                                    : number(asked->value.substr(slash + 1));
  if (!wanted || !mask) return Outcome::unknown;
  return outcome(((value & *mask) == *wanted) != asked->invert);
}

/// Would an answer to the packet's source leave through the device it came in by?
/// Linux: net/ipv4/netfilter/ipt_rpfilter.c rpfilter_mt.
bool has_way_back(const UnmodelledMatch& match, const Situation& at) {
  const wire::IpAddress source = at.ip().source_address();
  const wire::IpAddress destination = at.ip().destination_address();
  const DeviceId in = at.devices.in;
  if (in != no_device && at.around.devices[in].kind == link::DeviceKind::loopback) return true;
  constexpr std::uint32_t local_groups = 0xe0000000, local_groups_mask = 0xffffff00;
  const bool from_nowhere = (source.v4() >> 24) == 0;
  if (from_nowhere && (destination.v4() & local_groups_mask) == local_groups) return true;

  const std::uint32_t to = destination.v4();
  const bool no_source = (to >> 28) == 0xe || to == 0xffffffff || (to >> 24) == 0;
  constexpr std::uint8_t dscp_mask = 0xfc;
  const route::Interfaces& interfaces = at.around.interfaces;
  route::Flow answer;
  answer.source = no_source ? wire::IpAddress::any(wire::Family::ipv4) : destination;
  answer.destination = source;
  answer.ingress = at.around.fib.loopback();
  answer.l3mdev = interfaces.l3_domain(in);
  answer.tos = at.ip().tos & dscp_mask;
  if (option(match, "--validmark")) answer.mark = at.packet.mark;
  const route::FibResult found = at.around.fib.lookup(answer, at.changes.chance);
  if (found.kind != route::FibResult::Kind::found) return false;
  const bool local = found.type == RouteType::local && option(match, "--accept-local");
  if (found.type != RouteType::unicast && !local) return false;
  if (option(match, "--loose")) return true;
  const auto& nexthops = at.around.fib.route(found.route).nexthops;
  return std::any_of(nexthops.begin(), nexthops.end(), [&](const route::Nexthop& nexthop) {
    return nexthop.device == in || interfaces.l3_domain(nexthop.device) == in;
  });
}

Outcome rpfilter(const UnmodelledMatch& match, const Situation& at) {
  return outcome(has_way_back(match, at) != option(match, "--invert").has_value());
}

/// Linux: net/netfilter/xt_length.c length_mt.
Outcome length(const UnmodelledMatch& match, const Situation& at) {
  return in_range(option(match, "--length"), at.ip().total_length);
}

/// Linux: net/netfilter/xt_hl.c ttl_mt.
Outcome ttl(const UnmodelledMatch& match, const Situation& at) {
  if (const auto below = option(match, "--ttl-lt")) {
    const auto limit = number(below->value);
    return limit ? outcome(at.ip().ttl < *limit) : Outcome::unknown;
  }
  if (const auto above = option(match, "--ttl-gt")) {
    const auto limit = number(above->value);
    return limit ? outcome(at.ip().ttl > *limit) : Outcome::unknown;
  }
  return in_range(option(match, "--ttl-eq"), at.ip().ttl);
}

/// Linux: net/netfilter/xt_dscp.c tos_mt, dscp_mt.
Outcome tos(const UnmodelledMatch& match, const Situation& at) {
  return has_bits(option(match, "--tos"), at.ip().tos);
}
Outcome dscp(const UnmodelledMatch& match, const Situation& at) {
  return has_bits(option(match, "--dscp"), at.ip().tos >> 2);
}

/// What was made here is for this host until a device says otherwise; so is what a bridge carries.
/// Linux: net/netfilter/xt_pkttype.c pkttype_mt.
Outcome pkttype(const UnmodelledMatch& match, const Situation& at) {
  const auto asked = option(match, "--pkt-type");
  if (!asked) return Outcome::unknown;
  std::string_view type = "unicast";
  if (at.packet.type == PacketType::broadcast) type = "broadcast";
  if (at.packet.type == PacketType::multicast) type = "multicast";
  return outcome((asked->value == type) != asked->invert);
}

/// A packet without the option has no MSS to be in the range. Linux: net/netfilter/xt_tcpmss.c
/// tcpmss_mt.
Outcome tcpmss(const UnmodelledMatch& match, const Situation& at) {
  constexpr std::uint8_t mss_kind = 2, mss_bytes = 4, last_without_length = 1;
  const auto asked = option(match, "--mss");
  if (!asked) return Outcome::unknown;
  const auto transport = at.transport();
  const auto* tcp = wire::header_at<wire::TcpHeader>(transport);
  if (tcp == nullptr || tcp->header_bytes() < sizeof *tcp ||
      tcp->header_bytes() > transport.size())
    return Outcome::drop;
  const auto options = transport.first(tcp->header_bytes()).subspan(sizeof *tcp);
  for (std::size_t i = 0; i < options.size();) {
    if (options[i] == mss_kind && options.size() - i >= mss_bytes && options[i + 1] == mss_bytes)
      return in_range(asked, static_cast<std::uint32_t>(options[i + 2] << 8 | options[i + 3]));
    const bool has_length = options[i] > last_without_length && i + 1 < options.size();
    i += has_length ? std::max<std::size_t>(options[i + 1], 1) : 1;
  }
  return outcome(asked->invert);
}

}  // namespace

Outcome ask(const UnmodelledMatch& match, const Situation& at) {
  using Ask = Outcome (*)(const UnmodelledMatch&, const Situation&);
  constexpr std::pair<std::string_view, Ask> known[] = {
      {"rpfilter", rpfilter}, {"length", length},   {"ttl", ttl},       {"tos", tos},
      {"dscp", dscp},         {"pkttype", pkttype}, {"tcpmss", tcpmss},
  };
  for (const auto& [name, function] : known)
    if (match.name == name) return function(match, at);
  return Outcome::unknown;
}

}  // namespace wayout::netfilter
