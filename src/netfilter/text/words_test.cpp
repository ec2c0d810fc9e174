#include "netfilter/text/words.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wayout::netfilter::text {
namespace {

std::vector<std::string> split(std::string_view line) {
  std::vector<Word> words;
  split_words(line, 1, words);
  std::vector<std::string> texts;
  for (const Word& word : words)
    texts.push_back(word.text);
  return texts;
}

using testing::ElementsAre;

// As iptables-restore 1.8.9 splits them.
TEST(SplitWords, BlanksQuotesAndEscapes) {
  EXPECT_THAT(split(""), ElementsAre());
  EXPECT_THAT(split("  a\tb  "), ElementsAre("a", "b"));
  EXPECT_THAT(split(R"("a b" c)"), ElementsAre("a b", "c"));
  EXPECT_THAT(split(R"("")"), ElementsAre(""));
  EXPECT_THAT(split(R"("he said \"x\" \\ y")"), ElementsAre(R"(he said "x" \ y)"));
  EXPECT_THAT(split(R"(a"b c"d)"), ElementsAre("ab c", "d"));  // a closing quote ends the word
  EXPECT_THAT(split(R"(a\ b)"), ElementsAre(R"(a\)", "b"));    // no escapes outside quotes
  EXPECT_THAT(split(R"('a b')"), ElementsAre("'a", "b'"));
  EXPECT_THAT(split(R"("open)"), ElementsAre("open"));
}

TEST(SplitWords, ColumnsAreWhereWordsBegin) {
  std::vector<Word> words;
  split_words(R"( -A "x y" z)", 7, words);
  ASSERT_EQ(words.size(), 3U);
  EXPECT_EQ(words[0].column, 8U);
  EXPECT_EQ(words[1].column, 11U);
  EXPECT_EQ(words[2].column, 17U);
}

}  // namespace
}  // namespace wayout::netfilter::text
