#include "netfilter/text/command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "netfilter/text/extension.hpp"
#include "netfilter/text/loaded.hpp"
#include "netfilter/text/names.hpp"
#include "netfilter/text/values.hpp"

namespace wayout::netfilter::text {
namespace {

/// xtables-addons and others that we know nothing of are told from a mistyped chain by their case.
bool looks_like_a_target(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

class CommandReader {
 public:
  CommandReader(std::span<const Word> words, const CommandContext& context, Problem& problem)
      : words_(words), context_(context), problem_(problem) {
    rule_context_.family = context.family;
    rule_context_.table = context.table;
  }

  Command read() {
    constexpr std::size_t most_words = 255;  // what iptables-restore takes
    if (words_.size() > most_words) fail("too many words");
    while (at_ < words_.size() && !problem_.found() && !other_family_)
      read_word();
    if (other_family_) return {};
    if (invert_ && !problem_.found()) fail("nothing follows the last !");
    if (command_.kind == Command::Kind::none && !problem_.found()) fail("no command such as -A");
    if (!problem_.found() && carries_rule()) finish_rule();
    return std::move(command_);
  }

 private:
  // ---------------------------------------------------------- words

  [[nodiscard]] const Word& word() const { return words_[at_]; }

  void read_word() {
    const std::string& text = word().text;
    if (text == "!") {
      if (invert_) return fail("two ! one after the other");
      invert_ = true;
      ++at_;
    } else if (text.starts_with("--") && text.size() > 2) {
      read_long(std::string_view(text).substr(2));
    } else if (text.size() == 2 && text[0] == '-') {
      ++at_;
      read_general(text[1]);
    } else if (Loaded* unknown = last_unknown(); unknown != nullptr && text[0] != '-') {
      keep(*unknown);
    } else {
      fail(fmt::format("bad argument \"{}\"", text));
    }
  }

  void read_long(std::string_view text) {
    const std::size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    LongOption option = find_long_option(name, loaded_);
    if (option.kind == LongOption::Kind::unknown && load_match_of_protocol(name)) {
      option = find_long_option(name, loaded_);
    }
    switch (option.kind) {
      case LongOption::Kind::general:
        ++at_;
        return read_general(option.letter);
      case LongOption::Kind::extension:
        ++at_;
        return read_extension_option(option, equals == std::string_view::npos
                                                 ? std::optional<std::string_view>()
                                                 : text.substr(equals + 1));
      case LongOption::Kind::ambiguous:
        break;
      case LongOption::Kind::unknown:
        if (Loaded* unknown = last_unknown()) return keep(*unknown);
        break;
    }
    fail(fmt::format("unknown option \"--{}\"", name));
  }

  /// The word after an option; reports when there is none.
  const Word& argument(std::string_view option) {
    static const Word none;
    if (at_ < words_.size()) return words_[at_++];
    fail(fmt::format("{} needs an argument", option));
    return none;
  }

  /// An argument that may be left out, such as the number after `-I chain`.
  [[nodiscard]] bool argument_follows() const {
    return at_ < words_.size() && !words_[at_].text.starts_with('-') && words_[at_].text != "!";
  }

  // ---------------------------------------------------------- general options

  void read_general(char letter) {
    switch (letter) {
      case 'A':
        return begin(Command::Kind::append, "-A");
      case 'I':
        return begin(Command::Kind::insert, "-I");
      case 'N':
        return begin(Command::Kind::new_chain, "-N");
      case 'P':
        return begin(Command::Kind::policy, "-P");
      case 'X':
        return begin(Command::Kind::delete_chain, "-X");
      case 'F':
        return begin(Command::Kind::flush, "-F");
      case 'Z':
        return begin(Command::Kind::zero, "-Z");
      case 's':
        return read_addresses("-s", command_.sources);
      case 'd':
        return read_addresses("-d", command_.destinations);
      case 'i':
        return read_interface("-i", command_.rule.in);
      case 'o':
        return read_interface("-o", command_.rule.out);
      case 'p':
        return read_protocol();
      case 'f':
        return read_fragment();
      case 'm':
        return read_match();
      case 'j':
      case 'g':
        return read_jump(letter == 'g');
      case 'c':
        return read_counters();
      case 'v':
        return refuse_inversion("-v");
      case '4':
      case '6':
        return read_family(letter);
      case 't':
        return fail("-t: the table is that of the section");
      default:
        return fail(fmt::format("option -{} has no place here", letter));
    }
  }

  void begin(Command::Kind kind, std::string_view option) {
    refuse_inversion(option);
    if (command_.kind != Command::Kind::none) return fail("two commands in one line");
    command_.kind = kind;
    const bool for_all = kind == Command::Kind::flush || kind == Command::Kind::zero ||
                         kind == Command::Kind::delete_chain;
    if (for_all && !argument_follows()) return;
    const Word& chain = argument(option);
    command_.chain = chain.text;
    if (carries_rule()) {
      const auto position = context_.chains.find(command_.chain);
      if (!position) return fail_at(chain.column, fmt::format("no chain \"{}\"", chain.text));
      command_.chain_position = *position;
      hook_ = context_.chains.hook(*position);
    }
    if (kind == Command::Kind::policy) command_.policy = argument(option).text;
    if (kind == Command::Kind::insert && argument_follows()) {
      const auto number = parse_number(word().text, 0xffffffff);
      if (!number || *number == 0) return fail(fmt::format("bad rule number \"{}\"", word().text));
      command_.number = static_cast<std::uint32_t>(*number);
      ++at_;
    }
  }

  [[nodiscard]] bool carries_rule() const {
    return command_.kind == Command::Kind::append || command_.kind == Command::Kind::insert;
  }

  void read_addresses(std::string_view option, std::vector<AddressMatch>& list) {
    const bool inverted = std::exchange(invert_, false);
    if (!list.empty()) return fail(fmt::format("two {}", option));
    const Word& value = argument(option);
    std::string_view rest = value.text;
    const bool several = rest.find(',') != std::string_view::npos;
    if (several && inverted) return fail("! does not go with several addresses");
    while (!problem_.found()) {
      const bool last = rest.find(',') == std::string_view::npos;
      list.push_back(
          read_address_match(cut(rest, ','), inverted, context_.family, value.column, problem_));
      if (last) return;
    }
  }

  void read_interface(std::string_view option, InterfaceMatch& match) {
    const bool inverted = std::exchange(invert_, false);
    if (match.asked()) return fail(fmt::format("two {}", option));
    const Word& value = argument(option);
    match = read_interface_match(value.text, inverted, value.column, problem_);
  }

  void read_protocol() {
    const bool inverted = std::exchange(invert_, false);
    if (command_.rule.protocol) return fail("two -p");
    const Word& value = argument("-p");
    const auto protocol = parse_protocol(value.text);
    if (!protocol) return fail_at(value.column, fmt::format("unknown protocol \"{}\"", value.text));
    if (*protocol == 0 && inverted) return fail_at(value.column, "no protocol is not any");
    command_.rule.protocol = *protocol;
    command_.rule.invert_protocol = inverted;
    rule_context_.protocol = *protocol;
    rule_context_.protocol_inverted = inverted;
  }

  void read_fragment() {
    if (context_.family == wire::Family::ipv6) return fail("-f is for IPv4");
    if (command_.rule.fragment) return fail("two -f");
    command_.rule.fragment = true;
    command_.rule.invert_fragment = std::exchange(invert_, false);
  }

  void read_match() {
    refuse_inversion("-m");
    const Word& name = argument("-m");
    if (name.text.empty()) return fail_at(name.column, "-m needs a name");
    const MatchExtension* match = find_match(name.text, context_.family);
    if (match == nullptr && find_match(name.text, other_family()) != nullptr) {
      return fail_at(name.column, fmt::format("{} is a match of the other family", name.text));
    }
    loaded_.push_back({.match = match, .name = name.text, .column = name.column});
  }

  void read_jump(bool is_goto) {
    refuse_inversion(is_goto ? "-g" : "-j");
    if (has_target_) return fail("two -j");
    has_target_ = true;
    const Word& name = argument(is_goto ? "-g" : "-j");
    if (problem_.found()) return;
    const auto chain = context_.chains.find(name.text);
    if (is_goto) return jump(name, chain, true);
    if (read_verdict(name)) return;
    if (const TargetExtension* target = find_target(name.text, context_.family)) {
      loaded_.push_back(
          {.target = target, .name = name.text, .is_target = true, .column = name.column});
      return;
    }
    if (chain) return jump(name, chain, false);
    if (context_.partial || looks_like_a_target(name.text)) {
      loaded_.push_back({.name = name.text, .is_target = true, .column = name.column});
      return;
    }
    fail_at(name.column, fmt::format("no chain or target \"{}\"", name.text));
  }

  bool read_verdict(const Word& name) {
    if (name.text == "ACCEPT") {
      command_.rule.target = AcceptTarget{};
    } else if (name.text == "DROP") {
      command_.rule.target = DropTarget{};
      if (context_.table == TableKind::nat) fail_at(name.column, "the nat table does not drop");
    } else if (name.text == "RETURN") {
      command_.rule.target = ReturnTarget{};
    } else if (name.text == "QUEUE") {
      command_.rule.target = KeptTarget{"QUEUE", {}, false};
    } else {
      return false;
    }
    return true;
  }

  void jump(const Word& name, std::optional<std::uint32_t> chain, bool is_goto) {
    if (!chain) {
      if (!context_.partial) return fail_at(name.column, fmt::format("no chain \"{}\"", name.text));
      loaded_.push_back({.name = name.text, .is_target = true, .column = name.column});
      return;
    }
    if (context_.chains.hook(*chain)) {
      return fail_at(name.column, fmt::format("{} is built in: no rule can jump to it", name.text));
    }
    command_.rule.target = JumpTarget{name.text, *chain, is_goto};
  }

  void read_counters() {
    refuse_inversion("-c");
    std::string_view rest = argument("-c").text;
    const auto packets = parse_number(cut(rest, ','), ~std::uint64_t{0});
    const auto bytes =
        parse_number(rest.empty() && argument_follows() ? argument("-c").text : std::string(rest),
                     ~std::uint64_t{0});
    if (!packets || !bytes) return fail("-c needs packets and bytes");
    command_.rule.counters = {*packets, *bytes};
    command_.has_counters = true;
  }

  [[nodiscard]] wire::Family other_family() const {
    return context_.family == wire::Family::ipv6 ? wire::Family::ipv4 : wire::Family::ipv6;
  }

  void read_family(char letter) {
    refuse_inversion("-4 or -6");
    const bool v6 = context_.family == wire::Family::ipv6;
    if (v6 != (letter == '6')) other_family_ = true;
  }

  // ---------------------------------------------------------- extensions

  bool load_match_of_protocol(std::string_view option) {
    const MatchExtension* match = match_of_protocol(rule_context_.protocol, context_.family);
    if (match == nullptr) return false;
    const bool is_loaded = std::any_of(loaded_.begin(), loaded_.end(),
                                       [match](const Loaded& l) { return l.match == match; });
    const bool has_option =
        std::any_of(match->options.begin(), match->options.end(),
                    [option](const OptionSpec& spec) { return spec.name.starts_with(option); });
    if (is_loaded || !has_option) return false;
    loaded_.push_back({.match = match, .name = std::string(match->name), .column = word().column});
    return true;
  }

  void read_extension_option(const LongOption& option, std::optional<std::string_view> attached) {
    const OptionSpec& spec = *option.spec;
    Argument given{.spec = &spec, .column = words_[at_ - 1].column};
    given.inverted = std::exchange(invert_, false);
    const auto named = [&] { return fmt::format("--{} of {}", spec.name, option.loaded->name); };
    if (given.inverted && !spec.invertible) return fail(named() + " cannot be negated");
    const auto same = [&spec](const Argument& a) { return a.spec->id == spec.id; };
    const auto& before = option.loaded->given;
    if (!spec.repeats && std::any_of(before.begin(), before.end(), same)) {
      return fail(named() + " is given twice");
    }
    if (spec.words() == 0 && attached) return fail(named() + " takes no argument");
    if (spec.words() >= 1) {
      if (attached) {
        given.value = *attached;
      } else {
        const Word& value = argument(named());
        given.value = value.text;
        given.column = value.column;
      }
    }
    if (spec.words() == 2) {
      if (!argument_follows()) return fail(named() + " needs two arguments");
      given.second = argument(named()).text;
    }
    option.loaded->given.push_back(given);
  }

  /// The last extension, if it is one whose options we do not know.
  [[nodiscard]] Loaded* last_unknown() {
    return !loaded_.empty() && loaded_.back().unknown() ? &loaded_.back() : nullptr;
  }

  void keep(Loaded& unknown) {
    if (std::exchange(invert_, false)) unknown.tokens.emplace_back("!");
    const std::string& text = word().text;
    const bool plain = !text.empty() && text.find_first_of(" \t\"") == std::string::npos;
    unknown.tokens.push_back(plain ? text : quoted(text));
    ++at_;
  }

  // ---------------------------------------------------------- the whole rule

  void finish_rule() {
    if (command_.sources.empty()) command_.sources.emplace_back();
    if (command_.destinations.empty()) command_.destinations.emplace_back();
    if (command_.rule.protocol == 0) command_.rule.protocol.reset();
    check_interfaces();
    command_.rule.matches.reserve(loaded_.size() - (has_extension_target() ? 1 : 0));
    for (const Loaded& loaded : loaded_) {
      if (problem_.found()) return;
      check(loaded);
      if (!problem_.found()) make(loaded);
    }
  }

  [[nodiscard]] bool has_extension_target() const {
    return std::any_of(loaded_.begin(), loaded_.end(),
                       [](const Loaded& loaded) { return loaded.is_target; });
  }

  /// A packet of the host has no device it came in by, and one for the host none it leaves by.
  void check_interfaces() {
    if (!hook_) return;
    const bool sent = *hook_ == Hook::output || *hook_ == Hook::postrouting;
    const bool received = *hook_ == Hook::prerouting || *hook_ == Hook::input;
    if (sent && command_.rule.in.asked()) fail(fmt::format("-i in {}", command_.chain));
    if (received && command_.rule.out.asked()) fail(fmt::format("-o in {}", command_.chain));
  }

  void check(const Loaded& loaded) {
    for (const OptionSpec& spec : loaded.options()) {
      const auto same = [&spec](const Argument& a) { return a.spec->id == spec.id; };
      if (spec.required && std::none_of(loaded.given.begin(), loaded.given.end(), same)) {
        return fail_at(loaded.column, fmt::format("{} needs --{}", loaded.name, spec.name));
      }
    }
    const Restriction limits = loaded.restriction();
    if ((limits.tables & table_bit(context_.table)) == 0) {
      fail_at(loaded.column, fmt::format("{} cannot be used in the table {}", loaded.name,
                                         table_name(context_.table)));
    }
    if (hook_ && (limits.hooks & hook_bit(*hook_)) == 0) {
      fail_at(loaded.column, fmt::format("{} cannot be used in {}", loaded.name, command_.chain));
    }
    if (limits.protocol != 0 &&
        (rule_context_.protocol != limits.protocol || rule_context_.protocol_inverted)) {
      fail_at(loaded.column,
              fmt::format("{} needs -p {}", loaded.name,
                          protocol_text(static_cast<std::uint8_t>(limits.protocol))));
    }
  }

  void make(const Loaded& loaded) {
    const Arguments given(loaded.name, loaded.given, rule_context_, loaded.column, problem_);
    Rule& rule = command_.rule;
    if (loaded.target != nullptr) {
      rule.target = loaded.target->read != nullptr
                        ? loaded.target->read(given)
                        : KeptTarget{loaded.name, kept_words(loaded.options(), given),
                                     loaded.target->passes};
    } else if (loaded.is_target) {
      rule.target = KeptTarget{loaded.name, loaded.tokens, false};
    } else if (loaded.match == nullptr) {
      rule.matches.emplace_back(KeptMatch{loaded.name, loaded.tokens});
    } else if (loaded.match->read != nullptr) {
      rule.matches.push_back(loaded.match->read(given));
    } else {
      rule.matches.emplace_back(
          KeptMatch{std::string(loaded.match->name), kept_words(loaded.options(), given)});
    }
  }

  // ---------------------------------------------------------- what is wrong

  void refuse_inversion(std::string_view option) {
    if (invert_) fail(fmt::format("! before {}", option));
  }
  /// At the word that is being read, or the last one.
  void fail(std::string message) {
    const std::size_t at = std::min(at_, words_.size() - 1);
    fail_at(words_.empty() ? 1 : words_[at].column, std::move(message));
  }
  void fail_at(std::uint32_t column, std::string message) {
    problem_.report(column, std::move(message));
  }

  std::span<const Word> words_;
  const CommandContext& context_;
  Problem& problem_;
  std::size_t at_ = 0;
  bool invert_ = false, has_target_ = false, other_family_ = false;
  std::optional<Hook> hook_;
  RuleContext rule_context_;
  std::vector<Loaded> loaded_;
  Command command_;
};

}  // namespace

AddressMatch read_address_match(std::string_view text, bool inverted, wire::Family family,
                                std::uint32_t column, Problem& problem) {
  AddressMatch match;
  const auto address = parse_masked_address(text, family);
  if (!address) {
    problem.report(column, fmt::format("\"{}\" is no address or network", text));
    return match;
  }
  if (address->length == 0 && !inverted) return match;
  match.prefix.address = apply_mask(address->address, address->mask);
  match.prefix.length = address->length.value_or(wire::address_bits(family));
  if (!address->length) match.mask = address->mask;
  match.invert = inverted;
  return match;
}

InterfaceMatch read_interface_match(std::string_view text, bool inverted, std::uint32_t column,
                                    Problem& problem) {
  constexpr std::size_t longest_name = 15;
  InterfaceMatch match;
  match.invert = inverted;
  if (text.empty()) problem.report(column, "an interface without a name");
  if (text.size() > longest_name) {
    problem.report(column, fmt::format("the interface name \"{}\" is too long", text));
  }
  match.wildcard = text.ends_with('+');
  match.name = match.wildcard ? text.substr(0, text.size() - 1) : text;
  return match;
}

Command read_command(std::span<const Word> words, const CommandContext& context, Problem& problem) {
  return CommandReader(words, context, problem).read();
}

}  // namespace wayout::netfilter::text
