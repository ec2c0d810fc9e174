// Targets that we model and that translate nothing: REJECT, LOG, MARK, CONNMARK, CT, NOTRACK,
// TCPMSS.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "netfilter/text/names.hpp"
#include "netfilter/text/parts.hpp"
#include "netfilter/text/registry.hpp"

namespace wayout::netfilter::text {
namespace {

// ------------------------------------------------------------ REJECT

constexpr OptionSpec reject_options[] = {{.name = "reject-with"}};

struct RejectName {
  std::string_view name, alias;
  RejectWith with;
};
/// In the order in which an abbreviation finds them.
constexpr RejectName reject_v4[] = {
    {"icmp-net-unreachable", "net-unreach", RejectWith::net_unreachable},
    {"icmp-host-unreachable", "host-unreach", RejectWith::host_unreachable},
    {"icmp-proto-unreachable", "proto-unreach", RejectWith::protocol_unreachable},
    {"icmp-port-unreachable", "port-unreach", RejectWith::port_unreachable},
    {"icmp-net-prohibited", "net-prohib", RejectWith::net_prohibited},
    {"icmp-host-prohibited", "host-prohib", RejectWith::host_prohibited},
    {"tcp-reset", "tcp-rst", RejectWith::tcp_reset},
    {"icmp-admin-prohibited", "admin-prohib", RejectWith::admin_prohibited},
};
constexpr RejectName reject_v6[] = {
    {"icmp6-no-route", "no-route", RejectWith::icmp6_no_route},
    {"icmp6-adm-prohibited", "adm-prohibited", RejectWith::icmp6_adm_prohibited},
    {"icmp6-addr-unreachable", "addr-unreach", RejectWith::icmp6_addr_unreachable},
    {"icmp6-port-unreachable", "port-unreach", RejectWith::icmp6_port_unreachable},
    {"tcp-reset", "tcp-reset", RejectWith::tcp_reset},
    {"icmp6-policy-fail", "policy-fail", RejectWith::icmp6_policy_fail},
    {"icmp6-reject-route", "reject-route", RejectWith::icmp6_reject_route},
};

std::span<const RejectName> reject_names(wire::Family family) {
  if (family == wire::Family::ipv6) return reject_v6;
  return reject_v4;
}

Target read_reject(const Arguments& given) {
  constexpr std::uint8_t tcp = 6;
  RejectTarget target{given.family() == wire::Family::ipv6 ? RejectWith::icmp6_port_unreachable
                                                           : RejectWith::port_unreachable};
  const Argument* a = given.find(0);
  if (a == nullptr) return target;
  const auto names = reject_names(given.family());
  const auto at = std::find_if(names.begin(), names.end(), [a](const RejectName& row) {
    return begins_ignoring_case(row.name, a->value) || begins_ignoring_case(row.alias, a->value);
  });
  if (at == names.end()) {
    given.bad(*a);
    return target;
  }
  target.with = at->with;
  const RuleContext& rule = given.rule();
  if (target.with == RejectWith::tcp_reset && (rule.protocol != tcp || rule.protocol_inverted)) {
    given.report("a TCP reset needs -p tcp");
  }
  return target;
}

// ------------------------------------------------------------ LOG

enum : std::uint8_t {
  log_prefix,
  log_level_,
  log_tcp_sequence,
  log_tcp_options,
  log_ip_options,
  log_uid,
  log_macdecode
};
constexpr OptionSpec log_options[] = {
    {.name = "log-prefix", .id = log_prefix},
    {.name = "log-level", .id = log_level_},
    {.name = "log-tcp-sequence", .id = log_tcp_sequence, .form = Form::none},
    {.name = "log-tcp-options", .id = log_tcp_options, .form = Form::none},
    {.name = "log-ip-options", .id = log_ip_options, .form = Form::none},
    {.name = "log-uid", .id = log_uid, .form = Form::none},
    {.name = "log-macdecode", .id = log_macdecode, .form = Form::none},
};

Target read_log(const Arguments& given) {
  constexpr std::size_t longest_prefix = 29;
  LogTarget target;
  if (const Argument* a = given.find(log_prefix)) {
    target.prefix = a->value.substr(0, longest_prefix);
    if (a->value.empty()) given.bad(*a);
  }
  if (const Argument* a = given.find(log_level_)) {
    const auto number = parse_number(a->value, 7);
    const auto level = number ? static_cast<std::uint8_t>(*number) : log_level(a->value);
    if (!level) given.bad(*a);
    target.level = level.value_or(target.level);
  }
  target.tcp_sequence = given.has(log_tcp_sequence);
  target.tcp_options = given.has(log_tcp_options);
  target.ip_options = given.has(log_ip_options);
  target.uid = given.has(log_uid);
  target.macdecode = given.has(log_macdecode);
  return target;
}

// ------------------------------------------------------------ MARK, CONNMARK

enum : std::uint8_t {
  set_xmark,
  set_mark,
  and_mark,
  or_mark,
  xor_mark,
  save_mark,
  restore_mark,
  both_masks,
  nf_mask,
  ct_mask,
  shift_left,
  shift_right
};
constexpr OptionSpec mark_options[] = {
    {.name = "set-xmark", .id = set_xmark}, {.name = "set-mark", .id = set_mark},
    {.name = "and-mark", .id = and_mark},   {.name = "or-mark", .id = or_mark},
    {.name = "xor-mark", .id = xor_mark},
};
constexpr OptionSpec connmark_options[] = {
    {.name = "set-xmark", .id = set_xmark},
    {.name = "set-mark", .id = set_mark},
    {.name = "and-mark", .id = and_mark},
    {.name = "or-mark", .id = or_mark},
    {.name = "xor-mark", .id = xor_mark},
    {.name = "save-mark", .id = save_mark, .form = Form::none},
    {.name = "restore-mark", .id = restore_mark, .form = Form::none},
    {.name = "mask", .id = both_masks},
    {.name = "nfmask", .id = nf_mask},
    {.name = "ctmask", .id = ct_mask},
    {.name = "left-shift-mark", .id = shift_left, .form = Form::number, .highest = 31},
    {.name = "right-shift-mark", .id = shift_right, .form = Form::number, .highest = 31},
};

/// Every way of setting a mark is one: (mark & ~mask) ^ value.
MarkAndMask read_setting(const Arguments& given, const Argument& argument) {
  constexpr std::uint32_t all = 0xffffffff;
  const auto plain = [&] { return static_cast<std::uint32_t>(given.number(argument, all)); };
  switch (argument.spec->id) {
    case and_mark:
      return {0, ~plain()};
    case or_mark: {
      const std::uint32_t bits = plain();
      return {bits, bits};
    }
    case xor_mark:
      return {plain(), 0};
    default:
      break;
  }
  MarkAndMask mark = given.mark(argument);
  if (argument.spec->id == set_mark) mark.mask |= mark.value;
  return mark;
}

Target read_mark(const Arguments& given) {
  if (given.list().size() != 1) {
    given.report("MARK needs one of its options");
    return MarkTarget{};
  }
  const MarkAndMask mark = read_setting(given, given.list().front());
  return MarkTarget{mark.value, mark.mask};
}

Target read_connmark(const Arguments& given) {
  constexpr std::uint8_t operations[] = {set_xmark, set_mark,  and_mark,    or_mark,
                                         xor_mark,  save_mark, restore_mark};
  given.need_one_of(operations);
  given.allow_one_of(operations);
  ConnmarkTarget target;
  const auto mask = [&](const Argument& argument) {
    return static_cast<std::uint32_t>(given.number(argument, 0xffffffff));
  };
  for (const Argument& argument : given.list()) {
    switch (argument.spec->id) {
      case save_mark:
        target.mode = ConnmarkTarget::Mode::save;
        break;
      case restore_mark:
        target.mode = ConnmarkTarget::Mode::restore;
        break;
      case both_masks:
        target.connection_mask = target.packet_mask = mask(argument);
        break;
      case nf_mask:
        target.packet_mask = mask(argument);
        break;
      case ct_mask:
        target.connection_mask = mask(argument);
        break;
      case shift_left:
      case shift_right:
        break;  // kept as written, below
      default: {
        const MarkAndMask mark = read_setting(given, argument);
        target.value = mark.value;
        target.connection_mask = mark.mask;
      }
    }
  }
  if (given.has(both_masks) && (given.has(nf_mask) || given.has(ct_mask))) {
    given.report("CONNMARK --mask excludes --nfmask and --ctmask");
  }
  target.shift = kept_words(std::span(connmark_options).last(2), given);
  return target;
}

// ------------------------------------------------------------ CT, NOTRACK, TCPMSS

enum : std::uint8_t { notrack, helper, timeout, ctevents, expevents, zone_orig, zone_reply, zone };
constexpr OptionSpec ct_options[] = {
    {.name = "notrack", .id = notrack, .form = Form::none},
    {.name = "helper", .id = helper},
    {.name = "timeout", .id = timeout},
    {.name = "ctevents", .id = ctevents},
    {.name = "expevents", .id = expevents},
    {.name = "zone-orig", .id = zone_orig},
    {.name = "zone-reply", .id = zone_reply},
    {.name = "zone", .id = zone},
};

/// The kernel keeps one zone and for which directions it holds; zone 0 is none.
void read_zone(const Arguments& given, CtTarget& target) {
  std::optional<std::uint16_t> last;
  for (const Argument& argument : given.list()) {
    const std::uint8_t id = argument.spec->id;
    if (id != zone && id != zone_orig && id != zone_reply) continue;
    target.zone_from_mark = argument.value == "mark";
    last = target.zone_from_mark ? std::uint16_t{0}
                                 : static_cast<std::uint16_t>(given.number(argument, 65535));
  }
  if (!last || (*last == 0 && !target.zone_from_mark)) return;
  if (given.has(zone_orig) == given.has(zone_reply)) {
    target.zone = last;
  } else if (given.has(zone_orig)) {
    target.zone_original = last;
  } else {
    target.zone_reply = last;
  }
}

Target read_ct(const Arguments& given) {
  CtTarget target;
  target.notrack = given.has(notrack);
  read_zone(given, target);
  if (const Argument* a = given.find(helper)) {
    target.helper = a->value;
    if (given.rule().protocol == 0) given.report("CT --helper needs -p");
  }
  if (const Argument* a = given.find(timeout)) target.timeout_policy = a->value;
  target.events = kept_words(std::span(ct_options).subspan(3, 2), given);
  return target;
}

Target read_notrack(const Arguments&) {
  CtTarget target;
  target.notrack = target.written_as_notrack = true;
  return target;
}

enum : std::uint8_t { set_mss, clamp };
constexpr OptionSpec tcpmss_options[] = {
    {.name = "set-mss", .id = set_mss},
    {.name = "clamp-mss-to-pmtu", .id = clamp, .form = Form::none},
};

Target read_tcpmss(const Arguments& given) {
  TcpmssTarget target;
  if (given.list().size() != 1) given.report("TCPMSS needs one of its options");
  target.clamp_to_pmtu = given.has(clamp);
  if (const Argument* a = given.find(set_mss)) {
    target.mss = static_cast<std::uint16_t>(given.number(*a, 65515));
  }
  return target;
}

constexpr Restriction in_raw = {.tables = table_bit(TableKind::raw)};
constexpr TargetExtension extensions[] = {
    {"REJECT", reject_options, read_reject, {.tables = table_bit(TableKind::filter)}},
    {"LOG", log_options, read_log},
    {"MARK", mark_options, read_mark},
    {"CONNMARK", connmark_options, read_connmark},
    {"CT", ct_options, read_ct, in_raw},
    {"NOTRACK", {}, read_notrack, in_raw},
    {"TCPMSS", tcpmss_options, read_tcpmss, {.protocol = 6}},
};

}  // namespace

std::span<const TargetExtension> plain_targets() {
  return extensions;
}

std::string_view reject_name(RejectWith with) {
  for (const RejectName& row : reject_v4) {
    if (row.with == with) return row.name;
  }
  for (const RejectName& row : reject_v6) {
    if (row.with == with) return row.name;
  }
  return with == RejectWith::echo_reply ? "icmp-echo-reply" : "icmp6-not-neighbour";
}

void append(std::string& out, const RejectTarget& target) {
  fmt::format_to(std::back_inserter(out), " -j REJECT --reject-with {}", reject_name(target.with));
}

void append(std::string& out, const LogTarget& target) {
  constexpr std::uint8_t default_level = 4;
  out += " -j LOG";
  if (!target.prefix.empty()) out += " --log-prefix " + quoted_if_needed(target.prefix);
  if (target.level != default_level) out += " --log-level " + std::to_string(target.level);
  if (target.tcp_sequence) out += " --log-tcp-sequence";
  if (target.tcp_options) out += " --log-tcp-options";
  if (target.ip_options) out += " --log-ip-options";
  if (target.uid) out += " --log-uid";
  if (target.macdecode) out += " --log-macdecode";
}

void append(std::string& out, const MarkTarget& target) {
  fmt::format_to(std::back_inserter(out), " -j MARK --set-xmark 0x{:x}/0x{:x}", target.value,
                 target.mask);
}

void append(std::string& out, const ConnmarkTarget& target) {
  const auto end = std::back_inserter(out);
  switch (target.mode) {
    case ConnmarkTarget::Mode::set:
      fmt::format_to(end, " -j CONNMARK --set-xmark 0x{:x}/0x{:x}", target.value,
                     target.connection_mask);
      break;
    case ConnmarkTarget::Mode::save:
    case ConnmarkTarget::Mode::restore:
      fmt::format_to(end, " -j CONNMARK --{}-mark --nfmask 0x{:x} --ctmask 0x{:x}",
                     target.mode == ConnmarkTarget::Mode::save ? "save" : "restore",
                     target.packet_mask, target.connection_mask);
      break;
  }
  for (const std::string& word : target.shift)
    out += ' ' + word;
}

void append(std::string& out, const CtTarget& target) {
  if (target.written_as_notrack) {
    out += " -j NOTRACK";
    return;
  }
  out += " -j CT";
  if (target.notrack) out += " --notrack";
  if (!target.helper.empty()) out += " --helper " + target.helper;
  if (!target.timeout_policy.empty()) out += " --timeout " + target.timeout_policy;
  for (const std::string& word : target.events)
    out += ' ' + word;
  const auto zone_text = [&](std::string_view option, const std::optional<std::uint16_t>& zone) {
    if (!zone) return;
    fmt::format_to(std::back_inserter(out), " --{} {}", option,
                   target.zone_from_mark ? "mark" : std::to_string(*zone));
  };
  zone_text("zone-orig", target.zone_original);
  zone_text("zone-reply", target.zone_reply);
  zone_text("zone", target.zone);
}

void append(std::string& out, const TcpmssTarget& target) {
  if (target.clamp_to_pmtu) {
    out += " -j TCPMSS --clamp-mss-to-pmtu";
  } else {
    out += " -j TCPMSS --set-mss " + std::to_string(target.mss);
  }
}

}  // namespace wayout::netfilter::text
