// Targets that are kept in words. Some are run by what compile() makes of these (kept_change.hpp); of
// the others those that only report or only change what decides nothing are passed by (`passes`), and
// the rest makes the answer undecided.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <iterator>

#include "netfilter/text/kept.hpp"
#include "netfilter/text/names.hpp"
#include "netfilter/text/parts.hpp"
#include "netfilter/text/registry.hpp"
#include "wire/headers.hpp"

namespace wayout::netfilter::text {
namespace {

constexpr OptionSpec audit_options[] = {{.name = "type", .form = Form::lower, .required = true}};
constexpr OptionSpec checksum_options[] = {
    {.name = "checksum-fill", .form = Form::none, .required = true}};

/// `1:10` are hexadecimal numbers.
std::string class_text(const Arguments& given, const Argument& argument) {
  std::string_view minor = argument.value;
  const std::string_view major = cut(minor, ':');
  const auto hex = [&](std::string_view digits) {
    const auto number = parse_number("0x" + std::string(digits), 0xffff);
    if (!number) given.bad(argument);
    return number.value_or(0);
  };
  return fmt::format("{:04x}:{:04x}", hex(major), hex(minor));
}
constexpr OptionSpec classify_options[] = {
    {.name = "set-class", .required = true, .spell = class_text}};
constexpr OptionSpec clusterip_options[] = {
    {.name = "new", .id = 0, .form = Form::none},
    {.name = "hashmode", .id = 1},
    {.name = "clustermac", .id = 2, .form = Form::lower},
    {.name = "total-nodes", .id = 3, .form = Form::number},
    {.name = "local-node", .id = 4, .form = Form::number},
    {.name = "hash-init", .id = 5, .form = Form::number},
};
constexpr OptionSpec connsecmark_options[] = {
    {.name = "save", .id = 0, .form = Form::none},
    {.name = "restore", .id = 1, .form = Form::none},
};
constexpr OptionSpec npt_options[] = {
    {.name = "src-pfx", .id = 0, .form = Form::prefix, .required = true},
    {.name = "dst-pfx", .id = 1, .form = Form::prefix, .required = true},
};
constexpr OptionSpec dscp_options[] = {
    {.name = "set-dscp", .spell = dscp_value},
    {.name = "set-dscp-class", .spell = dscp_value},
};
constexpr OptionSpec ecn_options[] = {
    {.name = "ecn-tcp-remove", .id = 0, .form = Form::none},
    {.name = "ecn-tcp-ece", .id = 1, .form = Form::number, .highest = 1},
    {.name = "ecn-tcp-cwr", .id = 2, .form = Form::number, .highest = 1},
    {.name = "ecn-ip-ect", .id = 3, .form = Form::number, .highest = 3},
};
/// To remove is to write two zeroes, and the one is printed as the other.
Target read_ecn(const Arguments& given) {
  constexpr std::uint8_t remove = 0, ece = 1, cwr = 2, ect = 3;
  constexpr std::uint8_t any[] = {remove, ece, cwr, ect};
  given.need_one_of(any);
  for (const std::uint8_t flag : {ece, cwr}) given.allow_one_of(std::array{remove, flag});
  const auto writes = [&](std::uint8_t flag) { return given.has(remove) || given.has(flag); };
  const auto value = [&](std::uint8_t flag) {
    const Argument* argument = given.find(flag);
    return argument == nullptr ? 0 : given.number(*argument, 1);
  };
  const RuleContext& rule = given.rule();
  if ((writes(ece) || writes(cwr)) && (rule.protocol != wire::protocol::tcp || rule.protocol_inverted))
    given.report("ECN writes TCP flags only with -p tcp");
  KeptTarget target{"ECN", {}, false};
  const bool zeroes = writes(ece) && writes(cwr) && value(ece) == 0 && value(cwr) == 0;
  if (zeroes && !given.has(ect)) {
    target.tokens = {"--ecn-tcp-remove"};
    return target;
  }
  for (const std::uint8_t flag : {ece, cwr})
    if (writes(flag))
      target.tokens.insert(target.tokens.end(), {"--" + std::string(ecn_options[flag].name),
                                                 std::to_string(value(flag))});
  if (const Argument* argument = given.find(ect))
    target.tokens.insert(target.tokens.end(),
                         {"--ecn-ip-ect", std::to_string(given.number(*argument, 3))});
  return target;
}
constexpr OptionSpec hl_options[] = {
    {.name = "hl-set", .id = 0, .form = Form::number, .highest = 255},
    {.name = "hl-dec", .id = 1, .form = Form::number, .highest = 255},
    {.name = "hl-inc", .id = 2, .form = Form::number, .highest = 255},
};
constexpr OptionSpec hmark_options[] = {
    {.name = "hmark-src-prefix", .id = 0}, {.name = "hmark-dst-prefix", .id = 1},
    {.name = "hmark-sport", .id = 2},      {.name = "hmark-sport-mask", .id = 3},
    {.name = "hmark-dport", .id = 4},      {.name = "hmark-dport-mask", .id = 5},
    {.name = "hmark-spi", .id = 6},        {.name = "hmark-spi-mask", .id = 7},
    {.name = "hmark-proto-mask", .id = 8}, {.name = "hmark-rnd", .id = 9},
    {.name = "hmark-mod", .id = 10},       {.name = "hmark-offset", .id = 11},
    {.name = "hmark-tuple", .id = 12},
};
constexpr OptionSpec idletimer_options[] = {
    {.name = "timeout", .id = 0, .form = Form::number, .required = true},
    {.name = "label", .id = 1, .required = true},
    {.name = "alarm", .id = 2, .form = Form::none},
};
constexpr OptionSpec led_options[] = {
    {.name = "led-trigger-id", .id = 0, .form = Form::quoted, .required = true},
    {.name = "led-delay", .id = 1},
    {.name = "led-always-blink", .id = 2, .form = Form::none},
};
constexpr OptionSpec nflog_options[] = {
    {.name = "nflog-prefix", .id = 0, .form = Form::text},
    {.name = "nflog-group", .id = 1, .form = Form::number, .highest = 65535, .silent = "0"},
    {.name = "nflog-size", .id = 2, .form = Form::number},
    {.name = "nflog-range", .id = 3, .form = Form::number},
    {.name = "nflog-threshold", .id = 4, .form = Form::number, .highest = 65535},
};
constexpr OptionSpec nfqueue_options[] = {
    {.name = "queue-num", .id = 0, .form = Form::number, .highest = 65535},
    {.name = "queue-balance", .id = 1},
    {.name = "queue-bypass", .id = 2, .form = Form::none},
    {.name = "queue-cpu-fanout", .id = 3, .form = Form::none},
};
Target read_nfqueue(const Arguments& given) {
  KeptTarget target{"NFQUEUE", kept_words(nfqueue_options, given), false};
  if (!given.has(0) && !given.has(1)) {
    target.tokens.insert(target.tokens.begin(), {"--queue-num", "0"});
  }
  return target;
}
constexpr OptionSpec rateest_options[] = {
    {.name = "rateest-name", .id = 0},
    {.name = "rateest-interval", .id = 1},
    {.name = "rateest-ewmalog", .id = 2},
};
constexpr OptionSpec secmark_options[] = {{.name = "selctx", .required = true}};
constexpr OptionSpec set_options[] = {
    {.name = "add-set", .id = 0, .form = Form::two_words},
    {.name = "del-set", .id = 1, .form = Form::two_words},
    {.name = "map-set", .id = 2, .form = Form::two_words},
    {.name = "exist", .id = 3, .form = Form::none},
    {.name = "timeout", .id = 4, .form = Form::number},
    {.name = "map-mark", .id = 5, .form = Form::none},
    {.name = "map-prio", .id = 6, .form = Form::none},
    {.name = "map-queue", .id = 7, .form = Form::none},
};
constexpr OptionSpec synproxy_options[] = {
    {.name = "sack-perm", .id = 0, .form = Form::none},
    {.name = "timestamp", .id = 1, .form = Form::none},
    {.name = "wscale", .id = 2, .form = Form::number, .highest = 14},
    {.name = "mss", .id = 3, .form = Form::number, .highest = 65535},
    {.name = "ecn", .id = 4, .form = Form::none},
};

/// Numbers in ascending order, from numbers and names.
std::string stripped_options(const Arguments& given, const Argument& argument) {
  constexpr std::pair<std::string_view, unsigned> names[] = {
      {"wscale", 3}, {"mss", 2}, {"sack-permitted", 4}, {"sack", 5}, {"timestamp", 8}, {"md5", 19}};
  std::bitset<256> options;
  std::string_view rest = argument.value;
  do {
    const std::string_view item = cut(rest, ',');
    const auto* at = std::find_if(std::begin(names), std::end(names),
                                  [item](const auto& row) { return row.first == item; });
    const auto number =
        at != std::end(names) ? std::optional<std::uint64_t>(at->second) : parse_number(item, 255);
    if (!number) given.bad(argument);
    options.set(number.value_or(0));
  } while (!rest.empty());
  std::string text;
  for (std::size_t i = 0; i < options.size(); ++i) {
    if (!options[i]) continue;
    if (!text.empty()) text += ',';
    text += std::to_string(i);
  }
  return text;
}
constexpr OptionSpec tcpoptstrip_options[] = {
    {.name = "strip-options", .required = true, .spell = stripped_options}};
constexpr OptionSpec tee_options[] = {
    {.name = "gateway", .id = 0, .form = Form::address, .required = true},
    {.name = "oif", .id = 1},
};

/// Like marks, every way of setting is one value and mask.
std::string tos_setting(const Arguments& given, const Argument& argument) {
  if (argument.spec->name == "set-tos") return tos_value(given, argument);
  const auto bits = static_cast<unsigned>(given.number(argument, 255));
  const auto text = [](unsigned value, unsigned mask) {
    return fmt::format("0x{:02x}/0x{:02x}", value, mask);
  };
  if (argument.spec->name == "and-tos") return text(0, 0xff & ~bits);
  if (argument.spec->name == "or-tos") return text(bits, bits);
  return text(bits, 0);
}
constexpr OptionSpec tos_options[] = {
    {.name = "set-tos", .spell = tos_setting},
    {.name = "and-tos", .spell = tos_setting},
    {.name = "or-tos", .spell = tos_setting},
    {.name = "xor-tos", .spell = tos_setting},
};

std::string mark_with_mask(const Arguments& given, const Argument& argument) {
  const MarkAndMask mark = given.mark(argument);
  return fmt::format("0x{:x}/0x{:x}", mark.value, mark.mask);
}
constexpr OptionSpec tproxy_options[] = {
    {.name = "on-port", .id = 0, .form = Form::number, .required = true, .highest = 65535},
    {.name = "on-ip", .id = 1, .form = Form::address, .implied = "0.0.0.0"},
    {.name = "tproxy-mark", .id = 2, .spell = mark_with_mask, .implied = "0x0/0x0"},
};
constexpr OptionSpec tproxy6_options[] = {
    {.name = "on-port", .id = 0, .form = Form::number, .required = true, .highest = 65535},
    {.name = "on-ip", .id = 1, .form = Form::address, .implied = "::"},
    {.name = "tproxy-mark", .id = 2, .spell = mark_with_mask, .implied = "0x0/0x0"},
};
constexpr OptionSpec ttl_options[] = {
    {.name = "ttl-set", .id = 0, .form = Form::number, .highest = 255},
    {.name = "ttl-dec", .id = 1, .form = Form::number, .highest = 255},
    {.name = "ttl-inc", .id = 2, .form = Form::number, .highest = 255},
};
constexpr OptionSpec ulog_options[] = {
    {.name = "ulog-prefix", .id = 0, .form = Form::text},
    {.name = "ulog-nlgroup", .id = 1, .form = Form::number},
    {.name = "ulog-cprange", .id = 2, .form = Form::number},
    {.name = "ulog-qthreshold", .id = 3, .form = Form::number},
};

constexpr Restriction anywhere = {};
constexpr Restriction in_mangle = {.tables = table_bit(TableKind::mangle)};
constexpr Restriction mangle_v4 = {.families = v4_only, .tables = table_bit(TableKind::mangle)};
constexpr Restriction mangle_v6 = {.families = v6_only, .tables = table_bit(TableKind::mangle)};
constexpr Restriction proxy(std::uint8_t families) {
  return {.families = families,
          .tables = table_bit(TableKind::mangle),
          .hooks = hook_bit(Hook::prerouting)};
}
constexpr bool passes = true;
constexpr TargetExtension extensions[] = {
    {"AUDIT", audit_options, nullptr, anywhere, passes},
    {"CHECKSUM", checksum_options, nullptr, in_mangle, passes},
    {"CLASSIFY", classify_options, nullptr, anywhere, passes},
    {"CLUSTERIP", clusterip_options, nullptr, {.families = v4_only}},
    {"CONNSECMARK", connsecmark_options, nullptr, anywhere, passes},
    {"DNPT", npt_options, nullptr, mangle_v6},
    {"DSCP", dscp_options, nullptr, in_mangle},
    {"ECN", ecn_options, read_ecn, mangle_v4},
    {"HL", hl_options, nullptr, mangle_v6},
    {"HMARK", hmark_options},
    {"IDLETIMER", idletimer_options, nullptr, anywhere, passes},
    {"LED", led_options, nullptr, anywhere, passes},
    {"NFLOG", nflog_options, nullptr, anywhere, passes},
    {"NFQUEUE", nfqueue_options, read_nfqueue},
    {"RATEEST", rateest_options, nullptr, anywhere, passes},
    {"SECMARK", secmark_options, nullptr, anywhere, passes},
    {"SET", set_options},
    {"SNPT", npt_options, nullptr, mangle_v6},
    {"SYNPROXY", synproxy_options, nullptr, {.protocol = 6}},
    {"TCPOPTSTRIP", tcpoptstrip_options, nullptr, {.protocol = 6}},
    {"TEE", tee_options},
    {"TOS", tos_options, nullptr, in_mangle},
    {"TPROXY", tproxy_options, nullptr, proxy(v4_only)},
    {"TPROXY", tproxy6_options, nullptr, proxy(v6_only)},
    {"TRACE", {}, nullptr, {.tables = table_bit(TableKind::raw)}, passes},
    {"TTL", ttl_options, nullptr, mangle_v4},
    {"ULOG", ulog_options, nullptr, {.families = v4_only}, passes},
};

}  // namespace

std::span<const TargetExtension> kept_targets() {
  return extensions;
}

void append(std::string& out, const KeptTarget& target) {
  out += " -j " + target.name;
  for (const std::string& word : target.tokens)
    out += ' ' + word;
}

}  // namespace wayout::netfilter::text
