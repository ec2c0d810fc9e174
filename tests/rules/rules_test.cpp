// The rulesets beside this file print as iptables printed them when they were recorded (record.py),
// and so do their listings.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "netfilter/print.hpp"
#include "netfilter/read.hpp"

namespace wayout::netfilter {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<fs::path> rulesets() {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(RULES_DIRECTORY)) {
    const fs::path extension = entry.path().extension();
    if (extension == ".rules" || extension == ".rules6") found.push_back(entry.path());
  }
  return found;
}

Result<Ruleset> read(const fs::path& path, const fs::path& ruleset) {
  ReadOptions options;
  options.family = ruleset.extension() == ".rules6" ? wire::Family::ipv6 : wire::Family::ipv4;
  return read_rules(text_of(path), path.filename(), options);
}

std::string sibling(const fs::path& ruleset, const char* extension) {
  return fs::path(ruleset).replace_extension(extension);
}

class Rulesets : public testing::TestWithParam<fs::path> {};

TEST_P(Rulesets, PrintAsIptablesDoes) {
  const auto ruleset = read(GetParam(), GetParam());
  ASSERT_TRUE(ruleset) << ruleset.error().text();
  EXPECT_EQ(print_save(*ruleset, true), text_of(sibling(GetParam(), ".saved")));
}

TEST_P(Rulesets, PrintTheSameFromWhatIsPrinted) {
  const auto ruleset = read(sibling(GetParam(), ".saved"), GetParam());
  ASSERT_TRUE(ruleset) << ruleset.error().text();
  EXPECT_EQ(print_save(*ruleset, true), text_of(sibling(GetParam(), ".saved")));
}

/// A listing tells all of a rule whose matches and target we model.
TEST_P(Rulesets, PrintTheSameFromTheirListing) {
  const auto saved = read(sibling(GetParam(), ".saved"), GetParam());
  const auto listed = read(sibling(GetParam(), ".listed"), GetParam());
  ASSERT_TRUE(saved) << saved.error().text();
  ASSERT_TRUE(listed) << listed.error().text();
  ASSERT_EQ(listed->tables.size(), saved->tables.size());
  const auto is_modelled = [](const Rule& rule) {
    for (const Match& match : rule.matches) {
      if (std::holds_alternative<KeptMatch>(match)) return false;
    }
    return !std::holds_alternative<KeptTarget>(rule.target);
  };
  for (std::size_t t = 0; t < saved->tables.size(); ++t) {
    const Table &a = saved->tables[t], &b = listed->tables[t];
    ASSERT_EQ(a.chains.size(), b.chains.size()) << table_name(a.kind);
    for (std::size_t c = 0; c < a.chains.size(); ++c) {
      const Chain &wanted = a.chains[c], &got = b.chains[c];
      EXPECT_EQ(print_chain(got), print_chain(wanted));
      EXPECT_EQ(got.counters.bytes, wanted.counters.bytes);
      ASSERT_EQ(got.rules.size(), wanted.rules.size()) << wanted.name;
      for (std::size_t r = 0; r < wanted.rules.size(); ++r) {
        const Rule &one = wanted.rules[r], &other = got.rules[r];
        EXPECT_EQ(other.counters.bytes, one.counters.bytes);
        EXPECT_EQ(is_modelled(other), is_modelled(one)) << print_rule(wanted, one, saved->family);
        if (!is_modelled(one)) continue;
        EXPECT_EQ(print_rule(got, other, saved->family), print_rule(wanted, one, saved->family));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Own, Rulesets, testing::ValuesIn(rulesets()), [](const auto& info) {
  std::string name = info.param.stem();
  for (char& c : name)
    c = c == '-' ? '_' : c;
  return name;
});

}  // namespace
}  // namespace wayout::netfilter
