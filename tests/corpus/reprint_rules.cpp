// Reads rules from standard input and prints them back, for the scripts beside it.
//
//   reprint_rules [--ipv6] [--legacy] [--counters] [--table=NAME]
//
// --table: the table of a listing that does not say which it shows.
//
// Exit: 0 printed; 1 the rules cannot be read, with the reason on standard error.
// Notes go to standard error, each after "note: ".
#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <iterator>
#include <set>
#include <string>

#include "netfilter/print.hpp"
#include "netfilter/read.hpp"

int main(int argc, char** argv) {
  using namespace wayout;
  const std::set<std::string> flags(argv + 1, argv + argc);
  netfilter::ReadOptions options;
  if (flags.contains("--ipv6")) options.family = wire::Family::ipv6;
  options.counters = flags.contains("--counters");
  for (const netfilter::TableKind kind :
       {netfilter::TableKind::raw, netfilter::TableKind::mangle, netfilter::TableKind::nat,
        netfilter::TableKind::security}) {
    if (flags.contains(fmt::format("--table={}", table_name(kind)))) options.table = kind;
  }

  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  auto ruleset = netfilter::read_rules(text, "-", options);
  if (!ruleset) {
    fmt::print(stderr, "{}\n", ruleset.error().text());
    return 1;
  }
  for (const std::string& note : ruleset->notes)
    fmt::print(stderr, "note: {}\n", note);
  ruleset->backend =
      flags.contains("--legacy") ? netfilter::Backend::legacy : netfilter::Backend::nft;
  fmt::print("{}", netfilter::print_save(*ruleset, options.counters));
}
