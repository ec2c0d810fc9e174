#include "netfilter/text/loaded.hpp"

#include <iterator>
#include <utility>

namespace wayout::netfilter::text {
namespace {

constexpr std::pair<std::string_view, char> general_options[] = {
    {"append", 'A'},    {"delete", 'D'},       {"check", 'C'},         {"insert", 'I'},
    {"replace", 'R'},   {"list", 'L'},         {"list-rules", 'S'},    {"flush", 'F'},
    {"zero", 'Z'},      {"new-chain", 'N'},    {"delete-chain", 'X'},  {"rename-chain", 'E'},
    {"policy", 'P'},    {"source", 's'},       {"destination", 'd'},   {"src", 's'},
    {"dst", 'd'},       {"protocol", 'p'},     {"in-interface", 'i'},  {"jump", 'j'},
    {"table", 't'},     {"match", 'm'},        {"numeric", 'n'},       {"out-interface", 'o'},
    {"verbose", 'v'},   {"wait", 'w'},         {"wait-interval", 'W'}, {"exact", 'x'},
    {"fragments", 'f'}, {"version", 'V'},      {"help", 'h'},          {"line-numbers", '0'},
    {"modprobe", 'M'},  {"set-counters", 'c'}, {"goto", 'g'},          {"ipv4", '4'},
    {"ipv6", '6'},
};

/// Gathers what an abbreviation may stand for.
class Candidates {
 public:
  void add(const LongOption& option) {
    const bool same = found_.kind == option.kind && found_.letter == option.letter &&
                      found_.loaded == option.loaded &&
                      (option.spec == nullptr || option.spec->id == found_.spec->id);
    if (found_.kind == LongOption::Kind::unknown) {
      found_ = option;
    } else if (!same) {
      found_ = {.kind = LongOption::Kind::ambiguous};
    }
  }
  [[nodiscard]] const LongOption& found() const { return found_; }

 private:
  LongOption found_;
};

}  // namespace

LongOption find_long_option(std::string_view name, std::span<Loaded> loaded) {
  Candidates candidates;
  for (const auto& [option, letter] : general_options) {
    if (!option.starts_with(name)) continue;
    const LongOption candidate{.kind = LongOption::Kind::general, .letter = letter};
    if (option == name) return candidate;
    candidates.add(candidate);
  }
  for (auto extension = loaded.rbegin(); extension != loaded.rend(); ++extension) {
    for (const OptionSpec& spec : extension->options()) {
      if (!spec.name.starts_with(name)) continue;
      const LongOption candidate{
          .kind = LongOption::Kind::extension, .loaded = &*extension, .spec = &spec};
      if (spec.name == name) return candidate;
      candidates.add(candidate);
    }
  }
  return candidates.found();
}

}  // namespace wayout::netfilter::text
