#include "netfilter/hooks.hpp"

#include <gtest/gtest.h>

#include <string>

#include "netfilter/evaluate.hpp"

namespace wayout::netfilter {
namespace {

Table table_of(TableKind kind) {
  Table table;
  table.kind = kind;
  for (const Hook hook : hooks_of(kind)) {
    Chain& chain = table.chains.emplace_back();
    chain.name = hook_name(hook);
    chain.hook = hook;
    chain.policy = Policy::accept;
  }
  return table;
}

Ruleset ruleset_of(Backend backend, std::initializer_list<TableKind> kinds) {
  Ruleset ruleset;
  ruleset.backend = backend;
  for (const TableKind kind : kinds) ruleset.tables.push_back(table_of(kind));
  return ruleset;
}

constexpr auto all_tables = {TableKind::raw, TableKind::mangle, TableKind::nat, TableKind::filter,
                             TableKind::security};

std::string name_of(const HookFunction& function, const Netfilter& netfilter) {
  switch (function.kind) {
    case HookFunction::Kind::conntrack: return "conntrack";
    case HookFunction::Kind::nat: return "nat";
    case HookFunction::Kind::foreign: return "foreign";
    case HookFunction::Kind::confirm: return "confirm";
    case HookFunction::Kind::table: break;
  }
  const Ruleset& ruleset = netfilter.rulesets[function.chain.ruleset];
  return std::string(ruleset.backend == Backend::nft ? "nft:" : "") +
         table_name(ruleset.tables[function.chain.table].kind);
}

std::string order_of(const std::vector<HookFunction>& functions, const Netfilter& netfilter) {
  std::string text;
  for (const HookFunction& function : functions)
    text += (text.empty() ? "" : " ") + name_of(function, netfilter);
  return text;
}

std::string order_at(Hook hook, const Netfilter& netfilter) {
  return order_of(netfilter.compiled.functions[static_cast<std::size_t>(hook)], netfilter);
}

std::string asked_at(Hook hook, const Netfilter& netfilter) {
  return order_of(netfilter.compiled.nat_chains[static_cast<std::size_t>(hook)], netfilter);
}

TEST(Hooks, OneRulesetInTheOrderOfPriorities) {
  Netfilter netfilter;
  netfilter.rulesets = {ruleset_of(Backend::legacy, all_tables)};
  ASSERT_TRUE(compile(netfilter));
  EXPECT_EQ(order_at(Hook::prerouting, netfilter), "raw conntrack mangle nat");
  EXPECT_EQ(order_at(Hook::input, netfilter), "mangle filter security nat confirm");
  EXPECT_EQ(order_at(Hook::forward, netfilter), "mangle filter security");
  EXPECT_EQ(order_at(Hook::output, netfilter), "raw conntrack mangle nat filter security");
  EXPECT_EQ(order_at(Hook::postrouting, netfilter), "mangle nat confirm");
  EXPECT_EQ(asked_at(Hook::postrouting, netfilter), "nat");
  EXPECT_EQ(asked_at(Hook::forward, netfilter), "");
}

// `nft list ruleset` of what iptables-nft 1.8.9 makes: security at 150, all others as legacy.
TEST(Hooks, SecurityOfNftComesAfterNat) {
  Netfilter netfilter;
  netfilter.rulesets = {ruleset_of(Backend::nft, all_tables)};
  ASSERT_TRUE(compile(netfilter));
  EXPECT_EQ(order_at(Hook::input, netfilter), "nft:mangle nft:filter nat nft:security confirm");
  EXPECT_EQ(order_at(Hook::output, netfilter),
            "nft:raw conntrack nft:mangle nat nft:filter nft:security");
}

TEST(Hooks, RegisteredLaterRunsFirst) {
  Netfilter netfilter;
  netfilter.rulesets = {ruleset_of(Backend::legacy, all_tables),
                        ruleset_of(Backend::nft, {TableKind::filter, TableKind::nat})};
  ASSERT_TRUE(compile(netfilter));
  EXPECT_EQ(order_at(Hook::forward, netfilter), "mangle nft:filter filter security");
  EXPECT_EQ(asked_at(Hook::postrouting, netfilter), "nft:nat nat");
  std::swap(netfilter.rulesets[0], netfilter.rulesets[1]);
  ASSERT_TRUE(compile(netfilter));
  EXPECT_EQ(order_at(Hook::forward, netfilter), "mangle filter nft:filter security");
  EXPECT_EQ(asked_at(Hook::postrouting, netfilter), "nat nft:nat");
}

TEST(Hooks, InAnUnknownOrderLegacyComesFirstAsOneOfAPair) {
  using Pair = HookFunction::Pair;
  Netfilter netfilter;
  netfilter.rulesets = {ruleset_of(Backend::legacy, all_tables),
                        ruleset_of(Backend::nft, {TableKind::filter, TableKind::mangle})};
  netfilter.unknown_order = 0;
  for (Ruleset& ruleset : netfilter.rulesets)
    for (Table& table : ruleset.tables)
      if (table.kind == TableKind::filter)
        for (Chain& chain : table.chains) chain.policy = Policy::drop;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(compile(netfilter));
    EXPECT_EQ(order_at(Hook::forward, netfilter),
              "mangle nft:mangle filter nft:filter security");
    const auto& functions = netfilter.compiled.functions[static_cast<std::size_t>(Hook::forward)];
    EXPECT_EQ(functions[0].pair, Pair::none) << "empty chains";
    EXPECT_EQ(functions[2].pair, Pair::first);
    EXPECT_EQ(functions[3].pair, Pair::second);
    std::swap(netfilter.rulesets[0], netfilter.rulesets[1]);
  }
}

TEST(Hooks, ForeignIsMetBeforeWhatHasItsPriority) {
  Netfilter netfilter;
  netfilter.rulesets = {ruleset_of(Backend::legacy, {TableKind::filter})};
  netfilter.foreign = {{.hook = Hook::forward, .priority = priority::filter},
                       {.hook = Hook::forward, .priority = 10},
                       {.hook = Hook::input, .priority = -1}};
  ASSERT_TRUE(compile(netfilter));
  EXPECT_EQ(order_at(Hook::forward, netfilter), "foreign filter foreign");
  EXPECT_EQ(order_at(Hook::input, netfilter), "foreign filter confirm");
}

// Without a nat table nothing is translated, though conntrack runs; with one nat chain anywhere
// the NAT core is at all its hooks, and asks that chain by its own priority.
TEST(Hooks, NatNeedsANatChain) {
  Netfilter netfilter;
  netfilter.rulesets = {ruleset_of(Backend::legacy, {TableKind::filter})};
  ASSERT_TRUE(compile(netfilter));
  EXPECT_EQ(order_at(Hook::postrouting, netfilter), "confirm");

  netfilter.foreign = {{.hook = Hook::postrouting, .priority = 110, .nat = true}};
  ASSERT_TRUE(compile(netfilter));
  EXPECT_EQ(order_at(Hook::prerouting, netfilter), "conntrack nat");
  EXPECT_EQ(order_at(Hook::postrouting, netfilter), "nat confirm");

  netfilter.rulesets.push_back(ruleset_of(Backend::nft, {TableKind::nat}));
  ASSERT_TRUE(compile(netfilter));
  EXPECT_EQ(asked_at(Hook::postrouting, netfilter), "nft:nat foreign");
}

Rule calling(std::uint32_t chain, bool is_goto = false) {
  Rule rule;
  rule.target = JumpTarget{.name = "", .chain = chain, .is_goto = is_goto};
  return rule;
}

Netfilter with_two_chains(bool called) {
  Netfilter netfilter;
  netfilter.rulesets = {ruleset_of(Backend::legacy, {TableKind::filter})};
  Table& filter = netfilter.rulesets[0].tables[0];
  const auto a = static_cast<std::uint32_t>(filter.chains.size());
  filter.chains.resize(a + 2);
  filter.chains[a].name = "A";
  filter.chains[a].rules = {calling(a + 1)};
  filter.chains[a + 1].name = "B";
  filter.chains[a + 1].rules = {Rule{}, calling(a, true)};
  if (called) filter.chains[1].rules = {calling(a), calling(a)};
  return netfilter;
}

// `iptables -A FORWARD -j A` of such chains: "Too many levels of symbolic links" (ELOOP); as long as
// no built-in chain leads to them they load.
TEST(Hooks, ChainsInACircleAreRefused) {
  Netfilter reached = with_two_chains(true);
  reached.rulesets[0].file = "rules.v4";
  const Result<void> result = compile(reached);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().text(), "rules.v4: table filter: chain A calls itself in a circle");
  EXPECT_FALSE(reached.compiled.done);

  Netfilter unreached = with_two_chains(false);
  EXPECT_TRUE(compile(unreached));
}

TEST(Hooks, ChainCalledTwiceIsNoCircle) {
  Netfilter netfilter = with_two_chains(true);
  netfilter.rulesets[0].tables[0].chains.back().rules.pop_back();
  EXPECT_TRUE(compile(netfilter));
}

Netfilter with_rule(const Rule& rule) {
  Netfilter netfilter;
  netfilter.rulesets = {ruleset_of(Backend::legacy, {TableKind::filter})};
  netfilter.rulesets[0].tables[0].chains[0].rules = {Rule{}, rule};
  return netfilter;
}

bool needs_conntrack(Match match) {
  Rule rule;
  rule.matches = {CommentMatch{}, std::move(match)};
  return with_rule(rule).needs_conntrack();
}

bool needs_conntrack(Target target) {
  Rule rule;
  rule.target = std::move(target);
  return with_rule(rule).needs_conntrack();
}

TEST(Hooks, WhatTurnsConntrackOn) {
  EXPECT_TRUE(needs_conntrack(ConntrackMatch{}));
  EXPECT_TRUE(needs_conntrack(ConnmarkMatch{}));
  EXPECT_TRUE(needs_conntrack(KeptMatch{.name = "connlimit", .tokens = {}}));
  EXPECT_FALSE(needs_conntrack(MarkMatch{}));
  EXPECT_FALSE(needs_conntrack(KeptMatch{.name = "socket", .tokens = {}}));

  EXPECT_TRUE(needs_conntrack(NatTarget{}));
  EXPECT_TRUE(needs_conntrack(ConnmarkTarget{}));
  EXPECT_TRUE(needs_conntrack(CtTarget{.zone = 5}));
  EXPECT_TRUE(needs_conntrack(KeptTarget{.name = "SYNPROXY", .tokens = {}}));
  EXPECT_FALSE(needs_conntrack(CtTarget{.notrack = true}));
  EXPECT_FALSE(needs_conntrack(LogTarget{}));
  EXPECT_FALSE(needs_conntrack(KeptTarget{.name = "TPROXY", .tokens = {}}));
}

}  // namespace
}  // namespace wayout::netfilter
