#include "host/nft.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace wayout::host {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

struct Nft {
  Nft() {
    for (const char* name : {"eth0", "eth1"}) {
      link::Device device;
      device.name = name;
      book.add(device);
    }
  }
  /// `elements`: what stands in the array after the metainfo.
  std::vector<std::string> names(const std::string& elements, const std::string& plain = "") {
    const File file{"nft.json",
                    "{\"nftables\":[{\"metainfo\":{\"version\":\"1.0.6\"}}," + elements + "]}"};
    const NftPlain left_out = read_nft_plain(File{"nft.txt", plain});
    const Result<void> read = read_nft_json(file, left_out, host, book);
    EXPECT_TRUE(read) << read.error().text();
    std::vector<std::string> texts;
    for (const Unmodelled& found : host.unmodelled)
      if (!found.passes) texts.push_back(found.text);
    return texts;
  }
  Host host;
  DeviceBook book{host};
};

std::string base(const char* name, const char* hook, const char* policy = "accept",
                 const char* family = "inet") {
  return fmt::format(R"({{"chain":{{"family":"{}","table":"t","name":"{}","type":"filter",)"
                     R"("hook":"{}","prio":0,"policy":"{}"}}}})",
                     family, name, hook, policy);
}
std::string chain(const char* name) {
  return fmt::format(R"({{"chain":{{"family":"inet","table":"t","name":"{}"}}}})", name);
}
std::string rule(const char* in, const char* statements) {
  return fmt::format(R"({{"rule":{{"family":"inet","table":"t","chain":"{}","expr":[{}]}}}})", in,
                     statements);
}
constexpr const char* match =
    R"({"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":"10.0.0.1"}})";

TEST(Nft, AChainThatMayDropIsNamedWithItsPlace) {
  Nft nft;
  EXPECT_THAT(nft.names(base("fw", "forward") + "," +
                        rule("fw", (std::string(match) + R"(,{"drop":null})").c_str())),
              ElementsAre("nft chain inet t fw (hook forward, priority 0)"));
  EXPECT_EQ(nft.host.unmodelled[0].kind, Unmodelled::Kind::nft_chain);
  EXPECT_EQ(nft.host.unmodelled[0].hook, Hook::forward);
  EXPECT_FALSE(nft.host.conntrack_needed_by_nft);
}

TEST(Nft, APolicyThatDropsIsNamed) {
  EXPECT_THAT(Nft().names(base("fw", "input", "drop")),
              ElementsAre("nft chain inet t fw (hook input, priority 0, policy drop)"));
}

struct Row {
  const char* what;
  const char* statements;
  bool harmless;
};
class Statement : public testing::TestWithParam<Row> {};
TEST_P(Statement, IsJudged) {
  Nft nft;
  const std::string elements =
      base("fw", "forward") + "," + chain("other") + "," + rule("fw", GetParam().statements);
  EXPECT_THAT(nft.names(elements), SizeIs(GetParam().harmless ? 0 : 1)) << GetParam().what;
}
INSTANTIATE_TEST_SUITE_P(
    Rows, Statement,
    testing::Values(
        Row{"accept", R"({"accept":null})", true},
        Row{"counting", R"({"counter":{"packets":0,"bytes":0}},{"log":{"prefix":"x"}})", true},
        Row{"limit", R"({"limit":{"rate":5,"per":"second"}},{"accept":null})", true},
        Row{"jump to an empty chain", R"({"jump":{"target":"other"}})", true},
        Row{"jump to nowhere", R"({"jump":{"target":"gone"}})", false},
        Row{"verdict map",
            R"({"vmap":{"key":{"ct":{"key":"state"}},"data":{"set":[["established",{"accept":null}]]}}})",
            true},
        Row{"verdict map that drops",
            R"({"vmap":{"key":{"ct":{"key":"state"}},"data":{"set":[["invalid",{"drop":null}]]}}})",
            false},
        Row{"verdict map by name", R"({"vmap":{"key":{"meta":{"key":"iif"}},"data":"@gone"}})",
            false},
        Row{"reject", R"({"reject":{"type":"icmp"}})", false},
        Row{"queue", R"({"queue":{"num":0}})", false},
        Row{"mark", R"({"mangle":{"key":{"meta":{"key":"mark"}},"value":5}})", false},
        Row{"priority", R"({"mangle":{"key":{"meta":{"key":"priority"}},"value":5}})", true},
        Row{"masquerade", R"({"masquerade":null})", false},
        Row{"notrack", R"({"notrack":null})", false},
        Row{"flow", R"({"flow":{"op":"add","flowtable":"@f"}})", false},
        Row{"xt match", R"({"xt":{"type":"match","name":"comment"}})", true},
        Row{"xt target", R"({"xt":{"type":"target","name":"MARK"}})", false},
        Row{"something new", R"({"teleport":null})", false}));

TEST(Nft, WhatAJumpReachesCounts) {
  const std::string elements = base("fw", "forward") + "," + chain("a") + "," + chain("b") + "," +
                               rule("fw", R"({"jump":{"target":"a"}})") + "," +
                               rule("a", R"({"goto":{"target":"b"}})") + ",";
  EXPECT_THAT(Nft().names(elements + rule("b", R"({"drop":null})")), SizeIs(1));
  EXPECT_THAT(Nft().names(elements + rule("b", R"({"jump":{"target":"a"}})")), IsEmpty());
}

TEST(Nft, AMapOfVerdictsCounts) {
  const std::string map =
      R"({"map":{"family":"inet","name":"m","table":"t","type":"ipv4_addr","map":"verdict",)"
      R"("elem":[["1.1.1.1",{"drop":null}]]}})";
  EXPECT_THAT(Nft().names(map + "," + base("fw", "forward") + "," +
                          rule("fw", R"({"vmap":{"key":{"payload":{}},"data":"@m"}})")),
              SizeIs(1));
}

TEST(Nft, OfWhichFamily) {
  Nft nft;
  EXPECT_THAT(
      nft.names(base("a", "forward", "drop", "ip6") + "," + base("b", "forward", "drop", "bridge") +
                "," + base("c", "input", "drop", "arp")),
      ElementsAre("nft chain arp t c (hook input, priority 0, policy drop)",
                  "nft chain bridge t b (hook forward, priority 0, policy drop)"));
  EXPECT_EQ(nft.host.unmodelled[0].family, Unmodelled::Family::arp);
  EXPECT_EQ(nft.host.unmodelled[1].family, Unmodelled::Family::bridge);
}

TEST(Nft, WhatCanOnlyAcceptIsNamedAsThat) {
  Nft nft;
  EXPECT_THAT(nft.names(base("fw", "forward") + "," + base("empty", "input") + "," +
                        rule("fw", R"({"accept":null})")),
              IsEmpty());
  ASSERT_THAT(nft.host.unmodelled, SizeIs(1));
  EXPECT_TRUE(nft.host.unmodelled[0].passes);
  EXPECT_EQ(nft.host.unmodelled[0].text, "nft chain inet t fw (hook forward, priority 0)");
}

TEST(Nft, ADormantTableIsAsleep) {
  // nft 1.0.6 has the table's name where the flag should be; the plain listing has the flag.
  const std::string plain =
      "table inet t {\n\tflags dormant\n\n\tchain fw {\n\t\ttype filter hook forward priority "
      "filter; policy drop;\n\t}\n}\n";
  const std::string table = R"({"table":{"family":"inet","name":"t","handle":1,"flags":"t"}})";
  EXPECT_THAT(Nft().names(table + "," + base("fw", "forward", "drop"), plain), IsEmpty());
  EXPECT_THAT(Nft().names(table + "," + base("fw", "forward", "drop")), SizeIs(1));
}

TEST(Nft, DevicesOfIngressComeFromThePlainListingIfTheJsonLacksThem) {
  const std::string ingress = base("in", "ingress", "drop", "netdev");
  Nft named;
  EXPECT_THAT(
      named.names(ingress,
                  "table netdev t {\n\tchain in {\n\t\ttype filter hook ingress "
                  "device \"eth1\" priority 0; policy drop;\n\t}\n}\n"),
      ElementsAre("nft chain netdev t in (hook ingress, device eth1, priority 0, policy drop)"));
  EXPECT_EQ(named.host.unmodelled[0].device, named.book.find("eth1"));
  EXPECT_TRUE(named.host.unmodelled[0].ingress);
  Nft two;
  EXPECT_THAT(two.names(ingress,
                        "table netdev t {\n\tchain in {\n\t\ttype filter hook ingress "
                        "devices = { eth0, gone } priority 0; policy drop;\n"),
              SizeIs(1));
  // Nobody says which: it may be any.
  EXPECT_THAT(Nft().names(ingress), SizeIs(2));
}

TEST(Nft, FlowtablesAreNamedForTheirDevices) {
  Nft nft;
  EXPECT_THAT(nft.names(R"({"flowtable":{"family":"inet","name":"f","table":"t","hook":"ingress",)"
                        R"("prio":0,"dev":["eth0","eth1"]}})"),
              ElementsAre("nft flowtable inet t f", "nft flowtable inet t f"));
  EXPECT_EQ(nft.host.unmodelled[1].kind, Unmodelled::Kind::flowtable);
}

TEST(Nft, ConntrackIsNeededByWhoAsksForIt) {
  Nft asks;
  asks.names(
      base("fw", "forward") + "," +
      rule("fw",
           R"({"match":{"op":"in","left":{"ct":{"key":"state"}},"right":"new"}},{"accept":null})"));
  EXPECT_TRUE(asks.host.conntrack_needed_by_nft);
  ASSERT_THAT(asks.host.unmodelled, SizeIs(1));
  EXPECT_TRUE(asks.host.unmodelled[0].passes);
}

TEST(Nft, TablesOfIptablesAreTheirs) {
  Nft nft;
  netfilter::Ruleset ruleset;
  ruleset.backend = netfilter::Backend::nft;
  ruleset.tables.push_back({.kind = netfilter::TableKind::nat, .chains = {}});
  nft.host.netfilter.rulesets.push_back(ruleset);
  const auto in_table = [](const char* table) {
    return fmt::format(
        R"({{"chain":{{"family":"ip","table":"{}","name":"X","type":"nat",)"
        R"("hook":"postrouting","prio":100,"policy":"accept"}}}},)"
        R"({{"rule":{{"family":"ip","table":"{}","chain":"X","expr":[{{"masquerade":null}}]}}}})",
        table, table);
  };
  EXPECT_THAT(nft.names(in_table("nat") + "," + in_table("mine")),
              ElementsAre("nft chain ip mine X (hook postrouting, priority 100)"));
  EXPECT_TRUE(nft.host.unmodelled[0].nat);
}

TEST(Nft, BadInputIsRefused) {
  Nft nft;
  const auto error = [&](const char* text) {
    return read_nft_json(File{"nft.json", text}, {}, nft.host, nft.book).error().text();
  };
  EXPECT_EQ(error("[]"), "nft.json:1:1: expected an object with \"nftables\"");
  EXPECT_EQ(error("{\"nftables\": [{\"chain\": 5}]}"),
            "nft.json:1:15: \"chain\" should be an object");
  EXPECT_EQ(error("{\"nftables\": [{\"chain\""), "nft.json:1:23: the JSON text ends too early");
}

}  // namespace
}  // namespace wayout::host
