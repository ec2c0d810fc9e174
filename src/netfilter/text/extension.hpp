// Matches and targets as extensions of a rule's grammar: the options each of them has, and how what
// was given becomes a Match or a Target.
//
// An extension that we model has a reader of its own. One that we only keep mostly has none: its
// options are written back in the order of their ids, each in its Form, which is how iptables-save
// prints them. Grammar and readers stand together, by theme, in match_*.cpp, target_*.cpp and
// kept_*.cpp; registry.cpp finds an extension by its name.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "netfilter/rule.hpp"
#include "netfilter/text/problem.hpp"
#include "netfilter/text/values.hpp"

namespace wayout::netfilter::text {

/// How an argument is written and what iptables-save makes of it.
enum class Form : std::uint8_t {
  none,       ///< no argument
  word,       ///< as it is
  text,       ///< in quotes when it needs them
  quoted,     ///< always in quotes
  number,     ///< decimal
  range,      ///< `5` or `5:6`, open ends filled in
  hex,        ///< 0x5
  hex_mask,   ///< 0x5/0xff; the mask only when it is not all ones
  lower,      ///< in lower case
  address,
  prefix,     ///< address/length
  two_words,  ///< takes two arguments
};

struct Argument;
class Arguments;

struct OptionSpec {
  std::string_view name;
  std::uint8_t id = 0;         ///< in the order of printing; names of one id are the same option,
                               ///< and the first of them is the one that is printed
  Form form = Form::word;
  bool invertible = false;     ///< may have `!` before it
  bool required = false;
  bool repeats = false;        ///< may be given several times
  std::uint64_t highest = 0xffffffff;  ///< Form::number and range

  // Of options that are only kept:
  std::string (*spell)(const Arguments&, const Argument&) = nullptr;  ///< instead of `form`
  std::string_view implied = {};  ///< printed when the option is not given
  std::string_view silent = {};   ///< the value that is not printed

  [[nodiscard]] unsigned words() const {
    return form == Form::none ? 0U : form == Form::two_words ? 2U : 1U;
  }
};

/// One option as given.
struct Argument {
  const OptionSpec* spec = nullptr;
  std::string_view value = {}, second = {};
  std::uint32_t column = 0;    ///< of the value, or of the option when it has none
  bool inverted = false;
};

/// What a reader of an extension may know of the rule around it.
struct RuleContext {
  wire::Family family = wire::Family::ipv4;
  TableKind table = TableKind::filter;
  std::uint8_t protocol = 0;
  bool protocol_inverted = false;
};

/// Everything that one `-m name` or `-j NAME` was given.
class Arguments {
 public:
  Arguments(std::string_view name, std::span<const Argument> list, const RuleContext& rule,
            std::uint32_t column, Problem& problem)
      : name_(name), list_(list), rule_(rule), column_(column), problem_(problem) {}

  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] std::span<const Argument> list() const { return list_; }
  [[nodiscard]] const RuleContext& rule() const { return rule_; }
  [[nodiscard]] wire::Family family() const { return rule_.family; }
  /// Null when it was not given.
  [[nodiscard]] const Argument* find(std::uint8_t id) const;
  [[nodiscard]] bool has(std::uint8_t id) const { return find(id) != nullptr; }

  /// Only some of the options, in the same surroundings.
  [[nodiscard]] Arguments part(std::span<const Argument>::iterator from,
                               std::span<const Argument>::iterator to) const {
    return {name_, std::span(from, to), rule_, column_, problem_};
  }

  /// The extension as a whole is at fault.
  void report(std::string message) const { problem_.report(column_, std::move(message)); }
  /// The value of this option is at fault.
  void bad(const Argument& argument) const;
  /// At least one of these options is needed.
  void need_one_of(std::span<const std::uint8_t> ids) const;
  /// At most one of these options may be given.
  void allow_one_of(std::span<const std::uint8_t> ids) const;

  // Values; what is no such value is reported, and a default returned.
  [[nodiscard]] std::uint64_t number(const Argument& argument, std::uint64_t highest) const;
  [[nodiscard]] PortRange ports(const Argument& argument) const;
  [[nodiscard]] NumberRange range(const Argument& argument, std::uint64_t highest) const;
  [[nodiscard]] MarkAndMask mark(const Argument& argument) const;
  [[nodiscard]] wire::IpAddress address(const Argument& argument) const;
  [[nodiscard]] wire::Prefix prefix(const Argument& argument) const;

 private:
  std::string_view name_;
  std::span<const Argument> list_;
  const RuleContext& rule_;
  std::uint32_t column_;
  Problem& problem_;
};

/// Where and with what an extension may be used; what the kernel refuses otherwise.
struct Restriction {
  std::uint8_t families = 3;      ///< bit 0: IPv4, bit 1: IPv6
  std::uint8_t tables = 0x1f;     ///< bit = TableKind
  std::uint8_t hooks = 0x1f;      ///< bit = Hook, for the built-in chains
  std::uint16_t protocol = 0;     ///< needs `-p` this; 0: any
};
inline constexpr std::uint8_t v4_only = 1, v6_only = 2, both_families = 3;
constexpr std::uint8_t table_bit(TableKind table) {
  return static_cast<std::uint8_t>(1U << static_cast<unsigned>(table));
}
constexpr std::uint8_t hook_bit(Hook hook) {
  return static_cast<std::uint8_t>(1U << static_cast<unsigned>(hook));
}

struct MatchExtension {
  std::string_view name;
  std::span<const OptionSpec> options;
  Match (*read)(const Arguments& given) = nullptr;   ///< null: kept as words
  Restriction restriction = {};
};

struct TargetExtension {
  std::string_view name;
  std::span<const OptionSpec> options;
  Target (*read)(const Arguments& given) = nullptr;  ///< null: kept as words
  Restriction restriction = {};
  bool passes = false;                               ///< see KeptTarget
};

/// The words of what was given, in the order and spelling of iptables-save.
[[nodiscard]] std::vector<std::string> kept_words(std::span<const OptionSpec> options,
                                                  const Arguments& given);

/// Text as iptables-save prints it: in quotes, with escapes, unless it is all of [A-Za-z0-9_-].
[[nodiscard]] std::string quoted_if_needed(std::string_view text);
/// In quotes, with a backslash before each of the `escaped` characters.
[[nodiscard]] std::string quoted(std::string_view text, std::string_view escaped = "\"\\");

/// Null when there is none of that name for this family.
[[nodiscard]] const MatchExtension* find_match(std::string_view name, wire::Family family);
[[nodiscard]] const TargetExtension* find_target(std::string_view name, wire::Family family);
/// One that is kept in words, whether a reader brings them into shape or not.
[[nodiscard]] bool is_kept(const TargetExtension& extension);
/// The match that `-p` loads when an option of it follows; null: none.
[[nodiscard]] const MatchExtension* match_of_protocol(std::uint8_t protocol, wire::Family family);

}  // namespace wayout::netfilter::text
