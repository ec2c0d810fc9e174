#include "netfilter/text/extension.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "netfilter/text/names.hpp"

namespace wayout::netfilter::text {
namespace {

std::string range_text(const NumberRange& range) {
  return range.low == range.high ? std::to_string(range.low)
                                 : fmt::format("{}:{}", range.low, range.high);
}

std::string in_its_form(const Arguments& given, const Argument& argument) {
  const OptionSpec& spec = *argument.spec;
  switch (spec.form) {
    case Form::none:
      return {};
    case Form::word:
      break;
    case Form::text:
      return quoted_if_needed(argument.value);
    case Form::quoted:
      return quoted(argument.value);
    case Form::number:
      return std::to_string(given.number(argument, spec.highest));
    case Form::range:
      return range_text(given.range(argument, spec.highest));
    case Form::hex:
      return fmt::format("0x{:x}", given.number(argument, spec.highest));
    case Form::hex_mask: {
      const MarkAndMask mark = given.mark(argument);
      return mark.mask == 0xffffffff ? fmt::format("0x{:x}", mark.value)
                                     : fmt::format("0x{:x}/0x{:x}", mark.value, mark.mask);
    }
    case Form::lower:
      return lower(argument.value);
    case Form::address:
      return given.address(argument).text();
    case Form::prefix:
      return given.prefix(argument).text();
    case Form::two_words:
      return fmt::format("{} {}", argument.value, argument.second);
  }
  return std::string(argument.value);
}

}  // namespace

const Argument* Arguments::find(std::uint8_t id) const {
  const auto at = std::find_if(list_.begin(), list_.end(),
                               [id](const Argument& a) { return a.spec->id == id; });
  return at == list_.end() ? nullptr : &*at;
}

void Arguments::bad(const Argument& argument) const {
  problem_.report(argument.column, fmt::format("bad value \"{}\" for --{} of {}", argument.value,
                                               argument.spec->name, name_));
}

void Arguments::need_one_of(std::span<const std::uint8_t> ids) const {
  if (std::none_of(ids.begin(), ids.end(), [this](std::uint8_t id) { return has(id); })) {
    report(fmt::format("{} needs one of its options", name_));
  }
}

void Arguments::allow_one_of(std::span<const std::uint8_t> ids) const {
  if (std::count_if(ids.begin(), ids.end(), [this](std::uint8_t id) { return has(id); }) > 1) {
    report(fmt::format("options of {} that exclude each other", name_));
  }
}

std::uint64_t Arguments::number(const Argument& argument, std::uint64_t highest) const {
  const auto value = parse_number(argument.value, highest);
  if (!value) bad(argument);
  return value.value_or(0);
}

PortRange Arguments::ports(const Argument& argument) const {
  const auto value = parse_port_range(argument.value);
  if (!value) bad(argument);
  return value.value_or(PortRange{});
}

NumberRange Arguments::range(const Argument& argument, std::uint64_t highest) const {
  const auto value = parse_range(argument.value, highest);
  if (!value) bad(argument);
  return value.value_or(NumberRange{});
}

MarkAndMask Arguments::mark(const Argument& argument) const {
  const auto value = parse_mark(argument.value);
  if (!value) bad(argument);
  return value.value_or(MarkAndMask{});
}

wire::IpAddress Arguments::address(const Argument& argument) const {
  const auto value = parse_address(argument.value, family());
  if (!value) bad(argument);
  return value.value_or(wire::IpAddress::any(family()));
}

wire::Prefix Arguments::prefix(const Argument& argument) const {
  const auto value = parse_prefix(argument.value, family());
  if (!value) bad(argument);
  return value.value_or(wire::Prefix{});
}

std::vector<std::string> kept_words(std::span<const OptionSpec> options, const Arguments& given) {
  std::vector<std::string> words;
  const auto write = [&words](const OptionSpec& spec, bool inverted, std::string value) {
    if (!spec.silent.empty() && value == spec.silent) return;
    if (inverted) words.emplace_back("!");
    words.push_back(fmt::format("--{}", spec.name));
    if (!value.empty()) words.push_back(std::move(value));
  };
  for (std::size_t i = 0; i < options.size(); ++i) {
    const OptionSpec& spec = options[i];
    if (i != 0 && options[i - 1].id == spec.id) continue;  // another name of the same option
    bool was_given = false;
    for (const Argument& argument : given.list()) {
      if (argument.spec->id != spec.id) continue;
      was_given = true;
      write(spec, argument.inverted,
            spec.spell != nullptr ? spec.spell(given, argument) : in_its_form(given, argument));
    }
    if (!was_given && !spec.implied.empty()) write(spec, false, std::string(spec.implied));
  }
  return words;
}

std::string quoted(std::string_view text, std::string_view escaped) {
  std::string result = "\"";
  for (const char c : text) {
    if (escaped.find(c) != std::string_view::npos) result += '\\';
    result += c;
  }
  return result += '"';
}

std::string quoted_if_needed(std::string_view text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
  return plain ? std::string(text) : quoted(text, R"("\')");
}

}  // namespace wayout::netfilter::text
