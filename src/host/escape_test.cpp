#include "host/escape.hpp"

#include <gtest/gtest.h>

#include <string>

namespace wayout::host {
namespace {

struct Row {
  const char* what;
  std::string text, expected;
};

class Escaped : public testing::TestWithParam<Row> {};

TEST_P(Escaped, IsHarmless) {
  EXPECT_EQ(escaped(GetParam().text), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, Escaped,
    testing::Values(Row{"plain", "eth0.10", "eth0.10"},
                    Row{"letters", "größe-中-🙂", "größe-中-🙂"},
                    Row{"colour", "\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"},
                    Row{"newline", "a\nb\r\t", "a\\x0ab\\x0d\\x09"},
                    Row{"nul", std::string("a\0b", 3), "a\\x00b"}, Row{"del", "\x7f", "\\x7f"},
                    Row{"C1 control sequence introducer",
                        "\xc2\x9b"
                        "31m",
                        "\\xc2\\x9b31m"},
                    Row{"right-to-left override",
                        "\xe2\x80\xae"
                        "txt",
                        "\\xe2\\x80\\xaetxt"},
                    Row{"a lone continuation byte", "a\x9b", "a\\x9b"},
                    Row{"cut in the middle", "\xe4\xb8", "\\xe4\\xb8"},
                    Row{"overlong slash", "\xc0\xaf", "\\xc0\\xaf"},
                    Row{"overlong in three bytes", "\xe0\x80\xaf", "\\xe0\\x80\\xaf"},
                    Row{"surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80"}));

}  // namespace
}  // namespace wayout::host
