// What reading `iptables -L` and reading `iptables -S` have in common.
//
// The text is split into the outputs of single calls. A rule may jump to a chain that is shown
// further down, so of each output the chains are read before the rules.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "netfilter/read.hpp"
#include "netfilter/text/problem.hpp"
#include "netfilter/text/shown_tables.hpp"

namespace wayout::netfilter::text {

class OutputReader {
 public:
  OutputReader(const std::string& file, const ReadOptions& options);
  virtual ~OutputReader() = default;
  OutputReader(const OutputReader&) = delete;
  OutputReader& operator=(const OutputReader&) = delete;

  Result<Ruleset> read(std::string_view text);

 protected:
  /// Put the text's lines into outputs_.
  virtual void split(std::string_view text) = 0;
  /// If this line begins or names a chain, show it in tables_.
  virtual void show_chain(std::string_view line, TableBuilder& table) = 0;
  /// Take everything that the line says.
  virtual void read_line(std::string_view line, TableBuilder& table) = 0;

  const ReadOptions& options_;
  Ruleset ruleset_;
  Outputs outputs_;
  ShownTables tables_;
  Problem problem_;
  std::uint32_t line_ = 0;  ///< that is being read

 private:
  using Action = void (OutputReader::*)(std::string_view, TableBuilder&);
  void for_lines(Action action);
};

}  // namespace wayout::netfilter::text
