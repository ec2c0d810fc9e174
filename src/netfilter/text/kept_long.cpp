// Kept matches whose printed form takes more than a table: hashlimit, policy, statistic, string,
// time, u32.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>

#include "netfilter/text/names.hpp"
#include "netfilter/text/rate.hpp"
#include "netfilter/text/registry.hpp"

namespace wayout::netfilter::text {
namespace {

// ------------------------------------------------------------ hashlimit

enum : std::uint8_t {
  upto,
  above,
  burst,
  mode,
  hash_name,
  htable_size,
  htable_max,
  htable_gcinterval,
  htable_expire,
  srcmask,
  dstmask,
  rate_match,
  rate_interval
};
constexpr OptionSpec hashlimit_options[] = {
    {.name = "hashlimit-upto", .id = upto, .invertible = true},
    {.name = "hashlimit", .id = upto, .invertible = true},
    {.name = "hashlimit-above", .id = above, .invertible = true},
    {.name = "hashlimit-burst", .id = burst},
    {.name = "hashlimit-mode", .id = mode},
    {.name = "hashlimit-name", .id = hash_name, .required = true},
    {.name = "hashlimit-htable-size", .id = htable_size, .form = Form::number},
    {.name = "hashlimit-htable-max", .id = htable_max, .form = Form::number},
    {.name = "hashlimit-htable-gcinterval", .id = htable_gcinterval, .form = Form::number},
    {.name = "hashlimit-htable-expire", .id = htable_expire, .form = Form::number},
    {.name = "hashlimit-srcmask", .id = srcmask, .form = Form::number},
    {.name = "hashlimit-dstmask", .id = dstmask, .form = Form::number},
    {.name = "hashlimit-rate-match", .id = rate_match, .form = Form::none},
    {.name = "hashlimit-rate-interval", .id = rate_interval, .form = Form::number},
};

/// `512kb`: bytes with a unit; nothing when it is no such number.
std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (error != std::errc{} || number > 0xffffffff) return std::nullopt;
  if (unit == "b") return number;
  if (unit == "kb") return number << 10;
  if (unit == "mb") return number << 20;
  return std::nullopt;
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes != 0 && bytes % (1U << 20) == 0) return fmt::format("{}mb", bytes >> 20);
  if (bytes != 0 && bytes % (1U << 10) == 0) return fmt::format("{}kb", bytes >> 10);
  return fmt::format("{}b", bytes);
}

/// In the order in which they are printed, whatever the order given.
std::string hash_modes(const Arguments& given, const Argument& argument) {
  constexpr std::string_view names[] = {"srcip", "srcport", "dstip", "dstport"};
  std::array<bool, std::size(names)> asked{};
  std::string_view rest = argument.value;
  while (!rest.empty()) {
    const std::string_view name = cut(rest, ',');
    const auto* at = std::find(std::begin(names), std::end(names), name);
    if (at == std::end(names)) {
      if (name != "none") given.bad(argument);
      return {};
    }
    asked[static_cast<std::size_t>(at - names)] = true;
  }
  std::string text;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (!asked[i]) continue;
    if (!text.empty()) text += ',';
    text += names[i];
  }
  return text;
}

/// Rate and burst, each always printed, and what remains of --hashlimit-htable-expire: it is
/// printed when it differs from the unit of the rate, from which it is taken by default.
void hashlimit_rate(const Arguments& given, const Argument& rate, std::vector<std::string>& words,
                    std::uint64_t& expire_ms, std::uint64_t& usual_expire_ms) {
  constexpr std::uint64_t scale = 1000000;
  const bool is_above = (rate.spec->id == above) != rate.inverted;
  words.emplace_back(is_above ? "--hashlimit-above" : "--hashlimit-upto");
  const Argument* wanted_burst = given.find(burst);

  std::string_view unit = rate.value;
  if (const auto bytes = parse_bytes(cut(unit, '/'));
      bytes && begins_ignoring_case("second", unit)) {
    constexpr unsigned byte_shift = 4;  // the kernel counts such limits in 16-byte steps
    words.push_back(bytes_text(*bytes >> byte_shift << byte_shift) + "/s");
    if (wanted_burst != nullptr) {
      const auto burst_bytes = parse_bytes(wanted_burst->value);
      if (!burst_bytes) given.bad(*wanted_burst);
      words.emplace_back("--hashlimit-burst");
      words.push_back(bytes_text(burst_bytes.value_or(0)));
    }
    return;
  }
  const auto packets = parse_rate(rate.value, scale);
  if (!packets) return given.bad(rate);
  words.push_back(rate_text(packets->average, scale));
  words.emplace_back("--hashlimit-burst");
  words.push_back(
      wanted_burst == nullptr ? "5" : std::to_string(given.number(*wanted_burst, 0xffffffff)));
  expire_ms = packets->unit_s * std::uint64_t{1000};
  usual_expire_ms = printed_unit_s(packets->average, scale) * std::uint64_t{1000};
}

Match read_hashlimit(const Arguments& given) {
  KeptMatch match{"hashlimit", {}};
  const Argument* rate = given.has(upto) ? given.find(upto) : given.find(above);
  if (rate == nullptr || (given.has(upto) && given.has(above))) {
    given.report("hashlimit needs one of --hashlimit-upto and --hashlimit-above");
    return match;
  }
  std::vector<std::string>& words = match.tokens;
  std::uint64_t expire_ms = 0, usual_expire_ms = 0;
  hashlimit_rate(given, *rate, words, expire_ms, usual_expire_ms);
  if (const Argument* a = given.find(mode)) {
    std::string modes = hash_modes(given, *a);
    if (!modes.empty()) words.insert(words.end(), {"--hashlimit-mode", std::move(modes)});
  }
  const auto append_kept = [&](std::size_t from, std::size_t count) {
    const auto more = kept_words(std::span(hashlimit_options).subspan(from, count), given);
    words.insert(words.end(), more.begin(), more.end());
  };
  append_kept(5, 4);
  if (const Argument* a = given.find(htable_expire)) expire_ms = given.number(*a, 0xffffffff);
  if (expire_ms != usual_expire_ms) {
    words.insert(words.end(), {"--hashlimit-htable-expire", std::to_string(expire_ms)});
  }
  const std::uint8_t whole = wire::address_bits(given.family());
  for (const std::uint8_t id : {srcmask, dstmask}) {
    const Argument* a = given.find(id);
    if (a == nullptr) continue;
    const std::uint64_t length = given.number(*a, whole);
    if (length == whole) continue;
    words.insert(words.end(), {fmt::format("--{}", a->spec->name), std::to_string(length)});
  }
  append_kept(12, 2);
  return match;
}

// ------------------------------------------------------------ policy

enum : std::uint8_t {
  dir,
  pol,
  strict,
  reqid,
  spi,
  proto,
  policy_mode,
  tunnel_dst,
  tunnel_src,
  next
};
constexpr OptionSpec policy_options[] = {
    {.name = "dir", .id = dir, .form = Form::lower, .required = true},
    {.name = "pol", .id = pol, .form = Form::lower, .required = true},
    {.name = "strict", .id = strict, .form = Form::none},
    {.name = "reqid", .id = reqid, .form = Form::number, .invertible = true, .repeats = true},
    {.name = "spi", .id = spi, .form = Form::hex, .invertible = true, .repeats = true},
    {.name = "proto", .id = proto, .form = Form::lower, .invertible = true, .repeats = true},
    {.name = "mode", .id = policy_mode, .form = Form::lower, .invertible = true, .repeats = true},
    {.name = "tunnel-dst", .id = tunnel_dst, .invertible = true, .repeats = true},
    {.name = "tunnel-src", .id = tunnel_src, .invertible = true, .repeats = true},
    {.name = "next", .id = next, .form = Form::none, .repeats = true},
};

/// One element of the policy after the other, each in the order of printing.
Match read_policy(const Arguments& given) {
  KeptMatch match{"policy", kept_words(std::span(policy_options).first<3>(), given)};
  auto from = given.list().begin();
  while (from != given.list().end()) {
    const auto is_next = [](const Argument& a) { return a.spec->id == next; };
    const auto to = std::find_if(from, given.list().end(), is_next);
    const auto words = kept_words(std::span(policy_options).subspan<3, 6>(), given.part(from, to));
    match.tokens.insert(match.tokens.end(), words.begin(), words.end());
    if (to == given.list().end()) break;
    match.tokens.emplace_back("--next");
    from = to + 1;
  }
  return match;
}

// ------------------------------------------------------------ statistic

enum : std::uint8_t { statistic_mode, probability, every, packet };

/// The kernel keeps 31 bits of it.
std::string probability_text(const Arguments& given, const Argument& argument) {
  constexpr double whole = 2147483648.0;
  double value = 0;
  const char* end = argument.value.data() + argument.value.size();
  const auto [rest, error] = std::from_chars(argument.value.data(), end, value);
  if (error != std::errc{} || rest != end || !(value >= 0 && value <= 1)) {
    given.bad(argument);
    return {};
  }
  return fmt::format("{:.11f}", static_cast<double>(std::llround(value * whole)) / whole);
}
constexpr OptionSpec statistic_options[] = {
    {.name = "mode", .id = statistic_mode, .form = Form::lower, .required = true},
    {.name = "probability", .id = probability, .invertible = true, .spell = probability_text},
    {.name = "every", .id = every, .form = Form::number, .invertible = true},
    {.name = "packet", .id = packet, .form = Form::number},
};

Match read_statistic(const Arguments& given) {
  const Argument* n = given.find(every);
  const Argument* p = given.find(packet);
  if (given.has(probability) ? n != nullptr || p != nullptr : n == nullptr || p == nullptr) {
    given.report("statistic needs --probability, or --every and --packet");
  } else if (n != nullptr && given.number(*p, 0xffffffff) >= given.number(*n, 0xffffffff)) {
    given.bad(*p);
  }
  return KeptMatch{"statistic", kept_words(statistic_options, given)};
}

// ------------------------------------------------------------ string

enum : std::uint8_t { pattern, hex_pattern, algorithm, from, to, icase };
constexpr OptionSpec string_options[] = {
    {.name = "string", .id = pattern, .invertible = true},
    {.name = "hex-string", .id = hex_pattern, .invertible = true},
    {.name = "algo", .id = algorithm, .required = true},
    {.name = "from", .id = from, .form = Form::number, .highest = 65535, .silent = "0"},
    {.name = "to", .id = to, .form = Form::number, .highest = 65535, .silent = "65535"},
    {.name = "icase", .id = icase, .form = Form::none},
};

/// `|0d 0a|abc`: bytes in hexadecimal between bars, characters outside, a backslash before a bar.
std::string unhex(const Arguments& given, const Argument& argument) {
  std::string bytes;
  bool in_hex = false;
  const std::string_view text = argument.value;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && i + 1 < text.size() && !in_hex) {
      bytes += text[++i];
    } else if (c == '|') {
      in_hex = !in_hex;
    } else if (!in_hex) {
      bytes += c;
    } else if (c != ' ') {
      unsigned value = 0;
      const char* end = text.data() + std::min(i + 2, text.size());
      const auto [rest, error] = std::from_chars(text.data() + i, end, value, 16);
      if (error != std::errc{} || rest != text.data() + i + 2) {
        given.bad(argument);
        return {};
      }
      bytes += static_cast<char>(value);
      ++i;
    }
  }
  if (in_hex) given.bad(argument);
  return bytes;
}

Match read_string(const Arguments& given) {
  constexpr std::size_t longest = 128;
  KeptMatch match{"string", {}};
  const Argument* a = given.has(pattern) ? given.find(pattern) : given.find(hex_pattern);
  if (a == nullptr || given.has(pattern) == given.has(hex_pattern)) {
    given.report("string needs one of --string and --hex-string");
    return match;
  }
  const std::string bytes = a->spec->id == pattern ? std::string(a->value) : unhex(given, *a);
  if (bytes.empty() || bytes.size() > longest) given.bad(*a);
  if (a->inverted) match.tokens.emplace_back("!");
  const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  if (std::all_of(bytes.begin(), bytes.end(), printable)) {
    match.tokens.insert(match.tokens.end(), {"--string", quoted(bytes)});
  } else {
    std::string hex = "\"|";
    for (const char c : bytes)
      hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
    match.tokens.insert(match.tokens.end(), {"--hex-string", hex + "|\""});
  }
  const auto more = kept_words(std::span(string_options).subspan(2), given);
  match.tokens.insert(match.tokens.end(), more.begin(), more.end());
  return match;
}

// ------------------------------------------------------------ u32

/// Numbers become hexadecimal, blanks disappear.
std::string u32_tests(const Arguments& given, const Argument& argument) {
  std::string text = "\"";
  std::string_view rest = argument.value;
  while (!rest.empty()) {
    const char c = rest.front();
    if (c >= '0' && c <= '9') {
      const std::size_t size =
          std::min(rest.find_first_not_of("0123456789abcdefABCDEFxX"), rest.size());
      const auto number = parse_number(rest.substr(0, size), 0xffffffff);
      if (!number) given.bad(argument);
      text += fmt::format("0x{:x}", number.value_or(0));
      rest.remove_prefix(size);
      continue;
    }
    if (c != ' ' && std::string_view("&=<>@:,").find(c) == std::string_view::npos) {
      given.bad(argument);
    }
    if (c != ' ') text += c;
    rest.remove_prefix(1);
  }
  return text + '"';
}
constexpr OptionSpec u32_options[] = {
    {.name = "u32", .invertible = true, .required = true, .spell = u32_tests}};

constexpr MatchExtension extensions[] = {
    {"hashlimit", hashlimit_options, read_hashlimit},
    {"policy", policy_options, read_policy},
    {"statistic", statistic_options, read_statistic},
    {"string", string_options, read_string},
    {"u32", u32_options},
};

}  // namespace

std::span<const MatchExtension> kept_long_matches() {
  return extensions;
}

}  // namespace wayout::netfilter::text
