// For tests: rules as they are written, and as iptables-save prints them.
//
// The expectations are recorded from iptables 1.8.9 on Linux 6.18: what iptables-save printed after
// iptables-restore had taken the rule, legacy and nft, or that it refused.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "netfilter/print.hpp"
#include "netfilter/read.hpp"

namespace wayout::netfilter::text {

inline constexpr const char* refused = nullptr;
inline constexpr const char* unchanged = "=";  ///< printed as it is written

struct Row {
  const char* written;  ///< without `-A CHAIN`
  const char* printed;  ///< likewise; several rules are separated by ` | `
};

/// What reading and printing make of one rule; "refused: …" when it cannot be read.
inline std::string reprinted(const std::string& table, const std::string& chain,
                             wire::Family family, const std::string& rule) {
  const std::string text = "*" + table + "\n-A " + chain + " " + rule + "\nCOMMIT\n";
  const auto ruleset = read_save(text, "rules", {.family = family});
  if (!ruleset) return "refused: " + ruleset.error().text();
  const std::size_t start = std::string("-A " + chain + " ").size();
  std::string printed;
  for (const Chain& one : ruleset->tables.at(0).chains) {
    for (const Rule& read : one.rules) {
      const std::string line = print_rule(one, read, family);
      printed += printed.empty() ? "" : " | ";
      printed += line.size() < start ? "" : line.substr(start);
    }
  }
  return printed;
}

inline void expect_rows(const char* table, const char* chain, wire::Family family,
                        const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    const std::string printed = reprinted(table, chain, family, row.written);
    if (row.printed == refused) {
      EXPECT_EQ(printed.rfind("refused: ", 0), 0U) << row.written << " gave " << printed;
    } else {
      const bool same = row.printed == std::string(unchanged);
      EXPECT_EQ(printed, same ? row.written : row.printed) << row.written;
    }
  }
}

inline void expect_rows(const char* table, const char* chain, const std::vector<Row>& rows) {
  expect_rows(table, chain, wire::Family::ipv4, rows);
}

}  // namespace wayout::netfilter::text
