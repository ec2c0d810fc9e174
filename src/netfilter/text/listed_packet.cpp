// Listed text of the matches on the packet's headers, the connection and marks.
#include <algorithm>
#include <iterator>

#include "netfilter/text/listed.hpp"
#include "netfilter/text/names.hpp"
#include "netfilter/text/parts.hpp"
#include "netfilter/text/values.hpp"

namespace wayout::netfilter::text {
namespace {

using Out = Listed::Words;

/// `!80` is a negation and 80.
void emit_option(Out& out, std::string_view option, std::string_view value) {
  emit_negation(out, value);
  emit(out, {option, value});
}

/// `0x17/0x02` or `FIN,SYN,RST,ACK/SYN`.
void emit_flags(Out& out, std::string_view value) {
  emit_negation(out, value);
  out.emplace_back("--tcp-flags");
  const auto flags = [](std::string_view text) {
    const auto bits = parse_number(text, 0x3f);
    if (!bits) return std::string(text);
    return *bits == 0 ? "NONE" : names_of(tcp_flag_names, static_cast<std::uint32_t>(*bits));
  };
  out.push_back(flags(cut(value, '/')));
  out.push_back(flags(value));
}

bool ports_match(ListedWords& words, Out& out) {
  const std::string_view protocol = words.peek();
  if (protocol != "tcp" && protocol != "udp") return false;
  words.next();
  emit(out, {"-m", protocol});
  std::string_view value;
  while (true) {
    if (words.take_prefixed("spt:", value) || words.take_prefixed("spts:", value)) {
      emit_option(out, "--sport", value);
    } else if (words.take_prefixed("dpt:", value) || words.take_prefixed("dpts:", value)) {
      emit_option(out, "--dport", value);
    } else if (words.take_prefixed("option=", value)) {
      emit_option(out, "--tcp-option", value);
    } else if (words.take_prefixed("flags:", value)) {
      emit_flags(out, value);
    } else {
      return true;
    }
  }
}

/// `icmptype 8 code 0`, `icmp !type 8`, `icmp echo-request`, and the same of ipv6-icmp.
bool icmp_match(ListedWords& words, Out& out) {
  const std::string_view before = words.rest();
  const bool v6 = words.peek().starts_with("ipv6-icmp");
  const std::string_view protocol = v6 ? "ipv6-icmp" : "icmp";
  std::string_view kind;
  if (!words.take_prefixed(protocol, kind)) return false;
  bool inverted = false, numeric = kind == "type";
  if (kind.empty()) {
    inverted = words.take("!type");
    numeric = inverted || words.take("type");
  }
  if ((!kind.empty() && !numeric) || words.at_end()) {
    words.restore(before);
    return false;
  }
  std::string type(words.next());
  if (type.starts_with('!')) {
    inverted = true;
    type.erase(0, 1);
  }
  if (numeric && words.take("code")) type += '/' + std::string(words.next());
  emit(out, {"-m", v6 ? "icmp6" : "icmp"});
  if (inverted) out.emplace_back("!");
  emit(out, {v6 ? "--icmpv6-type" : "--icmp-type", type});
  return true;
}

/// `ctstate NEW ctproto 6 ! ctorigsrc 10.0.0.1 …`: one match as long as the options come in the
/// order in which it prints them.
bool conntrack_match(ListedWords& words, Out& out) {
  constexpr std::string_view options[] = {
      "ctstate",   "ctproto",       "ctorigsrc",     "ctorigdst",     "ctreplsrc",
      "ctrepldst", "ctorigsrcport", "ctorigdstport", "ctreplsrcport", "ctrepldstport",
      "ctstatus",  "ctexpire",      "ctdir"};
  const std::string_view* from = options;
  const auto is_known = [&](std::string_view word) {
    return std::find(from, std::end(options), word) != std::end(options);
  };
  bool inverted = false;
  std::string_view option;
  while (words.take_option(is_known, inverted, option)) {
    if (from == options) emit(out, {"-m", "conntrack"});
    if (inverted) out.emplace_back("!");
    out.push_back("--" + std::string(option));
    out.emplace_back(words.next());
    from = std::find(from, std::end(options), option) + 1;
  }
  return from != options;
}

bool state_match(ListedWords& words, Out& out) {
  bool inverted = false;
  if (!words.take_inverted("state", inverted)) return false;
  emit(out, {"-m", "state"});
  if (inverted) out.emplace_back("!");
  emit(out, {"--state", words.next()});
  return true;
}

bool mark_match(ListedWords& words, Out& out) {
  const bool mark = words.take("mark match") || words.take("MARK match");
  if (!mark && !words.take("connmark match") && !words.take("CONNMARK match")) return false;
  emit(out, {"-m", mark ? "mark" : "connmark"});
  if (words.take("!")) out.emplace_back("!");
  emit_option(out, "--mark", words.next());
  return true;
}

bool multiport_match(ListedWords& words, Out& out) {
  if (!words.take("multiport")) return false;
  emit(out, {"-m", "multiport"});
  const std::string side = "--" + std::string(words.next());
  if (words.take("!")) out.emplace_back("!");
  emit_option(out, side, words.next());
  return true;
}

}  // namespace

bool listed_packet_match(ListedWords& words, Out& out) {
  return ports_match(words, out) || icmp_match(words, out) || conntrack_match(words, out) ||
         state_match(words, out) || mark_match(words, out) || multiport_match(words, out);
}

}  // namespace wayout::netfilter::text
