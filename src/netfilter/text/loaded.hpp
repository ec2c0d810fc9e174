// The extensions that a line has brought up to some word, and to which of them an option belongs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "netfilter/text/extension.hpp"

namespace wayout::netfilter::text {

/// One `-m name` or `-j NAME` and what it was given so far.
struct Loaded {
  const MatchExtension* match = nullptr;
  const TargetExtension* target = nullptr;
  std::string name;
  bool is_target = false;
  std::uint32_t column = 0;
  std::vector<Argument> given = {};
  std::vector<std::string> tokens = {};  ///< of an extension that we do not know: its words as they are

  [[nodiscard]] bool unknown() const { return match == nullptr && target == nullptr; }
  [[nodiscard]] std::span<const OptionSpec> options() const {
    return match != nullptr    ? match->options
           : target != nullptr ? target->options
                               : std::span<const OptionSpec>{};
  }
  [[nodiscard]] Restriction restriction() const {
    return match != nullptr    ? match->restriction
           : target != nullptr ? target->restriction
                               : Restriction{};
  }
};

/// What `--name` turned out to be.
struct LongOption {
  enum class Kind : std::uint8_t { unknown, ambiguous, general, extension };
  Kind kind = Kind::unknown;
  char letter = 0;                   ///< general: the short option it is another name of
  Loaded* loaded = nullptr;          ///< extension
  const OptionSpec* spec = nullptr;  ///< extension
};

/// Find `name` (without `--`, perhaps abbreviated) among the general options and those of the
/// extensions, of which the last one loaded comes first.
/// Like: getopt_long() over the option table as iptables merges it.
[[nodiscard]] LongOption find_long_option(std::string_view name, std::span<Loaded> loaded);

}  // namespace wayout::netfilter::text
