#include "host/json.hpp"

#include <gtest/gtest.h>

#include <string>

namespace wayout::host {
namespace {

std::string error_of(
    const std::string& text,
    const std::function<void(const JsonObject&)>& visit = [](const auto&) {}) {
  const Result<void> read = read_json_list(File{"f.json", text}, visit);
  return read ? "" : read.error().text();
}

TEST(Json, SaysWhereItStopsBeingJson) {
  EXPECT_EQ(error_of("[ {\"a\": 1},\n  {\"b\" 2} ]"), "f.json:2:8: not JSON");
  EXPECT_EQ(error_of("[ {\"a\": 1},\n  {\"b\""), "f.json:2:7: the JSON text ends too early");
  EXPECT_EQ(error_of(""), "f.json:1:1: is empty, which is no JSON");
  EXPECT_EQ(error_of("[1e999999]"), "f.json:1:1: not JSON that can be held");
}

TEST(Json, SaysWhereItIsNoListOfObjects) {
  EXPECT_EQ(error_of("{}"), "f.json:1:1: expected an array");
  EXPECT_EQ(error_of("[1]"), "f.json:1:1: expected an array of objects");
}

TEST(Json, PlacesAWrongFieldAtItsElement) {
  const std::string text = "[{\"x\":[{}],\"s\":\"]}\"},\n {\"mtu\":1},\n {\"mtu\":\"big\"}]";
  EXPECT_EQ(error_of(text, [](const JsonObject& o) { (void)o.number<std::uint32_t>("mtu"); }),
            "f.json:3:2: \"mtu\" should be a number");
}

TEST(Json, ReadsEveryFormOfAField) {
  std::string text = R"([{"n": 5, "h": "0x10", "d": "12", "flag": null, "t": true, "one": 1,
                          "off": "off", "list": ["a", "b"], "neg": -3}])";
  ASSERT_TRUE(read_json_list(File{"f.json", text}, [](const JsonObject& o) {
    EXPECT_EQ(o.number<int>("n"), 5);
    EXPECT_EQ(o.number<int>("h"), 16);
    EXPECT_EQ(o.number<int>("d"), 12);
    EXPECT_EQ(o.number<int>("neg"), -3);
    EXPECT_EQ(o.number<int>("absent"), std::nullopt);
    EXPECT_TRUE(o.has("flag"));
    EXPECT_EQ(o.text("flag"), "");
    EXPECT_EQ(o.text("n"), "5");
    EXPECT_TRUE(o.boolean("t", false));
    EXPECT_TRUE(o.boolean("one", false));
    EXPECT_FALSE(o.boolean("off", true));
    EXPECT_TRUE(o.boolean("absent", true));
    EXPECT_EQ(o.texts("list"), (std::vector<std::string>{"a", "b"}));
  }));
}

TEST(Json, RefusesNumbersThatDoNotFit) {
  const auto port = [](const JsonObject& o) { (void)o.number<std::uint16_t>("port"); };
  EXPECT_EQ(error_of(R"([{"port": 70000}])", port), "f.json:1:2: \"port\" is out of range");
  EXPECT_EQ(error_of(R"([{"port": -1}])", port), "f.json:1:2: \"port\" is out of range");
  EXPECT_EQ(error_of(R"([{"port": 18446744073709551615}])", port),
            "f.json:1:2: \"port\" should be a number");
}

TEST(Json, ReadsNamesAsIproutePrintsThem) {
  ASSERT_TRUE(read_json_list(File{"f.json", "[{\"ifname\": \"u\x1b[31m\\\"\\'\\\\\"}]"},
                             [](const JsonObject& o) {
                               EXPECT_EQ(o.text("ifname"), "u\x1b[31m\"'\\");
                             }));
}

TEST(Json, PassesOverEmptyObjects) {
  int visited = 0;
  ASSERT_TRUE(
      read_json_list(File{"f.json", "[{},{\"a\":1},{}]"}, [&](const JsonObject&) { ++visited; }));
  EXPECT_EQ(visited, 1);
}

}  // namespace
}  // namespace wayout::host
